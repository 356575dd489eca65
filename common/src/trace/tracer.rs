//! What all runs of one client share.

use std::sync::Arc;

use serde_json::Value;

use super::builder::RunBuilder;
use super::current::{nothing_entered, surroundings};
use super::gate::{Gate, GateCounts};
use super::redact::Redactor;
use super::run_tree::{Fields, RunTree};
use super::sampler::Sampler;
use super::sink::{NoSink, RunSink};
use super::updates::{Throttle, Updates};
use crate::model::{
    Clock, IdGenerator, JsonMap, Part, Place, RandomIds, Run, RunContext, RunId, RunOp,
    SystemClock, Timestamp, TraceId, Unwritten, withhold_deep, withhold_deep_in,
};

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
    project: Option<Arc<str>>,
    service: Option<Value>,
    own: Arc<Own>,
    recording: Recording,
    allow_unprocessed: bool,
    // None as long as updates are off; clones of a tracer share the bound.
    throttle: Option<Arc<Throttle>>,
}

/// What all runs of a tracer say of themselves, and what keeps them from saying it. A run that waits to be
/// written holds it, and so must not hold the sink that it waits in.
#[derive(Debug, Clone, Default)]
pub(super) struct Own {
    pub(super) runtime: Option<Arc<JsonMap>>,
    // Shared with the runs that have none of their own.
    metadata: Arc<JsonMap>,
    pub(super) inputs_on_patch: bool,
    pub(super) gate: Gate,
}

impl Own {
    /// Adds the metadata that every run has. Not in the run itself: its children, here and in other
    /// processes, would inherit what is said of this process alone.
    pub(super) fn describe(&self, run: &mut Run) {
        let own = &self.metadata;
        if own.is_empty() {
            return;
        }
        if run.extra.metadata.is_empty() {
            run.extra.metadata = own.clone();
            return;
        }
        for (key, value) in &**own {
            if !run.extra.metadata.contains_key(key) {
                Arc::make_mut(&mut run.extra.metadata).insert(key.clone(), value.clone());
            }
        }
    }
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
        TracerBuilder {
            shared: Shared {
                sink,
                clock: Arc::new(SystemClock),
                ids: None,
                project: None,
                service: None,
                own: Arc::new(Own {
                    runtime: Some(Arc::new(describe_sender())),
                    ..Own::default()
                }),
                recording: Recording::On,
                allow_unprocessed: false,
                throttle: None,
            },
        }
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
        self.shared.project.as_deref()
    }

    pub(super) fn own_project(&self) -> Option<Arc<str>> {
        self.shared.project.clone()
    }

    pub(super) fn service(&self) -> Option<&Value> {
        self.shared.service.as_ref()
    }

    /// Gives an operation to the sink. Every operation passes here, or the next one: what must not leave
    /// is stopped here.
    #[cfg(feature = "client")]
    pub(crate) fn submit(&self, op: RunOp) {
        if let Some(op) = self.admit(op) {
            self.shared.sink.submit(op);
        }
    }

    /// Gives a run to the sink that has begun. What is too deep in it was withheld when it came in.
    pub(super) fn begin(&self, run: Arc<impl Unwritten + 'static>, bytes: usize) -> Option<Place> {
        if self.masks() {
            self.submit_after_masking(run.write(Part::Begin));
            return None;
        }
        self.shared.sink.begin(run, bytes)
    }

    /// Gives a run to the sink that has ended.
    pub(super) fn end(
        &self,
        run: Arc<impl Unwritten + 'static>,
        place: Option<Place>,
        bytes: usize,
    ) {
        if self.masks() {
            return self.submit_after_masking(run.write(Part::End));
        }
        self.shared.sink.end(run, place, bytes);
    }

    /// Returns true if runs are changed before they leave: then they are written on this thread, as no
    /// queue may see them as they are.
    fn masks(&self) -> bool {
        self.own().gate.redactor.is_some()
    }

    fn submit_after_masking(&self, op: RunOp) {
        if let Some(op) = self.mask(op) {
            self.submit_masked(op);
        }
    }

    /// Returns what the redactor leaves of an operation.
    pub(super) fn mask(&self, op: RunOp) -> Option<RunOp> {
        self.own().gate.mask(op)
    }

    /// Gives an operation to the sink that was masked.
    pub(super) fn submit_masked(&self, op: RunOp) {
        self.shared.sink.submit(op);
    }

    /// Returns what bounds the updates of open runs, if they are on.
    pub(super) fn throttle(&self) -> Option<&Throttle> {
        self.shared.throttle.as_deref()
    }

    /// Returns what may leave of an operation, sampled and masked; none if nothing may.
    ///
    /// The tracer's own operations pass here by themselves. It is for operations that go out by another
    /// way, such as feedback by a request of its own.
    pub fn admit(&self, mut op: RunOp) -> Option<RunOp> {
        // Before the gate, so that what hides metadata hides this too.
        if let Some(run) = op.run_mut() {
            self.own().describe(run);
        }
        self.own().gate.pass(op)
    }

    /// Returns how often something was kept from leaving: by sampling, and by masking that failed.
    pub fn gate_counts(&self) -> GateCounts {
        self.own().gate.counts()
    }

    /// Returns a value for a map of a run, as far down as it can be written. Whatever a run is told
    /// passes here first: to copy or to drop more would overflow the stack.
    pub(super) fn shallow(&self, value: impl Into<Value>) -> Value {
        let mut value = value.into();
        self.withheld_deep(withhold_deep(&mut value));
        value
    }

    /// Returns what work gave back as the map that is sent, likewise.
    pub(super) fn shallow_outputs(&self, outputs: impl Into<Value>) -> Fields {
        let mut outputs = Fields::of(outputs.into(), "output");
        self.withheld_deep(outputs.withhold_deep());
        outputs
    }

    pub(super) fn withheld_deep(&self, parts: u64) {
        self.own().gate.count_deep(parts);
    }

    pub(super) fn admits(&self, trace_id: TraceId) -> bool {
        self.own().gate.admits(trace_id.0)
    }

    pub(super) fn keeps(&self, trace_id: TraceId) -> bool {
        self.own().gate.sampler.keeps(trace_id.0)
    }

    pub(super) fn masked(&self, context: RunContext) -> RunContext {
        self.own().gate.pass_context(context)
    }

    pub(super) fn own(&self) -> &Arc<Own> {
        &self.shared.own
    }

    /// Returns a tracer that is like this one and gives its operations to another sink.
    #[must_use]
    pub fn with_sink(&self, sink: Arc<dyn RunSink>) -> Self {
        let mut shared = Shared::clone(&self.shared);
        shared.sink = sink;
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

/// Configures a [`Tracer`].
#[derive(Debug)]
pub struct TracerBuilder {
    shared: Shared,
}

impl TracerBuilder {
    fn own_mut(&mut self) -> &mut Own {
        Arc::make_mut(&mut self.shared.own)
    }

    /// Sets the clock; the default is [`SystemClock`].
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.shared.clock = clock;
        self
    }

    /// Sets the source of ids; the default is [`RandomIds`].
    #[must_use]
    pub fn ids(mut self, ids: Arc<dyn IdGenerator>) -> Self {
        self.shared.ids = Some(ids);
        self
    }

    /// Sets the project that new traces go to; without one the server chooses.
    #[must_use]
    pub fn project(mut self, project: Option<String>) -> Self {
        self.shared.project = project.map(Into::into);
        self
    }

    /// Names the service that the runs are of: each carries it as metadata under [`SERVICE`], also
    /// where it would inherit another service's name. Pictures label runs with it.
    #[must_use]
    pub fn service(mut self, service: impl Into<String>) -> Self {
        self.shared.service = Some(Value::from(service.into()));
        self
    }

    /// Switches recording on or off; off, runs are handles that do nothing. On by default.
    ///
    /// A [`Scope`](super::Scope) may say otherwise for its inside; see [`Tracer::never`].
    #[must_use]
    pub fn enabled(mut self, enabled: bool) -> Self {
        self.shared.recording = if enabled {
            Recording::On
        } else {
            Recording::Off
        };
        self
    }

    /// Records nothing, whatever a scope says: for a sink that could not take it.
    #[must_use]
    pub fn never(mut self) -> Self {
        self.shared.recording = Recording::Never;
        self
    }

    /// Lets a payload leave raw if its `process_inputs` or `process_outputs` hook fails; by default it is
    /// replaced by a marker.
    #[must_use]
    pub fn allow_unprocessed(mut self, allow: bool) -> Self {
        self.shared.allow_unprocessed = allow;
        self
    }

    /// Sets which traces are kept; all by default.
    #[must_use]
    pub fn sampler(mut self, sampler: Sampler) -> Self {
        self.own_mut().gate.sampler = sampler;
        self
    }

    /// Sets what is masked; nothing by default.
    #[must_use]
    pub fn redactor(mut self, redactor: Redactor) -> Self {
        self.own_mut().gate.redactor = redactor.masks().then_some(redactor);
        self
    }

    /// Leaves the description of SDK, language and platform out of `extra.runtime`.
    #[must_use]
    pub fn omit_runtime(mut self) -> Self {
        self.own_mut().runtime = None;
        self
    }

    /// Sets metadata that every run has, where the run has none of that key. Children do not inherit it,
    /// and it does not travel to other services.
    #[must_use]
    pub fn metadata(mut self, mut metadata: JsonMap) -> Self {
        withhold_deep_in(&mut metadata);
        self.own_mut().metadata = Arc::new(metadata);
        self
    }

    /// Sends the inputs again with each run's end. Off by default.
    #[must_use]
    pub fn inputs_on_patch(mut self, again: bool) -> Self {
        self.own_mut().inputs_on_patch = again;
        self
    }

    /// Sends what open runs have so far, from time to time; never by default. See [`Updates`].
    #[must_use]
    pub fn updates(mut self, updates: Updates) -> Self {
        self.shared.throttle = Some(Arc::new(Throttle::new(updates)));
        self
    }

    /// Finishes the configuration.
    pub fn build(self) -> Tracer {
        Tracer {
            shared: Arc::new(self.shared),
        }
    }
}

/// Describes this SDK the way the official ones describe themselves in `extra.runtime`.
fn describe_sender() -> JsonMap {
    let platform = format!("{}/{}", std::env::consts::OS, std::env::consts::ARCH);
    [
        ("sdk", "langsmith-rust"),
        ("sdk_version", env!("CARGO_PKG_VERSION")),
        ("library", "langsmith"),
        ("platform", &platform),
        ("runtime", "rust"),
    ]
    .into_iter()
    .map(|(key, value)| (key.to_owned(), Value::from(value)))
    .collect()
}
