//! The ways of edges that go back, beside the layers that they pass.
//!
//! ```text
//! ┌ agent ┐◄─┐
//! └───────┘  │  a lane, at the right of everything that it passes
//! ┌ tools ┐──┘
//! ```
//!
//! Start at [`way_back`].

use super::rows::Item;
use super::{Room, Spot};

/// From one lane to the next.
pub(super) const LANE: f64 = 13.0;

/// Returns the corners of a way back: from the right side of a node to a lane, up, and to the right side of
/// the other. Where something stands at the right of a node, its way goes below or above that.
pub(super) fn way_back(
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
