//! The tree diagram: which run called which, and where the chain is cut.
//!
//! ```text
//! ┌────────┐     ┌──────────┐
//! │ answer ├──┬──┤ retrieve │
//! └────────┘  │  └──────────┘
//! ┌╌╌╌╌╌╌╌╌┐  ✗  ┌──────────┐
//! ╎ absent ╎╌╌✗╌╌┤ generate │   no parent here
//! └╌╌╌╌╌╌╌╌┘     └──────────┘
//! ```
//!
//! Start at [`tree_diagram`].

use std::collections::HashMap;

use maud::{Markup, html};

use super::figure::{Figure, MARGIN, WIDTH};
use super::label::{fit_px, short_id, text_px};
use super::palette::{self, BROKEN, BROKEN_TINT, INK, LINE, MUTED};
use super::rows::{Mark, Row, finding, inventory, rows};
use super::svg::{Anchor, NAME, NOTE, SMALL, Type, cross, line, n, rect, text};
use super::text::text_tree;
use crate::model::{RunStatus, TraceTree};

/// Most boxes below one another.
const MAX_LEAVES: usize = 14;
/// Most boxes beside one another.
const MAX_COLUMNS: usize = 5;
const BOX_HEIGHT: f64 = 42.0;

/// Draws the runs as boxes, each parent left of its children.
///
/// A box tells name, run type, latency and status. A run whose parent was never captured hangs on a
/// cut edge from an empty box; a second root stands apart, and says so. What finds no room (more than
/// 5 levels, more than 14 boxes below one another) is counted at the box it belongs to. The text
/// alternative is the tree in text.
pub fn tree_diagram(tree: &TraceTree) -> Figure {
    let rows = rows(tree);
    let alt = text_tree(tree).at_most(60).to_string();
    let layout = Layout::new(tree, &rows);
    let size = (WIDTH, layout.height);
    Figure::new(&finding(tree), &alt, size, layout.draw()).subtitle(&inventory(&rows))
}

/// A run with its place.
struct Placed<'a> {
    row: Row<'a>,
    x: f64,
    y: f64,
    /// Position in [`Layout::boxes`].
    parent: Option<usize>,
    /// Runs below that found no room.
    hidden: usize,
}

struct Layout<'a> {
    boxes: Vec<Placed<'a>>,
    width: f64,
    gap: f64,
    height: f64,
    hidden_trees: usize,
}

impl<'a> Layout<'a> {
    fn new(tree: &TraceTree, rows: &[Row<'a>]) -> Self {
        // A lost parent takes a column of its own, left of its child.
        let column = |row: &Row<'_>, shift: usize| row.depth + shift;
        let mut boxes: Vec<Placed<'a>> = Vec::new();
        let mut at_node: HashMap<usize, usize> = HashMap::new();
        let services = rows.iter().any(|row| row.service.is_some());
        let pitch = if services { 68.0 } else { 58.0 };
        let (mut leaves, mut hidden_trees, mut shift) = (0, 0, 0);
        let mut y = 8.0 + BOX_HEIGHT / 2.0;
        let mut fresh = true;
        for row in rows {
            if row.is_top {
                shift = usize::from(matches!(row.mark, Some(Mark::NoParent(_) | Mark::Circle)));
            }
            let parent_node = tree.nodes()[row.at].parent;
            let parent = parent_node.and_then(|node| at_node.get(&node).copied());
            // A first child stands on its parent's line, all others begin one.
            let begins_line = !fresh && parent.is_none_or(|parent| boxes[parent].hidden == 0) && {
                let first_child = parent_node
                    .is_some_and(|node| tree.nodes()[node].children.first() == Some(&row.at));
                !first_child
            };
            let no_room = column(row, shift) >= MAX_COLUMNS
                || (leaves + usize::from(begins_line) >= MAX_LEAVES && begins_line);
            if no_room || (!row.is_top && parent.is_none()) {
                let nearest = parent.or_else(|| {
                    // The box that stands for a hidden parent.
                    parent_node.and_then(|node| at_node.get(&node).copied())
                });
                match nearest {
                    Some(nearest) => {
                        boxes[nearest].hidden += 1;
                        at_node.insert(row.at, nearest);
                    }
                    None => hidden_trees += usize::from(row.is_top),
                }
                continue;
            }
            if begins_line {
                leaves += 1;
                y += pitch;
            }
            if row.is_top && !fresh {
                y += 12.0;
            }
            if row.mark.is_some() {
                y += if fresh { 14.0 } else { 16.0 };
            } else if fresh && row.service.is_some() {
                y += 10.0;
            }
            fresh = false;
            at_node.insert(row.at, boxes.len());
            boxes.push(Placed {
                x: column(row, shift) as f64,
                row: row.clone(),
                y,
                parent,
                hidden: 0,
            });
        }
        let columns = boxes.iter().map(|b| b.x as usize + 1).max().unwrap_or(1);
        let gap = if columns > 4 { 22.0 } else { 38.0 };
        let free = WIDTH - 2.0 * MARGIN - gap * (columns - 1) as f64;
        let width = (free / columns as f64).min(176.0);
        for placed in &mut boxes {
            placed.x = MARGIN + placed.x * (width + gap);
        }
        let foot = if hidden_trees > 0 { 30.0 } else { 0.0 };
        let mut layout = Self {
            height: y + BOX_HEIGHT / 2.0 + 24.0 + foot,
            boxes,
            width,
            gap,
            hidden_trees,
        };
        layout.center_parents();
        layout
    }

    /// Moves each parent to the middle of its children.
    fn center_parents(&mut self) {
        let mut reach: Vec<Option<(f64, f64)>> = vec![None; self.boxes.len()];
        for at in (0..self.boxes.len()).rev() {
            if let Some((first, last)) = reach[at] {
                self.boxes[at].y = (first + last) / 2.0;
            }
            let y = self.boxes[at].y;
            if let Some(parent) = self.boxes[at].parent {
                let known = reach[parent].get_or_insert((y, y));
                *known = (known.0.min(y), known.1.max(y));
            }
        }
    }

    fn draw(&self) -> Markup {
        html! {
            @for placed in &self.boxes { (self.edge(placed)) }
            @for placed in &self.boxes { (self.node(placed)) }
            @if self.hidden_trees > 0 {
                (text(MARGIN, self.height - 28.0, Type::new(NOTE, MUTED),
                    &format!("… {} more", super::label::count(self.hidden_trees, "tree"))))
            }
            @if self.boxes.is_empty() {
                (text(MARGIN, 20.0, Type::new(NOTE, MUTED), "(no runs)"))
            }
        }
    }

    /// Draws what leads to a box: its parent's line, a cut one, or nothing.
    fn edge(&self, to: &Placed<'_>) -> Markup {
        let (x, y) = (to.x, to.y);
        let start = x - self.gap;
        let middle = start + self.gap / 2.0;
        if let Some(parent) = to.parent {
            let from = &self.boxes[parent];
            let r = 6.0_f64.min((y - from.y).abs() / 2.0);
            let turn = if y > from.y { r } else { -r };
            let path = match (y - from.y).abs() < 1.0 {
                true => format!("M{} {}H{}", n(start), n(from.y), n(x)),
                false => format!(
                    "M{} {}H{}q{r} 0 {r} {turn}V{}q0 {turn} {r} {turn}H{}",
                    n(start),
                    n(from.y),
                    n(middle - r),
                    n(y - turn),
                    n(x),
                    r = n(r),
                    turn = n(turn),
                ),
            };
            return html! { path d=(path) stroke=(LINE) stroke-width="1.4" fill="none" {} };
        }
        let Some(mark) = to.row.mark else {
            return html! {};
        };
        let words = Type::new(SMALL, BROKEN).bold();
        let above = y - BOX_HEIGHT / 2.0 - if to.row.service.is_some() { 24.0 } else { 10.0 };
        match mark {
            Mark::AnotherRoot(_) => {
                html! { (text(x, above, words, &format!("⚠ {}", mark.in_words()))) }
            }
            Mark::NoParent(_) | Mark::Circle => {
                let left = start - self.width;
                let (title, note) = match mark {
                    Mark::NoParent(parent) => ("parent not here", short_id(parent.0)),
                    _ => ("itself, further down", "parents in a circle".to_owned()),
                };
                let center = left + self.width / 2.0;
                let fit = |words: &str| fit_px(words, self.width - 12.0, SMALL);
                html! {
                    rect x=(n(left)) y=(n(y - BOX_HEIGHT / 2.0)) width=(n(self.width)) height=(n(BOX_HEIGHT))
                        rx="8" fill=(BROKEN_TINT) stroke=(BROKEN) stroke-dasharray="4 3" {}
                    (text(center, y - 7.0, words.anchor(Anchor::Middle), &fit(title)))
                    (text(center, y + 9.0, Type::new(SMALL, MUTED).anchor(Anchor::Middle), &fit(&note)))
                    (line((start, y), (x, y), BROKEN, 1.6, Some("4 3")))
                    (cross(middle, y))
                }
            }
        }
    }

    fn node(&self, placed: &Placed<'_>) -> Markup {
        let (x, row) = (placed.x, &placed.row);
        let top = placed.y - BOX_HEIGHT / 2.0;
        let color = palette::of_type(&row.run.run_type);
        let status = row.run.status();
        let (edge, ground) = match status {
            RunStatus::Error => (BROKEN, BROKEN_TINT),
            _ => (color.edge, "#ffffff"),
        };
        let dash = (status == RunStatus::Pending).then_some("4 3");
        let note = format!(
            "{} · {}",
            super::label::fit(row.run.run_type.as_str(), 12),
            row.latency()
        );
        let room = self.width - 24.0 - if row.failed() { 16.0 } else { 0.0 };
        html! {
            rect x=(n(x)) y=(n(top)) width=(n(self.width)) height=(n(BOX_HEIGHT)) rx="8"
                fill=(ground) stroke=(edge) stroke-width="1.4" stroke-dasharray=[dash] {}
            (rect(x + 6.0, top + 7.0, 5.0, BOX_HEIGHT - 14.0, 2.5, color.fill, Some(color.edge)))
            (text(x + 18.0, placed.y - 8.0, Type::new(NAME, INK).bold(), &fit_px(&row.run.name, room, NAME * 1.06)))
            (text(x + 18.0, placed.y + 9.0, Type::new(SMALL, MUTED), &fit_px(&note, room, SMALL)))
            @if row.failed() { (cross(x + self.width - 14.0, placed.y - 8.0)) }
            @if let Some(service) = row.service {
                (text(x + 4.0, top - 8.0, Type::new(SMALL, MUTED), &fit_px(service, self.width - 8.0, SMALL)))
            }
            @if placed.hidden > 0 {
                @let words = format!("+{} below", placed.hidden);
                @let w = text_px(&words, SMALL) + 10.0;
                (rect(x + self.width - w - 6.0, top + BOX_HEIGHT - 7.0, w, 15.0, 7.5, "#ffffff", Some(LINE)))
                (text(x + self.width - w / 2.0 - 6.0, top + BOX_HEIGHT + 0.5, Type::new(SMALL, MUTED).anchor(Anchor::Middle), &words))
            }
        }
    }
}
