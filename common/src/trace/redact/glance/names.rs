//! Names that a credential may go by.

/// Two letters outside of ASCII are the same as `s` and `k` to a pattern that does not mind capitals.
pub(super) fn is_of_a_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-' | '\u{17f}' | '\u{212a}')
}

/// Returns true if a name may be that of a credential, or of a header or setting that holds one.
pub(in crate::trace::redact) fn names_a_credential(name: &str) -> bool {
    has_a_credentials_name(name.as_bytes())
}

pub(super) fn has_a_credentials_name(name: &[u8]) -> bool {
    let words: &[&[u8]] = &[
        b"key",
        b"secret",
        b"token",
        b"pass",
        b"pwd",
        b"credential",
        b"cookie",
        b"authorization",
    ];
    (0..name.len()).any(|at| {
        let rest = &name[at..];
        let begins = |word: &[u8]| {
            rest.get(..word.len())
                .is_some_and(|it| it.eq_ignore_ascii_case(word))
        };
        match rest[0] {
            b'k' | b'K' | b's' | b'S' | b't' | b'T' | b'p' | b'P' | b'c' | b'C' | b'a' | b'A' => {
                words.iter().any(|word| begins(word))
            }
            byte => !byte.is_ascii(),
        }
    })
}

/// Does not mind capitals.
pub(super) fn ends_with(text: &[u8], end: &[u8]) -> bool {
    let at = text.len().checked_sub(end.len());
    at.is_some_and(|at| text[at..].eq_ignore_ascii_case(end))
}
