//! Foreign text and plain numbers as a page shows them.
//!
//! ```text
//! "a\u{202e}b\0"  ──visible──►  "a⟨U+202E⟩b␀"      several lines
//! "a\n b"         ──line─────►  "a b"              one line, cut
//! ```
//!
//! Start at [`visible`].

use maud::{Markup, html};

pub(super) use crate::analysis::{dollars as cost, thousands as number};
use crate::analysis::{fit, is_unfit, or_else};
use crate::model::{RunStatus, Timestamp};

/// Returns a text of several lines in which nothing hides, and nothing turns the reading direction.
pub(super) fn visible(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    while let Some(c) = characters.next() {
        match c {
            '\n' | '\t' => out.push(c),
            '\r' if characters.peek() == Some(&'\n') => {}
            // U+2400 and on are the pictures of the C0 controls, in their order.
            '\0'..='\x1f' => out.push(char::from_u32(0x2400 + u32::from(c)).unwrap_or('\u{fffd}')),
            c if is_unfit(c) => out.push_str(&format!("⟨U+{:04X}⟩", u32::from(c))),
            c => out.push(c),
        }
    }
    out
}

/// Returns a text as one line of at most `width` columns.
pub(super) fn line(text: &str, width: usize) -> String {
    fit(text, width)
}

/// Returns the name of a run, a project or a service; one without letters says so.
pub(super) fn name(text: &str) -> String {
    or_else(line(text, 120), "(no name)")
}

/// Cuts a text to so many characters, and says whether something is missing.
pub(super) fn cut(text: &str, characters: usize) -> (&str, bool) {
    match text.char_indices().nth(characters) {
        Some((at, _)) => (&text[..at], true),
        None => (text, false),
    }
}

/// Returns a number without zeros at its end.
pub(super) fn decimal(value: f64, digits: usize) -> String {
    if value.abs() >= 1e15 {
        return format!("{value:e}");
    }
    let text = format!("{value:.digits$}");
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    }
}

/// Returns a number of bytes in the unit that reads best.
pub(super) fn bytes(count: usize) -> String {
    let value = count as f64;
    match count {
        0..1_000 => format!("{count} B"),
        1_000..1_000_000 => format!("{:.1} kB", value / 1e3),
        _ => format!("{:.1} MB", value / 1e6),
    }
}

/// Writes a point in time, in UTC.
pub(super) fn moment(time: Timestamp) -> Markup {
    html! {
        time datetime=(time.to_rfc3339()) {
            span .day { (time.format("%Y-%m-%d")) } " " (time.format("%H:%M:%S%.3f"))
        }
    }
}

/// Writes how a run stands: a sign and a word, so that no color is needed.
pub(super) fn status(status: RunStatus) -> Markup {
    let (sign, class) = match status {
        RunStatus::Success => ("✓", "good"),
        RunStatus::Error => ("✗", "bad"),
        RunStatus::Pending => ("…", "open"),
        RunStatus::Interrupted => ("‖", "open"),
    };
    html! {
        span .status.(class) { span aria-hidden="true" { (sign) } " " (status) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_have_the_digits_that_they_need() {
        assert_eq!(decimal(0.25, 4), "0.25");
        assert_eq!(decimal(100.0, 0), "100");
        assert_eq!(decimal(1e300, 4), "1e300");
    }

    #[test]
    fn what_hides_in_a_text_shows() {
        assert_eq!(visible("a\0\u{1b}[31m\r\n\tb\r"), "a␀␛[31m\n\tb␍");
        assert_eq!(visible("\u{202e}gpj\u{200b}"), "⟨U+202E⟩gpj⟨U+200B⟩");
        assert_eq!(name("\u{200b} \n").chars().count(), 1);
        assert_eq!(name(" \n"), "(no name)");
    }

    #[test]
    fn bytes_read_in_their_unit() {
        assert_eq!(bytes(20_400), "20.4 kB");
    }
}
