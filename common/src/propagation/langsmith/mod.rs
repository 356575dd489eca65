//! The headers of LangSmith: `langsmith-trace` and three members of `baggage`.

mod extract;
mod inject;
mod metadata;
mod unread;

use std::collections::BTreeSet;
use std::sync::Arc;

use super::carrier::{Extractor, Injector};
use super::counters::{Counting, PropagationCounters};
use super::extracted::{Extracted, Outcome};
use super::trust::{ProjectAllowList, TrustPolicy};
use super::{BAGGAGE_HEADER, Propagator, TRACE_HEADER};
use crate::model::RunContext;

pub(super) use unread::Unread;

const METADATA: &str = "langsmith-metadata";
const TAGS: &str = "langsmith-tags";
const PROJECT: &str = "langsmith-project";
const OURS: &str = "langsmith-";

/// Carries contexts the way the official SDKs do. A cheap clone; clones share their counters.
///
/// Writing needs no configuration. Reading believes nobody until a [`TrustPolicy`] says so, and lets a
/// header choose a project only from an allow-list.
///
/// ```
/// use common::model::{DottedOrder, RunContext};
/// use common::propagation::{LangSmithPropagator, Outcome, Propagator as _, TrustPolicy};
///
/// let order: DottedOrder = "20261122T100538926531Z01a202b7-f0ee-7646-9e7b-a245c1fc89c2".parse()?;
/// let mut context = RunContext::new(order);
/// context.baggage.project = Some("docs-assistant".into());
///
/// let headers = LangSmithPropagator::new().headers(&context);
/// assert_eq!(headers[1], ("baggage".into(), "langsmith-project=docs-assistant".into()));
///
/// let ours = LangSmithPropagator::new()
///     .policy(TrustPolicy::Continue)
///     .allow_projects(["docs-assistant"]);
/// assert_eq!(ours.extract(&headers).context, Some(context));
///
/// let public = LangSmithPropagator::new().extract(&headers);
/// assert!(matches!(public.outcome, Outcome::Untrusted { .. }));
/// # Ok::<(), common::model::ParseDottedOrderError>(())
/// ```
///
/// It never reads replicas, addresses, URLs or keys: through them a caller could once send a service's
/// traces elsewhere (CVE-2026-25528).
#[derive(Debug, Clone, Default)]
pub struct LangSmithPropagator {
    rules: Arc<ReadRules>,
}

/// What may come out of a header, and what has come.
#[derive(Debug, Clone, Default)]
struct ReadRules {
    policy: TrustPolicy,
    projects: ProjectAllowList,
    metadata: MetadataRules,
    // Beginnings of tags that are not read.
    left_out_tags: BTreeSet<String>,
    // Whoever reads by these rules counts here, though it be later.
    counting: Arc<Counting>,
}

/// Which names of metadata are read.
#[derive(Debug, Clone, Default)]
struct MetadataRules {
    // Reserved ones that are read all the same.
    allowed: BTreeSet<String>,
    // Beginnings of those that are not, whatever else is said of them.
    left_out: BTreeSet<String>,
}

impl MetadataRules {
    fn leaves_out(&self, key: &str) -> bool {
        begins_like_one_of(&self.left_out, key)
    }
}

fn begins_like_one_of(beginnings: &BTreeSet<String>, name: &str) -> bool {
    let mut beginnings = beginnings.iter();
    beginnings.any(|beginning| name.starts_with(beginning.as_str()))
}

impl LangSmithPropagator {
    /// Makes a propagator with the policy [`TrustPolicy::Restart`] and empty allow-lists.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets whose traces are continued.
    #[must_use]
    pub fn policy(mut self, policy: TrustPolicy) -> Self {
        Arc::make_mut(&mut self.rules).policy = policy;
        self
    }

    /// Lets a header choose one of these projects, besides those allowed before.
    #[must_use]
    pub fn allow_projects(mut self, projects: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Arc::make_mut(&mut self.rules).projects.add(projects);
        self
    }

    /// Lets a header choose **any** project. LangSmith creates projects on their first run, so every
    /// trusted caller can fill your workspace with them; prefer [`allow_projects`](Self::allow_projects).
    #[must_use]
    pub fn allow_any_project(mut self) -> Self {
        Arc::make_mut(&mut self.rules).projects = ProjectAllowList::Any;
        self
    }

    /// Reads these reserved names of metadata too, such as `thread_id`; other names need no permission.
    #[must_use]
    pub fn allow_metadata(mut self, keys: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let rules = Arc::make_mut(&mut self.rules);
        let keys = keys.into_iter().map(Into::into);
        rules.metadata.allowed.extend(keys);
        self
    }

    /// Does not read metadata whose names begin like one of these, even where
    /// [`allow_metadata`](Self::allow_metadata) would. None by default. As it is your own choice, what is left
    /// out is not counted among the ignored entries.
    ///
    /// A caller hands down all metadata of the run that it calls from. Of a LangGraph agent that is where in the
    /// graph it was, and a service that inherits it looks like a node of the graph, which it is not:
    ///
    /// ```
    /// use common::propagation::limits::{LANGGRAPH_METADATA, LANGGRAPH_TAGS};
    /// use common::propagation::{LangSmithPropagator, TrustPolicy};
    ///
    /// let called_by_agents = LangSmithPropagator::new()
    ///     .policy(TrustPolicy::Continue)
    ///     .leave_out_metadata(LANGGRAPH_METADATA)
    ///     .leave_out_tags(LANGGRAPH_TAGS);
    /// ```
    #[must_use]
    pub fn leave_out_metadata(
        mut self,
        beginnings: impl IntoIterator<Item = impl Into<String>>,
    ) -> Self {
        let rules = Arc::make_mut(&mut self.rules);
        let beginnings = beginnings.into_iter().map(Into::into);
        rules.metadata.left_out.extend(beginnings);
        self
    }

    /// Does not read tags that begin like one of these, such as
    /// [`LANGGRAPH_TAGS`](super::limits::LANGGRAPH_TAGS). None by default. What is left out is not counted.
    #[must_use]
    pub fn leave_out_tags(
        mut self,
        beginnings: impl IntoIterator<Item = impl Into<String>>,
    ) -> Self {
        let rules = Arc::make_mut(&mut self.rules);
        let beginnings = beginnings.into_iter().map(Into::into);
        rules.left_out_tags.extend(beginnings);
        self
    }

    /// Returns the headers for `context`: `langsmith-trace`, and `baggage` if there is any.
    pub fn headers(&self, context: &RunContext) -> Vec<(String, String)> {
        let mut headers = Vec::with_capacity(2);
        self.inject(context, &mut headers);
        headers
    }

    /// Reads a carrier under another policy than the propagator's own.
    pub fn extract_under(&self, policy: &TrustPolicy, carrier: &dyn Extractor) -> Extracted {
        let extracted = match policy {
            TrustPolicy::Ignore => Extracted::nothing(Outcome::NotRead),
            _ => extract::extract(&self.rules, policy, carrier),
        };
        self.rules.counting.extracted(&extracted);
        extracted
    }

    /// Returns true if what this carrier says would be believed.
    #[cfg(feature = "otel")]
    pub(crate) fn trusts(&self, carrier: &dyn Extractor) -> bool {
        self.rules.policy.trusts(carrier)
    }

    /// Returns true if it reads nothing of a carrier but the headers of its own.
    #[cfg(feature = "middleware")]
    pub(crate) fn reads_its_own_only(&self) -> bool {
        !matches!(self.rules.policy, TrustPolicy::Trust(_))
    }

    /// Returns what this propagator and its clones have done so far.
    pub fn counters(&self) -> PropagationCounters {
        self.rules.counting.snapshot()
    }
}

impl Propagator for LangSmithPropagator {
    fn inject(&self, context: &RunContext, carrier: &mut dyn Injector) {
        self.rules
            .counting
            .injected(inject::inject(context, carrier));
    }

    fn strip(&self, carrier: &mut dyn Injector) {
        inject::strip(carrier);
    }

    fn extract(&self, carrier: &dyn Extractor) -> Extracted {
        self.extract_under(&self.rules.policy, carrier)
    }

    fn fields(&self) -> &'static [&'static str] {
        &[TRACE_HEADER, BAGGAGE_HEADER]
    }
}
