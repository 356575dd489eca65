//! A segment → text.

use std::fmt;

use chrono::{Datelike as _, Timelike as _};

use super::Segment;

impl Segment {
    /// Length in bytes of a segment as we write it: 22 of time and 36 of id.
    pub const LEN: usize = 58;

    /// Returns the text. Every run that starts asks for it, on the thread that is traced, so it is
    /// written digit by digit: the machinery of `write!` takes ten times as long.
    pub(crate) fn text(&self) -> [u8; Self::LEN] {
        let mut text = *b"00000000T000000000000Z00000000-0000-0000-0000-000000000000";
        let start = self.start.naive_utc();
        let (date, time) = (start.date(), start.time());
        // The builder of runs sees to it that a year has four digits.
        put(&mut text[..4], u32::try_from(date.year()).unwrap_or(0));
        put(&mut text[4..6], date.month());
        put(&mut text[6..8], date.day());
        put(&mut text[9..11], time.hour());
        put(&mut text[11..13], time.minute());
        put(&mut text[13..15], time.second());
        put(&mut text[15..21], time.nanosecond() / 1_000 % 1_000_000);
        self.id.0.hyphenated().encode_lower(&mut text[22..]);
        text
    }
}

/// Writes the last digits of a number, as many as there is room for.
fn put(digits: &mut [u8], mut number: u32) {
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
    }
}

impl fmt::Display for Segment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(ascii(&self.text()))
    }
}

/// Returns what only ASCII was written to.
pub(super) fn ascii(text: &[u8]) -> &str {
    std::str::from_utf8(text).unwrap_or_default()
}
