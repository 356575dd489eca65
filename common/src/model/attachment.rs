//! Files that belong to a run.

use std::fmt;

use bytes::Bytes;

/// A file that belongs to a run: an image, a recording, a document.
///
/// It holds bytes, never a path: what a process may read is not for a run, let alone a header, to say
/// (advisory GHSA-f4xh-w4cj-qxq8). A clone shares the bytes.
#[derive(Clone, PartialEq, Eq)]
pub struct Attachment {
    /// Its name, once in a run. LangSmith takes no name with a `.` in it.
    pub name: String,
    /// Its media type, such as `image/png`.
    pub mime_type: String,
    /// Its content.
    pub data: Bytes,
}

impl Attachment {
    /// Names content and its media type.
    pub fn new(
        name: impl Into<String>,
        mime_type: impl Into<String>,
        data: impl Into<Bytes>,
    ) -> Self {
        Self {
            name: name.into(),
            mime_type: mime_type.into(),
            data: data.into(),
        }
    }
}

impl fmt::Debug for Attachment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, mime_type, bytes) = (&self.name, &self.mime_type, self.data.len());
        write!(f, "Attachment({name:?}, {mime_type}, {bytes} bytes)")
    }
}
