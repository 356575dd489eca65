//! JSON that a client sent, made readable and no longer than a page.
//!
//! ```text
//! {"question": "…", "documents": […]}  ──►  question   text as it is
//!                                           documents  indented JSON
//! ```
//!
//! Start at [`fields`].

use std::io::{self, Write};

use maud::{Markup, html};
use serde_json::Value;

use super::text::{cut, line, visible};
use crate::langsmith_mock::core::State;
use crate::model::JsonMap;

/// Longest value on a page, in characters.
pub(super) const LONGEST: usize = 6_000;
/// Most characters of all values of one object.
const ALL: usize = 40_000;
/// Most fields of an object.
const FIELDS: usize = 60;
/// Read beyond the cut, so that no key is cut before it is found.
const SLACK: usize = 2_000;

/// A value as a page shows it.
#[derive(Debug)]
pub(super) struct Shown {
    key: String,
    text: String,
    is_words: bool,
    is_cut: bool,
}

/// The fields of an object as a page shows them.
#[derive(Debug, Default)]
pub(super) struct Fields {
    shown: Vec<Shown>,
    left_out: usize,
}

impl Fields {
    pub(super) fn read(object: &JsonMap, state: &State) -> Self {
        let mut left = ALL;
        let mut fields = Self::default();
        for (key, value) in object {
            if fields.shown.len() >= FIELDS || left == 0 {
                break;
            }
            let shown = Shown::read(key, value, left.min(LONGEST), state);
            left = left.saturating_sub(shown.text.chars().count());
            fields.shown.push(shown);
        }
        fields.left_out = object.len() - fields.shown.len();
        fields
    }

    pub(super) fn is_empty(&self) -> bool {
        self.shown.is_empty()
    }
}

impl Shown {
    fn read(key: &str, value: &Value, limit: usize, state: &State) -> Self {
        let (text, is_words) = match value {
            Value::String(text) => (cut(text, limit + SLACK).0.to_owned(), true),
            other => (indented(other, 4 * (limit + SLACK)), false),
        };
        let text = visible(&state.scrub(&text));
        let (text, is_cut) = cut(&text, limit);
        Self {
            key: line(&state.scrub(cut(key, SLACK).0), 80),
            text: text.to_owned(),
            is_words,
            is_cut,
        }
    }
}

/// Writes fields one below the other; `raw` leads to all of it.
pub(super) fn fields(fields: &Fields, raw: &str) -> Markup {
    html! {
        dl .fields {
            @for shown in &fields.shown {
                div {
                    dt .said { (shown.key) }
                    dd { (body(shown, raw)) }
                }
            }
        }
        @if fields.left_out > 0 {
            p .more { (fields.left_out) " more fields: " a href=(raw) { "raw JSON" } }
        }
    }
}

fn body(shown: &Shown, raw: &str) -> Markup {
    let is_long = shown.text.lines().count() > 12 || shown.text.len() > 1_200;
    html! {
        @if shown.is_words && shown.text.is_empty() {
            p .quiet { "empty text" }
        } @else {
            // A box that scrolls has to be reached by the keyboard.
            pre .words[shown.is_words] .json[!shown.is_words] .said
                tabindex=[is_long.then_some("0")] { (shown.text) }
        }
        @if shown.is_cut { p .more { "cut here: " a href=(raw) { "all of it as raw JSON" } } }
    }
}

/// Writes JSON with line breaks, at most about so many bytes of it.
pub(super) fn indented(value: &Value, limit: usize) -> String {
    let mut text = Bounded(Vec::new(), limit);
    // An error means that the limit was reached.
    let _ = serde_json::to_writer_pretty(&mut text, value);
    String::from_utf8_lossy(&text.0).into_owned()
}

/// Takes so many bytes and refuses more, so that a large value is not written whole.
struct Bounded(Vec<u8>, usize);

impl Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.len() >= self.1 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        let room = (self.1 - self.0.len()).min(bytes.len());
        self.0.extend_from_slice(&bytes[..room]);
        Ok(room)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
