//! How often an open run tells what it has so far.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Sends what open runs have so far, from time to time: a stream's text while it is streamed, the progress
/// of a long job. **Off by default.**
///
/// A run that is updated shows as pending, with its outputs until then. Streams that are
/// [traced](super::TraceStreamExt) do it by themselves; other work calls
/// [`RunTree::update`](super::RunTree::update). What is due too early is left out, not kept for later: the
/// next one says it too, and the run's end says all.
///
/// **LangSmith's hosted service takes one update per run** and ignores all others, with 409 or a 202 that
/// comes to nothing (its developers, in the issue 1529 of langsmith-sdk): with this on, that one would be the
/// first, and the run would never end there. So switch it on only for a server that takes more, such as the
/// stand-in with `take_open_updates`. Neither official SDK sends any.
///
/// Each update is an operation like another: it counts in the exporter's books, is masked, and waits in the
/// same queue, where what is said of one run at one time leaves as one. A full queue refuses updates before
/// ends.
///
/// ```
/// use std::sync::Arc;
/// use std::time::Duration;
/// use common::trace::{MemorySink, Tracer, Updates};
///
/// let sink = Arc::new(MemorySink::new());
/// let tracer = Tracer::builder(sink.clone()).updates(Updates::every(Duration::from_secs(1))).build();
/// let job = tracer.run("index").start();
/// job.add_output("pages", 100);
/// job.update();
/// assert_eq!(sink.runs()[0].end_time, None);
/// assert_eq!(sink.runs()[0].outputs.as_ref().unwrap()["pages"], 100);
/// job.end();
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub struct Updates {
    each: Duration,
    per_second: u32,
}

/// How many updates all runs of a tracer send in a second, at most.
pub const UPDATES_PER_SECOND: u32 = 20;

impl Updates {
    /// Lets each run send an update so often at most: its first at once.
    pub const fn every(each: Duration) -> Self {
        Self {
            each,
            per_second: UPDATES_PER_SECOND,
        }
    }

    /// Bounds the updates of all runs of the tracer together, by default to [`UPDATES_PER_SECOND`]. Zero is
    /// no bound.
    pub const fn at_most_per_second(self, updates: u32) -> Self {
        Self {
            per_second: updates,
            ..self
        }
    }
}

/// Lets updates through, or not.
#[derive(Debug)]
pub(super) struct Throttle {
    each: Duration,
    // Between two updates of any runs, in nanoseconds.
    gap: u64,
    began: Instant,
    // When the next update of any run may go, in nanoseconds since then.
    next: AtomicU64,
}

impl Throttle {
    pub(super) fn new(updates: Updates) -> Self {
        let Updates { each, per_second } = updates;
        Self {
            each,
            gap: 1_000_000_000_u64
                .checked_div(per_second.into())
                .unwrap_or(0),
            began: Instant::now(),
            next: AtomicU64::new(0),
        }
    }

    /// Says whether a run may send an update now that sent its last one then.
    pub(super) fn allows(&self, last: &mut Option<Instant>) -> bool {
        let now = Instant::now();
        if last.is_some_and(|last| now.saturating_duration_since(last) < self.each) {
            return false;
        }
        let passed = now.saturating_duration_since(self.began).as_nanos();
        let passed = u64::try_from(passed).unwrap_or(u64::MAX);
        let taken = self
            .next
            .try_update(Ordering::Relaxed, Ordering::Relaxed, |next| {
                (next <= passed).then(|| passed.saturating_add(self.gap))
            });
        if taken.is_ok() {
            *last = Some(now);
        }
        taken.is_ok()
    }
}
