//! What all runs of one client share.

use std::sync::Arc;

use serde_json::Value;

use super::builder::RunBuilder;
use super::run_tree::RunTree;
use super::sink::RunSink;
use crate::model::{Clock, IdGenerator, JsonMap, RandomIds, RunContext, RunOp, SystemClock};

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

#[derive(Debug)]
struct Shared {
    sink: Arc<dyn RunSink>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn IdGenerator>,
    project: Option<String>,
    service: Option<Value>,
    runtime: Option<Arc<JsonMap>>,
    enabled: bool,
}

impl Tracer {
    /// Begins the configuration of a tracer that gives its operations to `sink`.
    pub fn builder(sink: Arc<dyn RunSink>) -> TracerBuilder {
        TracerBuilder {
            shared: Shared {
                sink,
                clock: Arc::new(SystemClock),
                ids: Arc::new(RandomIds),
                project: None,
                service: None,
                runtime: Some(Arc::new(describe_sender())),
                enabled: true,
            },
        }
    }

    /// Begins a run: a root, unless the builder is given a parent.
    pub fn run(&self, name: impl Into<String>) -> RunBuilder {
        RunBuilder::new(self.clone(), name.into())
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

    /// Returns true if runs of this tracer are recorded.
    pub fn is_enabled(&self) -> bool {
        self.shared.enabled
    }

    /// Returns the project that new traces go to.
    pub fn project(&self) -> Option<&str> {
        self.shared.project.as_deref()
    }

    pub(super) fn service(&self) -> Option<&Value> {
        self.shared.service.as_ref()
    }

    /// Gives an operation to the sink. Every operation passes here: what must not leave is stopped here.
    pub(crate) fn submit(&self, op: RunOp) {
        if let Some(op) = self.admit(op) {
            self.shared.sink.submit(op);
        }
    }

    /// Returns an operation as it may leave; none if it must not. For one that goes by a way of its own.
    pub(crate) fn admit(&self, op: RunOp) -> Option<RunOp> {
        Some(op)
    }

    pub(super) fn clock(&self) -> &dyn Clock {
        &*self.shared.clock
    }

    pub(super) fn ids(&self) -> &dyn IdGenerator {
        &*self.shared.ids
    }

    pub(super) fn runtime(&self) -> Option<Arc<JsonMap>> {
        self.shared.runtime.clone()
    }
}

/// Configures a [`Tracer`].
#[derive(Debug)]
pub struct TracerBuilder {
    shared: Shared,
}

impl TracerBuilder {
    /// Sets the clock; the default is [`SystemClock`].
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.shared.clock = clock;
        self
    }

    /// Sets the source of ids; the default is [`RandomIds`].
    #[must_use]
    pub fn ids(mut self, ids: Arc<dyn IdGenerator>) -> Self {
        self.shared.ids = ids;
        self
    }

    /// Sets the project that new traces go to; without one the server chooses.
    #[must_use]
    pub fn project(mut self, project: Option<String>) -> Self {
        self.shared.project = project;
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
    #[must_use]
    pub fn enabled(mut self, enabled: bool) -> Self {
        self.shared.enabled = enabled;
        self
    }

    /// Leaves the description of SDK, language and platform out of `extra.runtime`.
    #[must_use]
    pub fn omit_runtime(mut self) -> Self {
        self.shared.runtime = None;
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
