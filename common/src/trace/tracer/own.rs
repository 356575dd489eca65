//! What all runs of a tracer say of themselves.

use std::sync::Arc;

use crate::model::JsonMap;
use crate::trace::gate::Gate;

/// What all runs of a tracer say of themselves, and what keeps them from saying it. A run that waits to be
/// written holds it, and so must not hold the sink that it waits in.
#[derive(Debug, Clone, Default)]
pub(in crate::trace) struct Own {
    pub(in crate::trace) runtime: Option<Arc<JsonMap>>,
    // Shared with the runs that have none of their own.
    pub(super) metadata: Arc<JsonMap>,
    pub(in crate::trace) inputs_on_patch: bool,
    pub(in crate::trace) gate: Gate,
}

impl Own {
    /// Adds the metadata that every run has. Not in the run itself: its children, here and in other
    /// processes, would inherit what is said of this process alone.
    pub(in crate::trace) fn describe(&self, metadata: &mut Arc<JsonMap>) {
        let own = &self.metadata;
        if own.is_empty() {
            return;
        }
        if metadata.is_empty() {
            *metadata = own.clone();
            return;
        }
        for (key, value) in &**own {
            if !metadata.contains_key(key) {
                Arc::make_mut(metadata).insert(key.clone(), value.clone());
            }
        }
    }
}
