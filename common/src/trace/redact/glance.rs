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

/// Looks at what stands around the marks between two places.
fn any_mark(text: &str, from: usize, to: usize) -> bool {
    let bytes = text.as_bytes();
    let around = |at: usize| (&bytes[..at], &bytes[at..]);
    (from..to).any(|at| match (bytes[at], around(at)) {
        (b':', _) => at_joint(text, at) || at_colon(text, at),
        (b'=', (before, _)) => {
            // Of a link that is signed.
            at_joint(text, at) || ends_with(before, b"sig") || ends_with(before, b"signature")
        }
        (b'%', (_, [_, b'3', b'a' | b'A' | b'd' | b'D', ..])) => at_joint(text, at),
        (b'<', (_, behind)) => at_bracket(behind),
        (b'-', (_, [_, b'-', ..])) => at_dashes(text, at),
        (b'y', (before, [_, b'J', ..])) => before.ends_with(b"e"),
        (b'2', (before, [_, b'9', b'.', ..])) => before.ends_with(b"ya"),
        (b'c', (before, [_, b'_', ..])) => before.ends_with(b"whse"),
        (b'b' | b'B', _) => at_bearer(text, at),
        _ => false,
    })
}

/// Before `:`, `=` and their like: the name of a credential, behind which blanks and quotes may stand.
fn at_joint(text: &str, at: usize) -> bool {
    let before = text[..at].trim_end_matches(|c| is_blank(c) || c == '\\');
    let name = before.rsplit(|c| !is_of_a_name(c)).next();
    name.is_some_and(names_a_credential)
}

/// `://…@`, `-u name:…`, and the token of a bot.
fn at_colon(text: &str, at: usize) -> bool {
    let behind = &text[at + 1..];
    if let Some(address) = behind.strip_prefix("//") {
        let end = |c: char| c == '/' || c.is_whitespace();
        return address
            .split(end)
            .next()
            .is_some_and(|host| host.contains('@'));
    }
    if behind.starts_with("AA") {
        return true;
    }
    if behind.starts_with(is_blank) {
        return false;
    }
    let user = text[..at].rsplit(|c| is_blank(c) || c == ':').next();
    let user = user.unwrap_or_default();
    let flag = text[..at - user.len()].trim_end_matches(|c| is_blank(c) || c == '=');
    user.as_bytes()
        .windows(2)
        .any(|two| two.eq_ignore_ascii_case(b"-u"))
        || ["-u", "user", "u\u{17f}er"]
            .iter()
            .any(|it| ends_with(flag.as_bytes(), it.as_bytes()))
}

/// `<password>`.
fn at_bracket(behind: &[u8]) -> bool {
    const LONGEST: usize = 64;
    let behind = &behind[1..behind.len().min(LONGEST)];
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

/// Two letters outside of ASCII are the same as `s` and `k` to a pattern that does not mind capitals.
fn is_of_a_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-' | '\u{17f}' | '\u{212a}')
}

/// Returns true if a name may be that of a credential, or of a header or setting that holds one.
pub(super) fn names_a_credential(name: &str) -> bool {
    has_a_credentials_name(name.as_bytes())
}

fn has_a_credentials_name(name: &[u8]) -> bool {
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

fn ends_with(text: &[u8], end: &[u8]) -> bool {
    let at = text.len().checked_sub(end.len());
    at.is_some_and(|at| text[at..].eq_ignore_ascii_case(end))
}

/// Bytes of a token that are looked at together.
const WORD: usize = 8;
/// Every token has so many letters, digits, `_`, `.` and `-` in a row, but for those that have a mark.
const SHORTEST: usize = 15;

/// Looks at the words of which eight bytes at a multiple of eight are between two places.
fn any_token(bytes: &[u8], from: usize, to: usize, seen: &mut usize) -> bool {
    let is_of_it = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-');
    for at in (from..to)
        .step_by(WORD)
        .filter(|at| at + WORD <= bytes.len())
    {
        if at < *seen || !bytes[at..at + WORD].iter().all(is_of_it) {
            continue;
        }
        let begin = bytes[..at].iter().rposition(|byte| !is_of_it(byte));
        let begin = begin.map_or(0, |before| before + 1);
        let end = bytes[at..].iter().position(|byte| !is_of_it(byte));
        let end = end.map_or(bytes.len(), |end| at + end);
        *seen = end;
        if end - begin >= SHORTEST && has_a_tokens_beginning(&bytes[begin..end]) {
            return true;
        }
    }
    false
}

fn has_a_tokens_beginning(word: &[u8]) -> bool {
    let any =
        |ends: &[&str], before: &[u8]| ends.iter().any(|end| before.ends_with(end.as_bytes()));
    word.iter().enumerate().any(|(at, byte)| {
        let (before, behind) = (&word[..at], &word[at + 1..]);
        match byte {
            b'-' if behind.len() >= 19 && before.ends_with(b"sk") => true,
            b'-' if behind.len() >= 10 => {
                any(&BEFORE_DASH, before) || matches!(before, [.., b'x', b'o', b'x', _])
            }
            b'_' if behind.len() >= 10 => any(&BEFORE_LINE, before),
            b'.' => any(&BEFORE_DOT, before),
            b'A' => IN_CAPITALS
                .iter()
                .any(|it| word[at..].starts_with(it.as_bytes())),
            _ => false,
        }
    })
}

const BEFORE_DASH: [&str; 17] = [
    "xai", "pplx", "nvapi", "tvly", "GOCSPX", "xapp", "pypi", "glpat", "glrt", "glcbt", "gldt",
    "glptt", "glft", "glsoat", "glagent", "glimt", "gloas",
];
const BEFORE_LINE: [&str; 25] = [
    "gsk",
    "hf",
    "r8",
    "pcsk",
    "lsv2",
    "ls_",
    "ghp",
    "gho",
    "ghu",
    "ghs",
    "ghr",
    "github_pat",
    "sk_live",
    "sk_test",
    "rk_live",
    "rk_test",
    "npm",
    "o_v1",
    "p_v1",
    "r_v1",
    "shpat",
    "shpca",
    "shppa",
    "shpss",
    "lin_api",
];
const BEFORE_DOT: [&str; 5] = ["SG", "hvs", "hvb", "hvr", "hooks.slack"];
const IN_CAPITALS: [&str; 8] = [
    "AKIA", "ASIA", "ABIA", "ACCA", "AROA", "AIDA", "A3T", "AIza",
];

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::sample::select;

    use super::super::secrets;
    use super::*;

    /// What the patterns are made of, and what nearly is.
    const PIECES: [&str; 133] = [
        "-----BEGIN ",
        "RSA PRIVATE KEY-----",
        "-----END",
        "eyJ",
        "eyJhbGci",
        ".e30.",
        ".",
        "SG.",
        "hooks.slack.com/",
        "services/",
        "https://",
        "http://",
        "sk-ant-",
        "sk-proj-",
        "sk-svcacct-",
        "sk-None-",
        "sk-or-",
        "sk-lf-",
        "sk-",
        "gsk_",
        "xai-",
        "pplx-",
        "hf_",
        "r8_",
        "nvapi-",
        "tvly-",
        "pcsk_",
        "lsv2_pt_",
        "lsv2_",
        "ls__",
        "ghp_",
        "ghs_",
        "github_pat_",
        "glpat-",
        "glsoat-",
        "gloas-",
        "glrt-",
        "AKIA",
        "ASIA",
        "A3TX",
        "AIza",
        "ya29.",
        "GOCSPX-",
        "xoxb-",
        "xoxe.xoxp-",
        "xapp-1-",
        "sk_live_",
        "rk_test_",
        "whsec_",
        "npm_",
        "pypi-AgE",
        "dop_v1_",
        "dor_v1_",
        "shpat_",
        "shpss_",
        "lin_api_",
        "hvs.",
        "hvr.",
        "1234567890",
        "12345678:AA",
        ":AA",
        "X-Amz-Signature=",
        "x-goog-signature=",
        "?sig=",
        "&SIG=",
        "abcdef0123456789",
        "ABCDEFGHIJKLMNOP",
        "0123456789ABCDEF",
        "Zz9",
        "a/b+c=",
        "-",
        "_",
        "api_key",
        "API KEY",
        "api-key",
        "api",
        " key",
        "-salt",
        "private_key",
        "secret",
        "Secret",
        "token",
        "password",
        "PASSWD",
        "passphrase",
        "credential",
        "pwd",
        "pass",
        "x-api-key",
        "authorization",
        "Proxy-Authorization",
        "set-cookie",
        "cookie",
        "bearer",
        "BeArEr ",
        "basic",
        "\u{17f}ecret",
        "to\u{212a}en",
        "pa\u{17f}\u{17f}word",
        "bearer\u{a0}",
        ":",
        ":=",
        "=>",
        "=",
        "%3A",
        "%3d",
        "\"",
        "'",
        "\\\"",
        "\\",
        " ",
        "\u{a0}",
        "\u{2003}",
        "\n",
        "\t",
        "hunter22",
        "--",
        " --",
        "curl ",
        "-u",
        " --user ",
        "--u\u{17f}er",
        "root:",
        "@",
        "/",
        "postgres://",
        "<",
        ">",
        "<api_key>",
        "<PASSWORD>",
        "é",
        "дом",
        "the answer is ",
    ];

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4_000))]

        #[test]
        fn what_a_pattern_finds_a_glance_notices(
            before in "[a-z ]{0,80}",
            pieces in prop::collection::vec(select(&PIECES[..]), 1..7),
            behind in "[a-z ]{0,80}",
        ) {
            let text = format!("{before}{}{behind}", pieces.concat());
            if secrets::finds(&text) {
                prop_assert!(may_hold_credentials(&text), "{text:?}");
            }
        }
    }

    #[test]
    fn prose_is_known_at_a_glance() {
        let prose = "It is half past two: the gateway asks (politely) for the state-of-the-art passages, \
            e.g. those of https://docs.example.com/a-long-path_with.parts; nobody bears a token-based grudge. ";
        assert!(!may_hold_credentials(&prose.repeat(20)));
    }
}
