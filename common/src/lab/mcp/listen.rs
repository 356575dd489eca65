//! Where a tool server listens: at the end of a pipe, or at an address of HTTP.

use std::time::Duration;

use axum::Router;
use rmcp::transport::async_rw::AsyncRwTransport;
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;
use rmcp::transport::{StreamableHttpServerConfig, StreamableHttpService, stdio_pipes};
use tokio::io::{AsyncRead, AsyncWrite};

use super::server::McpServer;
use crate::export::FlushError;

/// The path at which a server of streamable HTTP answers.
pub const MCP_PATH: &str = "/mcp";

/// How long a server that ends takes at most to send its runs: two seconds. A client that started it as its
/// child waits three, and three more after SIGTERM, before it kills.
pub const SERVER_FLUSH: Duration = Duration::from_secs(2);

/// How long a client is told to wait before it asks again for an answer that broke off. With rmcp's three
/// seconds, it would notice late that the server is gone.
const RETRY: Duration = Duration::from_millis(200);

/// How long a server that ends waits for calls that were given up to notice it.
const GIVEN_UP: Duration = Duration::from_millis(500);

impl McpServer {
    /// Serves the client at the other end of the standard streams, until it closes them; then does as
    /// [`finish`](Self::finish). Nothing else may be written to standard output.
    pub async fn serve_stdio(&self) {
        let (read, write) = stdio_pipes();
        self.connected(read, write).await;
        self.finish().await;
    }

    /// Serves the client at the other end of a pipe, until it closes it. Answers that are being worked on then
    /// have five seconds, and all runs [`SERVER_FLUSH`] to be sent.
    ///
    /// A line that is no message of MCP, such as a call whose `_meta` is no object, is skipped: rmcp writes no
    /// error for it, and whoever wrote it waits until it loses patience.
    pub async fn serve(
        &self,
        read: impl AsyncRead + Send + Unpin + 'static,
        write: impl AsyncWrite + Send + Unpin + 'static,
    ) {
        self.connected(read, write).await;
        self.send().await;
    }

    /// Serves as [`serve`](Self::serve) does; the runs are left to whoever ends the process.
    async fn connected(
        &self,
        read: impl AsyncRead + Send + Unpin + 'static,
        write: impl AsyncWrite + Send + Unpin + 'static,
    ) {
        let transport = AsyncRwTransport::new_server(read, write);
        match rmcp::serve_server(self.clone(), transport).await {
            // However the connection ended: what was traced is sent.
            Ok(running) => drop(running.waiting().await),
            Err(error) => tracing::info!(%error, "a client went before it had said what it speaks"),
        }
    }

    /// Returns the service of streamable HTTP at [`MCP_PATH`], for an axum server of yours. Only requests for
    /// hosts of this machine are answered, and none that says which page it comes from (`Origin`), so that no
    /// web page can ask.
    pub fn router(&self) -> Router {
        let server = self.clone();
        let mut sessions = LocalSessionManager::default();
        sessions.session_config.sse_retry = Some(RETRY);
        let service = StreamableHttpService::new(
            move || Ok(server.clone()),
            sessions.into(),
            StreamableHttpServerConfig::default()
                .with_sse_retry(Some(RETRY))
                .enforce_origin_validation(),
        );
        Router::new().nest_service(MCP_PATH, service)
    }

    /// Gives up the calls that are under way, and sends all runs, for at most [`SERVER_FLUSH`]: for the end of
    /// the process. What could not be sent is logged.
    pub async fn finish(&self) {
        self.give_up();
        self.send().await;
    }

    /// Sends the runs that have ended so far, for at most `timeout`.
    ///
    /// # Errors
    /// As [`Client::flush`](crate::client::Client::flush).
    pub async fn flush(&self, timeout: Duration) -> Result<(), FlushError> {
        self.client.flush_async(timeout).await
    }

    async fn send(&self) {
        drop(tokio::time::timeout(GIVEN_UP, self.idle()).await);
        if let Err(error) = self.flush(SERVER_FLUSH).await {
            tracing::warn!(%error, "not all runs of a tool server were delivered");
        }
    }
}
