//! A plan is carried out: checked, paced, sent, reported.

use std::fmt;
use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use http::Method;
use serde_json::{Value, json};

use super::PLACEHOLDER;
use super::plan::RecoveryPlan;
use crate::client::Client;
use crate::client::asking::{AskError, Path, Question};
use crate::export::FlushError;
use crate::model::{Run, RunId, RunOp, RunStatus};

/// How fast a plan is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    per_second: NonZeroU32,
}

impl Pace {
    /// Sends so many operations a second, at least one. LangSmith's hourly limits count each.
    pub fn per_second(operations: u32) -> Self {
        Self {
            per_second: NonZeroU32::new(operations).unwrap_or(NonZeroU32::MIN),
        }
    }

    /// Returns when an operation is due, counted from the first.
    fn due(self, number: usize) -> Duration {
        let rate = f64::from(self.per_second.get());
        Duration::try_from_secs_f64(number as f64 / rate).unwrap_or(Duration::MAX)
    }
}

impl Default for Pace {
    /// 50 operations a second: 180,000 an hour, below the lowest of LangSmith's documented hourly limits.
    fn default() -> Self {
        Self::per_second(50)
    }
}

/// What became of a plan.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RecoveryReport {
    /// Runs that the queue has taken in to be created.
    pub created: Vec<RunId>,
    /// Runs whose update the server has accepted.
    pub updated: Vec<RunId>,
    /// Runs that were left alone, each with the reason.
    pub skipped: Vec<(RunId, String)>,
    /// What went wrong while sending; none if all was delivered. Delivered is not stored: read it back.
    pub problem: Option<FlushError>,
}

impl fmt::Display for RecoveryReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (created, updated) = (self.created.len(), self.updated.len());
        let skipped = self.skipped.len();
        write!(
            f,
            "{created} created, {updated} updated, {skipped} left alone"
        )?;
        match &self.problem {
            None => writeln!(f)?,
            Some(problem) => writeln!(f, "; {problem}")?,
        }
        for (run, why) in &self.skipped {
            writeln!(f, "{run}: {why}")?;
        }
        Ok(())
    }
}

/// What became of the operations on disk.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ResendReport {
    /// Operations of earlier processes that were found.
    pub recovered: u64,
    /// Operations on disk when this began.
    pub before: u64,
    /// Operations that are still there.
    pub left: u64,
    /// What went wrong; none if nothing is left.
    pub problem: Option<FlushError>,
}

impl fmt::Display for ResendReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (recovered, left) = (self.recovered, self.left);
        write!(
            f,
            "{recovered} operations of earlier processes found, {left} left on disk"
        )?;
        match &self.problem {
            None => writeln!(f),
            Some(problem) => writeln!(f, "; {problem}"),
        }
    }
}

/// Returns true if operations are on their way still: what was dropped or refused never comes.
fn is_still_held(error: &FlushError) -> bool {
    match error {
        FlushError::Timeout { .. } | FlushError::Stored { .. } => true,
        FlushError::Dropped { .. } | FlushError::Refused { .. } => false,
        FlushError::At { error, .. } => is_still_held(error),
    }
}

/// Recovery.
impl Client {
    /// Sends what a plan says, at a pace, and waits for at most `timeout` in all until what the queue holds is
    /// delivered, before and after. Reading back and updating have the client's own timeout for each request.
    ///
    /// What this client holds itself leaves first: it may be the very end that is missing. If it does not leave in
    /// time, no run is updated. When its turn has come, a run that is to be updated is read back: one that has
    /// ended meanwhile, or is not stored, is left alone, as is one that cannot be read; so no end is written over
    /// that could be read just before. Before a run is created under an id that somebody else named, it is read
    /// back too, and left alone if it is there.
    ///
    /// An update is a request of its own that says the end, the error if the run has none, and the place: what
    /// else is stored of the run stays, also what came after the plan was made. It goes to the first
    /// destination alone, which was read. What is created goes through the queue to all of them. Masking sees
    /// both; a sampler is not asked, because these runs were chosen by hand.
    pub async fn carry_out(
        &self,
        plan: &RecoveryPlan,
        pace: Pace,
        timeout: Duration,
    ) -> RecoveryReport {
        let mut report = RecoveryReport {
            skipped: plan.left_alone().to_vec(),
            ..RecoveryReport::default()
        };
        let begun = Instant::now();
        let before = self.flush_async(timeout).await.err();
        let holds_back = before.as_ref().is_some_and(is_still_held);
        let left = timeout.saturating_sub(begun.elapsed());
        let begun = Instant::now();
        for (number, step) in plan.steps().iter().enumerate() {
            let Some(run) = step.op.run() else { continue };
            let id = run.id;
            if holds_back && matches!(step.op, RunOp::Patch(_)) {
                let why = "what this client holds has not left, and may be its end".to_owned();
                report.skipped.push((id, why));
                continue;
            }
            let wait = pace.due(number).saturating_sub(begun.elapsed());
            // In this order: what is read back is the newest that can be known.
            let sent = match wait.is_zero() || self.rest(wait).await.is_ok() {
                true => self.carry_out_one(&step.op).await,
                false => Err("the client was shut down".to_owned()),
            };
            match (sent, &step.op) {
                (Ok(()), RunOp::Patch(_)) => report.updated.push(id),
                (Ok(()), _) => report.created.push(id),
                (Err(why), _) => report.skipped.push((id, why)),
            }
        }
        report.problem = self.flush_async(left).await.err().or(before);
        report
    }

    /// Carries out a plan as [`carry_out`](Self::carry_out) does, and blocks meanwhile.
    pub fn carry_out_blocking(
        &self,
        plan: &RecoveryPlan,
        pace: Pace,
        timeout: Duration,
    ) -> RecoveryReport {
        crate::client::asking::wait::block_on(self.carry_out(plan, pace, timeout))
    }

    /// Sends what earlier processes left in the spool, for at most `timeout`; with what this one has there.
    ///
    /// The client needs the spool of these processes
    /// ([`BatchConfig::spool`](crate::export::BatchConfig::spool)), and the same endpoint and key: what was
    /// meant for another is not touched.
    pub fn resend_spooled(&self, timeout: Duration) -> ResendReport {
        let before = self.stats().spooled;
        let problem = self.flush(timeout).err();
        let stats = self.stats();
        ResendReport {
            recovered: stats.recovered,
            before,
            left: stats.spooled,
            problem,
        }
    }

    /// Sends one operation, or says why not.
    async fn carry_out_one(&self, op: &RunOp) -> Result<(), String> {
        match op {
            RunOp::Patch(run) => self.close(run).await,
            RunOp::Post(run) => self.create(run).await,
            RunOp::Feedback(_) => Err("feedback is no part of a recovery".to_owned()),
        }
    }

    /// Gives a run its end, if it lacks one.
    async fn close(&self, run: &Run) -> Result<(), String> {
        let stored = match self.read_run(run.id).await {
            Ok(stored) => stored,
            Err(AskError::NotFound { .. }) => return Err("it is not stored".to_owned()),
            Err(error) => return Err(format!("it could not be read back: {error}")),
        };
        if stored.run.end_time.is_some() {
            return Err("it has ended by now".to_owned());
        }
        if stored.status == RunStatus::Interrupted {
            return Err("it waits for a person".to_owned());
        }
        let mut end = only_the_end(run);
        if stored.run.error.is_some() {
            end.error = None;
        }
        let masked = self.tracer.pass_unsampled(RunOp::Patch(Box::new(end)));
        let Some(RunOp::Patch(end)) = masked else {
            return Err(MADE_WHILE_MASKING.to_owned());
        };
        let path = Path::of("runs").id(end.id.0);
        let what = format!("run {}", end.id);
        let question = Question::send(Method::PATCH, path, &closing(&end), what);
        let sent = match question {
            Ok(question) => self.ask(question).await,
            Err(error) => Err(error),
        };
        sent.map(drop)
            .map_err(|error| format!("it could not be updated: {error}"))
    }

    /// Creates a run, unless it is there.
    async fn create(&self, run: &Run) -> Result<(), String> {
        // Under a fresh id there is nothing.
        if run.extra.metadata.contains_key(PLACEHOLDER) {
            match self.read_run(run.id).await {
                Ok(_) => return Err("it is stored by now".to_owned()),
                Err(AskError::NotFound { .. }) => {}
                Err(error) => return Err(format!("it could not be read back: {error}")),
            }
        }
        let post = RunOp::Post(Box::new(run.clone()));
        let Some(post) = self.tracer.pass_unsampled(post) else {
            return Err(MADE_WHILE_MASKING.to_owned());
        };
        match self.tracer.offer(post) {
            true => Ok(()),
            false => Err("it was not taken in, as the queue is full or closed".to_owned()),
        }
    }
}

/// Why nothing leaves of an operation.
const MADE_WHILE_MASKING: &str = "a function that masks runs was at work on this thread";

/// Leaves of a run what an update says that gives it its end; what it would say besides is masked for nothing.
fn only_the_end(run: &Run) -> Run {
    let mut end = Run::begin(
        run.dotted_order.clone(),
        String::new(),
        run.run_type.clone(),
        run.start_time,
    );
    (end.id, end.trace_id) = (run.id, run.trace_id);
    end.parent_run_id = run.parent_run_id;
    end.project.clone_from(&run.project);
    end.end_time = run.end_time;
    end.error.clone_from(&run.error);
    end
}

/// Writes the body of `PATCH /runs/{id}`: the end, the error, and what LangSmith finds the run by. A field that
/// is not there stays as it is stored; `tags`, `extra` and `events` are replaced whole if they are.
fn closing(end: &Run) -> Value {
    let mut body = json!({
        "id": end.id,
        "trace_id": end.trace_id,
        "dotted_order": end.dotted_order,
        "end_time": end.end_time,
    });
    if let Some(parent) = end.parent_run_id {
        body["parent_run_id"] = json!(parent);
    }
    if let Some(project) = &end.project {
        body["session_name"] = json!(project);
    }
    if let Some(error) = &end.error {
        body["error"] = json!(error);
    }
    body
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operations_are_due_at_their_pace() {
        let pace = Pace::per_second(50);
        let due = [0, 1, 50, 125].map(|number| pace.due(number).as_millis());
        assert_eq!(due, [0, 20, 1_000, 2_500]);
        assert_eq!(Pace::per_second(0).due(3).as_secs(), 3);
    }
}
