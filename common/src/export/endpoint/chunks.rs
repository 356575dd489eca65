//! Bytes that lie in several places become one body of an HTTP request.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

/// Makes a body that is sent with its `Content-Length`, without copying what it is made of.
pub(super) fn in_chunks(chunks: Vec<Bytes>) -> reqwest::Body {
    match <[Bytes; 1]>::try_from(chunks) {
        Ok([only]) => only.into(),
        Err(chunks) => reqwest::Body::wrap(Chunks {
            left: chunks.iter().map(|chunk| chunk.len() as u64).sum(),
            chunks: chunks.into_iter(),
        }),
    }
}

struct Chunks {
    chunks: std::vec::IntoIter<Bytes>,
    left: u64,
}

impl Body for Chunks {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let next = self.chunks.next();
        self.left -= next.as_ref().map_or(0, |chunk| chunk.len() as u64);
        Poll::Ready(next.map(|chunk| Ok(Frame::data(chunk))))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}
