//! A strict LangSmith on loopback.
//!
//! ```text
//! wiremock (tests, notebooks) ─┐                                 ┌─► violations, ingest log
//!                              ├─► core ─► decode ─► validate ─► store ─► Vec<Run> ─► TraceTree
//! axum (a process of its own) ─┘     ├ otlp: spans ──────┘         └─► query ─► api, viewer page
//!                                    └ fault
//! ```
//!
//! It takes what any LangSmith SDK sends, checks it as closely as the real service is known to, and
//! says in plain words what is wrong. What LangSmith would silently drop is answered with 202 as
//! well, and then listed. It asks for a key, accepts every one, and shows none; it listens on this
//! machine only. Start at [`LangSmithMock`].
//!
//! ```
//! use std::time::Duration;
//! use common::langsmith_mock::LangSmithMock;
//!
//! # tokio::runtime::Runtime::new().unwrap().block_on(async {
//! let mock = LangSmithMock::start().await;
//! // … point a client at mock.url() and trace something, then:
//! let missing = mock.wait_for_runs(1, Duration::ZERO).await.unwrap_err();
//! assert!(missing.to_string().starts_with("0 of 1 runs arrived"));
//! assert!(mock.violations().is_empty());
//! # });
//! ```

mod api;
mod builder;
mod core;
mod decode;
mod family;
mod fault;
mod feedback;
#[cfg(feature = "analysis")]
mod filmed;
mod intake;
mod keys;
mod merge;
mod mock;
mod on_axum;
mod on_wiremock;
mod otlp;
mod projects;
mod query;
mod records;
mod request;
mod route;
mod shares;
mod store;
mod validate;
mod viewer;
mod violation;
mod wait;

pub use builder::{MockBuilder, QueryBackend, ServerInfo};
pub use decode::{Attachment, OpKind};
pub use fault::{ConnectionFault, Fault};
pub use mock::LangSmithMock;
pub use on_axum::ServeError;
pub use otlp::{Fate, ReadSpansError, SpanMapping, SpanReading, read_spans};
pub use request::{MockRequest, MockResponse, ReceivedRequest};
pub use route::Route;
pub use store::{IngestEntry, IngestOutcome, Limits, RejectedOp};
pub use violation::{Severity, Violation, ViolationCode};
pub use wait::WaitError;
