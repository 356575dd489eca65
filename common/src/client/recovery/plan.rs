//! What is to be done, before any of it is.

use std::fmt;

use crate::model::{Run, RunId, RunOp, merge_ops};

/// One operation, and why.
#[derive(Debug, Clone, PartialEq)]
pub struct RecoveryStep {
    /// What is sent.
    pub op: RunOp,
    /// What it is for, in words.
    pub why: String,
}

/// What would make a trace whole. To have a plan sends nothing: print it, look at
/// [`applied_to`](Self::applied_to), then [`carry it out`](crate::client::Client::carry_out).
///
/// ```
/// use common::client::{PendingRule, close_pending};
///
/// let plan = close_pending(&[], &PendingRule::all());
/// assert_eq!(plan.to_string(), "nothing to do\n");
/// ```
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RecoveryPlan {
    pub(super) steps: Vec<RecoveryStep>,
    pub(super) left: Vec<(RunId, String)>,
}

impl RecoveryPlan {
    /// Returns what would be sent, in this order.
    pub fn steps(&self) -> &[RecoveryStep] {
        &self.steps
    }

    /// Returns the runs that are broken and stay so, each with the reason.
    pub fn left_alone(&self) -> &[(RunId, String)] {
        &self.left
    }

    /// Returns true if nothing would be sent.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// Returns the runs as they would be stored afterwards.
    pub fn applied_to(&self, runs: impl IntoIterator<Item = Run>) -> Vec<Run> {
        let stored = runs.into_iter().map(|run| RunOp::Post(Box::new(run)));
        merge_ops(stored.chain(self.steps.iter().map(|step| step.op.clone())))
    }

    pub(super) fn send(&mut self, op: RunOp, why: String) {
        self.steps.push(RecoveryStep { op, why });
    }

    pub(super) fn leave(&mut self, run: &Run, why: impl Into<String>) {
        self.left.push((run.id, why.into()));
    }
}

impl fmt::Display for RecoveryPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.steps.is_empty() && self.left.is_empty() {
            return writeln!(f, "nothing to do");
        }
        for step in &self.steps {
            let kind = match step.op {
                RunOp::Post(_) => "create",
                RunOp::Patch(_) => "update",
                RunOp::Feedback(_) => "judge",
            };
            let name = step.op.run().map_or("", |run| run.name.as_str());
            // A name is foreign text, and a terminal obeys control characters.
            writeln!(f, "{kind} {}: {}", name.escape_debug(), step.why)?;
        }
        for (run, why) in &self.left {
            writeln!(f, "leave {run}: {why}")?;
        }
        Ok(())
    }
}
