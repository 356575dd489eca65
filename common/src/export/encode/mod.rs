//! Batches become request bodies.
//!
//! ```text
//! Batch ──► parts ──┬─► multipart ──► compress ──► EncodedBody ──► transport
//!   runs,   what of │   /runs/multipart   zstd, if /info allows
//!   feedback a run  │
//!           goes    └─► json ─────────────────────►
//!           where       /runs/batch · /runs · /runs/{id} · /feedback
//! ```
//!
//! Text is written by our own writer, because escaping is the second largest cost after compression.
//! Layout and order are those of the official SDKs, to the name of each part. Start at [`Encoder`].

mod body;
mod compress;
mod json;
mod multipart;
mod parts;
mod text;

use std::fmt;

use bytes::Bytes;

pub use body::{EncodedBody, Encoding};
pub(super) use parts::is_usable_name;

use zstd::zstd_safe::CCtx;

use super::config::DEFAULT_COMPRESSION_LEVEL;

/// Writes bodies; keeps its buffers and what compression needs from one to the next.
///
/// ```
/// use common::export::{Batch, Encoder, Encoding};
///
/// let mut encoder = Encoder::new();
/// let body = encoder.multipart(&Batch::merge([]))?;
/// let packed = encoder.compress(&body)?;
/// assert_eq!(packed.encoding, Encoding::Zstd);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Encoder {
    text: Vec<u8>,
    // What the heads of the parts of one group begin with.
    prefix: Vec<u8>,
    // Large attachments, and where in the text each belongs: they are sent from where they are.
    inserts: Vec<(usize, Bytes)>,
    data_size: usize,
    packed: Vec<u8>,
    level: i32,
    zstd: Option<CCtx<'static>>,
}

/// A buffer that one huge batch has grown is not kept for the many small ones. A hundred runs with 64 KB
/// each stay below: memory from the system is paid for page by page, each time anew.
const MAX_KEPT_BUFFER: usize = 8 * 1024 * 1024;

impl Encoder {
    /// Makes an encoder that compresses at [`DEFAULT_COMPRESSION_LEVEL`].
    pub fn new() -> Self {
        Self::with_level(DEFAULT_COMPRESSION_LEVEL)
    }

    /// Makes an encoder that compresses at this level, from -7 (fast) to 22 (small).
    pub fn with_level(level: i32) -> Self {
        Self {
            text: Vec::new(),
            prefix: Vec::new(),
            inserts: Vec::new(),
            data_size: 0,
            packed: Vec::new(),
            level,
            zstd: None,
        }
    }

    /// Takes the bytes of a body back once it is sent, to write the next one there.
    pub(super) fn recycle(&mut self, mut body: EncodedBody) {
        // The chunks of a text share one buffer, and the first one has its beginning.
        body.chunks.truncate(1);
        let Some(Ok(mut buffer)) = body.chunks.pop().map(Bytes::try_into_mut) else {
            return;
        };
        if buffer.capacity() <= MAX_KEPT_BUFFER {
            // What is in it need not be moved.
            buffer.clear();
            match body.encoding {
                Encoding::Identity => self.text = buffer.into(),
                Encoding::Zstd | Encoding::Gzip => self.packed = buffer.into(),
            }
        }
    }
}

// The buffers hold what the last body held, and what people trace is not for a log.
impl fmt::Debug for Encoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Encoder")
            .field("level", &self.level)
            .finish_non_exhaustive()
    }
}

impl Default for Encoder {
    fn default() -> Self {
        Self::new()
    }
}
