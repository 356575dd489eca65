//! The runs that one piece of work is about, where it can be below one of them only.

use serde_json::Value;

use crate::model::{JsonMap, RunContext, RunId, TraceId};
use crate::propagation::limits::MAX_LINKS;
use crate::propagation::{Extracted, Outcome};

/// Metadata key of a batch's run for the runs that its messages come from.
pub const LINKED_RUN_IDS: &str = "linked_run_ids";
/// Metadata key of a batch's run for the traces that its messages come from, each once.
pub const LINKED_TRACE_IDS: &str = "linked_trace_ids";
/// Metadata key of a batch's run for how many runs it is linked to, also those past [`MAX_LINKS`].
pub const LINK_COUNT: &str = "link_count";
/// Metadata key of a message's run for the run of the batch that it was handled in.
pub const BATCH_RUN_ID: &str = "batch_run_id";

/// The runs that the messages of a batch come from.
///
/// A run has one parent, and LangSmith shows no links between traces (it drops those of OpenTelemetry). So
/// a consumer that takes N messages of N traces makes N + 1 runs: one for each message, below the run that
/// sent it, so that each trace is whole; and one for the batch, the root of a trace of its own, with what
/// was done for all of them at once. The two sides name each other in their metadata: the batch's run with
/// [`metadata`](Self::metadata), each message's with [`BATCH_RUN_ID`], which can be searched for.
///
/// ```
/// use common::propagation::{Entries, LangSmithPropagator, Propagator as _, TrustPolicy};
/// use common::propagation::carrier::links::{BATCH_RUN_ID, Links};
/// # use std::sync::Arc;
/// # use common::trace::{MemorySink, Tracer};
/// # let tracer = Tracer::builder(Arc::new(MemorySink::new())).build();
/// # let order = "20261122T100538926531Z01a202b7-f0ee-7646-9e7b-a245c1fc89c2";
/// # let messages = [Entries::from_iter([("langsmith-trace", order)]), Entries::new()];
///
/// let propagator = LangSmithPropagator::new().policy(TrustPolicy::Continue);
/// let read: Vec<_> = messages.iter().map(|message| propagator.extract(message)).collect();
/// let links: Links = read.iter().collect();
/// assert_eq!(links.metadata()["link_count"], 1);
///
/// let batch = tracer.run("index batch").metadata_from(links.metadata()).start();
/// let id = batch.id().map(|id| id.to_string());
/// for message in read {
///     let run = tracer.run("index page").parent(message.context).metadata(BATCH_RUN_ID, id.clone()).start();
///     run.end();
/// }
/// batch.end();
/// ```
///
/// A message whose sender is not trusted is linked too: a link gives it no place in anybody's trace.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Links {
    runs: Vec<RunId>,
    traces: Vec<TraceId>,
    count: u64,
}

impl Links {
    /// Adds a run.
    pub fn add(&mut self, trace: TraceId, run: RunId) {
        self.count += 1;
        if self.runs.len() < MAX_LINKS {
            self.runs.push(run);
            if !self.traces.contains(&trace) {
                self.traces.push(trace);
            }
        }
    }

    /// Returns how many runs were added.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Returns the metadata of the run that is linked to them; nothing if there are none.
    pub fn metadata(&self) -> JsonMap {
        if self.count == 0 {
            return JsonMap::new();
        }
        let runs = self.runs.iter().map(|id| Value::from(id.to_string()));
        let traces = self.traces.iter().map(|id| Value::from(id.to_string()));
        let entries = [
            (LINK_COUNT, Value::from(self.count)),
            (LINKED_RUN_IDS, runs.collect()),
            (LINKED_TRACE_IDS, traces.collect()),
        ];
        entries
            .map(|(key, value)| (key.to_owned(), value))
            .into_iter()
            .collect()
    }
}

impl<'a> FromIterator<&'a Extracted> for Links {
    fn from_iter<I: IntoIterator<Item = &'a Extracted>>(read: I) -> Self {
        let mut links = Self::default();
        for extracted in read {
            match (&extracted.context, extracted.outcome) {
                (Some(context), _) => links.add(context.trace_id(), context.run_id()),
                (None, Outcome::Untrusted { trace_id, run_id }) => links.add(trace_id, run_id),
                _ => {}
            }
        }
        links
    }
}

impl<'a> FromIterator<&'a RunContext> for Links {
    fn from_iter<I: IntoIterator<Item = &'a RunContext>>(contexts: I) -> Self {
        let mut links = Self::default();
        for context in contexts {
            links.add(context.trace_id(), context.run_id());
        }
        links
    }
}
