//! The handle of a run that has started.
//!
//! ```text
//! begin ──RunOp::Post──►  describe (metadata · tags · events · outputs)  ──► end (end · fail · drop) ──RunOp::Patch──►
//! ```
//!
//! Start at [`RunTree`].

mod describe;
mod end;

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};

use super::builder::{CLOCK_SKEW, RunBuilder};
use super::current::no_scope_entered;
use super::tracer::Tracer;
use crate::model::{
    Baggage, DottedOrder, Extra, Process, Run, RunContext, RunId, RunOp, RunType, TraceId,
    USAGE_METADATA, withhold_deep_in_shared,
};

/// A run that has started: the handle to describe it, end it, and start runs below it.
///
/// Clones are handles of the same run. The run ends with the first [`end`](Self::end) or
/// [`fail`](Self::fail); if nobody calls one, it ends with an error when its last handle is dropped, so
/// a cancelled task or a panic leaves no run that is pending for ever. A parent keeps no children, and
/// a child outlives its parent's handle without harm. A process that was forked off has copies of its
/// parent's handles: it may start runs below them and end them by word, but dropping one ends nothing. If
/// another thread of the parent was changing the run at the very moment of the fork, what runs below inherit
/// is not known in the child, and it cannot end the run.
///
/// No method blocks, fails or panics of itself. What a method is given is converted before the run is
/// locked, so a `Display` or an `Into` may use the run, and a panic of theirs leaves it as it was.
#[derive(Clone)]
pub struct RunTree(Handle);

#[derive(Clone)]
enum Handle {
    // Tracing is off: every method is a no-op.
    Off(Tracer),
    On(Arc<Inner>),
}

/// Metadata that says something of one run alone. Inherited, a usage would be counted again for each child.
const OWN_METADATA: [&str; 2] = [USAGE_METADATA, CLOCK_SKEW];

/// How often a forked process tries to look into a run of its parent's.
const ATTEMPTS_OF_CHILD: usize = 1_000;

struct Inner {
    tracer: Tracer,
    // Outside of the lock, because children and headers ask for it all the time and it never changes.
    dotted_order: DottedOrder,
    name: String,
    run_type: RunType,
    // False if the trace is not in the sample: the run is a place in its trace and nothing else.
    sampled: bool,
    // Where its handles count: a forked child has copies of them.
    process: Process,
    // Set under the lock; it may be looked at without, by whoever looks again under it.
    ended: AtomicBool,
    state: Mutex<State>,
}

struct State {
    // What runs below inherit. It stays when the run has ended.
    baggage: Baggage,
    // What leaves with the end, but for the baggage; none if nothing does, or if it has left. It is moved
    // from here to the sink, so that the caller copies nothing that is large.
    run: Option<Box<Run>>,
}

impl RunTree {
    pub(super) fn disabled(tracer: Tracer) -> Self {
        Self(Handle::Off(tracer))
    }

    pub(super) fn remote(tracer: Tracer, mut context: RunContext) -> Self {
        tracer.withheld_deep(withhold_deep_in_shared(&mut context.baggage.metadata));
        let inner = Inner {
            sampled: tracer.keeps(context.dotted_order.trace_id()),
            tracer,
            dotted_order: context.dotted_order,
            name: "parent".to_owned(),
            run_type: RunType::default(),
            process: Process::current(),
            // From the first, for this process: nothing changes it and nothing is sent.
            ended: AtomicBool::new(true),
            state: Mutex::new(State {
                baggage: context.baggage,
                run: None,
            }),
        };
        Self(Handle::On(Arc::new(inner)))
    }

    /// Starts a run whose values are all shallow: `tracer` has withheld what is nested too deep.
    pub(super) fn begin(tracer: Tracer, mut run: Run) -> Self {
        let sampled = tracer.admits(run.trace_id);
        let (dotted_order, name, run_type) = (
            run.dotted_order.clone(),
            run.name.clone(),
            run.run_type.clone(),
        );
        let (baggage, rest) = if sampled {
            let baggage = Baggage {
                metadata: run.extra.metadata.clone(),
                tags: run.tags.clone(),
                project: run.project.clone(),
            };
            let rest = Box::new(rest(&run, tracer.inputs_on_patch()));
            tracer.submit_shallow(RunOp::Post(Box::new(run)));
            (baggage, Some(rest))
        } else {
            let baggage = Baggage {
                metadata: run.extra.metadata,
                tags: std::mem::take(&mut run.tags),
                project: run.project.take(),
            };
            (baggage, None)
        };
        let inner = Inner {
            tracer,
            dotted_order,
            name,
            run_type,
            sampled,
            process: Process::current(),
            ended: AtomicBool::new(false),
            state: Mutex::new(State { baggage, run: rest }),
        };
        Self(Handle::On(Arc::new(inner)))
    }

    /// Begins a run below this one.
    pub fn child(&self, name: impl Into<String>) -> RunBuilder {
        let off = !self.has_place() && no_scope_entered();
        RunBuilder::new(self.tracer().clone(), name, off).below(self)
    }

    /// Returns the tracer that started the run.
    pub fn tracer(&self) -> &Tracer {
        match &self.0 {
            Handle::Off(tracer) => tracer,
            Handle::On(inner) => &inner.tracer,
        }
    }

    /// Returns what another process needs to continue below this run; none when tracing is off.
    ///
    /// Metadata and tags are masked as in the run itself. A run that is not in the sample has a context
    /// too: the others, with the same rate, come to the same decision.
    pub fn context(&self) -> Option<RunContext> {
        // Masked outside of the lock: a function of the user's may look at this very run.
        Some(self.tracer().masked(self.inherited()?))
    }

    /// Returns what runs below inherit in this process, where it is masked when it leaves.
    pub(super) fn inherited(&self) -> Option<RunContext> {
        let inner = self.inner()?;
        let state = inner.lock();
        let mut baggage = state.map_or_else(Baggage::default, |state| state.baggage.clone());
        for own in OWN_METADATA {
            if baggage.metadata.contains_key(own) {
                Arc::make_mut(&mut baggage.metadata).shift_remove(own);
            }
        }
        Some(RunContext {
            dotted_order: inner.dotted_order.clone(),
            baggage,
        })
    }

    /// Returns the run's place in its trace; none when tracing is off.
    pub fn dotted_order(&self) -> Option<&DottedOrder> {
        self.inner().map(|inner| &inner.dotted_order)
    }

    /// Returns the run's id; none when tracing is off.
    pub fn id(&self) -> Option<RunId> {
        self.dotted_order().map(DottedOrder::run_id)
    }

    /// Returns the id of the run's trace; none when tracing is off.
    pub fn trace_id(&self) -> Option<TraceId> {
        self.dotted_order().map(DottedOrder::trace_id)
    }

    /// Returns true if the run is recorded: not when tracing is off, nor when its trace is not in the
    /// sample. Then it is not worth the work to describe it.
    pub fn is_recording(&self) -> bool {
        self.inner().is_some_and(|inner| inner.sampled)
    }

    /// Returns true if the run has a place in a trace, be it in the sample or not.
    pub(super) fn has_place(&self) -> bool {
        self.inner().is_some()
    }

    /// Returns the name the run was started with; empty when tracing is off.
    pub fn name(&self) -> String {
        self.inner()
            .map(|inner| inner.name.clone())
            .unwrap_or_default()
    }

    /// Returns the kind of work; the default when tracing is off.
    pub fn run_type(&self) -> RunType {
        self.inner()
            .map(|inner| inner.run_type.clone())
            .unwrap_or_default()
    }

    fn inner(&self) -> Option<&Inner> {
        match &self.0 {
            Handle::Off(_) => None,
            Handle::On(inner) => Some(inner),
        }
    }

    /// Returns the run if it is recorded and has not ended.
    ///
    /// Whoever changes it converts the caller's values between this and the lock: conversions,
    /// `Display` and clocks are code of others, which may look at this very run, or panic.
    fn open(&self) -> Option<&Inner> {
        self.inner()
            .filter(|inner| !inner.ended.load(Ordering::Acquire))
    }

    /// Returns the run if what it did will be sent; what children inherit is set in any case.
    fn recorded(&self) -> Option<&Inner> {
        self.open().filter(|inner| inner.sampled)
    }
}

/// Returns what of a run that begins leaves with its end: everything but what the post alone says. Inputs
/// and attachments are that, and the baggage is added at the end, because it may change.
fn rest(begun: &Run, with_inputs: bool) -> Run {
    Run {
        id: begun.id,
        trace_id: begun.trace_id,
        parent_run_id: begun.parent_run_id,
        dotted_order: begun.dotted_order.clone(),
        name: begun.name.clone(),
        run_type: begun.run_type.clone(),
        start_time: begun.start_time,
        end_time: None,
        project: None,
        tags: Vec::new(),
        inputs: begun.inputs.as_ref().filter(|_| with_inputs).cloned(),
        outputs: None,
        events: Vec::new(),
        extra: Extra {
            runtime: begun.extra.runtime.clone(),
            other: begun.extra.other.clone(),
            ..Extra::default()
        },
        error: None,
        reference_example_id: begun.reference_example_id,
        attachments: Vec::new(),
    }
}

impl Inner {
    /// Returns what is kept under the lock; none in a forked process where a thread of the parent's held it
    /// just then, which nobody gives back.
    fn lock(&self) -> Option<MutexGuard<'_, State>> {
        // A panic while the lock was held cannot leave the run half-changed in a way that matters.
        if self.process.is_current() {
            return Some(self.state.lock().unwrap_or_else(PoisonError::into_inner));
        }
        (0..ATTEMPTS_OF_CHILD).find_map(|_| match self.state.try_lock() {
            Ok(state) => Some(state),
            Err(TryLockError::Poisoned(state)) => Some(state.into_inner()),
            Err(TryLockError::WouldBlock) => {
                // It may be a thread of this process, which is done in a moment.
                std::thread::yield_now();
                None
            }
        })
    }

    /// Changes what leaves with the end, unless the run has ended.
    fn change<T>(&self, change: impl FnOnce(&mut Run) -> T) -> Option<T> {
        self.lock()?.run.as_deref_mut().map(change)
    }

    /// Changes what runs below inherit, unless the run has ended.
    fn change_baggage(&self, change: impl FnOnce(&mut Baggage)) {
        let Some(mut state) = self.lock() else { return };
        if !self.ended.load(Ordering::Relaxed) {
            change(&mut state.baggage);
        }
    }
}

impl fmt::Debug for RunTree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.inner() {
            Some(inner) => write!(f, "RunTree({})", inner.dotted_order),
            None => f.write_str("RunTree(not recorded)"),
        }
    }
}
