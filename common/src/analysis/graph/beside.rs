//! The graph beside the tree of runs: what was planned, and what was done.
//!
//! ```text
//!   __start__      │ docs_agent
//!       ↓          │ ├ [1] agent     step 1
//!   [1] agent      │ │  ▌  Chat      59 tokens
//!       ↓          │ └ [2] tools     step 2
//!   [2] tools      │    ▌  search
//! ```
//!
//! Start at [`drawn`].

use std::cell::Cell;
use std::collections::HashMap;

use maud::{Markup, html};

use super::draw::{self, Look};
use super::layout::Layout;
use super::overlay::Overlay;
use super::shape::GraphShape;
use super::visits::{Visits, is_paused};
use super::{GraphDiagram, MAX_SAID};
use crate::analysis::figure::{Figure, MARGIN, WIDTH};
use crate::analysis::label::count;
use crate::analysis::palette::{self, BROKEN, HAIRLINE, INK, MUTED};
use crate::analysis::rows::{Row, inventory, rows};
use crate::analysis::spend::Calls;
use crate::analysis::svg::{Anchor, NAME, NOTE, SMALL, Type, line, rect, text};
use crate::analysis::text::text_tree;
use crate::model::TraceTree;

/// Most characters of names that are written once more, whole, because they are cut: a picture stays light.
const MAX_TITLES: usize = 1_000;
/// Most runs; the rest is counted.
const MAX_ROWS: usize = 34;
const ROW: f64 = 20.0;
const INDENT: f64 = 12.0;
const MAX_INDENT: usize = 7;
/// Where the graph ends and the tree begins: of a narrow graph, and of a wide one, or one with long names.
const DIVIDE: [f64; 2] = [330.0, 390.0];
/// Width of a node below which the graph counts as wide.
const NARROW: f64 = 104.0;

/// Draws both, with the same number and color for a node and its runs.
pub(super) fn drawn(shape: &GraphShape, tree: &TraceTree) -> Figure {
    let visits = Visits::of(tree);
    let overlay = Overlay::of(shape, &visits);
    let diagram = GraphDiagram::of(shape);
    let within = |divide: f64| {
        let mut room = diagram.room(divide - MARGIN - 14.0, true);
        room.wish = room.wish.min(divide - 198.0);
        (room.label, room.gap) = (58.0, 9.0);
        (room, Layout::of(shape, room), divide)
    };
    let (room, layout, divide) = match within(DIVIDE[0]) {
        narrow if narrow.1.node_width >= NARROW && draw::all_fit(&narrow.1) => narrow,
        _ => within(DIVIDE[1]),
    };
    let look = Look {
        overlay: Some(&overlay),
        is_numbered: true,
        room,
        right: divide - MARGIN - 10.0,
    };
    let rows = rows(tree);
    let shown = &rows[..rows.len().min(MAX_ROWS)];
    let more = rows.len() - shown.len();
    let lines = shown.len() + usize::from(more > 0);
    let height = (layout.height + 8.0).max(ROW * lines as f64).max(ROW) + 6.0;
    let runs = Runs::new(&visits, &overlay, shown, divide);
    let body = html! {
        g transform=(format!("translate({MARGIN} 4)")) { (draw::graph(shape, &layout, look)) }
        (line((divide, 0.0), (divide, height), HAIRLINE, 1.0, None))
        @for (at, row) in shown.iter().enumerate() {
            (runs.row(row, ROW * (at as f64 + 0.5)))
        }
        @let y = ROW * (shown.len() as f64 + 0.5);
        @if more > 0 {
            (text(divide + 14.0, y, Type::new(NOTE, MUTED), &format!("… {more} more")))
        }
        @if rows.is_empty() { (text(divide + 14.0, y, Type::new(NOTE, MUTED), "(no runs)")) }
        (draw::foot(shape, &layout, look, (MARGIN, height + 14.0)))
    };
    let mut alt = shape.lines(MAX_SAID);
    alt.push(String::new());
    alt.extend(overlay.in_words(shape));
    alt.extend(draw::left_out(&layout).map(|words| format!("{words} than drawn")));
    alt.push(String::new());
    alt.push(text_tree(tree).at_most(shown.len()).to_string());
    let size = (WIDTH, height + 36.0);
    let subtitle = match overlay.graph_name() {
        None => inventory(&rows),
        Some(graph) => format!("{graph} · {}", inventory(&rows)),
    };
    Figure::new(&overlay.finding(shape), &alt.join("\n"), size, body).subtitle(&subtitle)
}

/// What the tree tells of runs, besides their names.
struct Runs<'a> {
    /// By position in the tree: the number of the node, and the superstep if the run is the node's own.
    marks: HashMap<usize, (usize, Option<u64>)>,
    tokens: HashMap<usize, u64>,
    visits: &'a Visits<'a>,
    divide: f64,
    /// Characters of whole names for which there is still room.
    titles: Cell<usize>,
}

impl<'a> Runs<'a> {
    fn new(visits: &'a Visits<'a>, overlay: &Overlay, shown: &[Row<'_>], divide: f64) -> Self {
        let graph = overlay.graph.as_deref();
        let outermost = graph.map(|graph| visits.outermost_in(graph));
        let mark = |row: &Row<'_>| {
            let visit = visits.around_in(row.at, outermost.as_ref()?)?;
            let own = (visit.at == row.at).then_some(visit.step);
            Some((row.at, (overlay.number(visit.node)?, own)))
        };
        let calls = Calls::of(visits.tree).counted.into_iter();
        Self {
            marks: shown.iter().filter_map(mark).collect(),
            tokens: calls
                .map(|call| (call.at, call.spend.total_tokens))
                .collect(),
            visits,
            divide,
            titles: Cell::new(MAX_TITLES),
        }
    }

    fn row(&self, row: &Row<'_>, y: f64) -> Markup {
        let x = self.divide + 14.0 + INDENT * row.depth.min(MAX_INDENT) as f64;
        let mark = self.marks.get(&row.at);
        let is_own = mark.is_some_and(|(_, step)| step.is_some());
        let inner = self
            .visits
            .around(row.at)
            .filter(|visit| visit.at == row.at);
        let note = match (mark, inner, self.tokens.get(&row.at)) {
            (Some((_, Some(step))), ..) => format!("step {step}"),
            (Some(_), Some(visit), _) => format!("inner step {}", visit.step),
            (None, Some(visit), _) => format!("step {}", visit.step),
            (_, _, Some(tokens)) => count(usize::try_from(*tokens).unwrap_or(usize::MAX), "token"),
            _ => row.run_type(12),
        };
        let small = Type::new(SMALL, MUTED).anchor(Anchor::End);
        let is_paused = is_paused(row.run);
        let has_failed = row.failed() && !is_paused;
        let color = if has_failed { BROKEN } else { INK };
        let look = Type::new(if is_own { NAME } else { NOTE }, color);
        let look = if is_own || row.is_top {
            look.bold()
        } else {
            look
        };
        let begin = x + if is_own {
            21.0
        } else if mark.is_some() {
            9.0
        } else {
            0.0
        };
        let right = WIDTH - MARGIN;
        let room = right - begin - small.px(&note) - 8.0;
        let sign = match (has_failed, is_paused) {
            (true, _) => "✗ ",
            (_, true) => "‖ ",
            _ => "",
        };
        let name = format!("{sign}{}", row.name(60));
        let shown = look.fit(&name, room);
        html! {
            @match mark {
                Some((number, Some(_))) => (draw::number(x, y, *number)),
                Some((number, None)) => {
                    (rect(x, y - 7.0, 4.0, 14.0, 1.5, palette::of_node(*number - 1).0, None))
                },
                None => {},
            }
            @if shown != name && self.has_title(&name) {
                g { title { (name) } (text(begin, y, look, &shown)) }
            } @else { (text(begin, y, look, &shown)) }
            (text(right, y, small, &note))
        }
    }

    fn has_title(&self, name: &str) -> bool {
        let left = self.titles.get().checked_sub(name.len());
        self.titles.set(left.unwrap_or(0));
        left.is_some()
    }
}
