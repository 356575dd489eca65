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
/// Longest value that stands beside its name, in characters.
const SHORT: usize = 44;
/// Most messages of a list.
const MESSAGES: usize = 50;
/// Read beyond the cut, so that no key is cut before it is found.
const SLACK: usize = 2_000;

/// A value as a page shows it.
#[derive(Debug)]
struct Shown {
    key: String,
    body: Body,
    is_cut: bool,
}

#[derive(Debug)]
enum Body {
    Words(String),
    Json(String),
    /// What was said to a model and by it: role and words.
    Messages(Vec<(String, String)>),
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
            left = left.saturating_sub(shown.body.size());
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
        let fit = |text: &str| {
            let text = visible(&state.scrub(text));
            let (text, is_cut) = cut(&text, limit);
            (text.to_owned(), is_cut)
        };
        let (body, is_cut) = match value {
            Value::String(text) => {
                let (text, is_cut) = fit(cut(text, limit + SLACK).0);
                (Body::Words(text), is_cut)
            }
            other => match messages(other) {
                Some(messages) => {
                    let fitted = messages.iter().take(MESSAGES).map(|(role, text)| {
                        let (text, is_cut) = fit(cut(text, limit + SLACK).0);
                        ((line(&state.scrub(role), 40), text), is_cut)
                    });
                    let (shown, cuts): (Vec<_>, Vec<bool>) = fitted.unzip();
                    let is_cut = messages.len() > MESSAGES || cuts.contains(&true);
                    (Body::Messages(shown), is_cut)
                }
                None => {
                    let (text, is_cut) = fit(&indented(other, 4 * (limit + SLACK)));
                    (Body::Json(text), is_cut)
                }
            },
        };
        Self {
            key: line(&state.scrub(cut(key, SLACK).0), 80),
            body,
            is_cut,
        }
    }
}

impl Body {
    fn size(&self) -> usize {
        match self {
            Self::Words(text) | Self::Json(text) => text.chars().count(),
            Self::Messages(list) => list.iter().map(|(_, text)| text.chars().count()).sum(),
        }
    }

    /// Says whether there is room for it beside its name.
    fn is_short(&self) -> bool {
        match self {
            Self::Words(text) | Self::Json(text) => {
                (1..=SHORT).contains(&text.chars().count()) && !text.contains('\n')
            }
            Self::Messages(_) => false,
        }
    }
}

/// Reads a list of messages in the form that most providers share; none if it is something else.
fn messages(value: &Value) -> Option<Vec<(String, String)>> {
    let list = value.as_array().filter(|list| !list.is_empty())?;
    let message = |message: &Value| {
        let fields = message.as_object()?;
        let role = fields.get("role")?.as_str()?;
        let words = fields.get("content")?.as_str()?;
        let known = ["role", "content", "name", "id"];
        // What would not be seen, such as calls of tools, is better told as JSON.
        let is_all = fields.keys().all(|key| known.contains(&key.as_str()));
        is_all.then(|| (role.to_owned(), words.to_owned()))
    };
    list.iter().map(message).collect()
}

/// Writes fields one below the other; `raw` leads to all of it.
pub(super) fn fields(fields: &Fields, raw: &str) -> Markup {
    html! {
        dl .fields {
            @for shown in &fields.shown {
                div .short[shown.body.is_short()] {
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
    html! {
        @match &shown.body {
            Body::Words(text) => (words(text)),
            // A box that may scroll has to be reached by the keyboard.
            Body::Json(text) => pre .json.said tabindex=[is_long(text).then_some("0")] { (text) },
            Body::Messages(messages) => {
                @for (role, text) in messages {
                    div .message {
                        p .role.said { (role) }
                        (words(text))
                    }
                }
            }
        }
        @if shown.is_cut { p .more { "cut here: " a href=(raw) { "all of it as raw JSON" } } }
    }
}

fn words(text: &str) -> Markup {
    html! {
        @if text.is_empty() {
            p .quiet { "empty text" }
        } @else {
            pre .words.said tabindex=[is_long(text).then_some("0")] { (text) }
        }
    }
}

fn is_long(text: &str) -> bool {
    text.lines().count() > 12 || text.len() > 1_200
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
