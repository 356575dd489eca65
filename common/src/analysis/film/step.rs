//! One operation, and what it did.

use serde::{Deserialize, Serialize};

use crate::model::{Run, Timestamp};

/// What an operation did to the tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StepEffect {
    /// The run is stored as [`FilmStep::after`] says.
    Stored,
    /// Nothing changed: it had arrived before, or it waits for its parent.
    Nothing,
    /// It was refused, now or after its 202.
    Refused,
    /// Its run is gone again.
    Gone,
}

/// One operation in the order of arrival. A line of JSON, too: see [`Film::from_json_lines`](super::Film::from_json_lines).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FilmStep {
    /// What was asked: `post`, `patch`, or for a film that was made of runs `start` and `end`.
    pub operation: String,
    /// What came of it, in a word: `created`, `merged`, `rejected`, ….
    pub outcome: String,
    /// What that did to the tree.
    pub effect: StepEffect,
    /// The run's id as it was sent.
    pub run: String,
    /// The number of the request that brought it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<u64>,
    /// When it arrived.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Timestamp>,
    /// The run as it is from now on, without what is large: inputs, outputs, events.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Box<Run>>,
    /// What is wrong with it, in words.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<String>,
}

/// A text is no film.
#[derive(Debug, thiserror::Error)]
#[error("line {line} is no step of a film: {because}; is it what `Film::to_json_lines` wrote?")]
pub struct ReadFilmError {
    /// The line, from 1.
    pub line: usize,
    /// Why.
    pub because: String,
}
