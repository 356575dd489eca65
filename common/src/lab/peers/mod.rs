//! Services in other languages, each a process with the official SDK of its own.
//!
//! ```text
//! PeerEnv (where to send, which key) ──► PythonService │ NodeService ──► Peer: a process that is asked over HTTP
//!                                              └─ LangGraphAgent: asks, streams, waits for a person
//! Recorded: what a server gave that is not here
//! ```
//!
//! Start at [`PythonService::start`].

mod agent_events;
mod env;
mod langgraph;
mod node;
mod peer;
mod python;
mod recorded;

pub use agent_events::{AgentEvent, AgentEvents};
pub use env::PeerEnv;
pub use langgraph::{AgentDraft, AgentQuestion, LangGraphAgent, called_by_agent};
pub(super) use node::NO_NODE;
pub use node::NodeService;
pub(super) use peer::Peer;
pub use peer::PeerError;
pub use python::PythonService;
pub use recorded::Recorded;
