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
use super::label::short_id;
use super::palette::{self, BROKEN, BROKEN_TINT, INK, LINE, MUTED};
use super::rows::{Mark, Row, finding, inventory, rows};
use super::svg::{Anchor, NAME, NOTE, SMALL, Type, cross, line, n, rect, text};
use super::text::text_tree;
use crate::model::{RunStatus, TraceTree};

/// Lowest place of a box.
const MAX_Y: f64 = 760.0;
/// Most boxes beside one another.
const MAX_COLUMNS: usize = 5;
const BOX_HEIGHT: f64 = 42.0;

/// Draws the runs as boxes, each parent left of its children.
///
/// A box tells name, run type, latency and status. A run whose parent was never captured hangs on a
/// cut edge from an empty box; a second root stands apart, and says so. What finds no room (more
/// than 5 levels, more than about 12 boxes below one another) is counted at the box it belongs to.
/// The text alternative is the tree in text.
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
    /// Top edge of the line that it begins, or shares with its parent.
    top: f64,
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
        let has_services = rows.iter().any(|row| row.service.is_some());
        let pitch = if has_services { 66.0 } else { 56.0 };
        let mut boxes: Vec<Placed<'a>> = Vec::new();
        // The box of each node: its own, or that of the ancestor which counts it as hidden.
        let mut box_of: HashMap<usize, usize> = HashMap::new();
        let (mut hidden_trees, mut shift) = (0, 0);
        let mut y = BOX_HEIGHT / 2.0 + if has_services { 24.0 } else { 8.0 };
        for row in rows {
            let parent_node = tree.nodes()[row.at].parent;
            let nearest = parent_node.and_then(|node| box_of.get(&node).copied());
            let parent = nearest.filter(|at| Some(boxes[*at].row.at) == parent_node);
            if row.is_top {
                // A lost parent takes a column of its own, left of its child.
                shift = usize::from(matches!(row.mark, Some(Mark::NoParent(_) | Mark::Circle)));
            }
            // A first child stands on its parent's line; all others begin one.
            let is_first = |node: usize| tree.nodes()[node].children.first() == Some(&row.at);
            let begins_line = !parent_node.is_some_and(is_first);
            let has_room = row.depth + shift < MAX_COLUMNS && !(begins_line && y + pitch > MAX_Y);
            if !has_room || (parent.is_none() && !row.is_top) {
                match nearest {
                    Some(nearest) => {
                        boxes[nearest].hidden += 1;
                        box_of.insert(row.at, nearest);
                    }
                    None => hidden_trees += usize::from(row.is_top),
                }
                continue;
            }
            if begins_line && !boxes.is_empty() {
                y += pitch + if row.is_top { 14.0 } else { 0.0 };
            }
            if matches!(row.mark, Some(Mark::AnotherRoot(_))) {
                y += 16.0;
            }
            box_of.insert(row.at, boxes.len());
            boxes.push(Placed {
                x: (row.depth + shift) as f64,
                row: row.clone(),
                y,
                top: y - BOX_HEIGHT / 2.0 - if has_services { 18.0 } else { 4.0 },
                parent,
                hidden: 0,
            });
        }
        let columns = boxes.iter().map(|b| b.x as usize + 1).max().unwrap_or(1) as f64;
        let room = WIDTH - 2.0 * MARGIN;
        let width = ((room - 24.0 * (columns - 1.0)) / columns).min(176.0);
        let gap = ((room - width * columns) / (columns - 1.0).max(1.0)).min(64.0);
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
        let look = Type::new(SMALL, BROKEN).bold();
        match mark {
            Mark::AnotherRoot(_) => {
                let words = format!("⚠ {}", mark.in_words());
                let (end, above) = (x + look.px(&words) + 10.0, to.top - 10.0);
                html! {
                    (text(x, above, look, &words))
                    (line((end, above), (WIDTH - MARGIN, above), BROKEN, 1.0, Some("3 4")))
                }
            }
            Mark::NoParent(_) | Mark::Circle => {
                let left = start - self.width;
                let (title, note) = match mark {
                    Mark::NoParent(parent) => ("parent not here", short_id(parent.0)),
                    _ => ("itself, further down", "parents in a circle".to_owned()),
                };
                let center = left + self.width / 2.0;
                let fit = |words: &str| look.fit(words, self.width - 12.0);
                html! {
                    rect x=(n(left)) y=(n(y - BOX_HEIGHT / 2.0))
                        width=(n(self.width)) height=(n(BOX_HEIGHT)) rx="8"
                        fill=(BROKEN_TINT) stroke=(BROKEN) stroke-dasharray="4 3" {}
                    (text(center, y - 7.0, look.anchor(Anchor::Middle), &fit(title)))
                    (text(center, y + 9.0, Type::small().anchor(Anchor::Middle), &fit(&note)))
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
        let note = format!("{} · {}", row.run_type(12), row.latency());
        let small = Type::small();
        let bold = Type::new(NAME, INK).bold();
        let room = self.width - 24.0 - if row.failed() { 16.0 } else { 0.0 };
        html! {
            rect x=(n(x)) y=(n(top)) width=(n(self.width)) height=(n(BOX_HEIGHT)) rx="8"
                fill=(ground) stroke=(edge) stroke-width="1.4" stroke-dasharray=[dash] {}
            (rect(x + 6.0, top + 7.0, 5.0, BOX_HEIGHT - 14.0, 2.5, color.fill, Some(color.edge)))
            (text(x + 18.0, placed.y - 8.0, bold, &bold.fit(&row.name(60), room)))
            (text(x + 18.0, placed.y + 9.0, small, &small.fit(&note, room)))
            @if row.failed() { (cross(x + self.width - 14.0, placed.y - 8.0)) }
            @if let Some(service) = row.service {
                (text(x + 4.0, top - 8.0, small, &small.fit(service, self.width - 8.0)))
            }
            @if placed.hidden > 0 {
                @let words = format!("+{} below", placed.hidden);
                @let w = small.px(&words) + 10.0;
                @let (left, y) = (x + self.width - w - 6.0, top + BOX_HEIGHT + 0.5);
                (rect(left, y - 7.5, w, 15.0, 7.5, "#ffffff", Some(LINE)))
                (text(left + w / 2.0, y, small.anchor(Anchor::Middle), &words))
            }
        }
    }
}
