//! Which runs are wanted.

use serde_json::{Value, json};
use uuid::Uuid;

use super::error::AskError;
use super::project::ProjectRef;
use crate::client::Client;
use crate::model::{JsonMap, RunId, RunType, Timestamp, TraceId};

/// The fields of a run that are asked for unless a query says otherwise: those that the Python SDK 0.15
/// asks for, and the thread.
pub const DEFAULT_SELECT: [&str; 29] = [
    "app_path",
    "completion_cost",
    "completion_tokens",
    "dotted_order",
    "end_time",
    "error",
    "events",
    "extra",
    "feedback_stats",
    "first_token_time",
    "id",
    "inputs",
    "name",
    "outputs",
    "parent_run_id",
    "parent_run_ids",
    "prompt_cost",
    "prompt_tokens",
    "reference_example_id",
    "run_type",
    "s3_urls",
    "session_id",
    "start_time",
    "status",
    "tags",
    "thread_id",
    "total_cost",
    "total_tokens",
    "trace_id",
];

/// Without these an answer is no run.
const ALWAYS_SELECTED: [&str; 8] = [
    "id",
    "trace_id",
    "parent_run_id",
    "dotted_order",
    "name",
    "run_type",
    "start_time",
    "session_id",
];

/// Which runs are wanted, and in which order: the newest first.
///
/// Conditions add up: a run must meet them all. A project may be given by its name, which is looked up
/// when the query is asked. `filter` and its siblings are LangSmith's filter language, as text.
///
/// ```
/// use common::client::RunQuery;
///
/// let slow_failures = RunQuery::new()
///     .project("docs-assistant")
///     .is_root(true)
///     .error(true)
///     .filter(r#"gt(latency, "5s")"#)
///     .limit(20);
/// ```
#[derive(Debug, Clone, Default, PartialEq)]
#[must_use = "a query does nothing until a client asks it"]
pub struct RunQuery {
    projects: Vec<ProjectRef>,
    fields: JsonMap,
    filters: Vec<String>,
    select: Option<Vec<String>>,
    limit: Option<usize>,
}

impl RunQuery {
    /// Begins a query for all runs.
    pub fn new() -> Self {
        Self::default()
    }

    fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.fields.insert(name.to_owned(), value.into());
        self
    }

    /// Wants the runs of a project, by name or id; several calls want those of any of them.
    pub fn project(mut self, project: impl Into<ProjectRef>) -> Self {
        self.projects.push(project.into());
        self
    }

    /// Wants the runs of one trace. The server answers them all at once.
    pub fn trace(self, trace: TraceId) -> Self {
        self.with("trace", trace.to_string())
    }

    /// Wants the runs of one conversation, by the id that their metadata has as `thread_id`,
    /// `session_id` or `conversation_id`. The server needs a project as well.
    pub fn thread(self, thread: &str) -> Self {
        self.filter(format!("eq(thread_id, {})", Value::from(thread)))
    }

    /// Wants runs by their ids.
    pub fn ids(self, ids: impl IntoIterator<Item = RunId>) -> Self {
        let ids: Vec<Value> = ids.into_iter().map(|id| json!(id)).collect();
        self.with("id", ids)
    }

    /// Wants the runs right below a run.
    pub fn parent(self, parent: RunId) -> Self {
        self.with("parent_run", parent.to_string())
    }

    /// Wants roots only, or all but roots.
    pub fn is_root(self, is_root: bool) -> Self {
        self.with("is_root", is_root)
    }

    /// Wants runs of one type.
    pub fn run_type(self, run_type: impl Into<RunType>) -> Self {
        self.with("run_type", run_type.into().as_str())
    }

    /// Wants runs that failed, or those that did not.
    pub fn error(self, error: bool) -> Self {
        self.with("error", error)
    }

    /// Wants runs that started then or later.
    pub fn start_time(self, from: Timestamp) -> Self {
        self.with("start_time", from.to_rfc3339())
    }

    /// Wants runs that started then or earlier.
    pub fn end_time(self, to: Timestamp) -> Self {
        self.with("end_time", to.to_rfc3339())
    }

    /// Wants the runs of an evaluation on one example.
    pub fn reference_example(self, example: Uuid) -> Self {
        self.with("reference_example", vec![example.to_string()])
    }

    /// Wants runs that fit a filter, such as `and(eq(run_type, "llm"), has(tags, "beta"))`; of several
    /// filters all must fit.
    pub fn filter(mut self, filter: impl Into<String>) -> Self {
        self.filters.push(filter.into());
        self
    }

    /// Wants runs whose root fits a filter.
    pub fn trace_filter(self, filter: impl Into<String>) -> Self {
        self.with("trace_filter", filter.into())
    }

    /// Wants runs of whose trace any other run fits a filter.
    pub fn tree_filter(self, filter: impl Into<String>) -> Self {
        self.with("tree_filter", filter.into())
    }

    /// Wants runs that hold these words, by the server's full-text search.
    pub fn search(self, words: impl Into<String>) -> Self {
        self.with("query", words.into())
    }

    /// Names the fields that are wanted, instead of [`DEFAULT_SELECT`]. Those that make a run a run,
    /// such as its id, come along always.
    pub fn select<S: Into<String>>(mut self, fields: impl IntoIterator<Item = S>) -> Self {
        let mut select: Vec<String> = fields.into_iter().map(Into::into).collect();
        for name in ALWAYS_SELECTED {
            if !select.iter().any(|has| has == name) {
                select.push(name.to_owned());
            }
        }
        self.select = Some(select);
        self
    }

    /// Wants that many runs at most, over all pages.
    pub fn limit(mut self, limit: usize) -> Self {
        self.limit = Some(limit);
        self
    }

    /// Wants the oldest first.
    pub fn oldest_first(self) -> Self {
        self.with("order", "asc")
    }

    pub(super) fn most(&self) -> Option<usize> {
        self.limit
    }

    /// Returns the conditions as the server reads them; looks up the ids of projects given by name.
    pub(super) async fn conditions(&self, client: &Client) -> Result<JsonMap, AskError> {
        let mut fields = self.fields.clone();
        let mut sessions = Vec::new();
        for project in &self.projects {
            sessions.push(json!(client.project_id(project).await?));
        }
        if !sessions.is_empty() {
            fields.insert("session".to_owned(), sessions.into());
        }
        match &self.filters[..] {
            [] => {}
            [filter] => {
                fields.insert("filter".to_owned(), Value::from(filter.as_str()));
            }
            filters => {
                let all = format!("and({})", filters.join(", "));
                fields.insert("filter".to_owned(), Value::from(all));
            }
        }
        Ok(fields)
    }

    pub(super) async fn to_body(&self, client: &Client) -> Result<JsonMap, AskError> {
        let mut fields = self.conditions(client).await?;
        let select = match &self.select {
            Some(select) => json!(select),
            None => json!(DEFAULT_SELECT.as_slice()),
        };
        fields.insert("select".to_owned(), select);
        Ok(fields)
    }
}
