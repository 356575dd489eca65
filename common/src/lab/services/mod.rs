//! Services of a lesson, and what stands before them.
//!
//! ```text
//! http_client() · Browser (a page of another origin) ──► HeaderProxy (a gateway) ──► Service (a router, port 0)
//! ```
//!
//! What they are for is told in [`story`](super::story). Start at [`Service::start`].

mod browser;
mod http;
mod proxy;
mod service;

pub use browser::{Browser, PageCall};
pub use http::http_client;
pub(super) use http::{loopback, outside};
pub use proxy::{HeaderProxy, HeaderProxyBuilder};
pub use service::Service;
