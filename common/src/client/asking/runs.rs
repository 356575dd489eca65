//! Reading runs back.

use std::time::{Duration, Instant};

use http::Method;

use super::error::AskError;
use super::pages::Pages;
use super::path::Path;
use super::question::{Question, decode};
use super::run_query::RunQuery;
use super::run_stats::RunStats;
use super::stored_run::StoredRun;
use super::wait::block_on;
use crate::client::Client;
use crate::model::{RunId, RunStatus, TraceId};

/// How long to wait between two looks for a run.
const BETWEEN_LOOKS: Duration = Duration::from_millis(200);

/// Reading runs back. What was sent is stored a moment later: flush, and use
/// [`wait_for_run`](Self::wait_for_run) if it is to be there.
impl Client {
    /// Reads a run.
    ///
    /// # Errors
    /// [`AskError::NotFound`] if it is not stored, or not yet; else as [`AskError`] lists.
    pub async fn read_run(&self, id: RunId) -> Result<StoredRun, AskError> {
        let path = Path::of("runs").id(id.0);
        let answer = self.ask(Question::get(path, format!("run {id}"))).await?;
        decode(&answer)
    }

    /// Reads a run as [`read_run`](Self::read_run) does, and blocks until it is there.
    ///
    /// # Errors
    /// As [`read_run`](Self::read_run).
    pub fn read_run_blocking(&self, id: RunId) -> Result<StoredRun, AskError> {
        block_on(self.read_run(id))
    }

    /// Reads a run as soon as it is stored with its end, for at most `timeout`.
    ///
    /// LangSmith answers "accepted" before it looks at a run, so that reading it back is the only proof
    /// that it was taken. When time is up, the run comes as it stands then.
    ///
    /// # Errors
    /// As [`read_run`](Self::read_run), with [`AskError::NotFound`] only when time is up.
    pub async fn wait_for_run(&self, id: RunId, timeout: Duration) -> Result<StoredRun, AskError> {
        let begun = Instant::now();
        loop {
            let found = self.read_run(id).await;
            let may_come = match &found {
                Ok(run) => run.status == RunStatus::Pending,
                Err(error) => matches!(error, AskError::NotFound { .. }),
            };
            if !may_come || begun.elapsed() + BETWEEN_LOOKS > timeout {
                return found;
            }
            self.rest(BETWEEN_LOOKS).await?;
        }
    }

    /// Waits as [`wait_for_run`](Self::wait_for_run) does, and blocks meanwhile.
    ///
    /// # Errors
    /// As [`wait_for_run`](Self::wait_for_run).
    pub fn wait_for_run_blocking(
        &self,
        id: RunId,
        timeout: Duration,
    ) -> Result<StoredRun, AskError> {
        block_on(self.wait_for_run(id, timeout))
    }

    /// Lists the runs that a query wants, page by page as they are read; [`Pages`] has both forms.
    ///
    /// ```no_run
    /// use common::client::{Client, RunQuery};
    ///
    /// let client = Client::from_env()?;
    /// let failed = RunQuery::new().project("docs-assistant").error(true).limit(5);
    /// for run in client.list_runs(failed).blocking() {
    ///     let run = run?;
    ///     println!("{} {}", run.run.name, client.run_url_blocking(&run)?);
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn list_runs(&self, query: RunQuery) -> Pages<StoredRun> {
        Pages::of_runs(self, StoredRun::read, query)
    }

    /// Reads all runs of a trace, parents before their children.
    ///
    /// `TraceTree::build(runs.into_iter().map(Run::from))` puts them together.
    ///
    /// # Errors
    /// [`AskError::NotFound`] if none of its runs is stored, or not yet; else as [`AskError`] lists.
    pub async fn read_trace(&self, trace: TraceId) -> Result<Vec<StoredRun>, AskError> {
        let mut runs = self
            .list_runs(RunQuery::new().trace(trace))
            .collect()
            .await?;
        if runs.is_empty() {
            return Err(AskError::NotFound {
                what: format!("trace {trace}"),
            });
        }
        runs.sort_by(|a, b| a.run.dotted_order.as_str().cmp(b.run.dotted_order.as_str()));
        Ok(runs)
    }

    /// Reads a trace as [`read_trace`](Self::read_trace) does, and blocks until it is there.
    ///
    /// # Errors
    /// As [`read_trace`](Self::read_trace).
    pub fn read_trace_blocking(&self, trace: TraceId) -> Result<Vec<StoredRun>, AskError> {
        block_on(self.read_trace(trace))
    }

    /// Counts and sums up the runs that a query wants; its `select`, `limit` and order do not matter.
    ///
    /// # Errors
    /// As [`AskError`] lists.
    pub async fn run_stats(&self, query: RunQuery) -> Result<RunStats, AskError> {
        let mut body = query.conditions(self).await?;
        body.shift_remove("order");
        let path = Path::of("runs").then("stats");
        let question = Question::send(Method::POST, path, &body, "runs")?;
        Ok(RunStats::read(decode(&self.ask(question).await?)?))
    }

    /// Sums up as [`run_stats`](Self::run_stats) does, and blocks until it is done.
    ///
    /// # Errors
    /// As [`run_stats`](Self::run_stats).
    pub fn run_stats_blocking(&self, query: RunQuery) -> Result<RunStats, AskError> {
        block_on(self.run_stats(query))
    }
}
