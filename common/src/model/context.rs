//! What crosses a service boundary.

use std::sync::{Arc, LazyLock};

use super::JsonMap;
use super::baggage::LazyBaggage;
use super::dotted_order::DottedOrder;
use super::ids::{RunId, TraceId};

/// A run as another process sees it: its place in the trace, and what its children inherit.
///
/// A propagator turns it into headers and back; [`RunBuilder::parent`](crate::trace::RunBuilder::parent)
/// starts a run below it.
#[derive(Debug, Clone, PartialEq)]
pub struct RunContext {
    /// The run's place in its trace.
    pub dotted_order: DottedOrder,
    /// What its children inherit; of a header it is read when somebody looks at it.
    pub baggage: LazyBaggage,
}

impl RunContext {
    /// Makes a context without baggage.
    pub fn new(dotted_order: DottedOrder) -> Self {
        Self {
            dotted_order,
            baggage: LazyBaggage::default(),
        }
    }

    /// Returns the id of the run.
    pub fn run_id(&self) -> RunId {
        self.dotted_order.run_id()
    }

    /// Returns the id of the trace.
    pub fn trace_id(&self) -> TraceId {
        self.dotted_order.trace_id()
    }
}

/// What the children of a run inherit, in this process and in others.
///
/// On the wire these are the members `langsmith-metadata`, `langsmith-tags` and `langsmith-project`
/// of the W3C `baggage` header. Mind that metadata goes to every service called.
#[derive(Debug, Clone, PartialEq)]
pub struct Baggage {
    /// Metadata; a child's own value wins over an inherited one of the same key.
    pub metadata: Arc<JsonMap>,
    /// Tags, in order, each once.
    pub tags: Vec<String>,
    /// The project that the trace goes to; none leaves the choice to the receiver.
    pub project: Option<String>,
}

impl Baggage {
    /// Returns true if there is nothing to send.
    pub fn is_empty(&self) -> bool {
        self.metadata.is_empty() && self.tags.is_empty() && self.project.is_none()
    }
}

impl Default for Baggage {
    fn default() -> Self {
        Self {
            metadata: no_metadata(),
            tags: Vec::new(),
            project: None,
        }
    }
}

/// Returns the metadata of whoever has none. All share it, because most runs begin without.
pub(super) fn no_metadata() -> Arc<JsonMap> {
    static NONE: LazyLock<Arc<JsonMap>> = LazyLock::new(Arc::default);
    NONE.clone()
}
