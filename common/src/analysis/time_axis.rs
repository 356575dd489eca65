//! Time as pixels, with long idle times cut out.
//!
//! ```text
//! busy  [0 ── 400 ms]        ten minutes        [600 s ── 600.3 s]
//! axis  0   100   200 ms   ╱╱   +10 min   +100 ms
//! ```
//!
//! Start at [`TimeAxis::new`].

use chrono::TimeDelta;
use plotters::coord::ranged1d::{BoldPoints, Ranged};
use plotters::coord::types::RangedCoordf64;

use super::label::duration;

/// Width in pixels of an idle time that is cut out: room for the label of the bar before it.
const CUT: f64 = 58.0;
/// Most idle times that are cut out; the longest are.
const MAX_CUTS: usize = 3;

/// A stretch of time in which something ran, drawn to scale.
#[derive(Debug, Clone, Copy)]
struct Busy {
    from: f64,
    to: f64,
    left: f64,
    right: f64,
}

impl Busy {
    /// Returns how long it is. So far from the first start that a microsecond is no number any more, it would be
    /// nothing.
    fn span(&self) -> f64 {
        (self.to - self.from).max(1.0)
    }
}

/// A mark on the axis.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Tick {
    pub(crate) x: f64,
    pub(crate) words: String,
}

/// Maps microseconds to pixels.
#[derive(Debug, Clone)]
pub(crate) struct TimeAxis {
    busy: Vec<Busy>,
}

impl TimeAxis {
    /// Lays out spans of time (in microseconds) between two pixels.
    ///
    /// An idle time longer than all work together is cut out, because drawn to scale it would leave
    /// nothing of the work to see.
    pub(crate) fn new(mut spans: Vec<(f64, f64)>, left: f64, right: f64) -> Self {
        spans.sort_by(|a, b| a.0.total_cmp(&b.0));
        let mut busy: Vec<(f64, f64)> = Vec::new();
        for (from, to) in spans {
            match busy.last_mut() {
                Some(last) if from <= last.1 => last.1 = last.1.max(to),
                _ => busy.push((from, to)),
            }
        }
        if busy.is_empty() {
            busy.push((0.0, 1_000.0));
        }
        let work: f64 = busy.iter().map(|(from, to)| to - from).sum();
        let mut gaps: Vec<f64> = busy.windows(2).map(|pair| pair[1].0 - pair[0].1).collect();
        gaps.sort_by(|a, b| b.total_cmp(a));
        let shortest = gaps
            .iter()
            .take(MAX_CUTS)
            .copied()
            .rfind(|gap| *gap > work.max(1_000.0));
        let mut joined: Vec<(f64, f64)> = Vec::new();
        for (from, to) in busy {
            match joined.last_mut() {
                Some(last) if shortest.is_none_or(|least| from - last.1 < least) => last.1 = to,
                _ => joined.push((from, to)),
            }
        }
        // Many gaps of the same length could join into more pieces than there is room for.
        while joined.len() > MAX_CUTS + 1 {
            if let Some((_, to)) = joined.pop() {
                let at = joined.len() - 1;
                joined[at].1 = to;
            }
        }
        let cuts = CUT * (joined.len() - 1) as f64;
        let length: f64 = joined.iter().map(|(from, to)| (to - from).max(1.0)).sum();
        // Each piece gets some room, however short it is.
        let least = 0.12 * (right - left);
        let free = right - left - cuts - least * joined.len() as f64;
        let mut at = left;
        let busy = joined
            .into_iter()
            .map(|(from, to)| {
                let width = least + free * (to - from).max(1.0) / length;
                let piece = Busy {
                    from,
                    to: to.max(from + 1.0),
                    left: at,
                    right: at + width,
                };
                at += width + CUT;
                piece
            })
            .collect();
        Self { busy }
    }

    /// Returns where a point in time is drawn.
    pub(crate) fn x(&self, micros: f64) -> f64 {
        let piece = self
            .busy
            .iter()
            .rfind(|piece| piece.from <= micros)
            .unwrap_or(&self.busy[0]);
        let share = ((micros - piece.from) / piece.span()).clamp(0.0, 1.0);
        piece.left + share * (piece.right - piece.left)
    }

    /// Returns the marks: round numbers, counted from the start of each piece.
    pub(crate) fn ticks(&self) -> Vec<Tick> {
        let mut ticks: Vec<Tick> = Vec::new();
        for (number, piece) in self.busy.iter().enumerate() {
            let span = piece.span();
            let room = ((piece.right - piece.left) / 62.0) as usize;
            let points = RangedCoordf64::from(0.0..span).key_points(BoldPoints(room.max(1)));
            let plus = if number == 0 { "" } else { "+" };
            for point in points {
                let words = match (number, point) {
                    (0, 0.0) => "0".to_owned(),
                    (_, 0.0) => format!("+{}", words(piece.from)),
                    (_, point) => format!("{plus}{}", words(point)),
                };
                let x = self.x(piece.from + point);
                let apart = ticks.last().is_none_or(|last| x - last.x > 48.0);
                if apart || point == 0.0 {
                    ticks.push(Tick { x, words });
                }
            }
        }
        ticks
    }

    /// Returns where idle times were cut out.
    pub(crate) fn cuts(&self) -> Vec<f64> {
        self.busy[1..]
            .iter()
            .map(|piece| piece.left - 14.0)
            .collect()
    }
}

fn words(micros: f64) -> String {
    duration(TimeDelta::microseconds(micros as i64))
}
