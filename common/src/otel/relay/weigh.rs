//! How much a request becomes when it is read.
//!
//! ```text
//! body ──► every field of every message that is built ──► more than can be meant? ──► 413, before it is read
//! ```
//!
//! An empty span is two bytes on the wire and hundreds in memory, and zeros pack well: forty kilobytes could
//! ask for gigabytes. Start at [`is_light`].

/// Most fields that a request may have: several hundred thousand attributes.
const MOST_FIELDS: usize = 1_000_000;

/// A message that becomes more in memory than it is on the wire.
#[derive(Clone, Copy)]
enum Message {
    Request,
    ResourceSpans,
    Resource,
    ScopeSpans,
    Scope,
    Span,
    Event,
    Link,
    Attribute,
    Value,
    Array,
    List,
    EntityRef,
}

impl Message {
    /// Returns what a field of the message holds, if that is one of these.
    fn field(self, number: u64) -> Option<Self> {
        match (self, number) {
            (Self::Request, 1) => Some(Self::ResourceSpans),
            (Self::ResourceSpans, 1) => Some(Self::Resource),
            (Self::ResourceSpans, 2) => Some(Self::ScopeSpans),
            (Self::ScopeSpans, 1) => Some(Self::Scope),
            (Self::ScopeSpans, 2) => Some(Self::Span),
            (Self::Span, 11) => Some(Self::Event),
            (Self::Span, 13) => Some(Self::Link),
            (Self::Attribute, 2) | (Self::Array, 1) => Some(Self::Value),
            (Self::Value, 5) => Some(Self::Array),
            (Self::Value, 6) => Some(Self::List),
            (Self::Resource, 3) => Some(Self::EntityRef),
            (Self::Resource | Self::List, 1)
            | (Self::Scope | Self::Event, 3)
            | (Self::Span, 9)
            | (Self::Link, 4) => Some(Self::Attribute),
            _ => None,
        }
    }
}

/// Returns false if what a request says is far more than what it weighs. What is no protobuf is light: who
/// reads it says so.
pub(super) fn is_light(body: &[u8]) -> bool {
    let mut left = MOST_FIELDS;
    // Not by recursion: messages may be in each other a million deep.
    let mut open = vec![(Message::Request, body)];
    while let Some((message, mut rest)) = open.pop() {
        while let Some((number, inner)) = next_field(&mut rest) {
            let Some(fewer) = left.checked_sub(1) else {
                return false;
            };
            left = fewer;
            let held = message.field(number);
            open.extend(held.zip(inner).filter(|(_, inner)| !inner.is_empty()));
        }
    }
    true
}

/// Takes a field off: its number and, if it has a length, its bytes.
fn next_field<'b>(rest: &mut &'b [u8]) -> Option<(u64, Option<&'b [u8]>)> {
    let key = varint(rest)?;
    let kind = key & 7;
    let length = match kind {
        0 => varint(rest).map(|_| 0)?,
        1 => 8,
        2 => usize::try_from(varint(rest)?).ok()?,
        5 => 4,
        _ => return None,
    };
    let (inner, after) = rest.split_at_checked(length)?;
    *rest = after;
    Some((key >> 3, (kind == 2).then_some(inner)))
}

fn varint(rest: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (byte, after) = rest.split_first()?;
        *rest = after;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}
