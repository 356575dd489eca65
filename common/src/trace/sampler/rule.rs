//! By rule: what is said of a trace's first run decides which sampler it gets.

use serde_json::Value;

use super::limit::TraceLimit;
use super::rate::Sampler;
use super::verdict::Verdict;
use crate::trace::inherited::Inherited;

/// Gives the traces that it fits a sampler of their own, and a limit if need be.
///
/// A rule fits if all of its conditions do; one without conditions fits everything. It looks at the first run
/// of a trace, as that is when it starts: metadata that comes later decides nothing.
///
/// ```
/// use common::trace::{Sampler, SamplingRate, SamplingRule, TraceLimit};
///
/// // Never a probe, every trace of the new model within reason, a tenth of the free tenants.
/// let rules = [
///     SamplingRule::new("probes", Sampler::AlwaysOff).name("GET /health*"),
///     SamplingRule::new("new model", Sampler::AlwaysOn)
///         .metadata("model", "m2")
///         .limit(TraceLimit::per_second(50)),
///     SamplingRule::new("free", Sampler::TraceIdRatio(SamplingRate::new(0.1)?)).metadata("tier", "free"),
/// ];
/// # drop(rules);
/// # Ok::<(), common::trace::InvalidSamplingRate>(())
/// ```
#[derive(Debug, Clone)]
pub struct SamplingRule {
    pub(super) label: String,
    sampler: Sampler,
    pub(super) limit: Option<TraceLimit>,
    conditions: Vec<Condition>,
}

#[derive(Debug, Clone)]
enum Condition {
    Name(String),
    NameBegins(String),
    Project(String),
    Tag(String),
    Metadata(String, Value),
}

impl SamplingRule {
    /// Makes a rule that fits everything until it is told what it is for. The label names it in the books, so
    /// there is one series of metrics for each rule and no more.
    pub fn new(label: impl Into<String>, sampler: Sampler) -> Self {
        Self {
            label: label.into(),
            sampler,
            limit: None,
            conditions: Vec::new(),
        }
    }

    /// Fits first runs of that name; with a `*` at its end, of all names that begin so. A server's run is
    /// named after its route, as in `GET /answer`.
    #[must_use]
    pub fn name(self, name: impl Into<String>) -> Self {
        let name = name.into();
        match name.strip_suffix('*') {
            Some(begin) => self.when(Condition::NameBegins(begin.to_owned())),
            None => self.when(Condition::Name(name)),
        }
    }

    /// Fits traces of that project.
    #[must_use]
    pub fn project(self, project: impl Into<String>) -> Self {
        self.when(Condition::Project(project.into()))
    }

    /// Fits first runs with that tag.
    #[must_use]
    pub fn tag(self, tag: impl Into<String>) -> Self {
        self.when(Condition::Tag(tag.into()))
    }

    /// Fits first runs whose metadata has exactly that value, set before they start: that of a
    /// [`Scope`](crate::trace::Scope) too.
    #[must_use]
    pub fn metadata(self, key: impl Into<String>, value: impl Into<Value>) -> Self {
        self.when(Condition::Metadata(key.into(), value.into()))
    }

    /// Keeps no more of what it fits than that, besides what all traces are limited to.
    #[must_use]
    pub fn limit(mut self, limit: TraceLimit) -> Self {
        self.limit = Some(limit);
        self
    }

    fn when(mut self, condition: Condition) -> Self {
        self.conditions.push(condition);
        self
    }

    pub(super) fn fits(&self, name: &str, inherited: &Inherited) -> bool {
        let holds = |condition: &Condition| match condition {
            Condition::Name(whole) => name == whole,
            Condition::NameBegins(begin) => name.starts_with(begin.as_str()),
            Condition::Project(project) => inherited.project.as_deref() == Some(project),
            Condition::Tag(tag) => inherited.tags.contains(tag),
            Condition::Metadata(key, value) => inherited.metadata.get(key) == Some(value),
        };
        self.conditions.iter().all(holds)
    }

    /// Returns what the rule says of a trace that it fits, before any limit.
    pub(super) fn verdict(&self, trace: uuid::Uuid) -> Verdict {
        use super::verdict::{KeepReason, LeaveReason};
        let fate = match self.sampler.keeps(trace) {
            true => Ok(KeepReason::Rule),
            false => Err(LeaveReason::Rule),
        };
        Verdict {
            fate,
            rate: self.sampler.rate(),
        }
    }
}
