//! A first look at a text: can there be a credential in it at all?
//!
//! ```text
//! text ──64 bytes at a time──► a mark (: = % < -- yJ 29 c_ bear)? ──► what stands around it
//!                         └──► 8 bytes of a word in a row? ─────────► the beginning of a token in it
//! ```
//!
//! Prose has few of either, so nearly all of a text is looked at with a few instructions for sixteen
//! bytes. Whatever a pattern of [`secrets`](super::secrets) finds is noticed here; what is noticed need be
//! none, and then the patterns look. A new pattern needs its mark or its beginning here; a test reads both.
//! Start at [`may_hold_credentials`].

mod marks;
mod names;
mod words;

pub(super) use names::names_a_credential;

use marks::any_mark;
use words::{WORD, any_token};

/// Returns false if no pattern of the preset can match.
pub(super) fn may_hold_credentials(text: &str) -> bool {
    let bytes = text.as_bytes();
    let mut at = 0;
    // Where the last word ended that was looked at.
    let mut seen = 0;
    while let Some(chunk) = bytes.get(at..).and_then(<[u8]>::first_chunk::<AHEAD>) {
        if has_mark(chunk) && any_mark(text, at, at + CHUNK) {
            return true;
        }
        if has_word(chunk) && any_token(bytes, at, at + CHUNK, &mut seen) {
            return true;
        }
        at += CHUNK;
    }
    any_mark(text, at, bytes.len()) || any_token(bytes, at, bytes.len(), &mut seen)
}

/// Bytes that are looked at together.
const CHUNK: usize = 64;
/// And those behind them that a mark may need.
const AHEAD: usize = CHUNK + 3;

/// Returns true if one of the bytes may be a mark. Without a branch, so that the compiler takes sixteen at a
/// time.
fn has_mark(chunk: &[u8; AHEAD]) -> bool {
    let mut found = false;
    for at in 0..CHUNK {
        let (byte, next, third) = (chunk[at], chunk[at + 1], chunk[at + 3]);
        // `:` `;` `<` `=` are neighbours.
        found |= (byte.wrapping_sub(b':') < 4)
            | (byte == b'%')
            | ((byte == b'-') & (next == b'-'))
            | ((byte == b'y') & (next == b'J'))
            | ((byte == b'2') & (next == b'9'))
            | ((byte == b'c') & (next == b'_'))
            | ((byte | 0x20 == b'b') & (third | 0x20 == b'r'));
    }
    found
}

/// Returns true if eight bytes that begin at a multiple of eight may all be of one word: none is a blank or
/// what is near it, none is beyond ASCII.
fn has_word(chunk: &[u8; AHEAD]) -> bool {
    const HIGH: u64 = u64::from_ne_bytes([0x80; 8]);
    const LOWEST: u64 = u64::from_ne_bytes([b'-'; 8]);
    let (words, _) = chunk[..CHUNK].as_chunks::<WORD>();
    words.iter().fold(false, |found, word| {
        let word = u64::from_ne_bytes(*word);
        // The high bit of each byte that is less than the lowest: "Bit Twiddling Hacks", hasless.
        let less = word.wrapping_sub(LOWEST) & !word;
        found | ((less | word) & HIGH == 0)
    })
}

#[cfg(test)]
mod tests;
