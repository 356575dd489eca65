//! A background job with the context of whoever asked for it.

use serde::{Deserialize, Serialize};

use super::Entries;
use crate::model::RunContext;
use crate::propagation::Propagator;

/// Something to do later, in another task or process, and the run that it belongs below.
///
/// In JSON it is `{"trace_context": {…}, "body": …}`. A job without a context, or with one that is
/// broken, is a job all the same; one that was stored before there were contexts is read too, as long as
/// it has a `body`.
///
/// ```
/// use common::propagation::{Job, LangSmithPropagator, Propagator as _, TrustPolicy};
/// # use common::model::RunContext;
/// # let order = "20261122T100538926531Z01a202b7-f0ee-7646-9e7b-a245c1fc89c2";
/// # let context = RunContext::new(order.parse()?);
///
/// let propagator = LangSmithPropagator::new().policy(TrustPolicy::Continue);
/// let row = serde_json::to_string(&Job::below(&propagator, &context, "index page 7"))?;
///
/// // Minutes later, in the worker.
/// let job: Job<String> = serde_json::from_str(&row)?;
/// let parent = propagator.extract(&job.trace_context).context;
/// assert_eq!((job.body.as_str(), parent), ("index page 7", Some(context)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job<T> {
    /// Where the job belongs.
    #[serde(default)]
    pub trace_context: Entries,
    /// What there is to do.
    pub body: T,
}

impl<T> Job<T> {
    /// Makes a job that belongs to no run.
    pub fn new(body: T) -> Self {
        Self {
            trace_context: Entries::new(),
            body,
        }
    }

    /// Makes a job below a run.
    pub fn below(propagator: &dyn Propagator, context: &RunContext, body: T) -> Self {
        Self {
            trace_context: Entries::of(propagator, context),
            body,
        }
    }
}
