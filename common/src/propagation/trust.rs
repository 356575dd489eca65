//! Whose headers count.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use super::carrier::Extractor;

/// Says whether a caller's trace is continued.
///
/// Whoever can set a header can otherwise hang runs below anybody's trace, and add metadata and tags to
/// yours. So the default believes nobody; between your own services say `Continue`, or `Trust` with a
/// test that only they can pass.
#[derive(Debug, Clone, Default)]
pub enum TrustPolicy {
    /// Starts a new trace, and keeps the ids that a valid header names as metadata
    /// ([`INCOMING_TRACE_ID`](super::INCOMING_TRACE_ID), [`INCOMING_RUN_ID`](super::INCOMING_RUN_ID)), so
    /// that the two can be found side by side. The default: right for a public edge.
    #[default]
    Restart,
    /// Continues the trace of a caller that the predicate vouches for; others are treated as `Restart`
    /// treats them. See [`TrustPolicy::trust_if`].
    Trust(TrustPredicate),
    /// Continues the trace of every caller, as the official middleware does. For services that only
    /// your own can reach.
    Continue,
    /// Does not look at the headers.
    Ignore,
}

impl TrustPolicy {
    /// Makes a `Trust` policy from a test of the carrier, such as one for a header that your gateway
    /// sets and strips from outside requests.
    ///
    /// ```
    /// use common::propagation::TrustPolicy;
    ///
    /// let policy = TrustPolicy::trust_if(|headers| headers.first("x-from-gateway") == Some("yes"));
    /// ```
    pub fn trust_if(test: impl Fn(&dyn Extractor) -> bool + Send + Sync + 'static) -> Self {
        Self::Trust(TrustPredicate(Arc::new(test)))
    }

    pub(super) fn trusts(&self, carrier: &dyn Extractor) -> bool {
        match self {
            Self::Continue => true,
            Self::Trust(TrustPredicate(test)) => test(carrier),
            Self::Restart | Self::Ignore => false,
        }
    }
}

/// The test of a [`TrustPolicy::Trust`]. Made by [`TrustPolicy::trust_if`].
#[derive(Clone)]
pub struct TrustPredicate(Arc<Test>);

type Test = dyn Fn(&dyn Extractor) -> bool + Send + Sync;

impl fmt::Debug for TrustPredicate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TrustPredicate(..)")
    }
}

/// The projects that a header may choose.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum ProjectAllowList {
    /// None: every run goes to the project of this process. The default.
    #[default]
    Nothing,
    /// These and no others.
    Only(BTreeSet<String>),
    /// Any that the caller names; LangSmith creates a project on its first run, so callers can fill your
    /// workspace with them.
    Any,
}

impl ProjectAllowList {
    /// Returns true if a header may choose `project`.
    pub fn allows(&self, project: &str) -> bool {
        match self {
            Self::Nothing => false,
            Self::Only(names) => names.contains(project),
            Self::Any => true,
        }
    }

    pub(super) fn add(&mut self, projects: impl IntoIterator<Item = impl Into<String>>) {
        match self {
            Self::Any => {}
            Self::Only(names) => names.extend(projects.into_iter().map(Into::into)),
            Self::Nothing => *self = Self::Only(projects.into_iter().map(Into::into).collect()),
        }
    }
}
