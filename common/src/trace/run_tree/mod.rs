//! The handle of a run that has started.
//!
//! ```text
//! begin ──► describe (metadata · tags · events · outputs) ──► end (end · fail · drop)
//!   │                         │ all of it in one place: Live    │
//!   └───── RunSink::begin ────┴───── RunSink::end ──────────────┘ ──► RunOp::Post · RunOp::Patch
//! ```
//!
//! Start at [`RunTree`].

mod describe;
mod end;
mod fields;
mod leaving;
mod live;
mod remote;
mod update;

use std::fmt;
use std::sync::atomic::Ordering;
use std::sync::{Arc, MutexGuard, TryLockError};

pub(super) use fields::Fields;
pub(super) use live::{Live, More, Record, State};

use super::builder::{CLOCK_SKEW, RunBuilder};
use super::current::no_scope_entered;
use super::inherited::{Above, Inherited};
use super::tracer::Tracer;
use super::work::CHUNK_COUNT;
use crate::model::{DottedOrder, RunContext, RunId, RunType, TraceId, USAGE_METADATA};
use remote::Remote;

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
    // It belongs to another process: nothing changes it and nothing is sent.
    Remote(Arc<Remote>),
    On(Inner),
}

/// Metadata that says something of one run alone. Inherited, a usage would be counted again for each child.
const OWN_METADATA: [&str; 3] = [USAGE_METADATA, CLOCK_SKEW, CHUNK_COUNT];

/// How often a forked process tries to look into a run of its parent's.
const ATTEMPTS_OF_CHILD: usize = 1_000;

/// One of the handles of a run. What the run waits in is not the run's to hold, so each handle has the tracer,
/// and the run itself is one piece of memory.
struct Inner {
    tracer: Tracer,
    // The sink may hold it too, until it is written.
    live: Arc<Live>,
}

impl RunTree {
    pub(super) fn disabled(tracer: Tracer) -> Self {
        Self(Handle::Off(tracer))
    }

    /// Makes a handle of nothing: what starts below it is not recorded either.
    #[cfg(all(feature = "otel", feature = "tracing_layer"))]
    pub(crate) fn unrecorded(tracer: &Tracer) -> Self {
        Self::disabled(tracer.clone())
    }

    pub(super) fn remote(tracer: Tracer, context: RunContext) -> Self {
        Self(Handle::Remote(Arc::new(Remote::new(tracer, context))))
    }

    /// Starts a run whose values are all shallow: `tracer` has withheld what is nested too deep.
    #[inline]
    pub(super) fn begin(tracer: Tracer, mut live: Live) -> Self {
        live.sampled = tracer.admits(&mut live);
        if !live.sampled {
            live.forget();
            let live = Arc::new(live);
            return Self(Handle::On(Inner { tracer, live }));
        }
        if tracer.throttle().is_some() {
            live.updating = Some(Box::default());
        }
        let bytes = live.size_of_begin();
        let live = Arc::new(live);
        if let Some(place) = tracer.begin(live.clone(), bytes) {
            live.held_at.set(place);
        }
        Self(Handle::On(Inner { tracer, live }))
    }

    /// Begins a run below this one.
    pub fn child(&self, name: impl Into<String>) -> RunBuilder {
        let off = !self.has_place() && no_scope_entered();
        let mut child = RunBuilder::new(self.tracer().clone(), name, off);
        child.put_below(self);
        child
    }

    /// Returns the tracer that started the run.
    pub fn tracer(&self) -> &Tracer {
        match &self.0 {
            Handle::Off(tracer) => tracer,
            Handle::Remote(remote) => remote.tracer(),
            Handle::On(inner) => &inner.tracer,
        }
    }

    /// Returns what another process needs to continue below this run; none when tracing is off.
    ///
    /// Metadata and tags are masked as in the run itself. A run that is not in the sample has a context
    /// too: the others, with the same rate, come to the same decision.
    pub fn context(&self) -> Option<RunContext> {
        // Masked outside of the lock: a function of the user's may look at this very run.
        Some(self.tracer().masked(self.inherited()?.into()))
    }

    /// Returns what runs below inherit in this process, where it is masked when it leaves.
    pub(super) fn inherited(&self) -> Option<Above> {
        if let Some(remote) = self.far() {
            return Some(remote.above().clone());
        }
        let inner = self.inner()?;
        let order = inner.live.order().clone();
        let state = inner.lock();
        let inherited = state.map_or_else(Arc::default, |state| state.inherited.clone());
        Some(below(order, inherited))
    }

    /// Returns the run's place in its trace; none when tracing is off.
    pub fn dotted_order(&self) -> Option<&DottedOrder> {
        match &self.0 {
            Handle::Off(_) => None,
            Handle::Remote(remote) => Some(remote.order()),
            Handle::On(inner) => Some(inner.live.order()),
        }
    }

    /// Returns the run's id; none when tracing is off.
    pub fn id(&self) -> Option<RunId> {
        match &self.0 {
            Handle::Off(_) => None,
            Handle::Remote(remote) => Some(remote.order().run_id()),
            Handle::On(inner) => Some(inner.live.segment.id),
        }
    }

    /// Returns the id of the run's trace; none when tracing is off.
    pub fn trace_id(&self) -> Option<TraceId> {
        match &self.0 {
            Handle::Off(_) => None,
            Handle::Remote(remote) => Some(remote.order().trace_id()),
            Handle::On(inner) => Some(inner.live.trace_id()),
        }
    }

    /// Returns true if the run is recorded: not when tracing is off, nor when its trace is not in the
    /// sample. Then it is not worth the work to describe it.
    pub fn is_recording(&self) -> bool {
        match &self.0 {
            Handle::Off(_) => false,
            Handle::Remote(remote) => remote.is_sampled(),
            Handle::On(inner) => inner.live.sampled,
        }
    }

    /// Returns true if the run has a place in a trace, be it in the sample or not.
    pub(super) fn has_place(&self) -> bool {
        !matches!(self.0, Handle::Off(_))
    }

    /// Returns the name the run was started with; empty when tracing is off.
    pub fn name(&self) -> String {
        match &self.0 {
            Handle::Off(_) => String::new(),
            Handle::Remote(_) => remote::NAME.to_owned(),
            Handle::On(inner) => inner.live.name.clone().into(),
        }
    }

    /// Returns the kind of work; the default when tracing is off.
    pub fn run_type(&self) -> RunType {
        self.inner()
            .map(|inner| inner.live.run_type.clone())
            .unwrap_or_default()
    }

    fn far(&self) -> Option<&Remote> {
        match &self.0 {
            Handle::Remote(remote) => Some(remote),
            Handle::Off(_) | Handle::On(_) => None,
        }
    }

    fn inner(&self) -> Option<&Inner> {
        match &self.0 {
            Handle::Off(_) | Handle::Remote(_) => None,
            Handle::On(inner) => Some(inner),
        }
    }

    /// Returns the run if it is recorded and has not ended.
    ///
    /// Whoever changes it converts the caller's values between this and the lock: conversions,
    /// `Display` and clocks are code of others, which may look at this very run, or panic.
    fn open(&self) -> Option<&Inner> {
        self.inner()
            .filter(|inner| !inner.live.ended.load(Ordering::Acquire))
    }

    /// Returns the run if what it did will be sent; what children inherit is set in any case.
    fn recorded(&self) -> Option<&Inner> {
        self.open().filter(|inner| inner.live.sampled)
    }
}

/// Returns what runs below a run at that place inherit.
fn below(order: Arc<DottedOrder>, mut inherited: Arc<Inherited>) -> Above {
    if inherited.local_tags > 0 {
        Arc::make_mut(&mut inherited).drop_local_tags();
    }
    // As it is nearly always.
    if inherited.metadata.is_empty() {
        return Above { order, inherited };
    }
    for own in OWN_METADATA {
        if inherited.metadata.contains_key(own) {
            Inherited::own_metadata(&mut inherited).shift_remove(own);
        }
    }
    Above { order, inherited }
}

impl Clone for Inner {
    fn clone(&self) -> Self {
        // As a reference is counted: whoever makes one more has one.
        self.live.handles.fetch_add(1, Ordering::Relaxed);
        Self {
            tracer: self.tracer.clone(),
            live: self.live.clone(),
        }
    }
}

impl Inner {
    /// Returns what is kept under the lock; none in a forked process where a thread of the parent's held it
    /// just then, which nobody gives back.
    fn lock(&self) -> Option<MutexGuard<'_, State>> {
        if self.live.process.is_current() {
            return Some(self.live.lock());
        }
        (0..ATTEMPTS_OF_CHILD).find_map(|_| match self.live.state.try_lock() {
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
    fn change<T>(&self, change: impl FnOnce(&mut Record) -> T) -> Option<T> {
        let mut state = self.lock()?;
        let is_open = !self.live.ended.load(Ordering::Relaxed);
        is_open.then(|| change(&mut state.record))
    }

    /// Changes what runs below inherit, unless the run has ended.
    fn change_inherited(&self, change: impl FnOnce(&mut Inherited)) {
        let Some(mut state) = self.lock() else { return };
        if !self.live.ended.load(Ordering::Relaxed) {
            change(Arc::make_mut(&mut state.inherited));
        }
    }
}

impl fmt::Debug for RunTree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.dotted_order() {
            Some(order) => write!(f, "RunTree({order})"),
            None => f.write_str("RunTree(not recorded)"),
        }
    }
}
