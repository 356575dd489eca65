//! Places for the nodes of a graph: in layers from top to bottom, what goes back beside them.
//!
//! ```text
//! edges ─► which go back (depth first) ─► layers (longest path) ─► order (fewer crossings) ─► x ─► wires
//! ```
//!
//! The steps are those of Sugiyama's method. Start at [`Layout::of`].

use std::collections::HashMap;

use super::names;
use super::shape::{END, GraphNodeKind, GraphShape, START};
use crate::analysis::svg::Type;

/// Most layers, most nodes in one of them, and most edges; what is over is counted.
pub(super) const MAX_LAYERS: usize = 9;
const MAX_IN_LAYER: usize = 7;
const MAX_WIRES: usize = 90;
/// Most edges that pass a layer at a place of their own.
const MAX_PASSING: usize = 6;
/// Most edges that go back at a place of their own.
const MAX_LANES: usize = 6;
const LANE: f64 = 13.0;
const GAP: f64 = 14.0;

/// What the picture leaves for the graph.
#[derive(Debug, Clone, Copy)]
pub(super) struct Room {
    pub(super) width: f64,
    pub(super) node_height: f64,
    /// From the middle of a layer to that of the next one.
    pub(super) pitch: f64,
    /// Width that a node would like to have, and the least that its name can be read in.
    pub(super) wish: f64,
    pub(super) least: f64,
    /// For the labels of edges that go back.
    pub(super) label: f64,
}

/// A node with its place.
#[derive(Debug)]
pub(super) struct Spot<'a> {
    pub(super) name: &'a str,
    pub(super) kind: GraphNodeKind,
    pub(super) x: f64,
    pub(super) y: f64,
    layer: usize,
}

/// An edge with its way.
#[derive(Debug)]
pub(super) struct Wire {
    /// Position in [`GraphShape::edges`].
    pub(super) edge: usize,
    /// Downwards from point to point; of one that goes back, the corners of its way.
    pub(super) points: Vec<(f64, f64)>,
    pub(super) goes_back: bool,
}

#[derive(Debug)]
pub(super) struct Layout<'a> {
    pub(super) spots: Vec<Spot<'a>>,
    pub(super) wires: Vec<Wire>,
    pub(super) node_width: f64,
    pub(super) height: f64,
    pub(super) nodes_left_out: usize,
    pub(super) edges_left_out: usize,
}

impl<'a> Layout<'a> {
    pub(super) fn of(shape: &'a GraphShape, room: Room) -> Self {
        let all = names(shape);
        let place: HashMap<&str, usize> = all
            .iter()
            .enumerate()
            .map(|(at, node)| (node.0, at))
            .collect();
        let ends = shape
            .edges
            .iter()
            .map(|edge| (place[&*edge.from], place[&*edge.to]));
        let ends: Vec<(usize, usize)> = ends.collect();
        let start = place.get(START).copied();
        let backward = backward(all.len(), &ends, start);
        let layer = layers(all.len(), &ends, &backward);

        // Which nodes have room; the others are counted.
        let mut rows: Vec<Vec<Item>> = Vec::new();
        let mut spots: Vec<Spot<'a>> = Vec::new();
        let mut spot_of: Vec<Option<usize>> = vec![None; all.len()];
        for (at, (name, kind)) in all.iter().enumerate() {
            let row = layer[at];
            rows.resize_with(rows.len().max((row + 1).min(MAX_LAYERS)), Vec::new);
            if row >= MAX_LAYERS || rows[row].len() >= MAX_IN_LAYER {
                continue;
            }
            spot_of[at] = Some(spots.len());
            rows[row].push(Item::new(Some(spots.len())));
            let y = room.node_height / 2.0 + room.pitch * row as f64;
            let (name, kind) = (*name, *kind);
            spots.push(Spot {
                name,
                kind,
                x: 0.0,
                y,
                layer: row,
            });
        }
        let mut wires: Vec<(usize, usize, usize, bool)> = Vec::new();
        for (edge, (from, to)) in ends.iter().enumerate() {
            if let (Some(from), Some(to)) = (spot_of[*from], spot_of[*to])
                && wires.len() < MAX_WIRES
            {
                wires.push((edge, from, to, backward[edge]));
            }
        }
        let edges_left_out = shape.edges.len() - wires.len();

        // An edge over several layers has a place in each that it passes.
        let mut links: Vec<Vec<(usize, usize)>> = vec![Vec::new(); MAX_LAYERS];
        let item_of: HashMap<usize, usize> = rows
            .iter()
            .flat_map(|row| row.iter().enumerate())
            .filter_map(|(at, item)| Some((item.spot?, at)))
            .collect();
        let mut passes: Vec<Vec<(usize, usize)>> = Vec::new();
        for (_, from, to, goes_back) in &wires {
            let (above, below) = (spots[*from].layer, spots[*to].layer);
            let mut passed = Vec::new();
            if !goes_back {
                let between = above + 1..below;
                let is_free = |row: usize| {
                    rows[row].iter().filter(|item| item.spot.is_none()).count() < MAX_PASSING
                };
                let mut last = (above, item_of[from]);
                if between.clone().all(is_free) {
                    for row in between {
                        rows[row].push(Item::new(None));
                        let item = rows[row].len() - 1;
                        links[last.0].push((last.1, item));
                        last = (row, item);
                        passed.push(last);
                    }
                    links[last.0].push((last.1, item_of[to]));
                }
            }
            passes.push(passed);
        }

        // Layers that an edge passes on its way back leave room for it at their right.
        let mut widths = vec![room.width; rows.len()];
        let backs = wires.iter().filter(|wire| wire.3).count().min(MAX_LANES) as f64;
        for (edge, from, to, _) in wires.iter().filter(|wire| wire.3) {
            let label = shape.edges[*edge]
                .label
                .as_deref()
                .map(|label| Type::small().px(label));
            let label = label.map_or(0.0, |label| label.min(room.label) + 4.0);
            let beside = LANE * backs + 8.0 + label;
            for width in &mut widths[spots[*to].layer..=spots[*from].layer] {
                *width = width.min(room.width - beside);
            }
        }
        let node_width = fitting_width(&rows, &widths, room);
        arrange(&mut rows, &links, &widths, node_width);
        for row in &rows {
            for item in row {
                if let Some(spot) = item.spot {
                    spots[spot].x = item.x;
                }
            }
        }
        let mut lane = 0;
        let wires = wires.into_iter().zip(passes);
        let wires = wires.map(|((edge, from, to, goes_back), passed)| {
            let points = if goes_back {
                lane += 1;
                way_back(
                    &rows,
                    &spots,
                    (from, to),
                    (lane - 1) % MAX_LANES,
                    (node_width, room),
                )
            } else {
                let (from, to) = (&spots[from], &spots[to]);
                let passed = passed.iter().map(|(row, item)| {
                    let y = room.node_height / 2.0 + room.pitch * *row as f64;
                    (rows[*row][*item].x, y)
                });
                let first = (from.x, from.y + from.half(room));
                let last = (to.x, to.y - to.half(room));
                [first].into_iter().chain(passed).chain([last]).collect()
            };
            Wire {
                edge,
                points,
                goes_back,
            }
        });
        Self {
            wires: wires.collect(),
            node_width,
            // A way back may begin below the last layer.
            height: 12.0 + room.pitch * rows.len().saturating_sub(1) as f64 + room.node_height,
            nodes_left_out: all.len() - spots.len(),
            edges_left_out,
            spots,
        }
    }
}

impl Spot<'_> {
    /// Returns half of the height that is drawn.
    pub(super) fn half(&self, room: Room) -> f64 {
        match self.name {
            START | END => 11.0,
            _ => room.node_height / 2.0,
        }
    }
}

/// Returns the corners of a way back: from the right side of a node to a lane, up, and to the right side of
/// the other. Where something stands at the right of a node, its way goes below or above that.
fn way_back(
    rows: &[Vec<Item>],
    spots: &[Spot<'_>],
    (from, to): (usize, usize),
    lane: usize,
    (width, room): (f64, Room),
) -> Vec<(f64, f64)> {
    let (is_loop, from, to) = (from == to, &spots[from], &spots[to]);
    let edge = |item: &Item| item.x + item.width(width) / 2.0;
    let passed = rows[to.layer..=from.layer].iter().flatten();
    let x = passed.map(edge).fold(0.0, f64::max) + 12.0 + LANE * lane as f64;
    let is_blocked = |spot: &Spot<'_>| rows[spot.layer].iter().any(|item| item.x > spot.x + 1.0);
    let (side, apart) = (width / 2.0, if is_loop { 7.0 } else { 5.0 });
    // Ways that begin below a layer lie below one another.
    let clear = 7.0 + 3.0 * (lane % 3) as f64;
    let mut points = match is_blocked(from) {
        true => {
            let (x, y) = (from.x + 0.6 * side, from.y + from.half(room));
            vec![(x, y), (x, y + clear)]
        }
        false => vec![(from.x + side, from.y + apart)],
    };
    points.push((x, points[points.len() - 1].1));
    match is_blocked(to) {
        true => {
            let (end, y) = (to.x + 0.6 * side, to.y - to.half(room));
            points.extend([(x, y - clear - 8.0), (end, y - clear - 8.0), (end, y)]);
        }
        false => points.extend([(x, to.y - apart), (to.x + side, to.y - apart)]),
    }
    points
}

/// Something that takes a place in a layer: a node, or an edge on its way.
#[derive(Debug)]
struct Item {
    spot: Option<usize>,
    x: f64,
    /// Position within its layer, from left to right.
    rank: usize,
}

impl Item {
    fn new(spot: Option<usize>) -> Self {
        Self {
            spot,
            x: 0.0,
            rank: 0,
        }
    }

    fn width(&self, node: f64) -> f64 {
        if self.spot.is_some() { node } else { 10.0 }
    }
}

/// Tells which edges lead back to where the search for them came from.
fn backward(count: usize, ends: &[(usize, usize)], start: Option<usize>) -> Vec<bool> {
    let mut out: Vec<Vec<usize>> = vec![Vec::new(); count];
    for (edge, (from, _)) in ends.iter().enumerate() {
        out[*from].push(edge);
    }
    let mut backward = vec![false; ends.len()];
    // 0: not seen, 1: on the way, 2: done.
    let mut state = vec![0_u8; count];
    for root in start.into_iter().chain(0..count) {
        let mut stack = vec![(root, 0)];
        while let Some((node, next)) = stack.pop() {
            if next == 0 && state[node] != 0 {
                continue;
            }
            state[node] = 1;
            let Some(edge) = out[node].get(next) else {
                state[node] = 2;
                continue;
            };
            stack.push((node, next + 1));
            let to = ends[*edge].1;
            match state[to] {
                0 => stack.push((to, 0)),
                1 => backward[*edge] = true,
                _ => {}
            }
        }
    }
    backward
}

/// Puts each node below all that lead to it.
fn layers(count: usize, ends: &[(usize, usize)], backward: &[bool]) -> Vec<usize> {
    let forward = || {
        ends.iter()
            .zip(backward)
            .filter(|(_, back)| !**back)
            .map(|(ends, _)| *ends)
    };
    let mut out: Vec<Vec<usize>> = vec![Vec::new(); count];
    let mut waiting = vec![0_usize; count];
    for (from, to) in forward() {
        out[from].push(to);
        waiting[to] += 1;
    }
    let mut layer = vec![0; count];
    let mut ready: Vec<usize> = (0..count).filter(|node| waiting[*node] == 0).collect();
    while let Some(node) = ready.pop() {
        for to in &out[node] {
            layer[*to] = layer[*to].max(layer[node] + 1);
            waiting[*to] -= 1;
            if waiting[*to] == 0 {
                ready.push(*to);
            }
        }
    }
    layer
}

/// Returns the width of a node with which the fullest layer has room.
fn fitting_width(rows: &[Vec<Item>], widths: &[f64], room: Room) -> f64 {
    let fitting = rows.iter().zip(widths).map(|(row, width)| {
        let nodes = row.iter().filter(|item| item.spot.is_some()).count().max(1) as f64;
        let passing = row.len() as f64 - nodes;
        (width - GAP * (row.len() as f64 - 1.0) - 10.0 * passing.max(0.0)) / nodes
    });
    fitting.fold(room.wish, f64::min).max(room.least)
}

/// Orders the layers so that fewer edges cross, then moves each item towards its neighbors.
fn arrange(rows: &mut [Vec<Item>], links: &[Vec<(usize, usize)>], widths: &[f64], node: f64) {
    for (row, width) in rows.iter_mut().zip(widths) {
        // Even spread: the first guess from which all moves.
        let pitch = width / row.len().max(1) as f64;
        for (rank, item) in row.iter_mut().enumerate() {
            item.rank = rank;
            item.x = pitch * (rank as f64 + 0.5);
        }
    }
    for round in 0..12 {
        let downwards = round % 2 == 0;
        let order: Vec<usize> = match downwards {
            true => (0..rows.len()).collect(),
            false => (0..rows.len()).rev().collect(),
        };
        for at in order {
            let wished = wishes(rows, links, at, downwards);
            // The order settles first; then items move without passing each other.
            if round < 6 {
                let mut order: Vec<usize> = (0..rows[at].len()).collect();
                order.sort_by(|a, b| {
                    wished[*a]
                        .total_cmp(&wished[*b])
                        .then(rows[at][*a].rank.cmp(&rows[at][*b].rank))
                });
                for (rank, item) in order.into_iter().enumerate() {
                    rows[at][item].rank = rank;
                }
            }
            settle(&mut rows[at], &wished, widths[at], node);
        }
    }
}

/// Returns the mean of each item's neighbors in the layer above, or below.
fn wishes(rows: &[Vec<Item>], links: &[Vec<(usize, usize)>], at: usize, above: bool) -> Vec<f64> {
    let mut sums = vec![(0.0, 0.0); rows[at].len()];
    let mut add = |item: usize, x: f64| {
        sums[item].0 += x;
        sums[item].1 += 1.0;
    };
    match above {
        true if at > 0 => links[at - 1]
            .iter()
            .for_each(|(up, own)| add(*own, rows[at - 1][*up].x)),
        false if at + 1 < rows.len() => {
            links[at]
                .iter()
                .for_each(|(own, down)| add(*own, rows[at + 1][*down].x));
        }
        _ => {}
    }
    let own = rows[at].iter().map(|item| item.x);
    let mean =
        |((sum, count), own): (&(f64, f64), f64)| if *count > 0.0 { sum / count } else { own };
    sums.iter().zip(own).map(mean).collect()
}

/// Gives each item of a layer the place that it wishes, as far as its neighbors leave it.
fn settle(row: &mut [Item], wished: &[f64], width: f64, node: f64) {
    let mut order: Vec<usize> = (0..row.len()).collect();
    order.sort_by_key(|item| row[*item].rank);
    let apart = |a: usize, b: usize| (row[a].width(node) + row[b].width(node)) / 2.0 + GAP;
    let half = |item: usize| row[item].width(node) / 2.0;
    let pushed_right = |wished: &[f64], from: f64| {
        let mut places: Vec<f64> = Vec::with_capacity(order.len());
        for (rank, item) in order.iter().enumerate() {
            let least = match places.last() {
                None => from + half(*item),
                Some(before) => before + apart(order[rank - 1], *item),
            };
            places.push(wished[rank].max(least));
        }
        places
    };
    let pushed_left = |wished: &[f64], to: f64| {
        let mut places = vec![0.0; order.len()];
        for (rank, item) in order.iter().enumerate().rev() {
            let most = match order.get(rank + 1) {
                None => to - half(*item),
                Some(next) => places[rank + 1] - apart(*item, *next),
            };
            places[rank] = wished[rank].min(most);
        }
        places
    };
    let wished: Vec<f64> = order.iter().map(|item| wished[*item]).collect();
    // Each of the two keeps its distances, so their mean does.
    let right = pushed_right(&wished, f64::NEG_INFINITY);
    let left = pushed_left(&wished, f64::INFINITY);
    let mean: Vec<f64> = right
        .iter()
        .zip(&left)
        .map(|(a, b)| (a + b) / 2.0)
        .collect();
    let places = pushed_right(&pushed_left(&mean, width), 0.0);
    for (item, x) in order.into_iter().zip(places) {
        row[item].x = x;
    }
}
