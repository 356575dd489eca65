//! When each run was at work, in whole microseconds.

use crate::model::{Run, Timestamp, TraceTree};

/// Most that one run may reach into the next, or beyond its parent, and still count as before it: clocks
/// that are synchronized well differ by so much.
const TOLERATED_MICROS: i64 = 1_000;
/// The same, as a part of the run that reaches over: in a trace of microseconds a millisecond is long.
const TOLERATED_PART: i64 = 20;

/// The farthest time from 1970 that is told apart, 73,000 years: whatever is read of a hostile trace, neither a
/// difference of two times nor the sum of two differences overflows.
const FARTHEST_MICROS: i64 = i64::MAX / 4;

/// Returns how far a run of that length may reach over.
pub(in crate::analysis) fn tolerance(length: i64) -> i64 {
    (length / TOLERATED_PART).min(TOLERATED_MICROS)
}

/// When a run was at work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::analysis) struct Span {
    pub(in crate::analysis) from: i64,
    pub(in crate::analysis) to: i64,
    /// Its end is not known: `to` is the best that can be said.
    pub(in crate::analysis) is_open: bool,
}

impl Span {
    pub(in crate::analysis) fn length(self) -> i64 {
        self.to.saturating_sub(self.from)
    }
}

/// The spans of all runs of a tree, at their positions there.
#[derive(Debug)]
pub(in crate::analysis) struct Spans(Vec<Span>);

impl Spans {
    /// Reads the spans.
    ///
    /// A run that has not ended lasts as long as its parent if that has not ended either, because then the
    /// parent waits for it; else up to the last thing that is known of it and of what is below it.
    pub(in crate::analysis) fn of(tree: &TraceTree) -> Self {
        let nodes = tree.nodes();
        let order = tree.walk();
        let mut known: Vec<i64> = nodes.iter().map(|node| last_known(&node.run)).collect();
        for at in order.iter().rev() {
            if let Some(parent) = nodes[*at].parent {
                known[parent] = known[parent].max(known[*at]);
            }
        }
        let unread = Span {
            from: 0,
            to: 0,
            is_open: true,
        };
        let mut spans = vec![unread; nodes.len()];
        for at in order {
            let run = &nodes[at].run;
            let from = micros(run.start_time);
            let above = nodes[at].parent.map(|parent| spans[parent]);
            let to = match (run.end_time, above) {
                (Some(end), _) => micros(end),
                (None, Some(above)) if above.is_open => above.to,
                (None, _) => known[at],
            };
            spans[at] = Span {
                from,
                to: to.max(from),
                is_open: run.end_time.is_none(),
            };
        }
        Self(spans)
    }

    pub(in crate::analysis) fn at(&self, at: usize) -> Span {
        self.0[at]
    }

    /// Returns true if the parent cannot have gone on before this child ended.
    pub(in crate::analysis) fn is_waited_for(&self, child: usize, parent: usize) -> bool {
        let (child, parent) = (self.0[child], self.0[parent]);
        match (child.is_open, parent.is_open) {
            (_, true) => true,
            (true, false) => false,
            (false, false) => child.to <= parent.to.saturating_add(tolerance(child.length())),
        }
    }
}

fn last_known(run: &Run) -> i64 {
    let events = run.events.iter().map(|event| event.time);
    let all = events.chain(run.end_time).chain([run.start_time]);
    all.map(micros).max().unwrap_or(0)
}

/// Returns a time in whole microseconds since 1970, within bounds that can be reckoned with.
pub(in crate::analysis) fn micros(time: Timestamp) -> i64 {
    let micros = time.timestamp_micros();
    micros.clamp(-FARTHEST_MICROS, FARTHEST_MICROS)
}
