//! Bodies become smaller.

use std::io;

use bytes::Bytes;
use zstd::stream::raw::{self, InBuffer, Operation as _, OutBuffer};

use super::{EncodedBody, Encoder, Encoding, MAX_KEPT_BUFFER};
use crate::export::config::COMPRESSION_LEVELS;

/// Room that is made for more output at a time; what the library itself recommends.
const STEP: usize = 128 * 1024;

impl Encoder {
    /// Packs a body as one frame of Zstandard.
    ///
    /// # Errors
    /// Only if memory is short; the body can be sent as it is.
    pub fn compress(&mut self, body: &EncodedBody) -> io::Result<EncodedBody> {
        let zstd = match &mut self.zstd {
            Some(zstd) => {
                zstd.0.reinit()?;
                zstd
            }
            none => none.insert(Zstd::new(self.level)?),
        };
        // The frame then says how much it holds, so that a server can refuse before it unpacks.
        zstd.0.set_pledged_src_size(Some(body.len() as u64))?;
        let mut packed = std::mem::take(&mut self.packed);
        packed.clear();
        for chunk in &body.chunks {
            zstd.write(chunk, &mut packed)?;
        }
        zstd.finish(&mut packed)?;
        Ok(EncodedBody {
            content_type: body.content_type.clone(),
            encoding: Encoding::Zstd,
            chunks: vec![Bytes::from(packed)],
            data_size: body.data_size,
        })
    }
}

/// What the library keeps from one frame to the next.
pub(super) struct Zstd(raw::Encoder<'static>);

impl Zstd {
    fn new(level: i32) -> io::Result<Self> {
        let level = level.clamp(*COMPRESSION_LEVELS.start(), *COMPRESSION_LEVELS.end());
        raw::Encoder::new(level).map(Self)
    }

    fn write(&mut self, data: &[u8], to: &mut Vec<u8>) -> io::Result<()> {
        let mut from = InBuffer::around(data);
        while from.pos() < data.len() {
            let mut room = room(to);
            self.0.run(&mut from, &mut room)?;
        }
        Ok(())
    }

    fn finish(&mut self, to: &mut Vec<u8>) -> io::Result<()> {
        loop {
            let mut room = room(to);
            if self.0.finish(&mut room, true)? == 0 {
                return Ok(());
            }
        }
    }
}

/// Opens the free end of a buffer, which is made larger if little is left.
fn room(buffer: &mut Vec<u8>) -> OutBuffer<'_, Vec<u8>> {
    if buffer.capacity() - buffer.len() < STEP / 4 {
        buffer.reserve(STEP.max(buffer.len().min(MAX_KEPT_BUFFER)));
    }
    let end = buffer.len();
    OutBuffer::around_pos(buffer, end)
}
