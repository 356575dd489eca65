//! Operations on disk: what memory cannot hold or cannot send, and what a killed process had accepted.
//!
//! ```text
//!            append                         read_back, oldest first
//! RunOp ──► Draft ──► segment ─► segment ─► segment ──► RunOp ──► queue
//!           record      │ deleted when every record is acknowledged
//!                       ▲ adopt: what dead processes left in folders of their own
//! ```
//!
//! This room is plain and synchronous: no thread, no clock, no runtime; the keeper's thread calls it. It
//! is written after Vector's disk buffer: append-only files with a checksum for each record,
//! acknowledgements on the side, and sizes that are added up from the files at every start. Users start
//! at [`SpoolConfig`], readers of the code at [`Spool`].
//!
//! Everything but the settings is public for this crate's tests and fuzz targets only.

mod adopt;
mod append;
mod config;
mod files;
mod folder;
mod forget;
mod keeper;
mod letters;
mod read_back;
mod record;
mod segment;
mod store;

pub use adopt::Adopted;
pub use config::{
    DEFAULT_SPOOL_BYTES, DEFAULT_SPOOL_SEGMENT_BYTES, DEFAULT_SPOOL_SYNC_INTERVAL,
    DEFAULT_STORE_TIMEOUT, SpoolConfig, SpoolMode, UnknownSpoolMode,
};
pub use files::{Disk, Entry, Files, Lock, Output};
pub(super) use keeper::Keeper;
pub(crate) use letters::Letters;
pub use letters::Rejected;
pub use read_back::Recovered;
pub use record::{Unreadable, decode, encode};
pub use segment::{
    ACK_LEN, Contents, FRAME_LEN, Fingerprint, Frame, HEADER_LEN, Header, MAX_PAYLOAD, NotASegment,
    ack, is_record, read_acks, read_segment, write_record,
};
pub use store::{Draft, RecordId, Spool};
