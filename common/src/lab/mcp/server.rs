//! A tool server: named functions, and a run for each call.
//!
//! ```text
//! tools/call ─► tool? ─► `_meta` ──Propagator, trust policy──► run below the caller's ─► function ─► answer
//!                 └ unknown: refused, no run                     └ ends before the answer goes out
//! ```

use std::borrow::Cow;
use std::fmt;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;

use futures_util::FutureExt as _;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, ErrorData,
    Implementation, ListToolsResult, PaginatedRequestParams, ServerCapabilities, ServerConfig,
    Tool,
};
use rmcp::service::RequestContext;
use rmcp::{RoleServer, ServerHandler};
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::client::Client;
use crate::model::JsonMap;
use crate::propagation::{LangSmithPropagator, PropagationCounters, Propagator as _};
use crate::trace::{RunTree, TraceFutureExt as _};

/// A server of tools over MCP. A cheap clone.
///
/// Each call is a run named `tools/call NAME`, of type `chain`, below the run that made the call, as far as the
/// propagator believes the `_meta`; the run is [`current`](crate::trace::current()) in the tool. It ends before
/// the answer goes out: with the output, the tool's error, or why nobody waits for it any more. What stands in
/// `_meta` never breaks a call.
///
/// ```no_run
/// use common::client::Client;
/// use common::lab::{McpServer, ToolError};
/// use common::propagation::{LangSmithPropagator, TrustPolicy};
/// use serde_json::{Value, json};
/// # async fn main_of_a_server() -> Result<(), Box<dyn std::error::Error>> {
/// let client = Client::from_env()?;
/// // Whoever starts this process writes to its standard input: a caller of ours.
/// let ours = LangSmithPropagator::new().policy(TrustPolicy::Continue);
/// let schema = json!({"type": "object", "properties": {"text": {"type": "string"}}});
/// let server = McpServer::new("words", &client, ours)
///     .tool("count_words", "Counts the words of a text.", schema, async |arguments: Value| {
///         match arguments["text"].as_str() {
///             Some(text) => Ok(json!({"words": text.split_whitespace().count()})),
///             None => Err(ToolError::new("there is no text")),
///         }
///     });
/// server.serve_stdio().await; // until standard input closes and all runs are sent
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct McpServer {
    name: String,
    pub(super) client: Client,
    propagator: LangSmithPropagator,
    tools: Vec<Served>,
    busy: Arc<watch::Sender<usize>>,
    given_up: Arc<watch::Sender<bool>>,
}

#[derive(Clone)]
struct Served {
    tool: Tool,
    work: Arc<Work>,
}

type Work = dyn Fn(Value) -> Working + Send + Sync;
type Working = Pin<Box<dyn Future<Output = Result<Value, ToolError>> + Send>>;

/// Why a tool gave no result, in words for its caller, who is often a model.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ToolError(String);

impl ToolError {
    /// Says what went wrong, and what to do instead.
    pub fn new(why: impl fmt::Display) -> Self {
        Self(why.to_string())
    }
}

impl McpServer {
    /// Makes a server without tools. Its runs go to `client`; whose callers it believes, the propagator says.
    pub fn new(name: impl Into<String>, client: &Client, propagator: LangSmithPropagator) -> Self {
        Self {
            name: name.into(),
            client: client.clone(),
            propagator,
            tools: Vec::new(),
            busy: Arc::new(watch::Sender::new(0)),
            given_up: Arc::new(watch::Sender::new(false)),
        }
    }

    /// Adds a tool: its name, what it does, the JSON schema of its arguments, and the function, which is given
    /// them as an object. Whether they fit the schema, the function says.
    #[must_use]
    pub fn tool<F, Fut>(
        mut self,
        name: impl Into<Cow<'static, str>>,
        description: impl Into<Cow<'static, str>>,
        schema: Value,
        work: F,
    ) -> Self
    where
        F: Fn(Value) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Value, ToolError>> + Send + 'static,
    {
        let schema = match schema {
            Value::Object(schema) => schema,
            // A schema that says nothing: any object.
            _ => JsonMap::from_iter([("type".to_owned(), "object".into())]),
        };
        self.tools.push(Served {
            tool: Tool::new(name, description, schema),
            work: Arc::new(move |arguments| Box::pin(work(arguments))),
        });
        self
    }

    /// Returns what became of the contexts in `_meta` so far.
    pub fn counters(&self) -> PropagationCounters {
        self.propagator.counters()
    }

    /// Waits until no call is under way.
    pub(super) async fn idle(&self) {
        // The sender is in here, so it cannot be gone.
        drop(self.busy.subscribe().wait_for(|calls| *calls == 0).await);
    }

    /// Gives up all calls, also those to come.
    pub(super) fn give_up(&self) {
        self.given_up.send_replace(true);
    }

    /// Waits until nobody waits for the answer any more.
    async fn abandoned(&self, context: &RequestContext<RoleServer>) {
        let mut given_up = self.given_up.subscribe();
        tokio::select! {
            () = context.ct.cancelled() => {}
            // The sender is in here, so it cannot be gone.
            _ = given_up.wait_for(|given_up| *given_up) => {}
        }
    }

    fn start(&self, name: &str, arguments: Value, meta: &JsonMap) -> RunTree {
        let caller = self.propagator.extract(meta);
        let unlinked = caller.unlinked_metadata().into_iter().flatten();
        self.client
            .run(format!("tools/call {name}"))
            .metadata_from(
                unlinked
                    .map(|(key, id)| (key.to_owned(), id.into()))
                    .collect(),
            )
            .parent(caller.context)
            .inputs(arguments)
            .start()
    }
}

impl ServerHandler for McpServer {
    fn get_info(&self) -> ServerConfig {
        let capabilities = ServerCapabilities::builder().enable_tools().build();
        let mut info = ServerConfig::new(capabilities);
        info.server_info = Implementation::new(&self.name, env!("CARGO_PKG_VERSION"));
        info
    }

    async fn list_tools(
        &self,
        _page: Option<PaginatedRequestParams>,
        _context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        let mut listed = ListToolsResult::default();
        listed.tools = self.tools.iter().map(|one| one.tool.clone()).collect();
        Ok(listed)
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let mut tools = self.tools.iter();
        let Some(served) = tools.find(|one| one.tool.name == request.name) else {
            return Err(ErrorData::invalid_params("there is no such tool", None));
        };
        let _busy = Busy::begin(&self.busy);
        let arguments = Value::Object(request.arguments.unwrap_or_default());
        let run = self.start(&request.name, arguments.clone(), &context.meta.0);
        let work = async move { (served.work)(arguments).await };
        // A panic that nobody catches would leave the caller without an answer.
        let work = AssertUnwindSafe(work.traced_with(run, end)).catch_unwind();
        let result = tokio::select! {
            biased;
            result = work => result,
            // Dropped, the work ends its run as cancelled; the answer goes nowhere.
            () = self.abandoned(&context) => {
                return Err(ErrorData::internal_error("the call was given up", None));
            }
        };
        let result = match result {
            Ok(Ok(output)) => answer(output),
            Ok(Err(ToolError(why))) => CallToolResult::error(vec![ContentBlock::text(why)]),
            Err(_) => CallToolResult::error(vec![ContentBlock::text("the tool panicked")]),
        };
        Ok(result.into())
    }
}

/// An object is structured content, with its text beside it for older clients; all else is text.
fn answer(output: Value) -> CallToolResult {
    match output {
        Value::Object(_) => CallToolResult::structured(output),
        Value::String(text) => CallToolResult::success(vec![ContentBlock::text(text)]),
        other => CallToolResult::success(vec![ContentBlock::text(other.to_string())]),
    }
}

fn end(run: &RunTree, result: &Result<Value, ToolError>) {
    match result {
        Ok(output) => run.end_with(json!({ "output": output })),
        Err(why) => run.fail(format_args!("ToolError: {why}")),
    }
}

/// One call that is under way.
struct Busy<'s>(&'s watch::Sender<usize>);

impl<'s> Busy<'s> {
    fn begin(calls: &'s watch::Sender<usize>) -> Self {
        calls.send_modify(|calls| *calls += 1);
        Self(calls)
    }
}

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        self.0.send_modify(|calls| *calls -= 1);
    }
}

impl fmt::Debug for McpServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tools: Vec<&str> = self.tools.iter().map(|one| &*one.tool.name).collect();
        f.debug_struct("McpServer")
            .field("name", &self.name)
            .field("tools", &tools)
            .field("counters", &self.counters())
            .finish_non_exhaustive()
    }
}
