//! Bodies become smaller.

use std::io;

use bytes::Bytes;
use zstd::zstd_safe::zstd_sys::ZSTD_EndDirective::{ZSTD_e_continue, ZSTD_e_end};
use zstd::zstd_safe::{
    self, CCtx, CParameter, ErrorCode, InBuffer, OutBuffer, ResetDirective, compress_bound,
};

use super::{EncodedBody, Encoder, Encoding};
use crate::export::config::COMPRESSION_LEVELS;

impl Encoder {
    /// Packs a body as one frame of Zstandard.
    ///
    /// # Errors
    /// Only if memory is short; the body can be sent as it is.
    pub fn compress(&mut self, body: &EncodedBody) -> io::Result<EncodedBody> {
        let context = match &mut self.zstd {
            Some(context) => context,
            none => none.insert(new_context(self.level)?),
        };
        let mut packed = std::mem::take(&mut self.packed);
        packed.clear();
        // No frame is longer than that. What is not written to costs an address and no memory.
        packed.reserve(compress_bound(body.len()));
        let written = match &*body.chunks {
            // One call may read where the text is; several have to copy it into the window first.
            [only] => context.compress2(&mut packed, only).map(drop),
            chunks => in_steps(context, chunks, body.len(), &mut packed),
        };
        written.map_err(as_io)?;
        Ok(EncodedBody {
            content_type: body.content_type.clone(),
            encoding: Encoding::Zstd,
            chunks: vec![Bytes::from(packed)],
            data_size: body.data_size,
        })
    }
}

fn new_context(level: i32) -> io::Result<CCtx<'static>> {
    let level = level.clamp(*COMPRESSION_LEVELS.start(), *COMPRESSION_LEVELS.end());
    let mut context =
        CCtx::try_create().ok_or_else(|| io::Error::from(io::ErrorKind::OutOfMemory))?;
    context
        .set_parameter(CParameter::CompressionLevel(level))
        .map_err(as_io)?;
    Ok(context)
}

/// Packs chunks into a buffer that has room for the whole frame.
fn in_steps(
    context: &mut CCtx<'static>,
    chunks: &[Bytes],
    len: usize,
    packed: &mut Vec<u8>,
) -> Result<(), ErrorCode> {
    context.reset(ResetDirective::SessionOnly)?;
    // The frame then says how much it holds, so that a server can refuse before it unpacks.
    context.set_pledged_src_size(Some(len as u64))?;
    let mut room = OutBuffer::around(packed);
    for chunk in chunks {
        let mut from = InBuffer::around(chunk);
        while from.pos() < chunk.len() {
            context.compress_stream2(&mut room, &mut from, ZSTD_e_continue)?;
        }
    }
    while context.compress_stream2(&mut room, &mut InBuffer::around(&[]), ZSTD_e_end)? > 0 {}
    Ok(())
}

fn as_io(code: ErrorCode) -> io::Error {
    io::Error::other(zstd_safe::get_error_name(code))
}
