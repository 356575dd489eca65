//! One call of a tool, and its run.
//!
//! ```text
//! arguments ─► run of type tool ─► `_meta`: theirs + traceparent + langsmith-trace + baggage ─► server
//!                    └◄── {"output": …} · error ◄── structured content · text · isError · silence ◄──┘
//! ```

use std::fmt;
use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::sync::LazyLock;
use std::time::Duration;

use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, MetaObject, RequestMetaObject,
};
use serde_json::{Value, json};

use super::error::McpError;
use super::tools::McpTools;
use crate::model::{JsonMap, RunType};
use crate::propagation::{Injector, LangSmithPropagator, Propagator as _};
use crate::trace::{RunTree, TimedOut, TraceFutureExt as _, child, current};

/// How long a call of a tool may take: 30 seconds, unless [`McpTools::timeout`] says otherwise.
pub const CALL_TIMEOUT: Duration = Duration::from_secs(30);

/// Writing needs no configuration, so all calls share one.
static OUTGOING: LazyLock<LangSmithPropagator> = LazyLock::new(LangSmithPropagator::new);

/// A call of a tool. Await it. Made by [`McpTools::call`].
///
/// Whatever becomes of it, its run ends once: with the output, the tool's error, `Timeout: …`, `Cancelled: …`
/// if the future is dropped, or what is the matter with the server. A call that is given up is also cancelled
/// at the server.
#[must_use = "a call does nothing unless it is awaited"]
#[derive(Debug)]
pub struct ToolCall {
    tools: McpTools,
    tool: String,
    arguments: Value,
    meta: JsonMap,
    below: Option<RunTree>,
}

impl ToolCall {
    pub(super) fn new(tools: McpTools, tool: String, arguments: Value) -> Self {
        Self {
            tools,
            tool,
            arguments,
            meta: JsonMap::new(),
            below: None,
        }
    }

    /// Makes the call's run one below `run`; below the current run without it.
    pub fn below(mut self, run: &RunTree) -> Self {
        self.below = Some(run.clone());
        self
    }

    /// Adds an entry to the call's `_meta`, which stays as it is beside the context. Of `baggage` that is so for
    /// each member. A `progressToken` is rmcp's to choose; `langsmith-trace` is this run's or none, and where no
    /// context may go there is no `traceparent` and no `tracestate` either.
    pub fn meta(mut self, key: impl Into<String>, value: impl Into<Value>) -> Self {
        self.meta.insert(key.into(), value.into());
        self
    }

    async fn go(self) -> Result<Value, McpError> {
        let run = match &self.below {
            Some(parent) => parent.child(&self.tool),
            None => child(&self.tool),
        };
        let run = run.run_type(RunType::Tool).inputs(self.arguments.clone());
        let timeout = self.tools.rules.timeout;
        let done = self.ask().traced_with(run, end).timeout(timeout).await;
        done.unwrap_or_else(|TimedOut(after)| Err(McpError::Timeout(after)))
    }

    /// Sends the call; its run is the current one.
    async fn ask(mut self) -> Result<Value, McpError> {
        if self.tools.rules.carries {
            self.write_context();
        }
        let mut params = CallToolRequestParams::new(self.tool);
        params.arguments = match self.arguments {
            Value::Object(arguments) => Some(arguments),
            Value::Null => None,
            // A tool's arguments have names. One that has none is the tool's to complain of.
            other => Some(JsonMap::from_iter([("input".to_owned(), other)])),
        };
        if !self.meta.is_empty() {
            params.meta = Some(RequestMetaObject(MetaObject(self.meta)));
        }
        match self.tools.peer().call_tool_once(params).await? {
            CallToolResponse::Complete(result) => read(&result),
            CallToolResponse::InputRequired(_) => Err(McpError::Transport(
                "the server asks for more input, and this client has nobody to ask".to_owned(),
            )),
            CallToolResponse::Task(_) => Err(McpError::Transport(
                "the server made a task of the call, and this client waits for none".to_owned(),
            )),
            _ => Err(McpError::Transport(
                "the server's answer is of an unknown kind".to_owned(),
            )),
        }
    }

    fn write_context(&mut self) {
        let run = current().and_then(|run| run.context());
        match run {
            Some(context) if self.tools.may_carry() => {
                // First the span, as the run's baggage joins what is there.
                #[cfg(feature = "otel")]
                write_span(&mut self.meta);
                OUTGOING.inject(&context, &mut self.meta);
            }
            // Somebody else's context would put the call below a run that did not make it.
            None => OUTGOING.strip(&mut self.meta),
            // Nor does the server learn of the trace in another vocabulary.
            Some(_) => {
                OUTGOING.strip(&mut self.meta);
                for name in ["traceparent", "tracestate"] {
                    Injector::remove(&mut self.meta, name);
                }
            }
        }
    }
}

/// Writes the span that is active here, if there is one, for servers that know OpenTelemetry.
#[cfg(feature = "otel")]
fn write_span(meta: &mut JsonMap) {
    use crate::otel::CarrierWriter;
    use crate::otel::opentelemetry::{Context, propagation::TextMapPropagator as _};
    use crate::otel::opentelemetry_sdk::propagation::{BaggagePropagator, TraceContextPropagator};

    let here = Context::current();
    TraceContextPropagator::new().inject_context(&here, &mut CarrierWriter(meta));
    // The propagator would write over the baggage that is there.
    let mut ours = JsonMap::new();
    BaggagePropagator::new().inject_context(&here, &mut CarrierWriter(&mut ours));
    let Some(Value::String(ours)) = ours.remove(BAGGAGE) else {
        return;
    };
    let joined = match meta.get(BAGGAGE).and_then(Value::as_str) {
        Some(theirs) if !theirs.is_empty() => format!("{theirs},{ours}"),
        _ => ours,
    };
    Injector::set(meta, BAGGAGE, joined);
}

/// The entry of `_meta` that has room for several: theirs, the span's and the run's.
#[cfg(feature = "otel")]
const BAGGAGE: &str = "baggage";

/// Reads what a tool gave back: its structured content, else its text, else its blocks.
fn read(result: &CallToolResult) -> Result<Value, McpError> {
    let text = || {
        let texts = result.content.iter().map(|block| block.as_text());
        let texts: Option<Vec<&str>> = texts.map(|text| Some(text?.text.as_str())).collect();
        texts.map(|texts| texts.join("\n"))
    };
    if result.is_error == Some(true) {
        let said = text().filter(|text| !text.is_empty());
        return Err(McpError::Tool(said.unwrap_or_else(|| {
            "the tool failed and does not say why".to_owned()
        })));
    }
    if let Some(value) = &result.structured_content {
        return Ok(value.clone());
    }
    if let Some(text) = text() {
        return Ok(text.into());
    }
    serde_json::to_value(&result.content).map_err(|error| McpError::Transport(error.to_string()))
}

fn end(run: &RunTree, result: &Result<Value, McpError>) {
    match result {
        Ok(output) => run.end_with(json!({ "output": output })),
        Err(error) => run.fail(error),
    }
}

impl IntoFuture for ToolCall {
    type Output = Result<Value, McpError>;
    type IntoFuture = PendingCall;

    fn into_future(self) -> PendingCall {
        PendingCall(Box::pin(self.go()))
    }
}

/// A call that has been awaited. Made by awaiting a [`ToolCall`].
#[must_use = "futures do nothing unless polled"]
pub struct PendingCall(Pin<Box<dyn Future<Output = Result<Value, McpError>> + Send>>);

impl Future for PendingCall {
    type Output = Result<Value, McpError>;

    fn poll(
        mut self: Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Self::Output> {
        self.0.as_mut().poll(cx)
    }
}

impl fmt::Debug for PendingCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PendingCall(..)")
    }
}
