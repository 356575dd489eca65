//! What is broken at the end, and since which step it is.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::step::{FilmStep, StepEffect};
use crate::analysis::label::fit;
use crate::model::RunId;

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
    let mut stored: HashMap<RunId, Link> = HashMap::new();
    // The last step at which a run went that others may be below.
    let mut gone: HashMap<RunId, usize> = HashMap::new();
    let mut names: HashMap<String, String> = HashMap::new();
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
                let mut is = |kind: FilmFaultKind, holds: bool| match holds {
                    true => drop(open.entry((key.clone(), kind)).or_insert(since)),
                    false => drop(open.remove(&(key.clone(), kind))),
                };
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
                let known = stored.get(&run.id).copied();
                let broken = known.and_then(|link| link.broken_since(run.id, &stored, &gone));
                let link = match known {
                    Some(link) if link.parent == run.parent_run_id => link,
                    _ => Link {
                        parent: run.parent_run_id,
                        since: broken.unwrap_or(since),
                    },
                };
                stored.insert(run.id, link);
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
                for kind in [FilmFaultKind::AnotherRoot, FilmFaultKind::Pending] {
                    open.remove(&(key.clone(), kind));
                }
                if was.is_some() {
                    gone.insert(id, since);
                    open.entry((key, FilmFaultKind::Gone)).or_insert(since);
                }
            }
            _ => {}
        }
    }
    let lost = stored.iter().filter_map(|(id, link)| {
        let since = link.broken_since(*id, &stored, &gone)?;
        Some(((id.to_string(), FilmFaultKind::NoParent), since))
    });
    let mut found: Vec<FilmFault> = open
        .into_iter()
        .chain(lost)
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

/// What a stored run says of its parent, and since which step.
///
/// Whether the parent is there is looked up when it matters: to tell all children each time their parent comes
/// or goes takes the square of the steps.
#[derive(Debug, Clone, Copy)]
struct Link {
    parent: Option<RunId>,
    since: usize,
}

impl Link {
    /// Returns the step since which the parent of the run `own` is not there; none if it is, or needs not be.
    fn broken_since(
        self,
        own: RunId,
        stored: &HashMap<RunId, Self>,
        gone: &HashMap<RunId, usize>,
    ) -> Option<usize> {
        let parent = self.parent.filter(|parent| *parent != own)?;
        match stored.contains_key(&parent) {
            true => None,
            false => Some(
                gone.get(&parent)
                    .map_or(self.since, |gone| self.since.max(*gone)),
            ),
        }
    }
}
