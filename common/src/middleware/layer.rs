//! The configuration of the server side.

use std::fmt;
use std::sync::Arc;

use http::request::Parts;
use tower_layer::Layer;

use super::limit::ContinueLimit;
use super::make_run::MakeRun;
use super::service::TracingService;
use crate::propagation::{LangSmithPropagator, PropagationCounters, TrustPolicy};
use crate::trace::{RunBuilder, Tracer};

/// Continues the caller's trace, or starts one, for every request.
///
/// By default each request becomes a run of type `chain`, named `METHOD /path`, with the inputs
/// `{"method", "path"}` and the outputs `{"status"}`; a status of 500 and above, a panic, and a caller
/// who goes away end it with an error. A gRPC call, which HTTP answers with 200 however it ends, ends as its
/// `grpc-status` says, in the head or in the trailers: with an error if the server failed (`UNKNOWN`,
/// `DEADLINE_EXCEEDED`, `UNIMPLEMENTED`, `INTERNAL`, `UNAVAILABLE`, `DATA_LOSS`). Neither query, headers nor body are recorded.
///
/// The run of a body that is streamed stays open until its last byte has gone, or the client has; it is
/// [`current`](crate::trace::current()) in the stream. It then says how many bytes were sent, in how many
/// [chunks](crate::trace::CHUNK_COUNT), and when the first one went, as its event `new_token`. A body whose
/// size is known is there, and ends its run with the head. A handler that wants to end the run itself takes
/// it with [`IncomingTrace::keep_open`](super::IncomingTrace::keep_open).
///
/// Handlers find an [`IncomingTrace`](super::IncomingTrace) among the request's extensions, and the run
/// is [`current`](crate::trace::current()) while the service works.
///
/// ```
/// use std::sync::Arc;
/// use axum::{Extension, Router, routing::get};
/// use common::middleware::{IncomingTrace, TracingLayer};
/// use common::propagation::TrustPolicy;
/// use common::trace::{MemorySink, Tracer};
///
/// async fn answer(Extension(incoming): Extension<IncomingTrace>) -> &'static str {
///     let step = incoming.start("retrieve").run_type("retriever").start();
///     step.end();
///     "42"
/// }
///
/// let tracer = Tracer::builder(Arc::new(MemorySink::new())).build();
/// let app: Router = Router::new().route("/answer", get(answer)).layer(
///     TracingLayer::new(&tracer)
///         // Only our own gateway can reach this service.
///         .policy(TrustPolicy::Continue)
///         .allow_projects(["docs-assistant"])
///         .filter(|request| request.uri.path() != "/health"),
/// );
/// ```
///
/// It never waits, and never refuses a request.
#[derive(Clone)]
#[must_use = "a layer does nothing until a service is built with it"]
pub struct TracingLayer {
    make_run: Arc<MakeRun>,
}

impl TracingLayer {
    /// Makes a layer whose runs go to `tracer`, with the policy
    /// [`TrustPolicy::Restart`](crate::propagation::TrustPolicy::Restart).
    pub fn new(tracer: &Tracer) -> Self {
        Self {
            make_run: Arc::new(MakeRun::new(tracer.clone())),
        }
    }

    /// Sets whose traces are continued. See [`TrustPolicy`].
    pub fn policy(self, policy: TrustPolicy) -> Self {
        self.change(|make| make.propagator = make.propagator.clone().policy(policy))
    }

    /// Continues the traces of those requests that the test vouches for, and of no others. It sees what
    /// the server knows about the peer, such as a client certificate or an address among the
    /// extensions; it takes the place of the policy.
    pub fn trust_request(self, test: impl Fn(&Parts) -> bool + Send + Sync + 'static) -> Self {
        self.change(|make| make.trust_request = Some(Arc::new(test)))
    }

    /// Bounds how often each peer may continue a trace.
    pub fn limit_continued(self, limit: ContinueLimit) -> Self {
        self.change(|make| make.limit = Some(limit))
    }

    /// Lets a trusted caller choose one of these projects for the trace.
    pub fn allow_projects(self, projects: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.change(|make| make.propagator = make.propagator.clone().allow_projects(projects))
    }

    /// Lets a trusted caller set these reserved names of metadata, such as `thread_id`.
    pub fn allow_metadata(self, keys: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.change(|make| make.propagator = make.propagator.clone().allow_metadata(keys))
    }

    /// Does not read metadata whose names begin like one of these, such as
    /// [`LANGGRAPH_METADATA`](crate::propagation::limits::LANGGRAPH_METADATA). See
    /// [`LangSmithPropagator::leave_out_metadata`].
    pub fn leave_out_metadata(
        self,
        beginnings: impl IntoIterator<Item = impl Into<String>>,
    ) -> Self {
        self.change(|make| {
            make.propagator = make.propagator.clone().leave_out_metadata(beginnings);
        })
    }

    /// Does not read tags that begin like one of these, such as
    /// [`LANGGRAPH_TAGS`](crate::propagation::limits::LANGGRAPH_TAGS). See
    /// [`LangSmithPropagator::leave_out_tags`].
    pub fn leave_out_tags(self, beginnings: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.change(|make| {
            make.propagator = make.propagator.clone().leave_out_tags(beginnings);
        })
    }

    /// Reads headers with this propagator, its policy and its allow-lists; call it before the methods
    /// that change those. Its counters are then yours to read.
    pub fn propagator(self, propagator: LangSmithPropagator) -> Self {
        self.change(|make| make.propagator = propagator)
    }

    /// Starts no run for a request: only makes the caller's run the current one, so that the runs of
    /// the handlers hang below it. This is what the official Python middleware does.
    pub fn propagate_only(self) -> Self {
        self.change(|make| make.propagate_only = true)
    }

    /// Records the bodies of streamed responses that are text, such as server-sent events: so many bytes of
    /// each, and then a marker. Nothing of a body is recorded by default.
    pub fn record_body(self, bytes: usize) -> Self {
        self.change(|make| make.record_body = bytes)
    }

    /// Traces only those requests for which `keep` returns true. Of the others no header is read, and
    /// runs started from their [`IncomingTrace`](super::IncomingTrace) are not recorded.
    pub fn filter(self, keep: impl Fn(&Parts) -> bool + Send + Sync + 'static) -> Self {
        self.change(|make| make.filter = Some(Arc::new(keep)))
    }

    /// Names the runs. A path with ids in it makes a name of its own for every request; say the route
    /// instead, which axum puts among the extensions of a request before it comes to a layer of the
    /// router:
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use common::middleware::TracingLayer;
    /// # use common::trace::{NoSink, Tracer};
    /// # let tracer = Tracer::builder(Arc::new(NoSink)).build();
    /// use axum::extract::MatchedPath;
    ///
    /// let layer = TracingLayer::new(&tracer).name(|request| {
    ///     let route = request.extensions.get::<MatchedPath>();
    ///     format!("{} {}", request.method, route.map_or("unmatched", MatchedPath::as_str))
    /// });
    /// ```
    pub fn name(self, name: impl Fn(&Parts) -> String + Send + Sync + 'static) -> Self {
        self.change(|make| make.name = Some(Arc::new(name)))
    }

    /// Changes each run before it starts: type, tags, metadata, inputs.
    pub fn describe(
        self,
        describe: impl Fn(RunBuilder, &Parts) -> RunBuilder + Send + Sync + 'static,
    ) -> Self {
        self.change(|make| make.describe = Some(Arc::new(describe)))
    }

    /// Returns what became of the headers so far. Where nothing is recorded, a header counts once a handler
    /// asks for what it says, and one that no handler asks for is not read.
    pub fn counters(&self) -> PropagationCounters {
        self.make_run.propagator.counters()
    }

    fn change(mut self, change: impl FnOnce(&mut MakeRun)) -> Self {
        change(Arc::make_mut(&mut self.make_run));
        self
    }
}

impl<S> Layer<S> for TracingLayer {
    type Service = TracingService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        TracingService::new(inner, self.make_run.clone())
    }
}

impl fmt::Debug for TracingLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TracingLayer")
            .field("propagator", &self.make_run.propagator)
            .field("propagate_only", &self.make_run.propagate_only)
            .finish_non_exhaustive()
    }
}
