//! Each trace, as the list tells it.

use std::collections::{HashMap, HashSet};

use serde_json::Value;
use uuid::Uuid;

use super::SHORT;
use super::stored::{id_of, is_call, light, position, sender_of, status_of};
use crate::langsmith_mock::core::State;
use crate::langsmith_mock::decode::run as decode_run;
use crate::langsmith_mock::feedback;
use crate::langsmith_mock::merge::StoredRun;
use crate::langsmith_mock::query::{Scene, Seen};
use crate::langsmith_mock::viewer::derived::Derived;
use crate::langsmith_mock::viewer::text::cut;
use crate::model::{RunStatus, Timestamp, TraceId};

/// One trace, as the list tells it.
#[derive(Debug)]
pub(in crate::langsmith_mock::viewer) struct TraceFacts {
    pub(in crate::langsmith_mock::viewer) id: TraceId,
    /// Name of the root, or of the first run if there is no root.
    pub(in crate::langsmith_mock::viewer) name: String,
    pub(in crate::langsmith_mock::viewer) has_root: bool,
    pub(in crate::langsmith_mock::viewer) project: String,
    /// Who sent runs, each once, in order of arrival.
    pub(in crate::langsmith_mock::viewer) services: Vec<String>,
    pub(in crate::langsmith_mock::viewer) runs: usize,
    pub(in crate::langsmith_mock::viewer) pending: usize,
    pub(in crate::langsmith_mock::viewer) errors: usize,
    /// Runs whose parent is not in this trace.
    pub(in crate::langsmith_mock::viewer) orphans: usize,
    pub(in crate::langsmith_mock::viewer) status: RunStatus,
    pub(in crate::langsmith_mock::viewer) error: Option<String>,
    pub(in crate::langsmith_mock::viewer) start: Timestamp,
    pub(in crate::langsmith_mock::viewer) end: Option<Timestamp>,
    pub(in crate::langsmith_mock::viewer) derived: Derived,
}

/// Gathers what the list tells of some traces.
pub(in crate::langsmith_mock::viewer) fn traces(
    state: &State,
    asked: &[TraceId],
) -> Vec<TraceFacts> {
    let mut found: Vec<TraceFacts> = Vec::new();
    let mut place: HashMap<Uuid, usize> = HashMap::new();
    let mut ids: HashSet<(Uuid, Uuid)> = HashSet::new();
    let mut parents: Vec<(usize, Uuid, Uuid)> = Vec::new();
    let store = &state.store;
    let all = || asked.iter().flat_map(|trace| store.stored_of(*trace));
    for stored in all() {
        let Some((id, trace, start)) = position(stored) else {
            continue;
        };
        ids.insert((trace, id));
        let at = *place.entry(trace).or_insert_with(|| {
            found.push(TraceFacts::begin(TraceId(trace), start));
            found.len() - 1
        });
        let facts = &mut found[at];
        let parent = stored.field("parent_run_id").and_then(id_of);
        if let Some(parent) = parent {
            parents.push((at, trace, parent));
        }
        facts.take(stored, parent.is_none(), start, state);
    }
    for (at, trace, parent) in parents {
        found[at].orphans += usize::from(!ids.contains(&(trace, parent)));
    }
    let judged: HashSet<Uuid> = store.feedback.iter().filter_map(feedback::run_of).collect();
    // Nothing is derived of a trace but by its root, its calls to models, and what was judged.
    let tells = |stored: &&StoredRun| {
        let is_judged = || {
            stored
                .field("id")
                .and_then(id_of)
                .is_some_and(|id| judged.contains(&id))
        };
        stored.field("parent_run_id").is_none() || is_call(stored) || is_judged()
    };
    let telling = all().filter(tells);
    let scene = Scene::of(store, telling, |stored| light(stored, state));
    for facts in &mut found {
        let seen: Vec<&Seen<'_>> = scene.trace(facts.id).collect();
        facts.derived = Derived::of_trace(&seen, state);
    }
    found
}

impl TraceFacts {
    fn begin(id: TraceId, start: Timestamp) -> Self {
        Self {
            id,
            name: String::new(),
            has_root: false,
            project: String::new(),
            services: Vec::new(),
            runs: 0,
            pending: 0,
            errors: 0,
            orphans: 0,
            status: RunStatus::Success,
            error: None,
            start,
            end: None,
            derived: Derived::default(),
        }
    }

    fn take(&mut self, stored: &StoredRun, is_root: bool, start: Timestamp, state: &State) {
        let text = |key: &str| stored.field(key).and_then(Value::as_str);
        let short = |text: &str| state.scrub(cut(text, SHORT).0);
        let status = status_of(stored);
        self.runs += 1;
        self.pending += usize::from(status == RunStatus::Pending);
        self.errors += usize::from(status == RunStatus::Error);
        self.start = self.start.min(start);
        if let Some(service) = sender_of(stored).map(short)
            && !self.services.contains(&service)
        {
            self.services.push(service);
        }
        // The first root speaks for the trace; without one, the first run does.
        if (is_root && !self.has_root) || self.runs == 1 {
            self.has_root |= is_root;
            self.name = short(text("name").unwrap_or("Unnamed"));
            let pinned = state.store.project_of(self.id);
            let project = pinned.or(text("session_name"));
            self.project = short(project.unwrap_or("default"));
            self.status = status;
            self.error = text("error").map(short);
            self.end = decode_run::time_of(stored.field("end_time"));
        }
    }
}
