//! The grammar of the W3C `baggage` header, and its budget.
//!
//! ```text
//! baggage: key = value ; property , key=value        whitespace around every part is allowed
//!          └ Member ───┘ └ ignored    └ Member
//! ```

use memchr::memchr;

use super::limits::{MAX_BAGGAGE_BYTES, MAX_BAGGAGE_MEMBERS};

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
    let mut rest = Some(line);
    std::iter::from_fn(move || {
        let (part, behind) = cut(rest?, b',');
        rest = behind;
        let raw = part.trim_ascii();
        let member = (!raw.is_empty()).then(|| {
            let (own, _) = cut(raw, b';');
            let (key, value) = cut(own, b'=');
            Member {
                raw,
                key: key.trim_ascii(),
                value: value.map(<[u8]>::trim_ascii),
            }
        });
        Some((part.len(), member))
    })
}

/// Returns what is before the first such byte, and what is behind it.
fn cut(bytes: &[u8], at: u8) -> (&[u8], Option<&[u8]>) {
    match memchr(at, bytes) {
        Some(at) => (&bytes[..at], Some(&bytes[at + 1..])),
        None => (bytes, None),
    }
}

/// Reads a value: escapes that are none are kept as they are, as the Python SDK does; what is no UTF-8
/// is nothing. A value with escapes is written anew into `unescaped`, the others are read where they are.
pub(super) fn decode<'a>(value: &'a [u8], unescaped: &'a mut Vec<u8>) -> Option<&'a str> {
    let Some(first) = memchr(b'%', value) else {
        return std::str::from_utf8(value).ok();
    };
    unescaped.clear();
    unescaped.reserve(value.len());
    let (mut plain, mut rest) = value.split_at(first);
    loop {
        unescaped.extend_from_slice(plain);
        while let [b'%', behind @ ..] = rest {
            rest = match behind {
                [high, low, behind @ ..] if hex(*high) | hex(*low) < 16 => {
                    unescaped.push(hex(*high) << 4 | hex(*low));
                    behind
                }
                _ => {
                    unescaped.push(b'%');
                    behind
                }
            };
        }
        if rest.is_empty() {
            return std::str::from_utf8(unescaped).ok();
        }
        let next = rest.iter().position(|byte| *byte == b'%');
        (plain, rest) = rest.split_at(next.unwrap_or(rest.len()));
    }
}

/// What each hexadecimal digit is worth; 16 for every other byte.
const HEX: [u8; 256] = {
    let mut table = [16; 256];
    let mut byte = 0;
    while byte < 256 {
        if let Some(digit) = (byte as u8 as char).to_digit(16) {
            table[byte] = digit as u8;
        }
        byte += 1;
    }
    table
};

fn hex(digit: u8) -> u8 {
    HEX[usize::from(digit)]
}

/// What RFC 3986 calls unreserved stands for itself; all else is escaped. That is legal in W3C baggage,
/// and read alike by the Python SDK (which leaves `/` as it is) and the JavaScript SDK (which leaves
/// `!*'()`).
const STANDS_FOR_ITSELF: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        let such = byte as u8;
        table[byte] = such.is_ascii_alphanumeric() || matches!(such, b'-' | b'.' | b'_' | b'~');
        byte += 1;
    }
    table
};

/// Returns true if nothing of a value has to be escaped.
pub(super) fn is_word(value: &[u8]) -> bool {
    value
        .iter()
        .all(|byte| STANDS_FOR_ITSELF[usize::from(*byte)])
}

/// Writes a value, escaped.
pub(super) fn escape(text: &mut Vec<u8>, value: &[u8]) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    let mut rest = value;
    let stands = |byte: &u8| STANDS_FOR_ITSELF[usize::from(*byte)];
    while let Some(at) = rest.iter().position(|byte| !stands(byte)) {
        text.extend_from_slice(&rest[..at]);
        let digit = |nibble: u8| DIGITS[usize::from(nibble)];
        text.extend_from_slice(&[b'%', digit(rest[at] >> 4), digit(rest[at] & 15)]);
        rest = &rest[at + 1..];
    }
    text.extend_from_slice(rest);
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
