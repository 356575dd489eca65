//! Places for the nodes of a graph: in layers from top to bottom, what goes back beside them.
//!
//! ```text
//! edges ─► layers (which go back: depth first; then the longest path) ─► rows (fewer crossings, then x)
//!                                                    wires, and each way_back beside its layers ◄─┘
//! ```
//!
//! The steps are those of Sugiyama's method. Start at [`Layout::of`].

mod layers;
mod rows;
mod way_back;

use std::collections::HashMap;

use layers::{backward, layers};
use rows::{Item, arrange, fitting_width};
use way_back::{LANE, way_back};

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
    /// Between two nodes of a layer.
    pub(super) gap: f64,
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
            rows[row].push(Item {
                spot: Some(spots.len()),
                is_pill: *name == START || *name == END,
                ..Item::default()
            });
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
        let edges_left_out = shape.edges.len() - wires.len() + shape.edges_left_out;

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
                        rows[row].push(Item::default());
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

        // Edges without a label that go back to one node share a lane.
        let mut lanes: Vec<(usize, Option<usize>)> = Vec::new();
        let mut lane_of: HashMap<usize, usize> = HashMap::new();
        for (edge, _, to, _) in wires.iter().filter(|wire| wire.3) {
            let key = (*to, shape.edges[*edge].label.as_ref().map(|_| *edge));
            let lane = lanes
                .iter()
                .position(|known| *known == key)
                .unwrap_or_else(|| {
                    lanes.push(key);
                    lanes.len() - 1
                });
            lane_of.insert(*edge, lane % MAX_LANES);
        }
        // Layers that an edge passes on its way back leave room for it at their right.
        let mut widths = vec![room.width; rows.len()];
        let backs = lanes.len().min(MAX_LANES) as f64;
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
        arrange(&mut rows, &links, &widths, (node_width, room.gap));
        for row in &rows {
            for item in row {
                if let Some(spot) = item.spot {
                    spots[spot].x = item.x;
                }
            }
        }
        let wires = wires.into_iter().zip(passes);
        let wires = wires.map(|((edge, from, to, goes_back), passed)| {
            let points = if goes_back {
                let lane = lane_of.get(&edge).copied().unwrap_or(0);
                way_back(&rows, &spots, (from, to), lane, (node_width, room))
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
