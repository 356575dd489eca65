//! What is worth keeping, and how much may wait until that is known.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::model::EndedRun;
use crate::trace::sampler::limit::TraceLimit;

/// How many traces may wait, by default.
pub const DEFAULT_TAIL_TRACES: usize = 10_000;

/// How many runs of one trace may wait, by default.
pub const DEFAULT_TAIL_RUNS: usize = 1_000;

/// How many bytes may wait, by estimate, by default: 64 MiB.
pub const DEFAULT_TAIL_BYTES: usize = 64 << 20;

/// How long a trace may wait, by default: two minutes.
pub const DEFAULT_TAIL_WAIT: Duration = Duration::from_secs(120);

/// Of how many traces that were kept it is remembered that they were, by default, and of how many others.
pub const DEFAULT_TAIL_REMEMBERED: usize = 65_536;

/// Says which traces are kept although the head leaves them out, and how much may wait for that.
///
/// A trace waits from its first run in this process on, until
/// - a run of it ends with an error: the whole is kept, with all that comes later;
/// - its uppermost run here takes as long as counts as slow: likewise, while that run is still open;
/// - [`choose`](Self::choose) says so of a run that has ended: likewise;
/// - its uppermost run and all others have ended without any of this: it is left out;
/// - a bound is reached: it is left out at once, as the head had decided, and counted by the bound.
///
/// A run that is dropped before it ended has an error, `Cancelled` or `Panicked`, and so counts as failed.
///
/// What is kept is bounded by [`at_most`](Self::at_most) alone, which is off by default: when everything fails,
/// everything is kept.
///
/// The bounds are for one process. A trace beyond one is not held, while those that wait go on waiting: the work
/// of holding them is not thrown away. A flush decides of what is known: what is open and already slow is kept, the
/// rest of what is open goes on waiting, so that a flush for one request loses no other's error. The shutdown
/// decides of all. What a killed process held is lost, as is whatever else it had not sent.
///
/// It reads no environment: the official SDKs have no such thing, and no variable for it.
///
/// ```
/// use std::time::Duration;
/// use common::trace::TailPolicy;
///
/// let policy = TailPolicy::new()
///     .slow(Duration::from_secs(10))
///     .choose(|run| run.metadata.get("escalated") == Some(&true.into()))
///     .max_traces(2_000)
///     .max_wait(Duration::from_secs(600));
/// # drop(policy);
/// ```
#[derive(Clone)]
pub struct TailPolicy {
    pub(super) errors: bool,
    pub(super) slow: Option<Duration>,
    choose: Option<Choice>,
    pub(super) limit: Option<TraceLimit>,
    pub(super) max_traces: usize,
    pub(super) max_runs: usize,
    pub(super) max_bytes: usize,
    pub(super) max_wait: Duration,
    pub(super) remembered: usize,
}

type Choice = Arc<dyn Fn(&EndedRun) -> bool + Send + Sync>;

impl Default for TailPolicy {
    fn default() -> Self {
        Self {
            errors: true,
            slow: None,
            choose: None,
            limit: None,
            max_traces: DEFAULT_TAIL_TRACES,
            max_runs: DEFAULT_TAIL_RUNS,
            max_bytes: DEFAULT_TAIL_BYTES,
            max_wait: DEFAULT_TAIL_WAIT,
            remembered: DEFAULT_TAIL_REMEMBERED,
        }
    }
}

impl TailPolicy {
    /// Makes a policy that keeps what fails, within the default bounds.
    pub fn new() -> Self {
        Self::default()
    }

    /// Keeps or ignores traces with an error; kept by default.
    #[must_use]
    pub fn errors(mut self, keep: bool) -> Self {
        self.errors = keep;
        self
    }

    /// Keeps traces that take so long, or longer: from the beginning to the end of the uppermost run that this
    /// process has of it. None by default.
    #[must_use]
    pub fn slow(mut self, from: Duration) -> Self {
        self.slow = Some(from);
        self
    }

    /// Keeps traces of which a function says so, when one of their runs ends. It is called on the thread that is
    /// traced, for each run that ends in a trace that the head left out, so it should look and no more. If it
    /// panics, that counts as no, and is logged once.
    #[must_use]
    pub fn choose(mut self, choose: impl Fn(&EndedRun) -> bool + Send + Sync + 'static) -> Self {
        self.choose = Some(Arc::new(choose));
        self
    }

    /// Keeps no more of what waited than that: a storm of errors is seen, and does not carry away the budget or the
    /// queue. What is beyond is left out as [`LeaveReason::PastRate`](crate::trace::LeaveReason::PastRate), with all
    /// that comes later. No limit by default. What the head keeps takes no place of it.
    ///
    /// ```
    /// use common::trace::{TailPolicy, TraceLimit};
    ///
    /// let policy = TailPolicy::new().at_most(TraceLimit::per_second(20).burst(200));
    /// # drop(policy);
    /// ```
    #[must_use]
    pub fn at_most(mut self, limit: TraceLimit) -> Self {
        self.limit = Some(limit);
        self
    }

    /// Sets how many traces may wait; [`DEFAULT_TAIL_TRACES`] by default.
    #[must_use]
    pub fn max_traces(mut self, traces: usize) -> Self {
        self.max_traces = traces;
        self
    }

    /// Sets how many runs of one trace may wait; [`DEFAULT_TAIL_RUNS`] by default.
    #[must_use]
    pub fn max_runs(mut self, runs: usize) -> Self {
        self.max_runs = runs;
        self
    }

    /// Sets how many bytes may wait in all, by estimate; [`DEFAULT_TAIL_BYTES`] by default.
    #[must_use]
    pub fn max_bytes(mut self, bytes: usize) -> Self {
        self.max_bytes = bytes;
        self
    }

    /// Sets how long a trace may wait; [`DEFAULT_TAIL_WAIT`] by default. Longer than the longest work that is to be
    /// seen failing. Time is looked at when an operation comes or a flush, so in a process that does nothing
    /// a trace may wait longer.
    #[must_use]
    pub fn max_wait(mut self, wait: Duration) -> Self {
        self.max_wait = wait;
        self
    }

    /// Sets of how many traces that were kept it is remembered that they were, and of how many others, so that late
    /// runs and judgements follow; by default [`DEFAULT_TAIL_REMEMBERED`] each, about 20 MiB together when full. One
    /// with open runs is forgotten after all that have none. Beyond that, operations are left out and counted as
    /// [`SamplingStats::forgotten`](crate::trace::SamplingStats::forgotten).
    #[must_use]
    pub fn remembered(mut self, traces: usize) -> Self {
        self.remembered = traces;
        self
    }

    pub(super) fn chooses(&self) -> bool {
        self.choose.is_some()
    }

    pub(super) fn chosen(&self, run: &EndedRun) -> bool {
        static WARNED: AtomicBool = AtomicBool::new(false);
        let Some(choose) = &self.choose else {
            return false;
        };
        let chosen = catch_unwind(AssertUnwindSafe(|| choose(run)));
        chosen.unwrap_or_else(|_| {
            if !WARNED.swap(true, Ordering::Relaxed) {
                tracing::warn!(
                    "a function that chooses which traces to keep panicked; that counts as no (logged once)"
                );
            }
            false
        })
    }
}

impl fmt::Debug for TailPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TailPolicy")
            .field("errors", &self.errors)
            .field("slow", &self.slow)
            .field("chooses", &self.chooses())
            .field("at_most", &self.limit)
            .field("max_traces", &self.max_traces)
            .field("max_runs", &self.max_runs)
            .field("max_bytes", &self.max_bytes)
            .field("max_wait", &self.max_wait)
            .field("remembered", &self.remembered)
            .finish()
    }
}
