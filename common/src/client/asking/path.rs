//! Paths below the endpoint, built of parts that cannot change their meaning.

use std::fmt::Display;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use uuid::Uuid;

/// What RFC 3986 leaves as it is; everything else of a value is escaped, `/`, `%` and `&` included.
const VALUE: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// A path in the making. Its segments are words of ours and ids, never text from elsewhere: an id that
/// held a `/` or a `%2F` would name another path to whoever decodes it (CVE-2026-48776). Text goes into
/// the query, escaped.
#[derive(Debug, Clone)]
pub(in crate::client) struct Path {
    text: String,
    has_query: bool,
}

impl Path {
    /// Begins a path with a word.
    pub(in crate::client) fn of(word: &'static str) -> Self {
        Self {
            text: format!("/{word}"),
            has_query: false,
        }
    }

    /// Adds an id as a segment.
    pub(in crate::client) fn id(mut self, id: impl Into<Uuid>) -> Self {
        self.text.push('/');
        self.text.push_str(&id.into().hyphenated().to_string());
        self
    }

    /// Adds a word as a segment.
    pub(super) fn then(mut self, word: &'static str) -> Self {
        self.text.push('/');
        self.text.push_str(word);
        self
    }

    /// Adds a value to the query.
    pub(super) fn query(mut self, name: &'static str, value: impl Display) -> Self {
        self.text.push(if self.has_query { '&' } else { '?' });
        self.has_query = true;
        let value = value.to_string();
        self.text.push_str(name);
        self.text.push('=');
        self.text.extend(utf8_percent_encode(&value, VALUE));
        self
    }

    /// Adds a value to the query, if there is one.
    pub(super) fn query_if(self, name: &'static str, value: Option<impl Display>) -> Self {
        match value {
            Some(value) => self.query(name, value),
            None => self,
        }
    }

    pub(super) fn into_text(self) -> String {
        self.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hostile_name_stays_one_value_of_the_query() {
        let hostile = "a/../b%2Fc?d=e&f#g h\r\nX-Evil: 1\u{0}é";
        let path = Path::of("sessions")
            .query("name", hostile)
            .query("limit", 1)
            .into_text();
        let (way, query) = path.split_once('?').expect("a query");
        assert_eq!(way, "/sessions");
        let (name, limit) = query.split_once('&').expect("two values");
        assert_eq!(limit, "limit=1");
        let escaped = name.strip_prefix("name=").expect("the name");
        assert!(!escaped.contains(['/', '?', '&', '#', ' ', '\r', '\n', '=']));
        let read = percent_encoding::percent_decode_str(escaped).decode_utf8();
        assert_eq!(read.expect("UTF-8"), hostile);
    }
}
