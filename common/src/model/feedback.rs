//! What somebody says of a run.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use super::JsonMap;
use super::clock::Timestamp;
use super::ids::{RunId, TraceId};

/// A judgement of a run, or of a whole project: by a user, a test, or a model.
///
/// Field names are those of the wire. Made by [`Feedback::on`], sent by the client.
///
/// ```
/// use common::model::{Clock, Feedback, RunId, SystemClock, TraceId};
///
/// let trace: TraceId = "01990000-0000-7000-8000-000000000001".parse()?;
/// let feedback = Feedback::on(trace.into(), "user_rating", SystemClock.now())
///     .trace_id(trace)
///     .score(0.123456)
///     .comment("helped");
/// assert_eq!(feedback.score, Some(0.1235.into()));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Feedback {
    /// The feedback's own id.
    pub id: Uuid,
    /// The run that is judged; none if it is a whole project.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run_id: Option<RunId>,
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
    /// The project: of the run, or the one that is judged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_id: Option<Uuid>,
    /// When the run that is judged started, which helps the server to find it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_time: Option<Timestamp>,
    /// How scores of this key are to be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub feedback_config: Option<FeedbackConfig>,
    /// What the judgements of runs that were compared with each other have in common.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub feedback_group_id: Option<Uuid>,
    /// The comparison of experiments that the judgement was made in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comparative_experiment_id: Option<Uuid>,
    /// Whatever else rides along.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extra: Option<JsonMap>,
    /// Whether the judging itself failed, so that there is no score.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<bool>,
    /// Whether the judged trace is kept longer, which the server does unless told otherwise. Feedback
    /// that must not do so is sent by a request of its own.
    #[serde(skip, default = "kept_longer")]
    pub extend_trace_retention: bool,
}

fn kept_longer() -> bool {
    true
}

impl Feedback {
    /// Begins a judgement of a run, made now by a program.
    pub fn on(run_id: RunId, key: impl Into<String>, now: Timestamp) -> Self {
        Self {
            run_id: Some(run_id),
            ..Self::new(key.into(), now)
        }
    }

    /// Begins a judgement of a whole project, made now by a program.
    pub fn on_project(project_id: Uuid, key: impl Into<String>, now: Timestamp) -> Self {
        Self {
            session_id: Some(project_id),
            ..Self::new(key.into(), now)
        }
    }

    fn new(key: String, now: Timestamp) -> Self {
        Self {
            id: Uuid::now_v7(),
            run_id: None,
            trace_id: None,
            key,
            score: None,
            value: None,
            comment: None,
            correction: None,
            feedback_source: json!({ "type": "api", "metadata": {} }),
            created_at: now,
            modified_at: now,
            project: None,
            session_id: None,
            start_time: None,
            feedback_config: None,
            feedback_group_id: None,
            comparative_experiment_id: None,
            extra: None,
            error: None,
            extend_trace_retention: kept_longer(),
        }
    }

    /// Returns what the judgement shares its fate with when traces are sampled: its trace, or else its run; none if
    /// it is of a whole project.
    pub(crate) fn subject(&self) -> Option<Uuid> {
        let of_run = || self.run_id.map(|run| run.0);
        self.trace_id.map(|trace| trace.0).or_else(of_run)
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
        self.score = Some(round_score(score.into()));
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

    /// Names the project of the run, which the server wants to know more and more.
    #[must_use]
    pub fn project_id(mut self, project_id: Uuid) -> Self {
        self.session_id = Some(project_id);
        self
    }

    /// Says that a model judged, and which run of it, if it was traced.
    #[must_use]
    pub fn by_model(mut self, judging_run: Option<RunId>) -> Self {
        self.feedback_source["type"] = json!("model");
        if let Some(run) = judging_run {
            self = self.source_metadata("__run", json!({ "run_id": run }));
        }
        self
    }

    /// Says something of who judges.
    #[must_use]
    pub fn source_metadata(mut self, key: impl Into<String>, value: impl Into<Value>) -> Self {
        if !self.feedback_source["metadata"].is_object() {
            self.feedback_source["metadata"] = json!({});
        }
        self.feedback_source["metadata"][key.into()] = value.into();
        self
    }

    /// Says how scores of this key are to be read.
    #[must_use]
    pub fn config(mut self, config: FeedbackConfig) -> Self {
        self.feedback_config = Some(config);
        self
    }

    /// Joins judgements of runs that were compared with each other.
    #[must_use]
    pub fn group(mut self, group: Uuid) -> Self {
        self.feedback_group_id = Some(group);
        self
    }

    /// Says that the judging itself failed.
    #[must_use]
    pub fn failed(mut self) -> Self {
        self.error = Some(true);
        self
    }

    /// Leaves the time for which the judged trace is kept as it is.
    #[must_use]
    pub fn keep_retention(mut self) -> Self {
        self.extend_trace_retention = false;
        self
    }
}

/// How scores of a key are to be read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum FeedbackConfig {
    /// A number between two others.
    Continuous {
        /// The least.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        min: Option<f64>,
        /// The most.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        max: Option<f64>,
    },
    /// One of several numbers, each with its label.
    Categorical {
        /// The numbers that the server takes.
        categories: Vec<FeedbackCategory>,
    },
    /// Anything.
    Freeform,
}

/// A number that a score may be, and what it means.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FeedbackCategory {
    /// The number.
    pub value: f64,
    /// What it means.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
}

/// Returns a score as LangSmith takes it: with four decimals at most.
pub(crate) fn round_score(score: Value) -> Value {
    match score {
        Value::Number(number) if !number.is_i64() && !number.is_u64() => {
            let rounded = number.as_f64().map(|score| (score * 1e4).round() / 1e4);
            json!(rounded)
        }
        other => other,
    }
}
