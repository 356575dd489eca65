//! What is broken at the end, and since which step it is.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::step::{FilmStep, StepEffect};
use crate::analysis::label::fit;
use crate::model::{Run, RunId};

/// What is broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FilmFaultKind {
    /// An operation was refused, and nothing that came later mended it.
    Refused,
    /// A run is gone that was stored.
    Gone,
    /// A run's parent never came, or has gone.
    NoParent,
    /// A second root.
    AnotherRoot,
    /// A run's end never came.
    Pending,
}

/// Something that is broken at the end of a film.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilmFault {
    /// What.
    pub kind: FilmFaultKind,
    /// The run's id, as it was sent.
    pub run: String,
    /// The run's name, if it was stored.
    pub name: String,
    /// The step since which it is broken, from 1.
    pub since: usize,
}

impl FilmFault {
    /// Says it in words.
    pub fn in_words(&self) -> String {
        let name = match self.name.is_empty() {
            true => fit(&self.run, 40),
            false => fit(&self.name, 40),
        };
        match self.kind {
            FilmFaultKind::Refused => format!("{name} was refused, and never came right"),
            FilmFaultKind::Gone => format!("{name} was stored, and is gone"),
            FilmFaultKind::NoParent => format!("{name} has no parent from here on"),
            FilmFaultKind::AnotherRoot => format!("{name} is another root"),
            FilmFaultKind::Pending => format!("{name} begins and never ends"),
        }
    }
}

/// Reads a log once, forward, and keeps what does not heal.
pub(super) fn find(steps: &[FilmStep]) -> Vec<FilmFault> {
    let mut open: BTreeMap<(String, FilmFaultKind), usize> = BTreeMap::new();
    let mut stored: HashMap<RunId, &Run> = HashMap::new();
    let mut names: HashMap<String, String> = HashMap::new();
    // Those who wait for a parent, by its id.
    let mut waiting: HashMap<RunId, HashSet<RunId>> = HashMap::new();
    let mut roots: HashSet<RunId> = HashSet::new();
    let mut first_root = None;
    for (at, step) in steps.iter().enumerate() {
        let since = at + 1;
        let id = step.after.as_ref().map(|run| run.id);
        let id = id.or_else(|| step.run.parse().ok());
        let key = id.map_or_else(|| step.run.clone(), |id| id.to_string());
        match (step.effect, &step.after, id) {
            (StepEffect::Stored, Some(run), _) => {
                names.insert(key.clone(), run.name.clone());
                open.remove(&(key.clone(), FilmFaultKind::Refused));
                open.remove(&(key.clone(), FilmFaultKind::Gone));
                for child in waiting.remove(&run.id).unwrap_or_default() {
                    open.remove(&(child.to_string(), FilmFaultKind::NoParent));
                }
                let mut is = |kind: FilmFaultKind, holds: bool| match holds {
                    true => drop(open.entry((key.clone(), kind)).or_insert(since)),
                    false => drop(open.remove(&(key.clone(), kind))),
                };
                let lost = run
                    .parent_run_id
                    .filter(|parent| !stored.contains_key(parent));
                let lost = lost.filter(|parent| *parent != run.id);
                is(FilmFaultKind::NoParent, lost.is_some());
                is(
                    FilmFaultKind::Pending,
                    run.end_time.is_none() && run.error.is_none(),
                );
                if run.parent_run_id.is_some() {
                    roots.remove(&run.id);
                } else {
                    roots.insert(run.id);
                    first_root.get_or_insert(run.id);
                }
                is(
                    FilmFaultKind::AnotherRoot,
                    roots.contains(&run.id) && first_root != Some(run.id),
                );
                if let Some(parent) = lost {
                    waiting.entry(parent).or_default().insert(run.id);
                }
                stored.insert(run.id, run);
            }
            (StepEffect::Refused, _, id) => {
                let is_known = id.is_some_and(|id| stored.contains_key(&id));
                if !is_known || step.operation == "patch" {
                    open.entry((key, FilmFaultKind::Refused)).or_insert(since);
                }
            }
            (StepEffect::Gone, _, Some(id)) => {
                let was = stored.remove(&id);
                roots.remove(&id);
                for kind in [
                    FilmFaultKind::NoParent,
                    FilmFaultKind::AnotherRoot,
                    FilmFaultKind::Pending,
                ] {
                    open.remove(&(key.clone(), kind));
                }
                if was.is_some() {
                    open.entry((key, FilmFaultKind::Gone)).or_insert(since);
                }
                let children = stored.values().filter(|run| run.parent_run_id == Some(id));
                for child in children {
                    let key = (child.id.to_string(), FilmFaultKind::NoParent);
                    open.entry(key).or_insert(since);
                    waiting.entry(id).or_default().insert(child.id);
                }
            }
            _ => {}
        }
    }
    let mut found: Vec<FilmFault> = open
        .into_iter()
        .map(|((run, kind), since)| FilmFault {
            kind,
            name: names.get(&run).cloned().unwrap_or_default(),
            run,
            since,
        })
        .collect();
    found.sort_by(|a, b| (a.since, a.kind, &a.run).cmp(&(b.since, b.kind, &b.run)));
    found
}
