//! A plan is carried out: checked, paced, sent, reported.

use std::fmt;
use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use super::plan::RecoveryPlan;
use crate::client::Client;
use crate::client::asking::AskError;
use crate::export::FlushError;
use crate::model::{RunId, RunOp, RunStatus};

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
    /// Runs that were created.
    pub created: Vec<RunId>,
    /// Runs that were updated.
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

/// Recovery.
impl Client {
    /// Sends what a plan says, at a pace, and waits for at most `timeout` until it is delivered.
    ///
    /// Before a run is updated it is read back: one that has ended meanwhile, or is not stored, is left
    /// alone, as is one that cannot be read; so no end is ever written over. Before a run is created under an
    /// id that somebody else named, it is read back too, and left alone if it is there. Operations pass
    /// sampling and masking as all others do, and use no queue of their own.
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
        for (number, step) in plan.steps().iter().enumerate() {
            let Some(run) = step.op.run() else { continue };
            let id = run.id;
            if let Some(why) = self.forbids(&step.op).await {
                report.skipped.push((id, why));
                continue;
            }
            let wait = pace.due(number).saturating_sub(begun.elapsed());
            if !wait.is_zero() && self.rest(wait).await.is_err() {
                report
                    .skipped
                    .push((id, "the client was shut down".to_owned()));
                continue;
            }
            match step.op {
                RunOp::Patch(_) => report.updated.push(id),
                _ => report.created.push(id),
            }
            self.tracer.submit(step.op.clone());
        }
        report.problem = self.flush_async(timeout).await.err();
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

    /// Returns why an operation must not be sent now.
    async fn forbids(&self, op: &RunOp) -> Option<String> {
        let run = op.run()?;
        let is_update = matches!(op, RunOp::Patch(_));
        let is_named = run.extra.metadata.contains_key(super::PLACEHOLDER);
        if !is_update && !is_named {
            // Under a fresh id there is nothing.
            return None;
        }
        match self.read_run(run.id).await {
            Ok(_) if !is_update => Some("it is stored by now".to_owned()),
            Ok(stored) if stored.run.end_time.is_some() => Some("it has ended by now".to_owned()),
            Ok(stored) if stored.status == RunStatus::Interrupted => {
                Some("it waits for a person".to_owned())
            }
            Ok(_) => None,
            Err(AskError::NotFound { .. }) if is_update => Some("it is not stored".to_owned()),
            Err(AskError::NotFound { .. }) => None,
            Err(error) => Some(format!("it could not be read back: {error}")),
        }
    }
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
