//! What somebody says of a run.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use super::clock::Timestamp;
use super::ids::{RunId, TraceId};

/// A judgement of a run: by a user, a test, or a model.
///
/// Field names are those of the wire. Made by [`Feedback::on`], sent by the client.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Feedback {
    /// The feedback's own id.
    pub id: Uuid,
    /// The run that is judged.
    pub run_id: RunId,
    /// Its trace; without it the feedback can only be sent by a request of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace_id: Option<TraceId>,
    /// What is judged, such as `user_rating`.
    pub key: String,
    /// How good, as a number or as true and false. The Python SDK rounds to four decimals.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub score: Option<Value>,
    /// A judgement that is no number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<Value>,
    /// Words for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// What the run should have given back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub correction: Option<Value>,
    /// Who judges: `{"type": "api" | "model" | "app", "metadata": …}`.
    pub feedback_source: Value,
    /// When the judgement was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub modified_at: Timestamp,
    /// The run's project, if it is not the client's: it decides which id the run has in a replica.
    #[serde(skip)]
    pub project: Option<String>,
}

impl Feedback {
    /// Begins a judgement of a run, made now by a program.
    pub fn on(run_id: RunId, key: impl Into<String>, now: Timestamp) -> Self {
        Self {
            id: Uuid::now_v7(),
            run_id,
            trace_id: None,
            key: key.into(),
            score: None,
            value: None,
            comment: None,
            correction: None,
            feedback_source: json!({ "type": "api" }),
            created_at: now,
            modified_at: now,
            project: None,
        }
    }

    /// Names the trace, so that the judgement can travel with the runs.
    #[must_use]
    pub fn trace_id(mut self, trace_id: TraceId) -> Self {
        self.trace_id = Some(trace_id);
        self
    }

    /// Sets how good: a number, rounded to four decimals as the Python SDK does, or true and false.
    #[must_use]
    pub fn score(mut self, score: impl Into<Value>) -> Self {
        self.score = Some(match score.into() {
            Value::Number(number) if !number.is_i64() && !number.is_u64() => {
                let rounded = number.as_f64().map(|score| (score * 1e4).round() / 1e4);
                json!(rounded)
            }
            other => other,
        });
        self
    }

    /// Sets a judgement that is no number.
    #[must_use]
    pub fn value(mut self, value: impl Into<Value>) -> Self {
        self.value = Some(value.into());
        self
    }

    /// Adds words for people.
    #[must_use]
    pub fn comment(mut self, comment: impl Into<String>) -> Self {
        self.comment = Some(comment.into());
        self
    }

    /// Says what the run should have given back.
    #[must_use]
    pub fn correction(mut self, correction: impl Into<Value>) -> Self {
        self.correction = Some(correction.into());
        self
    }
}
