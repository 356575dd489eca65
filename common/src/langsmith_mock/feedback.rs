//! What people, tests and models say of runs.

use serde_json::{Value, json};
use uuid::Uuid;

use super::decode::{self, read_id};
use super::records::Records;
use crate::model::{JsonMap, Timestamp};

/// All feedback, in order of arrival.
#[derive(Debug, Default)]
pub(super) struct FeedbackBook {
    entries: Records<Value>,
    limit: usize,
    changes: u64,
}

impl FeedbackBook {
    pub(super) fn new(limit: usize) -> Self {
        Self {
            limit,
            ..Self::default()
        }
    }

    /// Takes feedback in as it came, with an id and times if it has none; a known id is replaced.
    pub(super) fn receive(&mut self, feedback: Value, now: Timestamp) -> Value {
        let Value::Object(mut fields) = feedback else {
            return feedback;
        };
        for key in ["created_at", "modified_at"] {
            fields.entry(key).or_insert_with(|| json!(now));
        }
        let id = id_of(&fields).unwrap_or_else(|| self.next_id(now));
        fields.insert("id".to_owned(), json!(id));
        self.changes += 1;
        let (bytes, known) = (weight(&fields), self.place(id));
        let feedback = Value::Object(fields);
        match known {
            Some(at) => self.entries.replace(at, feedback.clone(), bytes),
            None => self.entries.push(feedback.clone(), bytes, self.limit),
        }
        feedback
    }

    // Random ids would make no two executions alike.
    fn next_id(&self, now: Timestamp) -> Uuid {
        let mut bytes = [0; 10];
        let number = u64::try_from(self.entries.pushed()).unwrap_or(u64::MAX);
        bytes[2..].copy_from_slice(&number.to_be_bytes());
        let millis = u64::try_from(now.timestamp_millis()).unwrap_or(0);
        uuid::Builder::from_unix_timestamp_millis(millis, &bytes).into_uuid()
    }

    pub(super) fn get(&self, id: Uuid) -> Option<&Value> {
        self.entries.get(self.place(id)?)
    }

    /// Changes the fields that an update names; null clears one.
    pub(super) fn change(&mut self, id: Uuid, update: JsonMap, now: Timestamp) -> Option<&Value> {
        let at = self.place(id)?;
        let mut fields = self.entries.get(at)?.as_object()?.clone();
        self.changes += 1;
        fields.extend(update);
        fields.insert("modified_at".to_owned(), json!(now));
        let bytes = weight(&fields);
        self.entries.replace(at, Value::Object(fields), bytes);
        self.entries.get(at)
    }

    /// Forgets one; returns false if there is none of this id.
    pub(super) fn remove(&mut self, id: Uuid) -> bool {
        self.changes += 1;
        let place = self.place(id);
        if let Some(at) = place {
            self.entries.remove(at);
        }
        place.is_some()
    }

    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = &Value> {
        self.entries.iter()
    }

    #[cfg(feature = "analysis")]
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn bytes(&self) -> usize {
        self.entries.bytes()
    }

    /// Returns how many changes there have been.
    #[cfg(feature = "analysis")]
    pub(super) fn changes(&self) -> u64 {
        self.changes
    }

    pub(super) fn forget(&mut self) -> bool {
        self.changes += 1;
        self.entries.forget()
    }

    fn place(&self, id: Uuid) -> Option<usize> {
        let is = |entry: &Value| entry.as_object().and_then(id_of) == Some(id);
        self.entries.iter().position(is)
    }
}

fn weight(fields: &JsonMap) -> usize {
    fields.values().map(decode::weight).sum()
}

fn id_of(fields: &JsonMap) -> Option<Uuid> {
    fields.get("id").and_then(Value::as_str).and_then(read_id)
}

/// Returns the run that feedback is about; without one it is about the root of its trace.
pub(super) fn run_of(feedback: &Value) -> Option<Uuid> {
    let id = |key| feedback.get(key).and_then(Value::as_str).and_then(read_id);
    id("run_id").or_else(|| id("trace_id"))
}

/// Returns why feedback is none that LangSmith takes, in its way of saying so.
pub(super) fn objection(fields: &JsonMap) -> Option<String> {
    let text = |key| fields.get(key).and_then(Value::as_str);
    if text("key").is_none_or(str::is_empty) {
        return Some("\"key\" is required".to_owned());
    }
    for key in ["id", "run_id", "trace_id", "session_id"] {
        let given = fields.get(key).filter(|value| !value.is_null());
        if given.is_some_and(|value| value.as_str().and_then(read_id).is_none()) {
            return Some(format!("{key:?} is no UUID"));
        }
    }
    let about = ["run_id", "trace_id", "session_id"];
    if about.into_iter().all(|key| text(key).is_none()) {
        return Some("one of \"run_id\", \"trace_id\", \"session_id\" is required".to_owned());
    }
    let score = fields.get("score").unwrap_or(&Value::Null);
    score_objection(score)
}

/// More than four decimals are refused: the Python SDK says so where it rounds them.
pub(super) fn score_objection(score: &Value) -> Option<String> {
    let exact = |score: f64| ((score * 1e4).round() / 1e4 - score).abs() < 1e-12;
    match score {
        Value::Null | Value::Bool(_) => None,
        Value::Number(number) => (!number.as_f64().is_some_and(exact))
            .then(|| format!("\"score\" {number} has more than four decimals")),
        _ => Some("\"score\" is neither a number nor true or false".to_owned()),
    }
}
