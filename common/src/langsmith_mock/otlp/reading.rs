//! What of a span was read, and what was lost.
//!
//! ```text
//! ReadSpan ──Reader──► fields of a run         every look at an attribute leaves a note
//!               └────► SpanReading: read · ignored · lost, with the reason, one row an attribute
//! ```
//!
//! The notes are made by the very code that makes the run, so they cannot say otherwise. Start at
//! [`SpanReading`].

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;

use serde_json::Value;

use super::decode::ReadSpan;
use super::mapping::SpanMapping;
use crate::model::RunType;

/// What became of one attribute, or of one event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// It became this part of the run.
    Read(String),
    /// No rule reads it: it means nothing to LangSmith.
    Ignored(String),
    /// It means something, and is lost all the same; the text says why, and what to send instead.
    Lost(String),
}

impl fmt::Display for Fate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read(becomes) => write!(f, "read     {becomes}"),
            Self::Ignored(why) => write!(f, "ignored  {why}"),
            Self::Lost(why) => write!(f, "LOST     {why}"),
        }
    }
}

/// What LangSmith makes of one span, attribute by attribute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpanReading {
    /// The span's name.
    pub span: String,
    /// What kind of run it becomes, and by which rule.
    pub run_type: RunType,
    /// The rule that decided it.
    pub rule: String,
    /// Where it stands, in words.
    pub place: String,
    /// Attributes in the order of the span, then its events, then its status; each with its fate.
    pub rows: Vec<(String, Fate)>,
}

impl SpanReading {
    /// Returns the fate of an attribute; of an event as `event NAME`.
    pub fn fate(&self, key: &str) -> Option<&Fate> {
        let mut rows = self.rows.iter();
        let (_, fate) = rows.find(|(known, _)| known == key)?;
        Some(fate)
    }

    /// Returns what no rule reads.
    pub fn ignored(&self) -> impl Iterator<Item = &str> {
        let rows = self.rows.iter();
        rows.filter_map(|(key, fate)| matches!(fate, Fate::Ignored(_)).then_some(key.as_str()))
    }

    /// Returns what is lost, with the reasons.
    pub fn lost(&self) -> impl Iterator<Item = (&str, &str)> {
        self.rows.iter().filter_map(|(key, fate)| match fate {
            Fate::Lost(why) => Some((key.as_str(), why.as_str())),
            Fate::Read(_) | Fate::Ignored(_) => None,
        })
    }
}

impl fmt::Display for SpanReading {
    /// Writes a table: the run, then a line for each attribute.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{:?} becomes a run of type {} ({}), {}",
            self.span, self.run_type, self.rule, self.place
        )?;
        let keys = self.rows.iter().map(|(key, _)| key.chars().count());
        let width = keys.max().unwrap_or(0).min(48);
        for (key, fate) in &self.rows {
            writeln!(f, "  {key:width$}  {fate}")?;
        }
        Ok(())
    }
}

/// Reads a span, and keeps note of it.
pub(super) struct Reader<'a> {
    pub(super) span: &'a ReadSpan,
    pub(super) mapping: SpanMapping,
    notes: RefCell<BTreeMap<String, Fate>>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(span: &'a ReadSpan, mapping: SpanMapping) -> Self {
        Self {
            span,
            mapping,
            notes: RefCell::default(),
        }
    }

    /// Returns an attribute without a note.
    pub(super) fn peek(&self, key: &str) -> Option<&'a Value> {
        let value = self.span.attributes.get(key);
        value.filter(|value| !value.is_null())
    }

    pub(super) fn note(&self, key: &str, fate: Fate) {
        let mut notes = self.notes.borrow_mut();
        // What was read once counts as read, whatever else looked at it.
        if !matches!(notes.get(key), Some(Fate::Read(_))) {
            notes.insert(key.to_owned(), fate);
        }
    }

    pub(super) fn took(&self, key: &str, becomes: &str) {
        self.note(key, Fate::Read(becomes.to_owned()));
    }

    pub(super) fn lose(&self, key: &str, why: &str) {
        if self.peek(key).is_some() {
            self.note(key, Fate::Lost(why.to_owned()));
        }
    }

    /// Returns an attribute, which becomes that.
    pub(super) fn take(&self, key: &str, becomes: &str) -> Option<&'a Value> {
        let value = self.peek(key)?;
        self.took(key, becomes);
        Some(value)
    }

    /// Returns the first of several that is a text and not empty; the others are shadowed.
    pub(super) fn text(&self, keys: &[&str], becomes: &str) -> Option<&'a str> {
        let text = |key: &&&str| self.peek(key)?.as_str().filter(|text| !text.is_empty());
        let key = keys.iter().find(|key| text(key).is_some())?;
        self.shadow(keys, key);
        self.took(key, becomes);
        text(&key)
    }

    /// Returns the first of several that is there.
    pub(super) fn first(&self, keys: &[&'a str], becomes: &str) -> Option<(&'a str, &'a Value)> {
        let key = keys.iter().find(|key| self.peek(key).is_some())?;
        self.shadow(keys, key);
        Some((key, self.take(key, becomes)?))
    }

    fn shadow(&self, keys: &[&str], chosen: &str) {
        for other in keys.iter().filter(|key| **key != chosen) {
            self.lose(other, &format!("{chosen} comes first"));
        }
    }

    /// Returns what was noted, one row an attribute.
    pub(super) fn finish(self) -> Vec<(String, Fate)> {
        let mut notes = self.notes.into_inner();
        let nothing = || Fate::Ignored("no rule reads it".to_owned());
        let mut rows: Vec<(String, Fate)> = Vec::new();
        for key in self.span.attributes.keys() {
            rows.push((key.clone(), notes.remove(key).unwrap_or_else(nothing)));
        }
        for event in &self.span.events {
            let key = format!("event {}", event.name);
            if !rows.iter().any(|(known, _)| *known == key) {
                let fate = notes.remove(&key).unwrap_or_else(nothing);
                rows.push((key, fate));
            }
        }
        if self.span.failed.is_some() {
            let fate = notes.remove(STATUS);
            rows.push((STATUS.to_owned(), fate.unwrap_or_else(nothing)));
        }
        rows
    }
}

/// The row of a status that says ERROR.
pub(super) const STATUS: &str = "status ERROR";
