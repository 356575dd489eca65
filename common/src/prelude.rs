//! What most programs import: `use common::prelude::*;`.
//!
//! ```
//! use std::sync::Arc;
//! use common::prelude::*;
//!
//! let sink = Arc::new(MemorySink::new());
//! let redactor = Redactor::new().anonymizer(Anonymizer::secrets());
//! let tracer = Tracer::builder(sink.clone()).redactor(redactor).build();
//! let scope = Scope::new().tag("beta");
//! with_scope(&scope, || tracer.run("log in").inputs(json!({"password": "hunter22"})).start().end());
//! assert_eq!(sink.runs()[0].tags, ["beta"]);
//! ```

pub use crate::model::{
    Attachment, Baggage, DottedOrder, Feedback, JsonMap, Run, RunContext, RunId, RunOp, RunStatus,
    RunType, Segment, Timestamp, TraceId, TraceTree, Usage,
};
pub use crate::propagation::{Egress, LangSmithPropagator, Propagator, TrustPolicy};
pub use crate::trace::{
    Ambient, Anonymizer, Anthropic, Gemini, JoinedText, MemorySink, OpenAi, OpenAiChat, Parent,
    Redactor, RunTree, Sampler, SamplingRate, Scope, Secret, TraceFutureExt, TraceStreamExt,
    Tracer, Updates, carry, child, configure, current, fold, with_run, with_scope,
};
pub use serde_json::{Value, json};

#[cfg(feature = "analysis")]
pub use crate::analysis::{
    Asked, Cut, Figure, GraphDiagram, GraphNodeKind, GraphShape, HeaderState, Hop, Ledger, Loops,
    Outline, Scorecard, Series, Shape, SpendByAgent, Table, Waterfall, bar_chart, gallery,
    line_chart, scorecard, sequence, side_by_side, text_tree, tree_diagram, waterfall,
};
#[cfg(any(feature = "lab", feature = "serve"))]
pub use crate::chaos::{Chaos, ChaosOrders, ChaosOutcome, ChaosReset, ChaosSwitch, SkewedClock};
#[cfg(feature = "client")]
pub use crate::client::{Client, FlushGuard, Replica, RunQuery};
#[cfg(feature = "lab")]
pub use crate::lab::check::{Capture, Check, Exercise};
#[cfg(feature = "lab")]
pub use crate::lab::graph::{
    Graph, GraphError, ModelCall, ModelReply, NodeContext, NodeError, Outcome as GraphOutcome,
    Reducer, SendTo, State, Update,
};
#[cfg(feature = "lab")]
pub use crate::lab::llm::{
    Answer, ChatEvents, ChatReply, LlmRequest, Model, Outcome, ScriptedLlm, TokenTiming, text_of,
};
#[cfg(feature = "lab")]
pub use crate::lab::{
    AgentEvent, AgentQuestion, Browser, Collector, DAY_SERVICES, Day, DayFate, DayRequest,
    HeaderProxy, LangGraphAgent, Lesson, LessonCard, McpError, McpServer, McpTools,
    Misconfiguration, NodeService, PageCall, PeerEnv, PeerError, Preflight, PythonService, Queue,
    Recorded, ScratchFolder, Service, ToolError, ToolServer, Worker, as_json, called_by_agent,
    docs_tools, http_client, in_rounds, in_turns, kernel::versions, legacy, pause, story,
};
#[cfg(all(feature = "lab", feature = "otel"))]
pub use crate::lab::{Dialect, FourServices, SpanRelay, dialects};
#[cfg(feature = "langsmith_mock")]
pub use crate::langsmith_mock::LangSmithMock;
#[cfg(feature = "middleware")]
pub use crate::middleware::{
    ContinueLimit, IncomingTrace, PropagationLayer, TraceRequestExt, TracingLayer,
};
#[cfg(all(feature = "lab", feature = "otel"))]
pub use crate::otel::{
    opentelemetry, opentelemetry_otlp, opentelemetry_sdk, tracing_opentelemetry,
};
#[cfg(feature = "analysis")]
pub use crate::playground::{self, HeaderReading};
#[cfg(feature = "client")]
pub use crate::trace::{JoinSet, spawn, spawn_blocking};
#[cfg(feature = "macros")]
pub use crate::traceable;
#[cfg(all(feature = "lab", feature = "tracing_layer"))]
pub use crate::tracing_layer::tracing_subscriber;
#[cfg(all(feature = "lab", feature = "prometheus"))]
pub use prometheus_client;
#[cfg(feature = "lab")]
pub use {
    axum, futures_util, genai, reqwest, rmcp, serde, tokio, tokio_tungstenite, tower_http, tracing,
    twox_hash, uuid,
};
