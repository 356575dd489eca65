//! What a run takes over from the one above it, in the form that costs least to hand down.

use std::sync::Arc;

use super::sampler::Decision;
use crate::model::{Baggage, DottedOrder, JsonMap, RunContext, withhold_deep_in_shared};

/// A place to start runs below: what [`RunContext`] is between processes.
#[derive(Debug, Clone)]
pub(super) struct Above {
    // Both are shared by all runs below.
    pub(super) order: Arc<DottedOrder>,
    pub(super) inherited: Arc<Inherited>,
}

/// What [`Baggage`] is between processes. Here runs that say nothing of their own share what they inherit.
#[derive(Debug, Clone)]
pub(super) struct Inherited {
    pub(super) metadata: Arc<JsonMap>,
    pub(super) tags: Vec<String>,
    /// How many of the tags, the first ones, are the run's alone.
    pub(super) local_tags: usize,
    pub(super) project: Option<Arc<str>>,
    /// What was decided of the trace in this process, where its id alone does not tell, and by whom: another client's
    /// sampler goes by its own. It does not travel.
    pub(super) verdict: Option<Decision>,
}

impl Inherited {
    /// Leaves out the tags that are the run's alone.
    pub(super) fn drop_local_tags(&mut self) {
        let local = std::mem::take(&mut self.local_tags);
        self.tags.drain(..local.min(self.tags.len()));
    }

    /// Adds a tag that runs below inherit. One that is the run's alone is no longer.
    pub(super) fn hand_down(&mut self, tag: String) {
        match self.tags.iter().position(|known| *known == tag) {
            Some(at) if at < self.local_tags => {
                self.tags.remove(at);
                self.local_tags -= 1;
            }
            Some(_) => return,
            None => {}
        }
        self.tags.push(tag);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.metadata.is_empty() && self.tags.is_empty() && self.project.is_none()
    }

    /// Returns the metadata, to change it for one run alone.
    pub(super) fn own_metadata(shared: &mut Arc<Self>) -> &mut JsonMap {
        Arc::make_mut(&mut Arc::make_mut(shared).metadata)
    }

    /// Cuts what is nested too deep, for one run alone; returns how many parts were cut off.
    pub(super) fn withhold_deep(shared: &mut Arc<Self>) -> u64 {
        if shared.metadata.is_empty() {
            return 0;
        }
        // What nobody else holds is cut where it is: to drop it whole would overflow the stack.
        if let Some(own) = Arc::get_mut(shared) {
            return withhold_deep_in_shared(&mut own.metadata);
        }
        let mut metadata = shared.metadata.clone();
        let deep = withhold_deep_in_shared(&mut metadata);
        if deep > 0 {
            Arc::make_mut(shared).metadata = metadata;
        }
        deep
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
            verdict: None,
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
            inherited: Arc::new(context.baggage.into_inner().into()),
        }
    }
}

impl From<Above> for RunContext {
    fn from(above: Above) -> Self {
        Self {
            dotted_order: DottedOrder::clone(&above.order),
            baggage: Baggage::from(Arc::unwrap_or_clone(above.inherited)).into(),
        }
    }
}
