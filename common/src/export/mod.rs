//! Operations become bytes and reach an endpoint, on a thread of its own.
//!
//! ```text
//! caller's thread │ exporter's thread
//!                 │
//! submit(RunOp) ──► queue ──► batch ──┬─► flight: encode ──► breaker ──► transport ──► LangSmith
//!    never blocks │ bounded   count,  ├─► flight  multipart,   ▲            │
//!                 │ in count  bytes,  └─► flight  JSON; zstd   └─── again ──┤ not now: held
//!                 │ and bytes time      up to four at once                  │
//!                 │   └───────────────── ledger ◄───────────────────────────┘ delivered, or dropped
//!                                                                               with a reason
//! ```
//!
//! With a spool, the keeper's thread stands beside the queue: it writes what memory cannot hold or the
//! endpoint does not take, and reads it back, oldest first ([`SpoolConfig`]).
//!
//! Submitting is synchronous and needs no runtime; everything slow happens on the exporter's thread, and
//! the program's own functions beside it. What an endpoint does not take for reasons of its own is held
//! and tried again, one request at a time; what is the matter with a run costs that run at most.
//! What was accepted is accounted for to the last operation:
//! `accepted = delivered + dropped + spooled + queued`. Start at [`BatchExporter`].

mod address;
mod admission;
mod batch;
mod callbacks;
mod chunks;
mod config;
mod connections;
mod encode;
mod exporter;
mod in_flight;
mod info;
mod keeper;
mod key;
mod ledger;
mod queue;
mod retry;
mod route;
mod running;
mod send;
#[cfg(test)]
mod shuttled;
mod size;
// The tests and fuzz targets of the spool reach its inside.
#[doc(hidden)]
pub mod spool;
mod stall;
mod sync;
mod tls;
mod transport;
mod worker;

pub(crate) use address::{check_endpoint, is_loopback, show_endpoint, show_header};
pub use batch::{Batch, Group};
pub use callbacks::{OnDrop, Transform};
pub(crate) use config::trimmed_key;
pub use config::{
    BatchConfig, COMPRESSION_LEVELS, DEFAULT_BATCH_BYTES, DEFAULT_BATCH_OPS,
    DEFAULT_COMPRESSION_LEVEL, DEFAULT_ENDPOINT, DEFAULT_LINGER, DEFAULT_MAX_IN_FLIGHT,
    DEFAULT_QUEUE_BYTES, DEFAULT_QUEUE_OPS, DEFAULT_REQUEST_TIMEOUT, DEFAULT_SHUTDOWN_TIMEOUT,
    Delivery, Destination,
};
pub use encode::{EncodedBody, Encoder, Encoding};
pub use exporter::BatchExporter;
pub use info::{BatchIngestConfig, InstanceFlags, ServerInfo};
pub use key::KeySource;
pub use ledger::{AttachmentLoss, DropReason, ExportStats, FlushError, RefuseReason, SpoolStats};
pub(crate) use retry::names_workspace;
pub use retry::{RetryPolicy, Verdict, judge};
pub(crate) use running::after_fork;
pub use spool::{
    DEFAULT_SPOOL_BYTES, DEFAULT_SPOOL_SEGMENT_BYTES, DEFAULT_SPOOL_SYNC_INTERVAL,
    DEFAULT_STORE_TIMEOUT, Rejected, SpoolConfig, SpoolMode,
};
pub use transport::{
    Exchange, HttpRequest, HttpResponse, ReqwestTransport, StartError, Transport, TransportError,
};
