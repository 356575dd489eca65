//! Why a tool behind MCP gave no result.

use std::fmt;
use std::time::Duration;

use rmcp::ServiceError;
use rmcp::model::ErrorCode;
use rmcp::service::ClientInitializeError;

use crate::lab::ProgramError;

/// Why there are no tools, or one of them gave no result. Its `Debug` is its `Display`, so that `expect` reads
/// well.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum McpError {
    /// The server's program is not built, or not where it is said to be.
    #[error(transparent)]
    Program(#[from] ProgramError),
    /// The program does not start: look at its path and its permissions.
    #[error("the tool server cannot be started: {0}")]
    Start(#[from] std::io::Error),
    /// The address is no URL of HTTP. Of the address scheme and host are kept, as what follows may be a key.
    #[error("`{0}` is no address of HTTP")]
    Address(String),
    /// Nobody answers there, or not in MCP: see that it is a server, and that it runs.
    #[error("no MCP server answers: {0}")]
    Connect(String),
    /// The tool ran and failed: what it says is for its caller.
    #[error("ToolError: {0}")]
    Tool(String),
    /// The server refused the call, as one of a tool that it does not have.
    #[error("McpError {code}: {message}")]
    Refused {
        /// The code of JSON-RPC, such as -32602 for parameters that are not valid.
        code: i32,
        /// What the server says.
        message: String,
    },
    /// The server did not answer in time; if it was a call, it was told to give it up.
    #[error("Timeout: not done after {0:?}")]
    Timeout(
        /// How long it had.
        Duration,
    ),
    /// The server is gone: start it again.
    #[error("ServerGone: the MCP server ended before it answered")]
    Gone,
    /// The message could not be sent, or the answer not be read.
    #[error("TransportError: {0}")]
    Transport(String),
}

impl fmt::Debug for McpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl From<ServiceError> for McpError {
    fn from(error: ServiceError) -> Self {
        match error {
            ServiceError::McpError(data) => {
                let ErrorCode(code) = data.code;
                let message = data.message.into_owned();
                Self::Refused { code, message }
            }
            ServiceError::TransportClosed => Self::Gone,
            ServiceError::Timeout { timeout } => Self::Timeout(timeout),
            other => Self::Transport(other.to_string()),
        }
    }
}

impl From<ClientInitializeError> for McpError {
    fn from(error: ClientInitializeError) -> Self {
        Self::Connect(error.to_string())
    }
}
