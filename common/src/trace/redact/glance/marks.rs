//! What stands around a mark: `:`, `=`, `<`, `--` and others of which prose has few.

use super::names::{ends_with, has_a_credentials_name, is_of_a_name, names_a_credential};

/// Looks at what stands around the marks between two places.
pub(super) fn any_mark(text: &str, from: usize, to: usize) -> bool {
    let bytes = text.as_bytes();
    let is_mark = |at: &usize| b":=%<-y2cbB".contains(&bytes[*at]);
    (from..to).filter(is_mark).any(|at| {
        let before = &bytes[..at];
        match &bytes[at..] {
            [b':', ..] => at_joint(text, at) || at_colon(text, at),
            // Also the signature of a link.
            [b'=', ..] => {
                at_joint(text, at) || ends_with(before, b"sig") || ends_with(before, b"signature")
            }
            [b'%', b'3', b'a' | b'A' | b'd' | b'D', ..] => at_joint(text, at),
            [b'<', behind @ ..] => at_bracket(behind),
            [b'-', b'-', ..] => at_dashes(text, at),
            [b'y', b'J', ..] => before.ends_with(b"e"),
            [b'2', b'9', b'.', ..] => before.ends_with(b"ya"),
            [b'c', b'_', ..] => before.ends_with(b"whse"),
            [b'b' | b'B', ..] => at_bearer(text, at),
            _ => false,
        }
    })
}

/// Before `:`, `=` and their like: the name of a credential, behind which blanks and quotes may stand.
fn at_joint(text: &str, at: usize) -> bool {
    let before = text[..at].trim_end_matches(|c| is_blank(c) || c == '\\');
    let name = before.rsplit(|c| !is_of_a_name(c)).next();
    name.is_some_and(names_a_credential)
}

/// `://…@`, the token of a bot, and `-u name:…`.
fn at_colon(text: &str, at: usize) -> bool {
    let behind = &text[at + 1..];
    let of_an_address = |c: char| c != '/' && !c.is_whitespace();
    let host = behind.strip_prefix("//").unwrap_or_default();
    let host = host.split(|c| !of_an_address(c)).next();
    if behind.starts_with("AA") || host.is_some_and(|host| host.contains('@')) {
        return true;
    }
    let user = text[..at].rsplit(|c| is_blank(c) || c == ':').next();
    let user = user.unwrap_or_default();
    let flag = text[..at - user.len()].trim_end_matches(|c| is_blank(c) || c == '=');
    let is_flag = |end: &str| ends_with(flag.as_bytes(), end.as_bytes());
    let mut pairs = user.as_bytes().windows(2);
    !behind.starts_with(is_blank)
        && (pairs.any(|two| two.eq_ignore_ascii_case(b"-u"))
            || ["-u", "user", "u\u{17f}er"].into_iter().any(is_flag))
}

/// `<password>`.
fn at_bracket(behind: &[u8]) -> bool {
    const LONGEST: usize = 64;
    let behind = &behind[..behind.len().min(LONGEST)];
    let end = behind.iter().position(|byte| *byte == b'>');
    end.is_some_and(|end| has_a_credentials_name(&behind[..end]))
}

/// A private key, and `--password` behind a blank.
fn at_dashes(text: &str, at: usize) -> bool {
    if text[at..].starts_with("-----BEGIN ") {
        return true;
    }
    if !text[..at].ends_with(char::is_whitespace) {
        return false;
    }
    let behind = &text[at + 2..];
    let flag = behind.split(|c| !is_of_a_name(c)).next();
    // The other half of `api key` is behind a blank.
    flag.is_some_and(|flag| names_a_credential(flag) || ends_with(flag.as_bytes(), b"api"))
}

fn at_bearer(text: &str, at: usize) -> bool {
    const SHORTEST: usize = 10;
    let word = b"bearer";
    let Some(behind) = text.as_bytes()[at..]
        .get(..word.len())
        .filter(|it| it.eq_ignore_ascii_case(word))
    else {
        return false;
    };
    let behind = &text[at + behind.len()..];
    let token = behind.trim_start().as_bytes();
    let is_of_it =
        |byte: &u8| byte.is_ascii_alphanumeric() || !byte.is_ascii() || b"._~+/-".contains(byte);
    behind.starts_with(char::is_whitespace)
        && token.len() >= SHORTEST
        && token[..SHORTEST].iter().all(is_of_it)
}

fn is_blank(c: char) -> bool {
    c.is_whitespace() || matches!(c, '"' | '\'')
}
