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
//! A run of a tracer waits in the queue as it is, and is encoded from there on the exporter's thread; only who
//! changes or keeps it has it written as an operation first. If it ends while its beginning waits, the two
//! leave as one.
//!
//! Submitting is synchronous and needs no runtime; everything slow happens on the exporter's thread, and
//! the program's own functions beside it. What an endpoint does not take for reasons of its own is held
//! and tried again, one request at a time; what is the matter with a run costs that run at most.
//! What was accepted is accounted for to the last operation:
//! `accepted = delivered + dropped + spooled + queued`. Start at [`BatchExporter`].
//!
//! The rooms, in the order in which an operation passes them:
//!
//! | Room | What happens there |
//! |---|---|
//! | `queue` | it is taken in or refused, counted, and waits |
//! | `batch` | it leaves with others: taken, changed by the program, merged; in flight |
//! | `encode` | it becomes bytes |
//! | `send` | it is sent, again and in pieces if need be, until its fate is known |
//! | `endpoint` | where that goes: address, key, connections, trust |
//! | `spool` | beside all that: the disk, and the thread that keeps it |
//! | `life` | below all that: threads, forks, the program's own functions, locks and clocks |

mod batch;
mod config;
mod encode;
mod endpoint;
mod exporter;
mod ledger;
mod life;
mod queue;
mod send;
// The tests and fuzz targets of the spool reach its inside.
#[doc(hidden)]
pub mod spool;

pub use batch::{Batch, Group};
pub(crate) use config::trimmed_key;
pub use config::{
    BatchConfig, COMPRESSION_LEVELS, DEFAULT_BATCH_BYTES, DEFAULT_BATCH_OPS,
    DEFAULT_COMPRESSION_LEVEL, DEFAULT_ENDPOINT, DEFAULT_LINGER, DEFAULT_MAX_IN_FLIGHT,
    DEFAULT_QUEUE_BYTES, DEFAULT_QUEUE_OPS, DEFAULT_REQUEST_TIMEOUT, DEFAULT_SHUTDOWN_TIMEOUT,
    Delivery, Destination,
};
pub use encode::{EncodedBody, Encoder, Encoding};
pub use endpoint::{
    BatchIngestConfig, Exchange, HttpRequest, HttpResponse, InstanceFlags, KeySource,
    ReqwestTransport, ServerInfo, StartError, Transport, TransportError,
};
pub(crate) use endpoint::{check_endpoint, is_loopback, show_endpoint, show_header};
pub use exporter::BatchExporter;
pub use ledger::{AttachmentLoss, DropReason, ExportStats, FlushError, RefuseReason, SpoolStats};
pub(crate) use life::after_fork;
pub use life::{OnDrop, Transform};
pub(crate) use send::names_workspace;
pub use send::{RetryPolicy, Verdict, judge};
pub use spool::{
    DEFAULT_SPOOL_BYTES, DEFAULT_SPOOL_SEGMENT_BYTES, DEFAULT_SPOOL_SYNC_INTERVAL,
    DEFAULT_STORE_TIMEOUT, Rejected, SpoolConfig, SpoolMode,
};
