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
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::builder::{CLOCK_SKEW, RunBuilder};
use super::tracer::Tracer;
use crate::model::{
    Baggage, DottedOrder, Process, Run, RunContext, RunId, RunOp, RunType, TraceId, USAGE_METADATA,
    withhold_deep_in_shared,
};

/// A run that has started: the handle to describe it, end it, and start runs below it.
///
/// Clones are handles of the same run. The run ends with the first [`end`](Self::end) or
/// [`fail`](Self::fail); if nobody calls one, it ends with an error when its last handle is dropped, so
/// a cancelled task or a panic leaves no run that is pending for ever. A parent keeps no children, and
/// a child outlives its parent's handle without harm. A process that was forked off has copies of its
/// parent's handles: it may start runs below them and end them by word, but dropping one ends nothing.
///
/// No method blocks, fails or panics of itself. What a method is given is converted before the run is
/// locked, so a `Display` or an `Into` may use the run, and a panic of theirs leaves it as it was.
#[derive(Clone)]
pub struct RunTree {
    // None when tracing is off: every method is then a no-op.
    inner: Option<Arc<Inner>>,
    tracer: Tracer,
}

/// Metadata that says something of one run alone. Inherited, a usage would be counted again for each child.
const OWN_METADATA: [&str; 2] = [USAGE_METADATA, CLOCK_SKEW];

struct Inner {
    tracer: Tracer,
    // Outside of the lock, because children and headers ask for it all the time and it never changes.
    dotted_order: DottedOrder,
    // False if the trace is not in the sample: the run is a place in its trace and nothing else.
    sampled: bool,
    // Where its handles count: a forked child has copies of them.
    process: Process,
    state: Mutex<State>,
}

struct State {
    // Everything of the run but its inputs, which left with the post, unless the patch repeats them.
    run: Run,
    ended: bool,
}

impl RunTree {
    pub(super) fn disabled(tracer: Tracer) -> Self {
        Self {
            inner: None,
            tracer,
        }
    }

    pub(super) fn remote(tracer: Tracer, mut context: RunContext) -> Self {
        tracer.withheld_deep(withhold_deep_in_shared(&mut context.baggage.metadata));
        let start = context.dotted_order.start_time();
        let start = start.unwrap_or_else(|| tracer.clock().now());
        let dotted_order = context.dotted_order;
        let mut run = Run::begin(dotted_order.clone(), "parent", RunType::default(), start);
        run.extra.metadata = context.baggage.metadata;
        run.tags = context.baggage.tags;
        run.project = context.baggage.project;
        // It is ended from the first, for this process: nothing changes it and nothing is sent.
        let inner = Inner {
            tracer: tracer.clone(),
            sampled: tracer.keeps(dotted_order.trace_id()),
            dotted_order,
            process: Process::current(),
            state: Mutex::new(State { run, ended: true }),
        };
        Self {
            inner: Some(Arc::new(inner)),
            tracer,
        }
    }

    pub(super) fn begin(tracer: Tracer, mut run: Run) -> Self {
        // Before it is copied.
        tracer.withheld_deep(run.withhold_deep());
        let sampled = tracer.admits(run.trace_id);
        let (inputs, attachments) = (run.inputs.take(), std::mem::take(&mut run.attachments));
        if sampled && tracer.inputs_on_patch() {
            run.inputs.clone_from(&inputs);
        }
        if sampled {
            let mut post = run.clone();
            post.inputs = inputs;
            post.attachments = attachments;
            tracer.submit(RunOp::Post(Box::new(post)));
        }
        let inner = Inner {
            tracer: tracer.clone(),
            dotted_order: run.dotted_order.clone(),
            sampled,
            process: Process::current(),
            state: Mutex::new(State { run, ended: false }),
        };
        Self {
            inner: Some(Arc::new(inner)),
            tracer,
        }
    }

    /// Begins a run below this one.
    pub fn child(&self, name: impl Into<String>) -> RunBuilder {
        self.tracer.run(name).below(self)
    }

    /// Returns the tracer that started the run.
    pub fn tracer(&self) -> &Tracer {
        &self.tracer
    }

    /// Returns what another process needs to continue below this run; none when tracing is off.
    ///
    /// Metadata and tags are masked as in the run itself. A run that is not in the sample has a context
    /// too: the others, with the same rate, come to the same decision.
    pub fn context(&self) -> Option<RunContext> {
        // Masked outside of the lock: a function of the user's may look at this very run.
        Some(self.tracer.masked(self.inherited()?))
    }

    /// Returns what runs below inherit in this process, where it is masked when it leaves.
    pub(super) fn inherited(&self) -> Option<RunContext> {
        let inner = self.inner.as_ref()?;
        let state = inner.lock();
        let mut metadata = state.run.extra.metadata.clone();
        for own in OWN_METADATA {
            if metadata.contains_key(own) {
                Arc::make_mut(&mut metadata).shift_remove(own);
            }
        }
        Some(RunContext {
            dotted_order: inner.dotted_order.clone(),
            baggage: Baggage {
                metadata,
                tags: state.run.tags.clone(),
                project: state.run.project.clone(),
            },
        })
    }

    /// Returns the run's place in its trace; none when tracing is off.
    pub fn dotted_order(&self) -> Option<&DottedOrder> {
        self.inner.as_ref().map(|inner| &inner.dotted_order)
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
        self.inner.as_ref().is_some_and(|inner| inner.sampled)
    }

    /// Returns true if the run has a place in a trace, be it in the sample or not.
    pub(super) fn has_place(&self) -> bool {
        self.inner.is_some()
    }

    /// Returns the name the run was started with; empty when tracing is off.
    pub fn name(&self) -> String {
        self.inner
            .as_ref()
            .map(|inner| inner.lock().run.name.clone())
            .unwrap_or_default()
    }

    /// Returns the kind of work; the default when tracing is off.
    pub fn run_type(&self) -> RunType {
        self.inner
            .as_ref()
            .map(|inner| inner.lock().run.run_type.clone())
            .unwrap_or_default()
    }

    /// Returns the run if it is recorded and has not ended.
    ///
    /// Whoever changes it converts the caller's values between this and the lock: conversions,
    /// `Display` and clocks are code of others, which may look at this very run, or panic.
    fn open(&self) -> Option<&Inner> {
        self.inner.as_deref().filter(|inner| !inner.lock().ended)
    }

    /// Returns the run if what it did will be sent; what children inherit is set in any case.
    fn recorded(&self) -> Option<&Inner> {
        self.open().filter(|inner| inner.sampled)
    }
}

impl Inner {
    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic while the lock was held cannot leave the run half-changed in a way that matters.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the run unless it has ended.
    fn change<T>(&self, change: impl FnOnce(&mut Run) -> T) -> Option<T> {
        let mut state = self.lock();
        (!state.ended).then(|| change(&mut state.run))
    }
}

impl fmt::Debug for RunTree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.inner {
            Some(inner) => write!(f, "RunTree({})", inner.dotted_order),
            None => f.write_str("RunTree(not recorded)"),
        }
    }
}
