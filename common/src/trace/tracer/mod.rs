//! What all runs of one client share.
//!
//! ```text
//! TracerBuilder ──build──► Tracer ──run──► RunBuilder ──► run ──► leave ──► sink
//!                            └─ own: what all of its runs say of themselves, and the gate
//! ```
//!
//! Start at [`Tracer::builder`].

mod builder;
mod leave;
mod own;

use std::sync::Arc;

use serde_json::Value;

pub use self::builder::TracerBuilder;
pub(super) use self::own::Own;
use super::builder::RunBuilder;
use super::current::{nothing_entered, surroundings};
use super::inherited::Inherited;
use super::run_tree::RunTree;
use super::sampler::TailSampler;
use super::sink::{NoSink, RunSink};
use super::updates::Throttle;
use crate::model::{Clock, IdGenerator, RandomIds, RunContext, RunId, Timestamp};

/// The key of metadata that names the service a run is of.
pub const SERVICE: &str = "service";

/// Starts runs and gives them what they share: sink, clock, ids, project. A cheap clone.
///
/// [`Client`](crate::client::Client) holds one; a program that wants runs without sending makes its
/// own with a [`MemorySink`](super::MemorySink).
///
/// ```
/// use std::sync::Arc;
/// use common::model::TraceTree;
/// use common::trace::{MemorySink, Tracer};
///
/// let sink = Arc::new(MemorySink::new());
/// let tracer = Tracer::builder(sink.clone()).build();
/// let root = tracer.run("answer").start();
/// root.child("retrieve").start().end();
/// root.end();
/// assert!(TraceTree::build(sink.runs()).is_whole());
/// ```
#[derive(Debug, Clone)]
pub struct Tracer {
    shared: Arc<Shared>,
}

#[derive(Debug, Clone)]
struct Shared {
    sink: Arc<dyn RunSink>,
    clock: Arc<dyn Clock>,
    // None for the default, which repeats no id.
    ids: Option<Arc<dyn IdGenerator>>,
    // What runs are given that have nobody to inherit from: the project.
    handed_down: Arc<Inherited>,
    service: Option<Value>,
    own: Arc<Own>,
    recording: Recording,
    allow_unprocessed: bool,
    // None as long as updates are off; clones of a tracer share the bound.
    throttle: Option<Arc<Throttle>>,
    // What holds back what the head of the sampler leaves out. It is the sink then, and the one for runs is behind it.
    tail: Option<Arc<TailSampler>>,
}

/// Whether runs are recorded where nobody nearer says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Recording {
    On,
    Off,
    Never,
}

impl Tracer {
    /// Begins the configuration of a tracer that gives its operations to `sink`.
    pub fn builder(sink: Arc<dyn RunSink>) -> TracerBuilder {
        TracerBuilder::new(sink)
    }

    /// Makes a tracer that records nothing, whatever a scope says.
    pub fn never() -> Self {
        Self::builder(Arc::new(NoSink))
            .omit_runtime()
            .never()
            .build()
    }

    /// Begins a run: a root, unless the builder or a [`Scope`](super::Scope) names a parent.
    ///
    /// Where the tracer is off, and nothing around could say otherwise, nothing that the builder is told
    /// is kept or even converted, and nothing is allocated.
    pub fn run(&self, name: impl Into<String>) -> RunBuilder {
        let off = match self.shared.recording {
            Recording::On => false,
            Recording::Off => nothing_entered(),
            Recording::Never => true,
        };
        RunBuilder::new(self.clone(), name, off)
    }

    /// Begins a run of which is known that it is recorded.
    #[cfg(feature = "macros")]
    pub(crate) fn recorded_run(&self, name: impl Into<String>) -> RunBuilder {
        RunBuilder::new(self.clone(), name, false)
    }

    /// Returns a handle of a run in another process, to start runs below it or to make it current.
    ///
    /// Nothing of the run itself is sent, and what is set on the handle is forgotten: the run belongs to
    /// the process that started it. The official SDKs hold the same placeholder for a parent from
    /// headers.
    pub fn remote(&self, context: RunContext) -> RunTree {
        if self.is_enabled() {
            RunTree::remote(self.clone(), context)
        } else {
            RunTree::disabled(self.clone())
        }
    }

    /// Returns true if a run that starts here and now is recorded: the [`Scope`](super::Scope)s
    /// around are asked first.
    pub fn is_enabled(&self) -> bool {
        surroundings().records(self, None)
    }

    /// Returns true if a run is recorded that starts here and now below `parent`, or else below what is
    /// current.
    #[cfg(feature = "macros")]
    pub(crate) fn records_below(&self, parent: Option<&super::Parent>) -> bool {
        let around = surroundings();
        let below = match parent {
            Some(parent) => parent.below(self),
            None => around.below(self),
        };
        around.records(self, below)
    }

    /// Returns true if a payload leaves raw whose hook failed.
    #[cfg(feature = "macros")]
    pub(crate) fn allows_unprocessed(&self) -> bool {
        self.shared.allow_unprocessed
    }

    pub(super) fn is_on(&self) -> bool {
        self.shared.recording == Recording::On
    }

    pub(super) fn can_record(&self) -> bool {
        self.shared.recording != Recording::Never
    }

    pub(super) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.shared, &other.shared)
    }

    /// Returns the project that new traces go to.
    pub fn project(&self) -> Option<&str> {
        self.shared.handed_down.project.as_deref()
    }

    pub(super) fn handed_down(&self) -> &Arc<Inherited> {
        &self.shared.handed_down
    }

    pub(super) fn service(&self) -> Option<&Value> {
        self.shared.service.as_ref()
    }

    /// Returns what bounds the updates of open runs, if they are on.
    pub(super) fn throttle(&self) -> Option<&Throttle> {
        self.shared.throttle.as_deref()
    }

    pub(super) fn own(&self) -> &Arc<Own> {
        &self.shared.own
    }

    /// Returns how many handles there are on this tracer, those of its runs among them.
    #[cfg(feature = "client")]
    pub(crate) fn handles(&self) -> usize {
        Arc::strong_count(&self.shared)
    }

    /// Returns a tracer that is like this one and gives its operations to another sink.
    #[must_use]
    pub fn with_sink(&self, sink: Arc<dyn RunSink>) -> Self {
        let mut shared = Shared::clone(&self.shared);
        shared.put_behind_tail(sink);
        Self {
            shared: Arc::new(shared),
        }
    }

    pub(super) fn clock(&self) -> &dyn Clock {
        &*self.shared.clock
    }

    /// Returns an id for a run that starts then; one that is not free is not taken from a generator of
    /// the user's, which may repeat itself.
    pub(super) fn new_id(&self, start: Timestamp, is_free: impl Fn(&RunId) -> bool) -> RunId {
        let own = self.shared.ids.as_ref().map(|ids| ids.run_id(start));
        own.filter(is_free)
            .unwrap_or_else(|| RandomIds.run_id(start))
    }
}

impl Shared {
    /// Sets the sink, behind what holds runs back if anything does.
    fn put_behind_tail(&mut self, sink: Arc<dyn RunSink>) {
        let Some(tail) = &self.tail else {
            self.sink = sink;
            return;
        };
        let tail = Arc::new(TailSampler::new(tail.buffer().clone(), sink));
        self.sink = tail.clone();
        self.tail = Some(tail);
    }
}
