//! JSON text, written at the speed of copying.
//!
//! ```text
//! "The retriever found three pages.\nThe first …"
//!  └── nothing to escape: copied ──┘└┘└─ copied
//! ```
//!
//! What people trace is mostly long text with little in it to escape. `serde_json` looks at it byte by
//! byte; here a look takes in a whole block, and what is clean is copied as it stands. To the byte the
//! text is the one that `serde_json` writes, and numbers are its own. Start at [`JsonText`].

use chrono::{Datelike as _, Timelike as _};
use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

use crate::model::{JsonMap, OrderView, Timestamp};

/// Writes JSON behind what a buffer holds.
pub(super) trait JsonText {
    /// Writes a text with its quotes.
    fn text(&mut self, text: &str);

    /// Writes an id with its quotes.
    fn id(&mut self, id: Uuid);

    /// Writes a place in a trace with its quotes.
    fn order(&mut self, order: OrderView<'_>);

    /// Writes a time with its quotes, as `chrono` does.
    fn time(&mut self, time: Timestamp);

    /// Writes any value.
    fn value(&mut self, value: &Value);

    /// Writes an object.
    fn map(&mut self, map: &JsonMap);

    /// Writes the entries of an object that is open; `first` if it is empty so far.
    fn entries(&mut self, map: &JsonMap, first: bool);

    /// Writes each of some values with its function, in brackets.
    fn list<T>(&mut self, items: impl IntoIterator<Item = T>, item: impl FnMut(&mut Self, T));

    /// Writes what stands as it is: punctuation and the names of fields.
    fn raw(&mut self, text: &str);
}

impl JsonText for Vec<u8> {
    fn text(&mut self, text: &str) {
        // Nearly always the text is all there is to write.
        self.reserve(text.len() + 2);
        self.push(b'"');
        let mut rest = text.as_bytes();
        while let Some(at) = first_escaped(rest) {
            self.extend_from_slice(&rest[..at]);
            escape(self, rest[at]);
            rest = &rest[at + 1..];
        }
        self.extend_from_slice(rest);
        self.push(b'"');
    }

    fn id(&mut self, id: Uuid) {
        let mut digits = Uuid::encode_buffer();
        self.push(b'"');
        self.raw(id.hyphenated().encode_lower(&mut digits));
        self.push(b'"');
    }

    fn order(&mut self, order: OrderView<'_>) {
        // There is nothing to escape in an order.
        self.push(b'"');
        match order {
            OrderView::Whole(order) => self.raw(order.as_str()),
            OrderView::Below(above, own) => {
                if let Some(above) = above {
                    self.raw(above.as_str());
                    self.push(b'.');
                }
                self.extend_from_slice(&own.text());
            }
        }
        self.push(b'"');
    }

    fn time(&mut self, time: Timestamp) {
        let (date, clock) = (time.date_naive(), time.time());
        let nanos = clock.nanosecond();
        let year = u32::try_from(date.year())
            .ok()
            .filter(|year| *year < 10_000);
        let (Some(year), true) = (year, nanos < 1_000_000_000) else {
            // A leap second, or a year that no dotted order can say.
            return other(self, &time);
        };
        let mut text = *b"\"0000-00-00T00:00:00.000000000";
        put(&mut text[1..5], year);
        put(&mut text[6..8], date.month());
        put(&mut text[9..11], date.day());
        put(&mut text[12..14], clock.hour());
        put(&mut text[15..17], clock.minute());
        put(&mut text[18..20], clock.second());
        put(&mut text[21..], nanos);
        // Only so many digits as say something, by threes.
        let len = match nanos {
            0 => 20,
            _ if nanos % 1_000_000 == 0 => 24,
            _ if nanos % 1_000 == 0 => 27,
            _ => 30,
        };
        self.extend_from_slice(&text[..len]);
        self.extend_from_slice(b"Z\"");
    }

    fn value(&mut self, value: &Value) {
        match value {
            Value::String(text) => self.text(text),
            Value::Object(map) => self.map(map),
            Value::Array(items) => self.list(items, |text, item| text.value(item)),
            Value::Null => self.raw("null"),
            Value::Bool(true) => self.raw("true"),
            Value::Bool(false) => self.raw("false"),
            Value::Number(number) => other(self, number),
        }
    }

    fn map(&mut self, map: &JsonMap) {
        self.push(b'{');
        self.entries(map, true);
        self.push(b'}');
    }

    fn entries(&mut self, map: &JsonMap, mut first: bool) {
        for (key, value) in map {
            if !std::mem::replace(&mut first, false) {
                self.push(b',');
            }
            self.text(key);
            self.push(b':');
            self.value(value);
        }
    }

    fn list<T>(&mut self, items: impl IntoIterator<Item = T>, mut item: impl FnMut(&mut Self, T)) {
        self.push(b'[');
        let begin = self.len();
        for each in items {
            if self.len() > begin {
                self.push(b',');
            }
            item(self, each);
        }
        self.push(b']');
    }

    fn raw(&mut self, text: &str) {
        self.extend_from_slice(text.as_bytes());
    }
}

/// Leaves a value to `serde_json`. Numbers and times it always can write.
fn other(text: &mut Vec<u8>, value: &impl Serialize) {
    let before = text.len();
    if serde_json::to_writer(&mut *text, value).is_err() {
        text.truncate(before);
        text.raw("null");
    }
}

/// Writes the last digits of a number, as many as there is room for.
fn put(digits: &mut [u8], mut number: u32) {
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
    }
}

/// Bytes that are looked at together: the compiler makes a few instructions of them.
const BLOCK: usize = 32;

/// Returns the place of the first byte that cannot stand in a JSON text as it is.
fn first_escaped(text: &[u8]) -> Option<usize> {
    let blocks = text.chunks_exact(BLOCK);
    let tail = blocks.remainder();
    let mut at = 0;
    for block in blocks {
        // All of the block, without a way out in between, so that it is one look.
        let any = block
            .iter()
            .fold(false, |any, byte| any | is_escaped(*byte));
        if any {
            return block
                .iter()
                .position(|byte| is_escaped(*byte))
                .map(|found| at + found);
        }
        at += BLOCK;
    }
    tail.iter()
        .position(|byte| is_escaped(*byte))
        .map(|found| at + found)
}

fn is_escaped(byte: u8) -> bool {
    (byte < 0x20) | (byte == b'"') | (byte == b'\\')
}

fn escape(text: &mut Vec<u8>, byte: u8) {
    const HEX: [u8; 16] = *b"0123456789abcdef";
    let short = match byte {
        b'"' => b'"',
        b'\\' => b'\\',
        b'\n' => b'n',
        b'\r' => b'r',
        b'\t' => b't',
        0x08 => b'b',
        0x0c => b'f',
        _ => {
            text.extend_from_slice(b"\\u00");
            return text.extend([byte >> 4, byte & 15].map(|digit| HEX[usize::from(digit)]));
        }
    };
    text.extend_from_slice(&[b'\\', short]);
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn text_of(value: &Value) -> String {
        let mut text = Vec::new();
        text.value(value);
        String::from_utf8(text).expect("JSON is text")
    }

    #[test]
    fn every_character_is_escaped_as_serde_json_does_at_every_place_of_a_block() {
        for character in (0..=0x2ff).filter_map(char::from_u32) {
            for before in [0, 1, BLOCK - 1, BLOCK, 2 * BLOCK + 1] {
                let text = format!("{}{character}{character}after", "x".repeat(before));
                let value = Value::from(text);
                assert_eq!(text_of(&value), value.to_string());
            }
        }
    }

    #[test]
    fn values_are_written_as_serde_json_writes_them() {
        for value in [
            json!(null),
            json!([]),
            json!({}),
            json!([
                [],
                {},
                "",
                0,
                -1,
                1.5,
                1e300,
                f64::MIN_POSITIVE,
                u64::MAX,
                i64::MIN
            ]),
            json!({"a": [true, false, null], "": {"\"": "\\"}, "é": "日本\u{0}\u{1f}\u{7f}"}),
        ] {
            assert_eq!(text_of(&value), value.to_string());
        }
    }

    proptest! {
        #[test]
        fn any_text_is_written_as_serde_json_writes_it(text in any::<String>(), times in 0_usize..9) {
            let value = Value::from(text.repeat(times));
            prop_assert_eq!(text_of(&value), value.to_string());
        }

        #[test]
        fn any_time_is_written_as_chrono_writes_it(
            seconds in -62_167_219_200_i64..253_402_300_800,
            nanos in prop_oneof![
                Just(0_u32), 0_u32..1_000_000_000, (0_u32..1_000).prop_map(|it| it * 1_000_000),
                (0_u32..1_000_000).prop_map(|it| it * 1_000),
            ],
        ) {
            let time = DateTime::from_timestamp(seconds, nanos).expect("a time");
            let mut text = Vec::new();
            text.time(time);
            prop_assert_eq!(text, serde_json::to_vec(&time).expect("JSON"));
        }
    }
}
