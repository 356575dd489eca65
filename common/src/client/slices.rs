//! Which trace a run is in, where a replica begins one of its own.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use crate::model::{Feedback, Run, RunId, TraceId};

/// Remembers the traces of runs that were rooted anew, for the feedback that follows them.
///
/// Feedback names its run and the whole trace, and neither tells where the slice of this process begins.
#[derive(Debug, Default)]
pub(super) struct Slices(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    traces: HashMap<RunId, TraceId>,
    // Oldest first: what is forgotten when there are too many.
    order: VecDeque<RunId>,
}

/// Runs remembered; about 100 bytes each.
const REMEMBERED: usize = 10_000;

impl Slices {
    /// Remembers where a run is, if it was rooted anew.
    pub(super) fn note(&self, run: Option<&Run>) {
        let Some(run) = run else { return };
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.traces.insert(run.id, run.trace_id).is_none() {
            known.order.push_back(run.id);
        }
        if known.order.len() > REMEMBERED
            && let Some(oldest) = known.order.pop_front()
        {
            known.traces.remove(&oldest);
        }
    }

    /// Gives feedback the trace that its run is in. Of a run that is not known, the trace that it names
    /// is taken for one that was started here.
    pub(super) fn place(&self, feedback: &mut Feedback) {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(trace) = feedback.run_id.and_then(|run| known.traces.get(&run))
            && feedback.trace_id.is_some()
        {
            feedback.trace_id = Some(*trace);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Clock as _, DottedOrder, RunOp, RunType, SystemClock};

    fn rooted_anew(slices: &Slices, number: u128) -> RunId {
        let above: DottedOrder = "20261122T100538926531Z01990000-0000-7000-8000-00000000000a"
            .parse()
            .expect("valid");
        let start = above.start_time().expect("a time");
        let id = RunId(uuid::Uuid::from_u128(number));
        let run = Run::begin(
            above.child(crate::model::Segment { start, id }),
            "r",
            RunType::Chain,
            start,
        );
        let mut op = RunOp::Post(Box::new(run));
        slices.note(op.reroot_here());
        id
    }

    #[test]
    fn feedback_finds_the_slice_that_its_run_is_in_and_the_oldest_are_forgotten() {
        let slices = Slices::default();
        let above: TraceId = "01990000-0000-7000-8000-00000000000a"
            .parse()
            .expect("an id");
        let trace_of = |run: RunId| {
            let mut feedback = Feedback::on(run, "rating", SystemClock.now()).trace_id(above);
            slices.place(&mut feedback);
            feedback.trace_id
        };
        let first = rooted_anew(&slices, 1);
        assert_eq!(trace_of(first), Some(first.into()));
        assert_eq!(trace_of(RunId(uuid::Uuid::from_u128(7))), Some(above));
        for number in 2..=REMEMBERED as u128 + 1 {
            rooted_anew(&slices, number);
        }
        assert_eq!(trace_of(first), Some(above), "forgotten");
        assert_eq!(slices.0.lock().expect("lock").order.len(), REMEMBERED);
    }
}
