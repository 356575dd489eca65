//! The client of a tool server.

use std::fmt;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use rmcp::model::{ClientCapabilities, ClientConfig, Implementation};
use rmcp::service::{Peer, RunningService};
use rmcp::transport::async_rw::AsyncRwTransport;
use rmcp::transport::common::client_side_sse::ExponentialBackoff;
use rmcp::transport::streamable_http_client::StreamableHttpClientTransportConfig;
use rmcp::transport::{StreamableHttpClientTransport, TokioChildProcess, Transport};
use rmcp::{RoleClient, ServiceExt as _};
use serde::Serialize;
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::Mutex;

use super::call::{CALL_TIMEOUT, ToolCall};
use super::error::McpError;
use super::http::{Address, Http};
use super::overheard::{LastCall, Overheard};
use crate::propagation::Egress;

/// How long a server may take until it has said what it speaks: 30 seconds.
pub const START_TIMEOUT: Duration = Duration::from_secs(30);

/// The tools of an MCP server, to be called in a trace. A cheap clone; clones share the connection.
///
/// Each call is a run of type `tool` below the current run, with the tool's name, its arguments as inputs and
/// `{"output": …}` as outputs, as LangGraph records tools. Its context goes along in `_meta`, so the runs of
/// the server are below it.
///
/// ```no_run
/// use common::lab::{Lesson, McpTools, ToolServer};
/// use common::trace::TraceFutureExt as _;
/// use serde_json::json;
/// # async fn lesson(lesson: Lesson) -> Result<(), common::lab::McpError> {
/// // The server is a child process, spoken to over its standard input and output.
/// let tools = McpTools::stdio(ToolServer::command(&lesson.peer_env())?).await?;
/// let run = lesson.client("agent").run("agent").start();
/// let found = tools
///     .call("search_docs", json!({"question": "what travels in baggage?"}))
///     .below(&run)
///     .await?;
/// println!("{found}, asked with {}", tools.last_call().unwrap_or_default());
/// run.end();
/// tools.close().await;
/// # Ok(())
/// # }
/// ```
///
/// The connection belongs to the runtime on which it was made. With the last clone it is closed, in the
/// background; [`close`](Self::close) waits until a child process has sent its runs and ended.
#[derive(Clone)]
pub struct McpTools {
    connection: Arc<Connection>,
    pub(super) rules: Rules,
}

struct Connection {
    peer: Peer<RoleClient>,
    running: Mutex<Option<RunningService<RoleClient, ClientConfig>>>,
    last: LastCall,
    server: String,
    process: Option<u32>,
    way: Way,
}

/// How a server is reached.
enum Way {
    /// A process or a task of this machine, at the other end of a pipe.
    Pipe,
    Http(Address),
}

/// What goes along with a call, and how long it has.
#[derive(Debug, Clone)]
pub(super) struct Rules {
    pub(super) carries: bool,
    egress: Egress,
    pub(super) timeout: Duration,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            carries: true,
            egress: Egress::loopback(),
            timeout: CALL_TIMEOUT,
        }
    }
}

/// One of the tools that a server offers.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ToolInfo {
    /// What it is called by.
    pub name: String,
    /// What it does, for the model that chooses.
    pub description: String,
    /// The JSON schema of its arguments.
    pub input_schema: Value,
}

impl McpTools {
    /// Starts a server as a child process, and speaks to it over its standard input and output. What it writes
    /// to standard error goes where this process's goes.
    ///
    /// A child inherits the environment. To a server that is not yours give neither the contexts of your runs nor
    /// your key: [`.egress(Egress::default())`](Self::egress), and before
    /// `command.env_remove("LANGSMITH_API_KEY")`.
    ///
    /// # Errors
    /// When the program does not start, or does not answer in MCP within [`START_TIMEOUT`]; then it is killed.
    pub async fn stdio(command: Command) -> Result<Self, McpError> {
        let command = tokio::process::Command::from(command);
        let child = TokioChildProcess::new(command)?;
        let process = child.id();
        Self::connect(child, process, Way::Pipe).await
    }

    /// Connects to a server of streamable HTTP, such as `http://127.0.0.1:8080/mcp`.
    ///
    /// The context of a run goes to servers on this machine; to others once [`egress`](Self::egress) names
    /// them. Redirects are not followed. What stands in the address behind the host, as a key may, is in no error
    /// and no run.
    ///
    /// # Errors
    /// When it is no address, or nobody answers there in MCP within [`START_TIMEOUT`].
    pub async fn http(url: &str) -> Result<Self, McpError> {
        let address = Address::of(url)?;
        let http = Http::to(&address)?;
        let mut config = StreamableHttpClientTransportConfig::with_uri(url);
        config.retry_config = Arc::new(reconnecting());
        let transport = StreamableHttpClientTransport::with_client(http, config);
        let at = format!("{}:{}", address.host, address.port);
        let connected = Self::connect(transport, None, Way::Http(address)).await;
        connected.map_err(|error| match error {
            McpError::Connect(why) => McpError::Connect(format!("{at}: {why}")),
            other => other,
        })
    }

    /// Speaks to a server at the other end of a pipe, as of `tokio::io::duplex`: both in one process.
    ///
    /// # Errors
    /// When it does not answer in MCP within [`START_TIMEOUT`].
    pub async fn over(
        read: impl AsyncRead + Send + Unpin + 'static,
        write: impl AsyncWrite + Send + Unpin + 'static,
    ) -> Result<Self, McpError> {
        let transport = AsyncRwTransport::new_client(read, write);
        Self::connect(transport, None, Way::Pipe).await
    }

    async fn connect(
        transport: impl Transport<RoleClient> + 'static,
        process: Option<u32>,
        way: Way,
    ) -> Result<Self, McpError> {
        crate::lab::kernel::start();
        let last = LastCall::default();
        let us = Implementation::new("common", env!("CARGO_PKG_VERSION"));
        let config = ClientConfig::new(ClientCapabilities::default(), us);
        let started = config.serve(Overheard::new(transport, &last));
        // Whoever never answers is given up; dropped, a child is killed.
        let started = tokio::time::timeout(START_TIMEOUT, started).await;
        let running = started.map_err(|_| McpError::Timeout(START_TIMEOUT))??;
        let server = running.peer_info();
        let server = server.and_then(|info| info.server_info.clone());
        let connection = Connection {
            peer: running.peer().clone(),
            running: Mutex::new(Some(running)),
            last,
            server: server.map_or_else(String::new, |server| server.name),
            process,
            way,
        };
        Ok(Self {
            connection: Arc::new(connection),
            rules: Rules::default(),
        })
    }

    /// Lets contexts go to these hosts; this machine alone without it. A server at the other end of a pipe is
    /// `localhost`: with a list that does not name it, such as `Egress::default()`, no context goes there.
    #[must_use]
    pub fn egress(mut self, egress: Egress) -> Self {
        self.rules.egress = egress;
        self
    }

    /// Sets how long a call, or a list, may take; [`CALL_TIMEOUT`] without it.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.rules.timeout = timeout;
        self
    }

    /// Returns the same tools, called as a client calls them that knows nothing of traces: with no context in
    /// `_meta`. The tool run is a black box, and what the server did is another trace.
    #[must_use]
    pub fn without_context(&self) -> Self {
        let mut tools = self.clone();
        tools.rules.carries = false;
        tools
    }

    /// Returns what the server offers.
    ///
    /// # Errors
    /// When the server is gone, or does not say, or has not come to an end in as long as a call may take.
    pub async fn list(&self) -> Result<Vec<ToolInfo>, McpError> {
        // One page may name the next for ever.
        let timeout = self.rules.timeout;
        let listed = tokio::time::timeout(timeout, self.connection.peer.list_all_tools()).await;
        let listed = listed.map_err(|_| McpError::Timeout(timeout))??;
        let info = |tool: rmcp::model::Tool| ToolInfo {
            name: tool.name.into_owned(),
            description: tool.description.unwrap_or_default().into_owned(),
            input_schema: Value::Object((*tool.input_schema).clone()),
        };
        Ok(listed.into_iter().map(info).collect())
    }

    /// Begins a call of a tool. Its arguments are a JSON object; await it for what the tool gave back.
    pub fn call(&self, tool: impl Into<String>, arguments: impl Into<Value>) -> ToolCall {
        ToolCall::new(self.clone(), tool.into(), arguments.into())
    }

    /// Returns the last call as it went out, with all that stood in its `_meta`.
    pub fn last_call(&self) -> Option<Value> {
        self.connection.last.get()
    }

    /// Returns the name by which the server introduced itself.
    pub fn server(&self) -> &str {
        &self.connection.server
    }

    /// Returns the id of the server's process, if it was started by [`stdio`](Self::stdio).
    pub fn process_id(&self) -> Option<u32> {
        self.connection.process
    }

    /// Ends the connection. A child process is given three seconds to send its runs and end, and three more
    /// after SIGTERM; then it is killed. Calls that are under way fail.
    pub async fn close(&self) {
        // Held until it is closed, so that whoever else closes it waits for that too.
        let mut running = self.connection.running.lock().await;
        if let Some(running) = running.take() {
            // An error says that the task of the connection is gone, as is wanted.
            drop(running.cancel().await);
        }
    }

    pub(super) fn peer(&self) -> &Peer<RoleClient> {
        &self.connection.peer
    }

    /// Says whether a context may go to the server; each call is asked for, and counted.
    pub(super) fn may_carry(&self) -> bool {
        match &self.connection.way {
            Way::Pipe => self.rules.egress.decide(Some("localhost"), None),
            Way::Http(Address { host, port }) => self.rules.egress.decide(Some(host), Some(*port)),
        }
    }
}

/// An answer whose stream broke off is asked for again: three times, within a second. rmcp alone would go on
/// for ever, and a server that is gone would be noticed when time is up.
fn reconnecting() -> ExponentialBackoff {
    let mut policy = ExponentialBackoff::default();
    policy.max_times = Some(3);
    policy.base_duration = Duration::from_millis(100);
    policy
}

impl fmt::Display for McpTools {
    /// Says whose tools they are, and how they are reached.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let server = self.server();
        match &self.connection.way {
            Way::Http(Address { host, port }) => {
                write!(f, "tools of `{server}` over HTTP at {host}:{port}")
            }
            Way::Pipe => match self.process_id() {
                Some(id) => write!(f, "tools of `{server}` over stdio, process {id}"),
                None => write!(f, "tools of `{server}` over a pipe"),
            },
        }
    }
}

impl fmt::Debug for McpTools {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "McpTools({self}, {:?})", self.rules)
    }
}
