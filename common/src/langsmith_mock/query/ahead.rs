//! How much of the store a question has to look at, told before any run is read whole.
//!
//! ```text
//! standings ──ids, projects, times, cursor──► candidates, sorted ──first few──► Scene ──enough fit?──┐
//!                                                       ▲                                            │
//!                                                       └───────────── more of them ◄────── no ──────┘
//! ```
//!
//! Start at [`scene_for`].

use std::collections::HashMap;

use uuid::Uuid;

use super::conditions::Conditions;
use super::page::Cursor;
use super::scene::Scene;
use crate::langsmith_mock::store::{Standing, Store};
use crate::model::{RunId, TraceId};

/// How many candidates are looked at first, and by how much more each time they do not suffice.
const FIRST: usize = 256;
const GROWTH: usize = 8;

/// Which of the runs that fit are asked for.
#[derive(Debug, Clone, Copy)]
pub(in crate::langsmith_mock) struct Wanted {
    pub(in crate::langsmith_mock) ascending: bool,
    pub(in crate::langsmith_mock) after: Option<Cursor>,
    pub(in crate::langsmith_mock) limit: usize,
}

impl Wanted {
    /// Asks for all of them.
    pub(in crate::langsmith_mock) const ALL: Self = Self {
        ascending: false,
        after: None,
        limit: usize::MAX,
    };
}

/// Looks at whole traces, and at so many that the runs wanted and one more are among them, if there
/// are so many.
pub(in crate::langsmith_mock) fn scene_for<'a>(
    store: &'a Store,
    conditions: &Conditions,
    wanted: Wanted,
) -> Scene<'a> {
    if let Some(trace) = conditions.trace {
        return Scene::of_trace(store, TraceId(trace));
    }
    let candidates = candidates(store, conditions, wanted);
    let mut size = match wanted.limit {
        usize::MAX => usize::MAX,
        limit => FIRST.max(limit.saturating_mul(2)),
    };
    loop {
        let near = &candidates[..size.min(candidates.len())];
        let scene = Scene::of_traces(store, near.iter().map(|one| one.trace));
        let is_all = near.len() == candidates.len();
        let fits = |one: &&Standing| {
            let seen = scene.find(one.id);
            seen.is_some_and(|seen| conditions.fit(&scene, seen))
        };
        // Whatever else fits comes after all candidates that were looked at.
        if is_all || near.iter().filter(fits).take(wanted.limit + 1).count() > wanted.limit {
            return scene;
        }
        size = size.saturating_mul(GROWTH);
    }
}

/// Returns the runs that may fit, in the order in which they are asked for.
fn candidates(store: &Store, conditions: &Conditions, wanted: Wanted) -> Vec<Standing> {
    let mut of_session: HashMap<Uuid, bool> = HashMap::new();
    let mut found: Vec<Standing> = store
        .standings()
        .filter(|one| {
            let is_after =
                |cursor: Cursor| cursor.is_before(one.start, RunId(one.id), wanted.ascending);
            wanted.after.is_none_or(is_after)
                && conditions.may_fit(one)
                && *of_session.entry(one.trace).or_insert_with(|| {
                    let session = store.session_of_trace(one.trace);
                    session.is_none_or(|session| conditions.may_be_in(session))
                })
        })
        .collect();
    found.sort_unstable_by_key(|one| (one.start, one.id));
    if !wanted.ascending {
        found.reverse();
    }
    found
}
