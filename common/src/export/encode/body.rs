//! The body of one request.

use std::fmt;

use bytes::{Bytes, BytesMut};

/// How the bytes of a body are packed as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Encoding {
    /// As they are.
    #[default]
    Identity,
    /// One frame of Zstandard (RFC 8878).
    Zstd,
    /// gzip (RFC 1952); spans of OpenTelemetry are packed so.
    Gzip,
}

impl Encoding {
    /// Returns the value of `Content-Encoding`, if one is needed.
    pub fn header(self) -> Option<&'static str> {
        match self {
            Self::Identity => None,
            Self::Zstd => Some("zstd"),
            Self::Gzip => Some("gzip"),
        }
    }
}

/// The body of a request, ready to send; a clone shares the bytes.
#[derive(Clone, PartialEq)]
pub struct EncodedBody {
    /// The value of `Content-Type`.
    pub content_type: String,
    /// How the bytes are packed.
    pub encoding: Encoding,
    /// The bytes, in order. More than one chunk only where a large attachment is sent from where it is.
    pub chunks: Vec<Bytes>,
    /// Bytes of the data alone, before packing and without the headers of parts: what the Python SDK
    /// sends as `X-Pre-Compressed-Size`.
    pub data_size: usize,
}

impl EncodedBody {
    /// Makes a body of JSON text.
    pub fn json(text: impl Into<Bytes>) -> Self {
        let text = text.into();
        Self {
            content_type: "application/json".to_owned(),
            encoding: Encoding::Identity,
            data_size: text.len(),
            chunks: vec![text],
        }
    }

    /// Returns the number of bytes on the wire.
    pub fn len(&self) -> usize {
        self.chunks.iter().map(Bytes::len).sum()
    }

    /// Returns true if there is nothing to send.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the bytes in one piece; they are copied if there are several.
    pub fn to_bytes(&self) -> Bytes {
        if let [only] = &*self.chunks {
            return only.clone();
        }
        let mut whole = BytesMut::with_capacity(self.len());
        for chunk in &self.chunks {
            whole.extend_from_slice(chunk);
        }
        whole.freeze()
    }

    /// Returns the headers that describe the body, `Content-Length` aside.
    ///
    /// The two sizes of a packed body are the Python SDK's; a server must not take the first for the
    /// size after unpacking.
    pub fn headers(&self) -> Vec<(&'static str, String)> {
        let mut headers = vec![("content-type", self.content_type.clone())];
        if let Some(encoding) = self.encoding.header() {
            headers.push(("content-encoding", encoding.to_owned()));
        }
        if self.encoding == Encoding::Zstd {
            headers.extend([
                ("x-pre-compressed-size", self.data_size.to_string()),
                ("x-post-compressed-size", self.len().to_string()),
            ]);
        }
        headers
    }
}

// What people trace is not for a log.
impl fmt::Debug for EncodedBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EncodedBody")
            .field("content_type", &self.content_type)
            .field("encoding", &self.encoding)
            .field("bytes", &self.len())
            .finish_non_exhaustive()
    }
}
