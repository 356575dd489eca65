//! Tools behind MCP: a server in its own process, and calls that keep the trace.
//!
//! ```text
//! run ──McpTools::call──► tool run ──`_meta`──► standard input │ streamable HTTP ──► McpServer ──► run below it
//!                            │                    └─ ToolServer: the program `docs-tools`, a process
//!                            └─ ends once: output · the tool's error · Timeout · Cancelled · the server is gone
//! ```
//!
//! Standard input has no headers, so this is the one hop that headers cannot solve: the context stands in
//! `_meta`, beside what MCP itself keeps there ([`carrier::mcp`](crate::propagation::carrier::mcp)). Both sides
//! are the official Rust crate, `rmcp`. Start at [`McpTools`].

mod call;
mod docs;
mod error;
mod http;
mod listen;
mod overheard;
mod process;
mod server;
mod tools;

pub use call::{CALL_TIMEOUT, ToolCall};
pub use docs::docs_tools;
pub use error::McpError;
pub use listen::{MCP_PATH, SERVER_FLUSH};
pub use process::ToolServer;
pub use server::{McpServer, ToolError};
pub use tools::{McpTools, START_TIMEOUT, ToolInfo};
