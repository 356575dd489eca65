//! Numbers of payment cards.

use std::sync::LazyLock;

use regex::Regex;

/// What a card number looks like: 13 to 19 digits, or more in a row with others, with single blanks or
/// hyphens between them.
pub(super) const SHAPE: &str = r"[0-9](?:[ -]?[0-9]){12,}";

// A constant pattern, which a test compiles.
static LOOKS_LIKE_A_CARD: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(SHAPE).ok());

/// Replaces each card number: the right length, a first digit in use, and a check digit that agrees.
///
/// Returns none if there is no such number.
pub(super) fn mask(text: &str, replacement: &str) -> Option<String> {
    let shape = LOOKS_LIKE_A_CARD.as_ref()?;
    let mut masked = String::new();
    let mut copied = 0;
    for found in shape.find_iter(text) {
        let mut from = found.start();
        while let Some((start, end)) = first_card(text, from, found.end()) {
            masked.push_str(&text[copied..start]);
            masked.push_str(replacement);
            copied = end;
            from = end;
        }
    }
    (copied > 0).then(|| {
        masked.push_str(&text[copied..]);
        masked
    })
}

/// Returns where the first card number is. It begins and ends where a group of digits does.
fn first_card(text: &str, from: usize, to: usize) -> Option<(usize, usize)> {
    let bytes = text.as_bytes();
    let is_digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_digit);
    let starts = (from..to).filter(|&at| is_digit(at) && (at == 0 || !is_digit(at - 1)));
    for start in starts {
        let mut digits = [0_u8; MOST];
        let mut count = 0;
        let mut longest = None;
        for at in (start..to).filter(|&at| is_digit(at)) {
            if count == MOST {
                break;
            }
            digits[count] = bytes[at] - b'0';
            count += 1;
            if count >= FEWEST && !is_digit(at + 1) && is_card(&digits[..count]) {
                longest = Some((start, at + 1));
            }
        }
        if longest.is_some() {
            return longest;
        }
    }
    None
}

const FEWEST: usize = 13;
const MOST: usize = 19;

fn is_card(digits: &[u8]) -> bool {
    let issuer = digits
        .iter()
        .take(4)
        .fold(0, |number, digit| number * 10 + u32::from(*digit));
    let known = match (issuer / 1000, issuer / 100) {
        (4, _) => [13, 16, 19].contains(&digits.len()),
        (5, 51..=55) | (3, 35) => digits.len() == 16,
        (2, _) => (2221..=2720).contains(&issuer) && digits.len() == 16,
        (3, 34 | 37) => digits.len() == 15,
        (3, 30 | 36 | 38 | 39) => digits.len() == 14,
        (5, 50 | 56..=58) | (6, _) => true,
        _ => false,
    };
    known && luhn(digits)
}

/// The check of ISO/IEC 7812: from the right, every second digit counts double.
fn luhn(digits: &[u8]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(at, digit)| match (at % 2, u32::from(*digit)) {
            (0, digit) => digit,
            (_, digit) if digit > 4 => 2 * digit - 9,
            (_, digit) => 2 * digit,
        })
        .sum();
    sum.is_multiple_of(10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_card_number_is_told_from_other_digits_by_its_check_digit() {
        for (text, masked) in [
            ("4111111111111111", Some("X")),
            ("card 4111 1111 1111 1111, thanks", Some("card X, thanks")),
            ("5500-0000-0000-0004", Some("X")),
            ("340000000000009", Some("X")),
            ("4111 1111 1111 1111 12", Some("X 12")),
            ("12 4111 1111 1111 1111", Some("12 X")),
            ("4111111111111111 5500000000000004", Some("X X")),
            ("4111111111111112", None),
            ("1111111111111117", None),
            ("41111111111111114111111111111111", None),
            ("20261122100816", None),
            ("no digits", None),
        ] {
            assert_eq!(mask(text, "X").as_deref(), masked, "{text}");
        }
    }
}
