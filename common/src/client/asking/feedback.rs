//! What is said of runs.

use chrono::DateTime;
use http::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use super::error::AskError;
use super::fields::mend_times;
use super::pages::Pages;
use super::path::Path;
use super::question::{Question, decode};
use super::wait::block_on;
use crate::client::Client;
use crate::model::{Feedback, JsonMap, RunId, RunOp, round_score};

/// What is to change in a judgement; the rest stays. [`Value::Null`] clears a field.
#[derive(Debug, Clone, Default, PartialEq)]
#[must_use = "nothing changes until a client is told"]
pub struct FeedbackUpdate(JsonMap);

impl FeedbackUpdate {
    /// Begins an update that changes nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets how good, rounded to four decimals.
    pub fn score(self, score: impl Into<Value>) -> Self {
        self.with("score", round_score(score.into()))
    }

    /// Sets a judgement that is no number.
    pub fn value(self, value: impl Into<Value>) -> Self {
        self.with("value", value.into())
    }

    /// Sets the words for people.
    pub fn comment(self, comment: impl Into<Value>) -> Self {
        self.with("comment", comment.into())
    }

    /// Sets what the run should have given back.
    pub fn correction(self, correction: impl Into<Value>) -> Self {
        self.with("correction", correction.into())
    }

    fn with(mut self, name: &str, value: Value) -> Self {
        self.0.insert(name.to_owned(), value);
        self
    }
}

/// Which judgements are wanted. Several runs, keys or sources mean any of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[must_use = "a query does nothing until a client asks it"]
pub struct FeedbackQuery {
    runs: Vec<RunId>,
    keys: Vec<String>,
    sources: Vec<String>,
    limit: Option<usize>,
}

impl FeedbackQuery {
    /// Begins a query for the judgements of a run.
    pub fn of(run: RunId) -> Self {
        Self {
            runs: vec![run],
            ..Self::default()
        }
    }

    /// Wants the judgements of another run as well.
    pub fn run(mut self, run: RunId) -> Self {
        self.runs.push(run);
        self
    }

    /// Wants judgements of a key.
    pub fn key(mut self, key: impl Into<String>) -> Self {
        self.keys.push(key.into());
        self
    }

    /// Wants judgements by `api`, `model` or `app`.
    pub fn source(mut self, source: impl Into<String>) -> Self {
        self.sources.push(source.into());
        self
    }

    /// Wants that many at most, over all pages.
    pub fn limit(mut self, limit: usize) -> Self {
        self.limit = Some(limit);
        self
    }
}

/// Feedback: what users, tests and models say of runs.
impl Client {
    /// Sends a judgement, and returns its id.
    ///
    /// With its trace's id it travels with the runs: this returns at once, and the next flush sees it
    /// delivered. Without, or if it must not extend the trace's retention, it is a request of its own,
    /// repeated while its run is still on the way into the store, as the Python SDK does. What is said of
    /// a trace that was not sampled is not sent; of one that a sampler's tail holds back, it waits along and
    /// travels with the runs if they do.
    ///
    /// ```no_run
    /// use common::client::Client;
    /// use common::model::{Clock, Feedback, SystemClock};
    ///
    /// let client = Client::from_env()?;
    /// let run = client.run("answer").start();
    /// if let (Some(id), Some(trace)) = (run.id(), run.trace_id()) {
    ///     let rating = Feedback::on(id, "user_rating", SystemClock.now()).trace_id(trace).score(0.9);
    ///     client.create_feedback_blocking(rating)?;
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`AskError::NotSending`] if nothing is recorded; else, if it is a request of its own, as
    /// [`AskError`] lists.
    pub async fn create_feedback(&self, feedback: Feedback) -> Result<Uuid, AskError> {
        if !self.is_enabled() {
            return Err(AskError::NotSending);
        }
        let id = feedback.id;
        let with_runs = feedback.trace_id.is_some() && feedback.extend_trace_retention
            || self.tracer.holds_back(&feedback);
        let extend = feedback.extend_trace_retention;
        let op = RunOp::Feedback(Box::new(feedback));
        if with_runs {
            self.tracer.submit(op);
            return Ok(id);
        }
        let Some(RunOp::Feedback(feedback)) = self.tracer.admit(op) else {
            return Ok(id);
        };
        let mut body =
            serde_json::to_value(&feedback).map_err(|error| AskError::Decode(error.to_string()))?;
        body["extend_trace_retention"] = json!(extend);
        let what = feedback
            .run_id
            .map_or_else(|| "the project".to_owned(), |run| format!("run {run}"));
        let question = Question::send(Method::POST, Path::of("feedback"), &body, what)?;
        self.ask(question.wait_to_exist()).await?;
        Ok(id)
    }

    /// Sends a judgement as [`create_feedback`](Self::create_feedback) does, and blocks until it is done.
    ///
    /// # Errors
    /// As [`create_feedback`](Self::create_feedback).
    pub fn create_feedback_blocking(&self, feedback: Feedback) -> Result<Uuid, AskError> {
        block_on(self.create_feedback(feedback))
    }

    /// Reads a judgement.
    ///
    /// # Errors
    /// [`AskError::NotFound`] if it is not stored, or not yet; else as [`AskError`] lists.
    pub async fn read_feedback(&self, id: Uuid) -> Result<Feedback, AskError> {
        let question = Question::get(Path::of("feedback").id(id), format!("feedback {id}"));
        read(decode(&self.ask(question).await?)?).map_err(AskError::Decode)
    }

    /// Reads as [`read_feedback`](Self::read_feedback) does, and blocks until it is there.
    ///
    /// # Errors
    /// As [`read_feedback`](Self::read_feedback).
    pub fn read_feedback_blocking(&self, id: Uuid) -> Result<Feedback, AskError> {
        block_on(self.read_feedback(id))
    }

    /// Lists judgements, page by page as they are read; [`Pages`] has both forms.
    pub fn list_feedback(&self, query: FeedbackQuery) -> Pages<Feedback> {
        let mut path = Path::of("feedback");
        for run in query.runs {
            path = path.query("run", run);
        }
        for key in query.keys {
            path = path.query("key", key);
        }
        for source in query.sources {
            path = path.query("source", source);
        }
        Pages::of_list(self, read, path, "feedback", query.limit)
    }

    /// Changes a judgement.
    ///
    /// # Errors
    /// [`AskError::NotFound`] if it is not stored, or not yet; else as [`AskError`] lists.
    pub async fn update_feedback(&self, id: Uuid, update: FeedbackUpdate) -> Result<(), AskError> {
        let path = Path::of("feedback").id(id);
        let what = format!("feedback {id}");
        self.ask(Question::send(Method::PATCH, path, &update.0, what)?)
            .await?;
        Ok(())
    }

    /// Changes as [`update_feedback`](Self::update_feedback) does, and blocks until it is done.
    ///
    /// # Errors
    /// As [`update_feedback`](Self::update_feedback).
    pub fn update_feedback_blocking(
        &self,
        id: Uuid,
        update: FeedbackUpdate,
    ) -> Result<(), AskError> {
        block_on(self.update_feedback(id, update))
    }

    /// Deletes a judgement.
    ///
    /// # Errors
    /// [`AskError::NotFound`] if it is not stored, or not yet; else as [`AskError`] lists.
    pub async fn delete_feedback(&self, id: Uuid) -> Result<(), AskError> {
        let path = Path::of("feedback").id(id);
        self.ask(Question::delete(path, format!("feedback {id}")))
            .await?;
        Ok(())
    }

    /// Deletes as [`delete_feedback`](Self::delete_feedback) does, and blocks until it is done.
    ///
    /// # Errors
    /// As [`delete_feedback`](Self::delete_feedback).
    pub fn delete_feedback_blocking(&self, id: Uuid) -> Result<(), AskError> {
        block_on(self.delete_feedback(id))
    }
}

/// Reads a judgement as servers write it: with nulls, with times that lack their offset.
fn read(mut fields: JsonMap) -> Result<Feedback, String> {
    fields.retain(|_, value| !value.is_null());
    mend_times(&mut fields, &["created_at", "modified_at", "start_time"]);
    let source = || json!({ "type": "unknown" });
    let written = fields.get("created_at").or(fields.get("modified_at"));
    let written = written
        .cloned()
        .unwrap_or_else(|| json!(DateTime::UNIX_EPOCH));
    for name in ["created_at", "modified_at"] {
        fields.entry(name).or_insert_with(|| written.clone());
    }
    fields.entry("feedback_source").or_insert_with(source);
    // What a newer server puts here in other words is no reason to hold the judgement back.
    let config = fields.shift_remove("feedback_config");
    for (name, fits) in [
        ("extra", Value::is_object as fn(&Value) -> bool),
        ("error", Value::is_boolean),
    ] {
        fields.retain(|key, value| key != name || fits(value));
    }
    let mut feedback: Feedback =
        serde_json::from_value(Value::Object(fields)).map_err(|error| error.to_string())?;
    feedback.feedback_config = config.and_then(|config| serde_json::from_value(config).ok());
    Ok(feedback)
}
