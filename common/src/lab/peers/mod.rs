//! Services in other languages, each a process with the official SDK of its own.
//!
//! ```text
//! PeerEnv (where to send, which key) ──► PythonService │ NodeService ──► Peer: a process that is asked over HTTP
//! ```
//!
//! Start at [`PythonService::start`].

mod env;
mod node;
mod peer;
mod python;

pub use env::PeerEnv;
pub(super) use node::NO_NODE;
pub use node::NodeService;
pub(super) use peer::Peer;
pub use peer::PeerError;
pub use python::PythonService;
