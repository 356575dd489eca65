//! Runs without an end, whose process is gone, get one.

use crate::model::{Run, RunOp, RunStatus, Timestamp, TraceTree};

use super::plan::RecoveryPlan;

/// Which pending runs belong to a process that is gone. Nobody can tell that from the runs alone, so it is
/// said by whoever knows: by time, by a key of the metadata (`service`, `host.name`, a process id), or both.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct PendingRule {
    started_before: Option<Timestamp>,
    metadata: Vec<(String, String)>,
    error: Option<String>,
}

impl PendingRule {
    /// Takes every pending run to be dead.
    pub fn all() -> Self {
        Self::default()
    }

    /// Takes only runs to be dead that started before a time: the restart of their service, say.
    #[must_use]
    pub fn started_before(mut self, time: Timestamp) -> Self {
        self.started_before = Some(time);
        self
    }

    /// Takes only runs to be dead whose metadata has this value.
    #[must_use]
    pub fn metadata(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.metadata.push((key.into(), value.into()));
        self
    }

    /// Sets the error that they get. Default: `the process ended before the run did`.
    #[must_use]
    pub fn error(mut self, error: impl Into<String>) -> Self {
        self.error = Some(error.into());
        self
    }

    /// Returns why a run is not taken to be dead; none if it is.
    fn spares(&self, run: &Run) -> Option<String> {
        if self
            .started_before
            .is_some_and(|time| run.start_time >= time)
        {
            return Some("it started too late to be of the process that is gone".to_owned());
        }
        let differs = |(key, value): &&(String, String)| {
            let said = run.extra.metadata.get(key.as_str());
            said.and_then(|said| said.as_str()) != Some(value)
        };
        let other = self.metadata.iter().find(differs)?;
        Some(format!("its {} is not {}", other.0, other.1))
    }
}

/// Plans an end for each pending run that the rule takes to be dead: an error, at the last time that is known
/// of the run and of what is below it.
///
/// A run that has ended is never touched, and [`carry_out`](crate::client::Client::carry_out) looks again
/// before it sends. LangSmith takes one update of a run: where a run had an update that did not end it, it
/// keeps that one, and the run stays pending. A run that has an error without an end time gets only the time.
/// Nothing but end and error is sent, so that what came after this capture stays.
pub fn close_pending(runs: &[Run], rule: &PendingRule) -> RecoveryPlan {
    let tree = TraceTree::build(runs.iter().cloned());
    let nodes = tree.nodes();
    let order = tree.walk();
    let mut known: Vec<Timestamp> = nodes.iter().map(|node| last_known(&node.run)).collect();
    for at in order.iter().rev() {
        if let Some(parent) = nodes[*at].parent {
            known[parent] = known[parent].max(known[*at]);
        }
    }
    let mut plan = RecoveryPlan::default();
    // Children first, as they would have ended.
    for at in order.iter().rev() {
        let run = &nodes[*at].run;
        if run.end_time.is_some() || run.status() == RunStatus::Interrupted {
            continue;
        }
        if let Some(why) = rule.spares(run) {
            plan.leave(run, why);
            continue;
        }
        let mut end = run.clone();
        end.end_time = Some(known[*at]);
        let default = "the process ended before the run did";
        let error = rule.error.as_deref().unwrap_or(default);
        end.error.get_or_insert_with(|| error.to_owned());
        let took = (known[*at] - run.start_time).num_milliseconds();
        let why = format!("it has not ended; the last known of it is {took} ms after its start");
        plan.send(RunOp::Patch(Box::new(end)), why);
    }
    plan
}

pub(super) fn last_known(run: &Run) -> Timestamp {
    let events = run.events.iter().map(|event| event.time);
    let all = events.chain(run.end_time).chain([run.start_time]);
    all.max().unwrap_or(run.start_time)
}
