//! What a run takes over from the one above it, in the form that costs least to hand down.

use std::sync::Arc;

use crate::model::{Baggage, DottedOrder, JsonMap, RunContext};

/// A place to start runs below: what [`RunContext`] is between processes.
#[derive(Debug, Clone)]
pub(super) struct Above {
    // Shared by all runs below.
    pub(super) order: Arc<DottedOrder>,
    pub(super) inherited: Inherited,
}

/// What [`Baggage`] is between processes. Here all runs of a trace share their project's name.
#[derive(Debug, Clone)]
pub(super) struct Inherited {
    pub(super) metadata: Arc<JsonMap>,
    pub(super) tags: Vec<String>,
    /// How many of the tags, the first ones, are the run's alone.
    pub(super) local_tags: usize,
    pub(super) project: Option<Arc<str>>,
}

impl Inherited {
    /// Leaves out the tags that are the run's alone.
    pub(super) fn drop_local_tags(&mut self) {
        let local = std::mem::take(&mut self.local_tags);
        self.tags.drain(..local.min(self.tags.len()));
    }

    pub(super) fn is_empty(&self) -> bool {
        self.metadata.is_empty() && self.tags.is_empty() && self.project.is_none()
    }
}

impl Default for Inherited {
    fn default() -> Self {
        Baggage::default().into()
    }
}

impl From<Baggage> for Inherited {
    fn from(baggage: Baggage) -> Self {
        Self {
            metadata: baggage.metadata,
            tags: baggage.tags,
            local_tags: 0,
            project: baggage.project.map(Into::into),
        }
    }
}

impl From<Inherited> for Baggage {
    fn from(inherited: Inherited) -> Self {
        Self {
            metadata: inherited.metadata,
            tags: inherited.tags,
            project: inherited.project.as_deref().map(Into::into),
        }
    }
}

impl From<RunContext> for Above {
    fn from(context: RunContext) -> Self {
        Self {
            order: Arc::new(context.dotted_order),
            inherited: context.baggage.into_inner().into(),
        }
    }
}

impl From<Above> for RunContext {
    fn from(above: Above) -> Self {
        Self {
            dotted_order: DottedOrder::clone(&above.order),
            baggage: Baggage::from(above.inherited).into(),
        }
    }
}
