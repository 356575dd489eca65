//! Words that are as long as a token, and begin as one.

/// Bytes of a token that are looked at together.
pub(super) const WORD: usize = 8;
/// Every token has so many letters, digits, `_`, `.` and `-` in a row, but for those that have a mark.
const SHORTEST: usize = 15;

/// Looks at the words of which eight bytes at a multiple of eight are between two places.
pub(super) fn any_token(bytes: &[u8], from: usize, to: usize, seen: &mut usize) -> bool {
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
