//! Where requests go: an address, a key for it, connections, and whom they trust.
//!
//! ```text
//! Destination ──► address ──► transport ──► connections ──► tls ──► LangSmith
//!                   key ────────▲  ▲                                   │
//!                          body in chunks       info ◄── GET /info ◄───┘
//! ```
//!
//! The room knows neither queue nor batch: it sends one request, and returns one answer. Start at
//! [`Transport`].

mod address;
mod chunks;
mod connections;
mod info;
mod key;
mod tls;
mod transport;

pub(crate) use self::address::{check_endpoint, is_loopback, show_endpoint, show_header};
pub use self::info::{BatchIngestConfig, InstanceFlags, ServerInfo};
pub use self::key::KeySource;
pub(super) use self::transport::WORKSPACE;
pub use self::transport::{
    Exchange, HttpRequest, HttpResponse, ReqwestTransport, StartError, Transport, TransportError,
};
