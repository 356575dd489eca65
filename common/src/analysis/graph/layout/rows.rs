//! The layers as rows: who stands beside whom, and how far to the right.
//!
//! ```text
//! │    a     b  │      order: by the mean of the neighbors above, then below
//! │   / \    │  │      x: towards that mean, as far as the others leave room
//! │  c   d   e  │
//! ```
//!
//! Start at [`arrange`].

use super::Room;

/// Width of the places where the graph begins and ends.
const PILL: f64 = 66.0;

/// Something that takes a place in a layer: a node, or an edge on its way.
#[derive(Debug, Default)]
pub(super) struct Item {
    pub(super) spot: Option<usize>,
    pub(super) is_pill: bool,
    pub(super) x: f64,
    /// Position within its layer, from left to right.
    pub(super) rank: usize,
}

impl Item {
    pub(super) fn width(&self, node: f64) -> f64 {
        match (self.spot, self.is_pill) {
            (None, _) => 10.0,
            (_, true) => PILL.min(node.max(50.0)),
            _ => node,
        }
    }
}

/// Returns the width of a node with which the fullest layer has room.
pub(super) fn fitting_width(rows: &[Vec<Item>], widths: &[f64], room: Room) -> f64 {
    let fitting = rows.iter().zip(widths).filter_map(|(row, width)| {
        let is_node = |item: &&Item| item.spot.is_some() && !item.is_pill;
        let nodes = row.iter().filter(is_node).count();
        let others: f64 = row
            .iter()
            .filter(|item| !is_node(item))
            .map(|item| item.width(PILL))
            .sum();
        let gaps = room.gap * (row.len() as f64 - 1.0);
        (nodes > 0).then(|| (width - gaps - others) / nodes as f64)
    });
    fitting.fold(room.wish, f64::min).max(room.least)
}

/// Orders the layers so that fewer edges cross, then moves each item towards its neighbors.
pub(super) fn arrange(
    rows: &mut [Vec<Item>],
    links: &[Vec<(usize, usize)>],
    widths: &[f64],
    (node, gap): (f64, f64),
) {
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
            settle(&mut rows[at], &wished, widths[at], (node, gap));
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
fn settle(row: &mut [Item], wished: &[f64], width: f64, (node, gap): (f64, f64)) {
    let mut order: Vec<usize> = (0..row.len()).collect();
    order.sort_by_key(|item| row[*item].rank);
    let apart = |a: usize, b: usize| (row[a].width(node) + row[b].width(node)) / 2.0 + gap;
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
