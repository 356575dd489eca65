//! The grammar of the W3C `baggage` header, and its budget.
//!
//! ```text
//! baggage: key = value ; property , key=value        whitespace around every part is allowed
//!          └ Member ───┘ └ ignored    └ Member
//! ```

use std::borrow::Cow;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode};

use super::limits::{MAX_BAGGAGE_BYTES, MAX_BAGGAGE_MEMBERS};

/// Everything but what RFC 3986 calls unreserved: legal in W3C baggage, and read alike by the Python
/// SDK (which leaves `/` as it is) and the JavaScript SDK (which leaves `!*'()`).
pub(super) const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// One member as it stands in the header.
pub(super) struct Member<'a> {
    /// All of it, without whitespace around it.
    pub(super) raw: &'a [u8],
    /// The name; names are case-sensitive.
    pub(super) key: &'a [u8],
    /// The value, still escaped and without properties; none if there is no `=`.
    pub(super) value: Option<&'a [u8]>,
}

/// Returns the members of one line, without empty ones (as a trailing comma makes), and with the bytes
/// that each takes of the line.
pub(super) fn members(line: &[u8]) -> impl Iterator<Item = (usize, Option<Member<'_>>)> {
    line.split(|byte| *byte == b',').map(|part| {
        let raw = part.trim_ascii();
        let member = (!raw.is_empty()).then(|| {
            let own = raw.split(|byte| *byte == b';').next().unwrap_or(raw);
            let mut halves = own.splitn(2, |byte| *byte == b'=');
            Member {
                raw,
                key: halves.next().unwrap_or_default().trim_ascii(),
                value: halves.next().map(<[u8]>::trim_ascii),
            }
        });
        (part.len(), member)
    })
}

/// Reads a value: escapes that are none are kept as they are, as the Python SDK does; what is no UTF-8
/// is nothing.
pub(super) fn decode(value: &[u8]) -> Option<Cow<'_, str>> {
    percent_decode(value).decode_utf8().ok()
}

/// What is left of the 8 KiB and 64 members of a whole baggage.
pub(super) struct Budget {
    bytes: usize,
    members: usize,
}

impl Budget {
    pub(super) fn new() -> Self {
        Self {
            // The first member has no comma before it.
            bytes: MAX_BAGGAGE_BYTES + 1,
            members: MAX_BAGGAGE_MEMBERS,
        }
    }

    /// Takes a comma and `bytes` bytes; false, and nothing is taken any more, if they are not left.
    pub(super) fn take_bytes(&mut self, bytes: usize) -> bool {
        match self.bytes.checked_sub(bytes.saturating_add(1)) {
            Some(left) => {
                self.bytes = left;
                true
            }
            None => {
                self.bytes = 0;
                false
            }
        }
    }

    /// Takes a member; false if none is left.
    pub(super) fn take_member(&mut self) -> bool {
        match self.members.checked_sub(1) {
            Some(left) => {
                self.members = left;
                true
            }
            None => false,
        }
    }

    /// Returns true if a member of `bytes` bytes fits.
    pub(super) fn fits(&self, bytes: usize) -> bool {
        self.members > 0 && bytes < self.bytes
    }
}
