//! What most programs import: `use common::prelude::*;`.

pub use crate::model::{
    Baggage, DottedOrder, JsonMap, Run, RunContext, RunId, RunStatus, RunType, Segment, TraceId,
    TraceTree,
};
pub use crate::propagation::{LangSmithPropagator, TrustPolicy};
pub use crate::trace::{RunTree, Scope, TraceFutureExt, Tracer, current, with_scope};
pub use serde_json::{Value, json};

#[cfg(feature = "analysis")]
pub use crate::analysis::{Figure, Shape, text_tree, tree_diagram, waterfall};
#[cfg(feature = "client")]
pub use crate::client::{Client, RunQuery};
#[cfg(feature = "lab")]
pub use crate::lab::{
    HeaderProxy, Lesson, Misconfiguration, PeerEnv, Preflight, PythonError, PythonService, Service,
    as_json, http_client, kernel::versions, pause, story,
};
#[cfg(feature = "langsmith_mock")]
pub use crate::langsmith_mock::LangSmithMock;
#[cfg(feature = "middleware")]
pub use crate::middleware::{IncomingTrace, TraceRequestExt, TracingLayer};
#[cfg(feature = "macros")]
pub use crate::traceable;
#[cfg(feature = "lab")]
pub use {axum, reqwest, serde, tokio, tracing};
