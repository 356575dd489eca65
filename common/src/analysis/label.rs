//! Foreign text made fit for a picture: harmless, and no wider than its place.
//!
//! ```text
//! "a\u{1b}[31m\nb"  ──clean──►  "a␛[31m b"  ──fit(6)──►  "a␛[31…"
//! ```
//!
//! Start at [`fit`].

use chrono::TimeDelta;
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};
use uuid::Uuid;

/// Returns the columns that a text takes on a terminal.
pub(super) fn columns(text: &str) -> usize {
    text.width()
}

/// Returns the text without anything that moves a cursor, turns the reading direction, hides itself
/// or is illegal in XML 1.0.
///
/// White space of every kind becomes one blank, other control characters their visible picture.
pub(crate) fn clean(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut marks = 0;
    for c in text.chars() {
        // Marks without a width stand on the letter before them; a tower of them would leave its
        // line.
        marks = if c.width() == Some(0) { marks + 1 } else { 0 };
        match c {
            _ if marks > MAX_MARKS => {}
            c if c.is_whitespace() => {
                if !out.is_empty() && !out.ends_with(' ') {
                    out.push(' ');
                }
            }
            '\0'..='\x1f' => {
                // U+2400 and on are the pictures of the C0 controls, in their order.
                out.push(char::from_u32(0x2400 + u32::from(c)).unwrap_or('\u{fffd}'));
            }
            c if is_unfit(c) => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out.truncate(out.trim_end().len());
    out
}

/// Most marks that one letter may carry; no script needs more.
const MAX_MARKS: usize = 3;

/// Tells characters that would hide, reorder the line, or break XML.
pub(crate) fn is_unfit(c: char) -> bool {
    matches!(c,
        '\x7f'..='\u{9f}'                 // DEL and the C1 controls
        | '\u{61c}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
        | '\u{202a}'..='\u{202e}'         // embeddings and overrides of direction
        | '\u{fff0}'..='\u{fffb}' | '\u{fffe}' | '\u{ffff}'
        | '\u{e0000}'..='\u{e0fff}'       // tags: text that no font shows
    ) || (u32::from(c) & 0xfffe) == 0xfffe
}

/// Returns the cleaned text, cut with an ellipsis to at most `width` columns.
pub(crate) fn fit(text: &str, width: usize) -> String {
    fit_by(text, width as f64, |c| c.width().unwrap_or(0) as f64)
}

/// Returns the cleaned text, cut with an ellipsis to about `width` pixels at a font size.
pub(super) fn fit_px(text: &str, width: f64, size: f64) -> String {
    fit_by(text, width, |c| char_px(c, size))
}

fn fit_by(text: &str, width: f64, measure: impl Fn(char) -> f64) -> String {
    // A text can be megabytes long. No letter is narrower than 3 pixels; the factor leaves room for
    // marks and for what cleaning takes away.
    let most = 8 * (width as usize) + 64;
    let end = text.char_indices().nth(most);
    let cleaned = clean(&text[..end.map_or(text.len(), |(at, _)| at)]);
    if end.is_none() && cleaned.chars().map(&measure).sum::<f64>() <= width {
        return cleaned;
    }
    let mut left = width - measure('…');
    let mut out = String::new();
    for c in cleaned.chars() {
        left -= measure(c);
        if left < 0.0 {
            break;
        }
        out.push(c);
    }
    out.truncate(out.trim_end().len());
    out.push('…');
    out
}

/// Estimates the width in pixels of a text in a sans-serif font.
pub(super) fn text_px(text: &str, size: f64) -> f64 {
    text.chars().map(|c| char_px(c, size)).sum()
}

/// Estimates on the wide side: which font the reader's system brings is not known.
fn char_px(c: char, size: f64) -> f64 {
    let em = match c {
        'i' | 'j' | 'l' | '.' | ',' | ':' | ';' | '\'' | '|' | '!' => 0.32,
        'f' | 't' | 'r' | ' ' | '(' | ')' | '[' | ']' | '/' | '-' | '"' => 0.40,
        'm' | 'w' | 'M' | 'W' | '@' | '%' => 0.95,
        '<' | '>' | '=' | '+' | '~' | '#' | '&' => 0.84,
        'A'..='Z' => 0.70,
        c if c.is_ascii() => 0.61,
        c => match c.width().unwrap_or(0) {
            0 => 0.0,
            1 => 0.72,
            _ => 1.1,
        },
    };
    em * size
}

/// Returns the text, or, if there is none, what stands for it.
pub(crate) fn or_else(text: String, absent: &str) -> String {
    if text.is_empty() {
        absent.to_owned()
    } else {
        text
    }
}

/// Returns the first line of a text that says something.
pub(crate) fn first_line(text: &str) -> &str {
    text.lines()
        .map(str::trim)
        .find(|line| !line.is_empty())
        .unwrap_or("")
}

/// Returns an id as its first eight and last four characters.
///
/// The first eight alone are the same for all runs of about a minute: a UUIDv7 begins with the
/// time.
pub(crate) fn short_id(id: Uuid) -> String {
    let text = id.to_string();
    format!("{}…{}", &text[..8], &text[text.len() - 4..])
}

/// Returns a span of time in the unit that reads best: `0 ms`, `850 µs`, `12.4 ms`, `412 ms`,
/// `3.21 s`, `4 min 5 s`, `2 h 10 min`, `3 d 4 h`.
pub(crate) fn duration(span: TimeDelta) -> String {
    let micros = span
        .num_microseconds()
        .unwrap_or_else(|| span.num_milliseconds().saturating_mul(1_000));
    let sign = if micros < 0 { "−" } else { "" };
    let size = micros.unsigned_abs();
    let value = size as f64;
    let text = match size {
        0 => "0 ms".to_owned(),
        1..1_000 => format!("{size} µs"),
        1_000..99_950 => format!("{} ms", trimmed(value / 1e3, 1)),
        99_950..999_500 => format!("{} ms", trimmed(value / 1e3, 0)),
        999_500..9_995_000 => format!("{} s", trimmed(value / 1e6, 2)),
        9_995_000..59_950_000 => format!("{} s", trimmed(value / 1e6, 1)),
        _ => {
            let seconds = size.saturating_add(500_000) / 1_000_000;
            let (big, big_unit, small, small_unit) = match seconds {
                0..3_600 => (seconds / 60, "min", seconds % 60, "s"),
                3_600..86_400 => (seconds / 3_600, "h", seconds % 3_600 / 60, "min"),
                _ => (seconds / 86_400, "d", seconds % 86_400 / 3_600, "h"),
            };
            match small {
                0 => format!("{big} {big_unit}"),
                _ => format!("{big} {big_unit} {small} {small_unit}"),
            }
        }
    };
    format!("{sign}{text}")
}

/// Returns a number with at most `digits` decimals, without trailing zeros.
pub(super) fn trimmed(value: f64, digits: usize) -> String {
    let text = format!("{value:.digits$}");
    let text = match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.'),
        false => &text,
    };
    match text {
        "-0" => "0".to_owned(),
        _ => text.to_owned(),
    }
}

/// Writes a number with commas between its thousands.
pub(crate) fn thousands(number: impl std::fmt::Display) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// Writes dollars, with as many digits as a single call of a model needs.
pub(crate) fn dollars(amount: f64) -> String {
    let exact = trimmed(amount, 6);
    let digits = exact.split_once('.').map_or(0, |(_, digits)| digits.len());
    match digits {
        0 if exact == "0" && amount > 0.0 => "< $0.000001".to_owned(),
        0 | 1 if amount.abs() < 1e15 => format!("${amount:.2}"),
        0 | 1 => format!("${amount:e}"),
        _ => format!("${exact}"),
    }
}

/// Returns a count with its noun: `1 run`, `2 runs`.
pub(crate) fn count(number: usize, noun: &str) -> String {
    match number {
        1 => format!("1 {noun}"),
        _ => format!("{number} {noun}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_moves_the_cursor_or_the_reading_direction_survives() {
        assert_eq!(clean("a\u{1b}[31m\r\n\tb\0"), "a␛[31m b␀");
        assert_eq!(clean("\u{202e}gpj.exe\u{2066}"), "\u{fffd}gpj.exe\u{fffd}");
        assert_eq!(
            clean("x\u{ffff}\u{1fffe}\u{9b}"),
            "x\u{fffd}\u{fffd}\u{fffd}"
        );
        assert_eq!(clean("日本 ok"), "日本 ok");
    }

    #[test]
    fn a_cut_text_is_never_wider_than_its_place() {
        assert_eq!(fit("retrieve", 8), "retrieve");
        assert_eq!(fit("retrieve more", 9), "retrieve…");
        assert_eq!(fit("日本語日本語", 6), "日本…");
        let tower = format!("e{}", "\u{301}".repeat(100_000));
        assert_eq!(fit(&tower, 10).chars().count(), 5);
        assert_eq!(fit(&"x".repeat(10_000_000), 3), "xx…");
    }

    #[test]
    fn a_duration_reads_in_its_unit() {
        let us = TimeDelta::microseconds;
        for (span, text) in [
            (us(0), "0 ms"),
            (us(850), "850 µs"),
            (us(12_400), "12.4 ms"),
            (us(99_999), "100 ms"),
            (us(412_300), "412 ms"),
            (us(999_999), "1 s"),
            (us(3_210_000), "3.21 s"),
            (us(59_999_999), "1 min"),
            (us(245_000_000), "4 min 5 s"),
            (us(7_800_000_000), "2 h 10 min"),
            (us(-5_000), "−5 ms"),
        ] {
            assert_eq!(duration(span), text);
        }
        assert!(!duration(TimeDelta::MAX).is_empty());
        assert!(!duration(TimeDelta::MIN).is_empty());
    }

    #[test]
    fn numbers_read_in_groups_and_money_has_the_digits_that_it_needs() {
        let told = [0_u64, 999, 1_000, 1_234_567].map(thousands);
        assert_eq!(told, ["0", "999", "1,000", "1,234,567"]);
        for (amount, words) in [
            (0.0, "$0.00"),
            (0.0123, "$0.0123"),
            (0.000_001_5, "$0.000002"),
            (3e-9, "< $0.000001"),
            (1.5, "$1.50"),
            (1_234.0, "$1234.00"),
            (1e300, "$1e300"),
            (f64::NAN, "$NaN"),
        ] {
            assert_eq!(dollars(amount), words);
        }
    }
}
