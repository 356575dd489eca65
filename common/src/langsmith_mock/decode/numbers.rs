//! Whole numbers that LangSmith cannot hold.

/// Returns the first integer of a JSON text that fits neither 64 bits with a sign nor without.
///
/// LangSmith answers such a body with 422 and "int too big to convert", and loses all of it. Reading
/// the text alone cannot tell: `serde_json` makes a float of what is too long.
pub(super) fn too_big(json: &[u8]) -> Option<&str> {
    let mut at = 0;
    while let Some(byte) = json.get(at) {
        match byte {
            b'"' => at = after_string(json, at + 1),
            b'-' | b'0'..=b'9' => {
                let end = at + number_len(&json[at..]);
                let text = std::str::from_utf8(&json[at..end]).ok()?;
                if !fits(text) {
                    return Some(text);
                }
                at = end;
            }
            _ => at += 1,
        }
    }
    None
}

fn after_string(json: &[u8], mut at: usize) -> usize {
    while let Some(byte) = json.get(at) {
        match byte {
            b'\\' => at += 2,
            b'"' => return at + 1,
            _ => at += 1,
        }
    }
    at
}

fn number_len(rest: &[u8]) -> usize {
    let of_number = |byte: &u8| matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E');
    rest.iter().take_while(|byte| of_number(byte)).count()
}

fn fits(text: &str) -> bool {
    // Up to 18 digits always do, which spares reading most of them.
    text.len() < 19
        || text.contains(['.', 'e', 'E'])
        || text.parse::<i64>().is_ok()
        || text.parse::<u64>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_integer_over_64_bits_is_too_big() {
        for fine in [
            "18446744073709551615",
            "-9223372036854775808",
            "[1, 2.5, 1e400, \"99999999999999999999999\"]",
            "123456789012345678901234567890.5",
            "\"a \\\" 99999999999999999999999\"",
            "\"unfinished \\",
            "-",
        ] {
            assert_eq!(too_big(fine.as_bytes()), None, "{fine}");
        }
        for big in ["18446744073709551616", "-9223372036854775809"] {
            let text = format!("{{\"a\":[1,{big}]}}");
            assert_eq!(too_big(text.as_bytes()), Some(big));
        }
    }
}
