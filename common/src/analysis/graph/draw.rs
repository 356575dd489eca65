//! A graph that has its places, as shapes.
//!
//! ```text
//! Layout + Overlay ──► wires · nodes · labels ──► Markup
//! ```
//!
//! Start at [`graph`].

use maud::{Markup, html};

use super::layout::{Layout, Room, Spot, Wire};
use super::overlay::Overlay;
use super::shape::{END, GraphEdge, GraphNodeKind, GraphShape, START};
use crate::analysis::label::{thousands, trimmed};
use crate::analysis::palette::{self, BLUE, HAIRLINE, INK, LINE, MUTED, PAPER};
use crate::analysis::svg::{Anchor, NAME, NOTE, SMALL, Type, line, n, rect, text};

/// Thickness of an edge that a trace never took.
const MISSED: f64 = 0.8;

/// How a graph is drawn.
#[derive(Debug, Clone, Copy)]
pub(super) struct Look<'a> {
    pub(super) overlay: Option<&'a Overlay>,
    /// Nodes carry the number that their runs carry.
    pub(super) is_numbered: bool,
    pub(super) room: Room,
    /// Right edge of the graph's part of the picture.
    pub(super) right: f64,
}

/// Draws a graph from `(0, 0)` downwards.
pub(super) fn graph(shape: &GraphShape, layout: &Layout<'_>, look: Look<'_>) -> Markup {
    let labels = labels(shape, layout, look);
    html! {
        // What was walked lies above what was not.
        @for taken in [false, true] {
            @for wire in &layout.wires {
                @let edge = &shape.edges[wire.edge];
                @if times(edge, look).is_none_or(|times| times > 0) == taken {
                    (self::wire(edge, wire, look))
                }
            }
        }
        @for spot in &layout.spots { (node(spot, layout, look)) }
        @for label in &labels {
            (rect(label.x, label.y - 6.0, label.width, 12.0, 2.0, PAPER, None))
            (text(label.x + 2.0, label.y, label.look, &label.words))
        }
    }
}

/// Returns how often an edge was taken, if that is known.
fn times(edge: &GraphEdge, look: Look<'_>) -> Option<usize> {
    look.overlay.map(|overlay| overlay.times(edge))
}

/// Returns color and thickness of an edge.
fn stroke(edge: &GraphEdge, look: Look<'_>) -> (&'static str, f64) {
    match times(edge, look) {
        None => (MUTED, 1.3),
        Some(0) => (LINE, MISSED),
        Some(_) => (BLUE, 1.9),
    }
}

fn wire(edge: &GraphEdge, wire: &Wire, look: Look<'_>) -> Markup {
    let (color, width) = stroke(edge, look);
    let dash = edge.conditional.then_some("5 4");
    let (path, head) = match wire.goes_back {
        true => corners(&wire.points),
        false => curve(&wire.points),
    };
    html! {
        path d=(path) stroke=(color) stroke-width=(n(width)) stroke-dasharray=[dash] fill="none" {}
        path d=(head) fill=(color) {}
    }
}

/// Draws a curve downwards through the points, and its arrow head.
fn curve(points: &[(f64, f64)]) -> (String, String) {
    let mut path = String::new();
    for (at, pair) in points.windows(2).enumerate() {
        let ((x0, y0), (x1, y1)) = (pair[0], pair[1]);
        let is_last = at + 2 == points.len();
        let y1 = if is_last { y1 - 5.0 } else { y1 };
        if at == 0 {
            path.push_str(&format!("M{} {}", n(x0), n(y0)));
        }
        let middle = n((y0 + y1) / 2.0);
        path.push_str(&format!(
            "C{} {middle} {} {middle} {} {}",
            n(x0),
            n(x1),
            n(x1),
            n(y1)
        ));
    }
    let (x, y) = points.last().copied().unwrap_or_default();
    (path, format!("M{} {}l-4 -8h8z", n(x), n(y - 0.5)))
}

/// Draws lines with rounded corners through the points, and the arrow head.
fn corners(points: &[(f64, f64)]) -> (String, String) {
    let toward = |from: (f64, f64), to: (f64, f64), far: f64| {
        let (x, y) = (to.0 - from.0, to.1 - from.1);
        let length = x.hypot(y).max(0.1);
        let far = far.min(length / 2.0);
        (from.0 + x / length * far, from.1 + y / length * far)
    };
    let mut path = String::new();
    for (at, point) in points.iter().enumerate() {
        let neighbors = at
            .checked_sub(1)
            .and_then(|before| points.get(before))
            .zip(points.get(at + 1));
        match neighbors {
            Some((before, after)) => {
                let (a, b) = (toward(*point, *before, 7.0), toward(*point, *after, 7.0));
                let (x, y) = *point;
                path.push_str(&format!(
                    "L{} {}Q{} {} {} {}",
                    n(a.0),
                    n(a.1),
                    n(x),
                    n(y),
                    n(b.0),
                    n(b.1)
                ));
            }
            None if at == 0 => path.push_str(&format!("M{} {}", n(point.0), n(point.1))),
            None => {
                let (x, y) = toward(*point, points[at.saturating_sub(1)], 5.0);
                path.push_str(&format!("L{} {}", n(x), n(y)));
            }
        }
    }
    let (x, y) = points.last().copied().unwrap_or_default();
    let before = points.len().checked_sub(2).map_or((x, y), |at| points[at]);
    let head = match (before.0 - x).abs() > 1.0 {
        true => format!("M{} {}l8 -4v8z", n(x + 0.5), n(y)),
        false => format!("M{} {}l-4 -8h8z", n(x), n(y - 0.5)),
    };
    (path, head)
}

fn node(spot: &Spot<'_>, layout: &Layout<'_>, look: Look<'_>) -> Markup {
    let (width, height) = (layout.node_width, look.room.node_height);
    let (x, y) = (spot.x - width / 2.0, spot.y - height / 2.0);
    let bold = Type::new(NAME, INK).bold();
    if spot.name == START || spot.name == END {
        let words = Type::new(NOTE, MUTED).anchor(Anchor::Middle);
        let w = words.px(spot.name) + 16.0;
        return html! {
            (rect(spot.x - w / 2.0, spot.y - 11.0, w, 22.0, 11.0, PAPER, Some(LINE)))
            (text(spot.x, spot.y, words, &words.fit(spot.name, w)))
        };
    }
    let visits = look.overlay.map(|overlay| overlay.visits(spot.name));
    let is_met = visits.is_none_or(|visits| visits > 0);
    let edge = if is_met { BLUE } else { LINE };
    let dash = (spot.kind == GraphNodeKind::Remote).then_some("4 3");
    let small = Type::small().anchor(Anchor::Middle);
    let number = look
        .is_numbered
        .then(|| look.overlay?.number(spot.name))
        .flatten();
    // Where a node is narrow, or its name long, its number sits on its corner, and the name has the whole width.
    let is_compact = width < 96.0;
    let words = super::name(spot.name);
    let is_cornered = is_compact || !fits_beside_number(&words, width);
    let left = if number.is_some() && !is_cornered {
        BESIDE
    } else {
        0.0
    };
    let bold = if is_compact {
        Type {
            size: SMALL,
            ..bold
        }
    } else {
        bold
    };
    let name = bold.anchor(Anchor::Middle);
    let name = if is_met {
        name
    } else {
        Type {
            color: MUTED,
            ..name
        }
    };
    let middle = spot.x + left / 2.0;
    let room = width - left - if is_compact { 5.0 } else { MARGINS };
    let note = note(spot, look, room + if is_compact { 0.0 } else { 6.0 });
    let corner = if spot.kind == GraphNodeKind::Human {
        height / 2.0
    } else {
        7.0
    };
    let up = if note.is_empty() { 0.0 } else { 7.5 };
    html! {
        g {
            title { (words) }
            rect x=(n(x)) y=(n(y)) width=(n(width)) height=(n(height)) rx=(n(corner))
                fill="#ffffff" stroke=(edge) stroke-width="1.3" stroke-dasharray=[dash] {}
            @if spot.kind == GraphNodeKind::Subgraph {
                rect x=(n(x + 2.5)) y=(n(y + 2.5)) width=(n(width - 5.0)) height=(n(height - 5.0))
                    rx="5" fill="none" stroke=(edge) stroke-width="0.8" {}
            }
            @if let Some(number) = number {
                @if is_cornered { (self::number((x - 6.0).max(0.0), y - 2.0, number)) }
                @else { (self::number(x + 7.0, spot.y, number)) }
            }
            (text(middle, spot.y - up, name, &name.fit(&words, room)))
            @if !note.is_empty() {
                (text(middle, spot.y + 8.5, small, &small.fit(&note, room + if is_compact { 0.0 } else { 6.0 })))
            }
        }
    }
}

/// Room that a number takes beside a name, and what is left free around both.
const BESIDE: f64 = 22.0;
const MARGINS: f64 = 12.0;

fn fits_beside_number(name: &str, width: f64) -> bool {
    Type::new(NAME, INK).bold().px(name) <= width - BESIDE - MARGINS
}

/// Returns true if all names can be read in nodes of that width, with their numbers on their corners if need
/// be.
pub(super) fn all_fit(layout: &Layout<'_>) -> bool {
    let bold = Type::new(NAME, INK).bold();
    let nodes = layout
        .spots
        .iter()
        .filter(|spot| spot.name != START && spot.name != END);
    nodes
        .map(|spot| bold.px(&super::name(spot.name)))
        .all(|px| px <= layout.node_width - MARGINS)
}

/// Draws the number of a node in its color, from its left edge on.
pub(super) fn number(x: f64, y: f64, number: usize) -> Markup {
    let (fill, words) = palette::of_node(number - 1);
    let look = Type::new(SMALL, words).bold().anchor(Anchor::Middle);
    html! {
        (rect(x, y - 7.0, 16.0, 14.0, 3.5, fill, None))
        (text(x + 8.0, y, look, &look.fit(&number.to_string(), 15.0)))
    }
}

/// Says what works at a node, and what it did, as far as there is room.
fn note(spot: &Spot<'_>, look: Look<'_>, room: f64) -> String {
    let kind = spot.kind.words();
    let Some(overlay) = look.overlay else {
        return kind.to_owned();
    };
    let visits = match overlay.visits(spot.name) {
        // Between a number and words: what has no room for the words has the sign.
        0 if room < 60.0 => "0×".to_owned(),
        0 => "not visited".to_owned(),
        visits => format!("{visits}×"),
    };
    let tokens = overlay.tokens(spot.name);
    let (long, short) = match tokens {
        0 => (String::new(), String::new()),
        1 => ("1 token".to_owned(), "1 tok".to_owned()),
        1_000.. => (
            format!("{} tokens", thousands(tokens)),
            format!("{}k tok", trimmed(tokens as f64 / 1e3, 1)),
        ),
        _ => (format!("{tokens} tokens"), format!("{tokens} tok")),
    };
    let joined = |parts: [&str; 3]| {
        let parts = parts.into_iter().filter(|part| !part.is_empty());
        parts.collect::<Vec<_>>().join(" · ")
    };
    // The edge of a node tells its kind as well, so that goes first.
    let forms = [
        [kind, &visits, &long],
        ["", &visits, &long],
        ["", &visits, &short],
    ];
    let forms = forms.map(joined);
    let fitting = forms.iter().find(|form| Type::small().px(form) <= room);
    fitting.unwrap_or(&forms[2]).clone()
}

/// A label with the place that was free for it.
struct Label {
    x: f64,
    y: f64,
    width: f64,
    words: String,
    look: Type,
}

/// Finds a place for each label where it covers neither a node nor another label; one that finds none is
/// left out, as the text alternative has it.
fn labels(shape: &GraphShape, layout: &Layout<'_>, look: Look<'_>) -> Vec<Label> {
    let half = (layout.node_width / 2.0, look.room.node_height / 2.0);
    let nodes = layout.spots.iter().map(|spot| {
        let (x, y) = (spot.x - half.0, spot.y - half.1);
        (x, y, 2.0 * half.0, 2.0 * half.1)
    });
    let mut taken: Vec<(f64, f64, f64, f64)> = nodes.collect();
    let mut labels: Vec<Label> = Vec::new();
    for wire in &layout.wires {
        let edge = &shape.edges[wire.edge];
        let times = times(edge, look);
        let mut words: Vec<String> = edge.label.iter().map(|label| super::name(label)).collect();
        words.extend(
            times
                .filter(|times| *times > 1)
                .map(|times| format!("{times}×")),
        );
        if words.is_empty() {
            continue;
        }
        let color = if times == Some(0) { MUTED } else { INK };
        let small = Type::new(SMALL, color);
        let most = if wire.goes_back {
            look.room.label.max(24.0)
        } else {
            104.0
        };
        let words = small.fit(&words.join(" "), most);
        let width = small.px(&words) * 0.92 + 4.0;
        let places: Vec<(f64, f64)> = match (wire.goes_back, &wire.points[..]) {
            (true, points) => {
                // The lane is where the way stands farthest to the right.
                let x = points.iter().map(|point| point.0).fold(0.0, f64::max);
                let on_lane = || {
                    points
                        .iter()
                        .filter(|point| point.0 == x)
                        .map(|point| point.1)
                };
                let (top, bottom) = on_lane().fold((f64::MAX, 0.0_f64), |(low, high), y| {
                    (low.min(y), high.max(y))
                });
                [0.5, 0.3, 0.7, 0.15, 0.85]
                    .map(|t| (x + 5.0, top + (bottom - top) * t))
                    .to_vec()
            }
            (false, points) => points
                .windows(2)
                .flat_map(|pair| {
                    [0.5, 0.4, 0.62, 0.3, 0.72].map(|t| {
                        let (x, y) = along(pair[0], pair[1], t);
                        (x - width / 2.0, y)
                    })
                })
                .collect(),
        };
        let fits = |(x, y): &(f64, f64)| {
            let own = (*x, y - 6.0, width, 12.0);
            let is_free = taken.iter().all(|other| !overlaps(own, *other));
            *x >= 4.0 && x + width <= look.right && is_free
        };
        let inside = |(x, y): (f64, f64)| (x.clamp(4.0, (look.right - width).max(4.0)), y);
        if let Some((x, y)) = places.into_iter().map(inside).find(fits) {
            taken.push((x, y - 6.0, width, 12.0));
            labels.push(Label {
                x,
                y,
                width,
                words,
                look: small,
            });
        }
    }
    labels
}

/// Returns a point of the curve that [`wire`] draws.
fn along(from: (f64, f64), to: (f64, f64), t: f64) -> (f64, f64) {
    let middle = (from.1 + to.1) / 2.0;
    let s = 1.0 - t;
    let (start, pull, end) = (s * s * s, 3.0 * s * t, t * t * t);
    let x = from.0 * (start + pull * s) + to.0 * (end + pull * t);
    (x, from.1 * start + middle * pull + to.1 * end)
}

fn overlaps(a: (f64, f64, f64, f64), b: (f64, f64, f64, f64)) -> bool {
    a.0 < b.0 + b.2 && b.0 < a.0 + a.2 && a.1 < b.1 + b.3 && b.1 < a.1 + a.3
}

/// Says what the lines mean, and what is left out.
pub(super) fn foot(
    shape: &GraphShape,
    layout: &Layout<'_>,
    look: Look<'_>,
    (x, y): (f64, f64),
) -> Markup {
    let small = Type::small();
    let mut drawn = layout.wires.iter().map(|wire| &shape.edges[wire.edge]);
    let is_missed = drawn.any(|edge| times(edge, look) == Some(0));
    let is_chosen = shape.edges.iter().any(|edge| edge.conditional);
    let chosen = is_chosen.then_some((MUTED, 1.3, Some("5 4"), "something chooses"));
    let missed = is_missed.then_some((LINE, MISSED, None, "never taken"));
    let mut end = x;
    let mut next = |width: f64| {
        let begin = end;
        end += width + 14.0;
        begin
    };
    html! {
        @for (color, width, dash, words) in chosen.into_iter().chain(missed) {
            @let x = next(28.0 + small.px(words));
            (line((x, y), (x + 22.0, y), color, width, dash))
            (text(x + 28.0, y, small, words))
        }
        @if let Some(words) = left_out(layout) {
            @let x = next(small.px(&words));
            (line((x, y + 5.0), (x + small.px(&words), y + 5.0), HAIRLINE, 1.0, None))
            (text(x, y, small, &words))
        }
    }
}

/// Counts what had no room.
pub(super) fn left_out(layout: &Layout<'_>) -> Option<String> {
    use crate::analysis::label::count;
    let (nodes, edges) = (layout.nodes_left_out, layout.edges_left_out);
    let words = match (nodes, edges) {
        (0, 0) => return None,
        (0, edges) => count(edges, "edge"),
        (nodes, 0) => count(nodes, "node"),
        (nodes, edges) => format!("{}, {}", count(nodes, "node"), count(edges, "edge")),
    };
    Some(format!("… {words} more"))
}
