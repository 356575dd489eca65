//! What stands between a run and the sink: first the sampler, then the redactor.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError};

use super::inherited::Inherited;
use super::redact::{Redactor, Withheld, drop_tokens, is_masking};
use super::run_tree::Live;
use super::sampler::{CARRIED_DECISION, Facts, Head, SAMPLE_RATE, Verdict};
use crate::model::{
    JsonMap, RunContext, RunEvent, RunOp, Timestamp, TraceId, withhold_deep_in_shared,
};

/// How often something was kept from leaving, since a tracer was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct GateCounts {
    /// Runs that were not recorded, because their trace is not in the sample.
    pub sampled_out_runs: u64,
    /// Judgements that were not sent, because their trace is not in the sample.
    pub sampled_out_feedback: u64,
    /// Fields withheld because a function that masks them panicked. Repair the function.
    pub withheld_by_panic: u64,
    /// Fields withheld because they were more text than the anonymizer may read; see
    /// [`AnonymizerBuilder::max_bytes`](super::AnonymizerBuilder::max_bytes).
    pub withheld_over_budget: u64,
    /// Parts of values withheld because they were nested deeper than
    /// [`MAX_VALUE_DEPTH`](crate::model::MAX_VALUE_DEPTH).
    pub withheld_too_deep: u64,
    /// Operations dropped because a function that masks made them. Record nothing there.
    pub made_while_masking: u64,
}

impl fmt::Display for GateCounts {
    /// Writes the counts that are not zero in one line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        for (name, count) in [
            ("sampled_out_runs", self.sampled_out_runs),
            ("sampled_out_feedback", self.sampled_out_feedback),
            ("withheld_by_panic", self.withheld_by_panic),
            ("withheld_over_budget", self.withheld_over_budget),
            ("withheld_too_deep", self.withheld_too_deep),
            ("made_while_masking", self.made_while_masking),
        ] {
            if count > 0 {
                write!(f, "{separator}{name} {count}")?;
                separator = ", ";
            }
        }
        if separator.is_empty() {
            f.write_str("nothing yet")?;
        }
        Ok(())
    }
}

/// Every operation passes here. Without sampler and redactor it passes as it is.
#[derive(Debug, Clone, Default)]
pub(super) struct Gate {
    pub(super) head: Arc<Head>,
    // What the head leaves out is recorded all the same, because a tail waits for how it ends.
    pub(super) waits: bool,
    pub(super) redactor: Option<Redactor>,
    // Clones of a tracer count together.
    counting: Arc<Counting>,
}

#[derive(Debug, Default)]
struct Counting {
    sampled_out_runs: AtomicU64,
    sampled_out_feedback: AtomicU64,
    withheld_by_panic: AtomicU64,
    withheld_over_budget: AtomicU64,
    withheld_too_deep: AtomicU64,
    made_while_masking: AtomicU64,
}

impl Gate {
    /// Decides whether a run is recorded that begins; counts it if not.
    pub(super) fn admits(&self, live: &mut Live, now: impl Fn() -> Timestamp) -> bool {
        let trace = live.trace_id().0;
        let verdict = match self.head.goes_by_id() {
            true => self.head.by_id(trace),
            false => self.decide(live, now),
        };
        let above = live.above.as_ref();
        let begins_here = above.is_none_or(|above| above.first_own().is_none());
        // What waits is the tail's to count.
        if begins_here && (verdict.is_kept() || !self.waits) {
            self.head.books().begin(above.is_some());
            self.head.books().end(verdict.fate);
        }
        let recorded = verdict.is_kept() || self.waits;
        if !recorded {
            add(&self.counting.sampled_out_runs, 1);
        }
        recorded
    }

    /// Returns what was decided where the trace began in this process; else decides, for all runs below.
    fn decide(&self, live: &mut Live, now: impl Fn() -> Timestamp) -> Verdict {
        let trace = live.trace_id().0;
        let is_root = live.above.is_none();
        let state = live.state.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = self.head.decided(&state.inherited) {
            return known;
        }
        let facts = Facts {
            trace,
            name: &live.name,
            inherited: &state.inherited,
            is_root,
        };
        let verdict = self.head.decide(&facts, now);
        let inherited = Arc::make_mut(&mut state.inherited);
        inherited.verdict = Some(self.head.decision(verdict));
        if self.head.carries() {
            let metadata = Arc::make_mut(&mut inherited.metadata);
            metadata.insert(CARRIED_DECISION.to_owned(), verdict.is_kept().into());
        }
        verdict
    }

    /// Returns true if a run is recorded that begins below what these say.
    pub(super) fn records_below(
        &self,
        trace: TraceId,
        inherited: impl FnOnce() -> Arc<Inherited>,
    ) -> bool {
        if self.waits {
            return true;
        }
        if self.head.goes_by_id() {
            return self.head.keeps(trace.0);
        }
        let inherited = inherited();
        let known = self.head.decided(&inherited);
        let known = known.or_else(|| self.head.carried(&inherited));
        known.map_or_else(|| self.head.keeps(trace.0), |known| known.is_kept())
    }

    /// Returns what leaves of an operation; none if nothing does.
    pub(super) fn pass(&self, mut op: RunOp) -> Option<RunOp> {
        self.count_deep(op.withhold_deep());
        self.pass_shallow(op)
    }

    /// Returns what leaves of an operation whatever the sampler would say; none if nothing does.
    #[cfg(feature = "client")]
    pub(super) fn pass_unsampled(&self, mut op: RunOp) -> Option<RunOp> {
        self.count_deep(op.withhold_deep());
        if let Some(run) = op.run_mut() {
            drop_tokens(&mut run.events);
        }
        self.mask(op)
    }

    fn pass_shallow(&self, mut op: RunOp) -> Option<RunOp> {
        match &mut op {
            RunOp::Post(run) | RunOp::Patch(run) => {
                let verdict = self.head.verdict_of(run.trace_id.0);
                if !verdict.is_kept() && !self.waits {
                    return None;
                }
                self.mark(&mut run.extra.metadata, &mut run.events, verdict);
            }
            RunOp::Feedback(feedback) => {
                if feedback
                    .subject()
                    .is_some_and(|key| !self.waits && !self.head.keeps(key))
                {
                    add(&self.counting.sampled_out_feedback, 1);
                    return None;
                }
            }
        }
        self.mask(op)
    }

    /// Says at which rate a run was kept, and drops the texts of tokens.
    pub(super) fn mark(
        &self,
        metadata: &mut Arc<JsonMap>,
        events: &mut [RunEvent],
        verdict: Verdict,
    ) {
        if let Some(rate) = verdict.told_rate() {
            Arc::make_mut(metadata).insert(SAMPLE_RATE.to_owned(), rate.into());
        }
        drop_tokens(events);
    }

    /// Returns what the redactor leaves of an operation.
    pub(super) fn mask(&self, mut op: RunOp) -> Option<RunOp> {
        if let Some(redactor) = &self.redactor {
            if self.is_masking() {
                return None;
            }
            let withheld = redactor.redact_counted(&mut op);
            self.count(withheld);
        }
        Some(op)
    }

    /// Returns what another process is told of a context.
    pub(super) fn pass_context(&self, mut context: RunContext) -> RunContext {
        self.count_deep(withhold_deep_in_shared(&mut context.baggage.metadata));
        if let Some(redactor) = &self.redactor {
            if self.is_masking() {
                return RunContext::new(context.dotted_order);
            }
            let withheld = redactor.redact_context_counted(&mut context);
            self.count(withheld);
        }
        context
    }

    pub(super) fn counts(&self) -> GateCounts {
        let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let counting = &self.counting;
        GateCounts {
            sampled_out_runs: of(&counting.sampled_out_runs),
            sampled_out_feedback: of(&counting.sampled_out_feedback),
            withheld_by_panic: of(&counting.withheld_by_panic),
            withheld_over_budget: of(&counting.withheld_over_budget),
            withheld_too_deep: of(&counting.withheld_too_deep),
            made_while_masking: of(&counting.made_while_masking),
        }
    }

    fn is_masking(&self) -> bool {
        let masking = is_masking();
        if masking {
            static WARNED: AtomicBool = AtomicBool::new(false);
            add(&self.counting.made_while_masking, 1);
            warn_once(
                &WARNED,
                "a function that masks runs records a run itself; it is dropped",
            );
        }
        masking
    }

    /// Counts parts of values that were cut off.
    pub(super) fn count_deep(&self, withheld: u64) {
        static TOO_DEEP: AtomicBool = AtomicBool::new(false);
        if withheld > 0 {
            add(&self.counting.withheld_too_deep, withheld);
            warn_once(
                &TOO_DEEP,
                "a value of a run is nested too deep to be written; what is too deep is withheld",
            );
        }
    }

    fn count(&self, withheld: Withheld) {
        self.count_deep(withheld.too_deep);
        static PANICKED: AtomicBool = AtomicBool::new(false);
        static OVER_BUDGET: AtomicBool = AtomicBool::new(false);
        if withheld.panicked > 0 {
            add(&self.counting.withheld_by_panic, withheld.panicked);
            warn_once(
                &PANICKED,
                "a function that masks runs panicked; what it was given is not sent as it is",
            );
        }
        if withheld.over_budget > 0 {
            add(&self.counting.withheld_over_budget, withheld.over_budget);
            warn_once(
                &OVER_BUDGET,
                "a run holds more text than its anonymizer may read; the field is withheld",
            );
        }
    }
}

fn add(counter: &AtomicU64, count: u64) {
    counter.fetch_add(count, Ordering::Relaxed);
}

fn warn_once(warned: &AtomicBool, what: &str) {
    if !warned.swap(true, Ordering::Relaxed) {
        tracing::warn!("{what} (logged once)");
    }
}
