//! The handle on a stand-in.

use std::net::SocketAddr;
use std::sync::Arc;

use serde_json::Value;

use super::builder::MockBuilder;
use super::core::Core;
use super::decode::Attachment;
use super::fault::Fault;
use super::on_axum::{AxumMount, ServeError};
use super::otlp::SpanReading;
use super::request::{MockRequest, MockResponse, ReceivedRequest};
use super::store::{IngestEntry, RejectedOp};
use super::violation::Violation;
use crate::model::{Run, RunId, TraceId, TraceTree};

/// A LangSmith that you can hold in your hand.
///
/// Dropping it stops its server and frees the port. Everything it returns is an owned value.
///
/// ```
/// use common::langsmith_mock::LangSmithMock;
///
/// # tokio::runtime::Runtime::new().unwrap().block_on(async {
/// let mock = LangSmithMock::start().await;
/// assert!(mock.url().starts_with("http://127.0.0.1:"));
/// assert!(mock.runs().is_empty());
/// # });
/// ```
#[derive(Debug)]
pub struct LangSmithMock {
    pub(super) core: Arc<Core>,
    url: String,
    _mount: Mount,
}

#[derive(Debug)]
#[expect(
    dead_code,
    reason = "a mount is held so that its server lives as long as the handle"
)]
pub(super) enum Mount {
    Nowhere,
    Wiremock(wiremock::MockServer),
    Axum(AxumMount),
}

impl LangSmithMock {
    pub(super) fn new(core: Arc<Core>, url: String, mount: Mount) -> Self {
        Self {
            core,
            url,
            _mount: mount,
        }
    }

    pub(super) fn unmounted_with(core: Arc<Core>) -> Self {
        Self::new(core, "http://127.0.0.1:0".to_owned(), Mount::Nowhere)
    }

    /// Sets up a stand-in that is not as the defaults make it.
    pub fn builder() -> MockBuilder {
        MockBuilder::default()
    }

    /// Starts a strict stand-in for a test or a notebook, on a free port of the loopback interface.
    pub async fn start() -> Self {
        MockBuilder::default().start().await
    }

    /// Starts a strict stand-in on an address; see [`MockBuilder::serve`].
    ///
    /// # Errors
    ///
    /// Refuses an address that is not loopback, and fails if the port is taken.
    pub async fn serve(address: SocketAddr) -> Result<Self, ServeError> {
        MockBuilder::default().serve(address).await
    }

    /// Answers a request without any network.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "one request is answered once"
    )]
    pub fn handle(&self, request: MockRequest) -> MockResponse {
        self.core.handle(&request)
    }

    /// Returns the endpoint to give to a client, without a slash at its end.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Returns all runs in order of first arrival.
    pub fn runs(&self) -> Vec<Run> {
        self.core.state().store.runs().collect()
    }

    /// Returns the runs of one trace in order of first arrival.
    pub fn runs_of(&self, trace: TraceId) -> Vec<Run> {
        self.core.state().store.runs_of(trace).collect()
    }

    /// Returns one run as the JSON that arrived, its create and update merged.
    pub fn raw_run(&self, id: RunId) -> Option<Value> {
        let state = self.core.state();
        let stored = state.store.get(id.0)?;
        Some(Value::Object(stored.merged()))
    }

    /// Returns the files that came with a run.
    pub fn attachments_of(&self, id: RunId) -> Vec<Attachment> {
        let state = self.core.state();
        let stored = state.store.get(id.0);
        stored.map_or_else(Vec::new, |stored| stored.attachments().to_vec())
    }

    /// Returns all runs as trees.
    pub fn tree(&self) -> TraceTree {
        TraceTree::build(self.runs())
    }

    /// Returns the runs of one trace as a tree.
    pub fn trace(&self, trace: TraceId) -> TraceTree {
        TraceTree::build(self.runs_of(trace))
    }

    /// Returns what clients did wrong, in order.
    pub fn violations(&self) -> Vec<Violation> {
        self.core.state().store.violations.iter().cloned().collect()
    }

    /// Returns the violations for which LangSmith would have refused something.
    pub fn errors(&self) -> Vec<Violation> {
        let mut list = self.violations();
        list.retain(Violation::is_error);
        list
    }

    /// Returns the operations that were not stored, as raw JSON with the reasons.
    pub fn rejected(&self) -> Vec<RejectedOp> {
        self.core.state().store.rejected.iter().cloned().collect()
    }

    /// Returns the requests received, in order of their answers; secrets are cut.
    pub fn requests(&self) -> Vec<ReceivedRequest> {
        self.core.state().store.requests.iter().cloned().collect()
    }

    /// Returns the operations received, in order.
    pub fn ingest_log(&self) -> Vec<IngestEntry> {
        self.core.state().store.log.iter().cloned().collect()
    }

    /// Returns the operations received as a film: the tree after each of them, and since when it is broken.
    /// It begins with the oldest that is remembered ([`Limits::records`](super::Limits)).
    ///
    /// ```
    /// use common::langsmith_mock::LangSmithMock;
    ///
    /// let mock = LangSmithMock::builder().unmounted();
    /// assert_eq!(mock.film().first_broken(), None);
    /// ```
    #[cfg(feature = "analysis")]
    pub fn film(&self) -> crate::analysis::Film {
        let state = self.core.state();
        crate::analysis::Film::of(state.store.told.iter().map(super::filmed::step))
    }

    /// Returns the feedback received, as raw JSON.
    pub fn feedback(&self) -> Vec<Value> {
        self.core.state().store.feedback.iter().cloned().collect()
    }

    /// Returns how many runs were forgotten because a limit was reached.
    pub fn forgotten(&self) -> u64 {
        self.core.state().store.forgotten
    }

    /// Forgets all that arrived; faults stay in force.
    pub fn clear(&self) {
        let mut state = self.core.state();
        state.store.clear();
        state.waiting.clear();
        drop(state);
        self.core.arrived_async.notify_waiters();
    }

    /// Drops all spans that wait for a parent, as LangSmith does when their window is over; returns
    /// how many. Each shows in [`ingest_log`](Self::ingest_log) and among the violations.
    ///
    /// ```
    /// use common::langsmith_mock::LangSmithMock;
    ///
    /// let mock = LangSmithMock::builder().unmounted();
    /// // … an OpenTelemetry exporter sends a span whose parent was filtered out: 200 …
    /// assert_eq!(mock.expire_orphans(), mock.errors().len());
    /// ```
    pub fn expire_orphans(&self) -> usize {
        self.core.state().expire_orphans(None)
    }

    /// Returns what was read of the latest thousand spans, and what was lost; each prints as a table.
    ///
    /// [`read_spans`](super::read_spans) says the same of a body without a stand-in.
    pub fn span_readings(&self) -> Vec<SpanReading> {
        self.core.state().waiting.readings()
    }

    /// Returns the latest thousand spans as OpenTelemetry has them: by the ids of trace, span and parent,
    /// whatever they say of runs, and whether or not LangSmith keeps them.
    ///
    /// Ids are those of spans, padded. A span whose parent went elsewhere is an orphan here; beside
    /// [`tree`](Self::tree) that shows what becomes of it.
    ///
    /// ```
    /// use common::langsmith_mock::LangSmithMock;
    ///
    /// let mock = LangSmithMock::builder().unmounted();
    /// assert!(mock.span_tree().is_empty(), "nothing was sent yet");
    /// ```
    pub fn span_tree(&self) -> TraceTree {
        TraceTree::build(self.core.state().waiting.spans())
    }

    /// Returns how many spans wait for a parent.
    pub fn waiting_spans(&self) -> usize {
        self.core.state().waiting.count()
    }

    /// Returns everything stored as one JSON value: projects, traces with their runs as the API shows
    /// them, feedback, violations. Sorted by place, so two executions can be compared.
    ///
    /// A served stand-in gives the same at `GET /_stand_in/dump`, a path that LangSmith has not.
    ///
    /// ```
    /// use common::langsmith_mock::LangSmithMock;
    ///
    /// let mock = LangSmithMock::builder().unmounted();
    /// assert_eq!(mock.dump()["traces"], serde_json::json!([]));
    /// ```
    pub fn dump(&self) -> Value {
        super::api::dump(&self.core.state().store)
    }

    /// Returns everything that arrived as lines of JSON: runs, requests, what became of operations,
    /// violations. The trace doctor reads it, and so can anyone: `docs/trace_doctor.md` describes it.
    ///
    /// A served stand-in gives the same at `GET /_stand_in/capture`, a path that LangSmith has not.
    ///
    /// ```
    /// use common::langsmith_mock::LangSmithMock;
    ///
    /// let mock = LangSmithMock::builder().unmounted();
    /// assert!(mock.capture().starts_with(r#"{"capture":{"version":1"#));
    /// ```
    pub fn capture(&self) -> String {
        let at = self.core.settings().clock.now();
        let state = self.core.state();
        super::api::capture(&state.store, &state.keys, at)
    }

    /// Returns the same as evidence that can be examined. Work counts as over: a run without an end is
    /// pending, however lately it began.
    ///
    /// ```
    /// use common::analysis::doctor::examine;
    /// use common::langsmith_mock::LangSmithMock;
    ///
    /// let mock = LangSmithMock::builder().unmounted();
    /// assert!(examine(&mock.evidence()).is_clean());
    /// ```
    #[cfg(feature = "analysis")]
    pub fn evidence(&self) -> crate::analysis::doctor::Evidence {
        // What this room writes the other reads; a line that it could not would be counted there.
        let read = crate::analysis::doctor::Evidence::read(self.capture().as_bytes());
        read.unwrap_or_default().settled()
    }

    /// Orders a failure.
    pub fn fault(&self, fault: Fault) {
        self.core.add_fault(fault);
    }

    /// Ends all failures.
    pub fn clear_faults(&self) {
        self.core.state().faults.clear();
    }
}
