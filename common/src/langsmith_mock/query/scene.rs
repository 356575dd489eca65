//! The stored runs as a reader sees them: each with what only the others tell.

use std::collections::{HashMap, HashSet};

use serde_json::Value;
use uuid::Uuid;

use super::tally::Tally;
use crate::langsmith_mock::decode::run as decode_run;
use crate::langsmith_mock::family::Family;
use crate::langsmith_mock::feedback;
use crate::langsmith_mock::merge::StoredRun;
use crate::langsmith_mock::store::Store;
use crate::model::{Run, RunId, RunType, Timestamp, TraceId};

/// Metadata that makes a thread of traces, the first of them that is there.
const THREAD_KEYS: [&str; 3] = ["session_id", "conversation_id", "thread_id"];

/// A run, and what is derived about it.
#[derive(Debug)]
pub(in crate::langsmith_mock) struct Seen<'a> {
    pub(in crate::langsmith_mock) stored: &'a StoredRun,
    pub(in crate::langsmith_mock) run: Run,
    pub(in crate::langsmith_mock) session: Uuid,
    pub(in crate::langsmith_mock) thread: Option<String>,
    /// What the run and those below it used; none if no model was called.
    pub(in crate::langsmith_mock) tally: Option<Tally>,
    pub(super) first_token: Option<Timestamp>,
    pub(in crate::langsmith_mock) feedback: Vec<&'a Value>,
}

/// Runs of whole traces; those of one trace in order of arrival.
#[derive(Debug)]
pub(in crate::langsmith_mock) struct Scene<'a> {
    pub(in crate::langsmith_mock) store: &'a Store,
    pub(in crate::langsmith_mock) seen: Vec<Seen<'a>>,
    at: HashMap<RunId, usize>,
    of_trace: HashMap<TraceId, Vec<usize>>,
    // When the first and the last run of each trace began.
    begins: HashMap<TraceId, (Timestamp, Timestamp)>,
}

impl<'a> Scene<'a> {
    /// Looks at everything.
    pub(in crate::langsmith_mock) fn of_all(store: &'a Store) -> Self {
        Self::of(store, store.stored(), StoredRun::run)
    }

    /// Looks at one trace.
    pub(in crate::langsmith_mock) fn of_trace(store: &'a Store, trace: TraceId) -> Self {
        Self::of(store, store.stored_of(trace), StoredRun::run)
    }

    /// Looks at some traces.
    pub(super) fn of_traces(store: &'a Store, traces: impl Iterator<Item = Uuid>) -> Self {
        let mut met = HashSet::new();
        let traces = traces.filter(|trace| met.insert(*trace));
        let stored = traces.flat_map(|trace| store.stored_of(TraceId(trace)));
        Self::of(store, stored, StoredRun::run)
    }

    /// Looks at some runs, of which no more is read than `read` reads; what is derived is derived of
    /// all that arrived of them.
    pub(in crate::langsmith_mock) fn of(
        store: &'a Store,
        stored: impl Iterator<Item = &'a StoredRun>,
        read: impl Fn(&'a StoredRun) -> Option<Run>,
    ) -> Self {
        let mut said: HashMap<Uuid, Vec<&Value>> = HashMap::new();
        for entry in store.feedback.iter() {
            if let Some(run) = feedback::run_of(entry) {
                said.entry(run).or_default().push(entry);
            }
        }
        let seen: Vec<Seen<'a>> = stored
            .filter_map(|stored| {
                let run = read(stored)?;
                Some(Seen {
                    session: store.session_of(&run),
                    thread: thread_of(stored),
                    tally: None,
                    first_token: first_token(stored, &run.run_type),
                    feedback: said.remove(&run.id.0).unwrap_or_default(),
                    stored,
                    run,
                })
            })
            .collect();
        let mut scene = Self {
            store,
            at: HashMap::with_capacity(seen.len()),
            of_trace: HashMap::new(),
            begins: HashMap::new(),
            seen,
        };
        for (at, seen) in scene.seen.iter().enumerate() {
            scene.at.insert(seen.run.id, at);
            let trace = scene.of_trace.entry(seen.run.trace_id);
            trace.or_default().push(at);
            let start = seen.run.start_time;
            let begins = scene.begins.entry(seen.run.trace_id);
            let begins = begins.or_insert((start, start));
            *begins = (begins.0.min(start), begins.1.max(start));
        }
        scene.roll_up();
        scene
    }

    /// Gives every run what the model calls below it used, each call counted once.
    fn roll_up(&mut self) {
        let own: Vec<Option<Tally>> = self
            .seen
            .iter()
            .map(|seen| {
                let is_call = seen.run.run_type == RunType::Llm;
                is_call.then(|| Tally::of(seen.stored)).flatten()
            })
            .collect();
        let callers = self.repeats(&own);
        for (at, tally) in own.iter().enumerate() {
            let Some(tally) = tally else { continue };
            if callers.contains(&at) {
                continue;
            }
            for up in self.above(at).into_iter().chain([at]) {
                self.seen[up]
                    .tally
                    .get_or_insert_with(Tally::default)
                    .add(tally);
            }
        }
        for at in 0..self.seen.len() {
            let Some(time) = self.seen[at].first_token else {
                continue;
            };
            for up in self.above(at) {
                let first = &mut self.seen[up].first_token;
                *first = Some(first.map_or(time, |earlier| earlier.min(time)));
            }
        }
    }

    /// Finds the calls that repeat what calls below them say: of two in one another the outer one does,
    /// unless a tool lies between that asked another model. Then it does only if the tokens agree.
    fn repeats(&self, own: &[Option<Tally>]) -> HashSet<usize> {
        // Of each call: whether one lies below it without a tool between, and what those next below used.
        let mut below: HashMap<usize, (bool, Tally)> = HashMap::new();
        for (at, tally) in own.iter().enumerate() {
            let Some(tally) = tally else { continue };
            let mut by_tool = false;
            for up in self.above(at).into_iter().rev() {
                if own[up].is_some() {
                    let (is_direct, sum) = below.entry(up).or_default();
                    *is_direct |= !by_tool;
                    sum.add(tally);
                    break;
                }
                by_tool |= self.seen[up].run.run_type == RunType::Tool;
            }
        }
        let is_repeat = |(at, (is_direct, sum)): &(usize, (bool, Tally))| {
            *is_direct || own[*at].as_ref().is_some_and(|own| own.has_tokens_of(sum))
        };
        let repeats = below.into_iter().filter(is_repeat);
        repeats.map(|(at, _)| at).collect()
    }

    /// Returns the places of a run's ancestors that are here, the root first.
    fn above(&self, at: usize) -> Vec<usize> {
        let own = self.seen[at].run.id;
        self.seen[at]
            .run
            .dotted_order
            .segments()
            .iter()
            .filter(|segment| segment.id != own)
            .filter_map(|segment| self.at.get(&segment.id).copied())
            .collect()
    }

    pub(in crate::langsmith_mock) fn find(&self, id: Uuid) -> Option<&Seen<'a>> {
        Some(&self.seen[*self.at.get(&RunId(id))?])
    }

    pub(in crate::langsmith_mock) fn trace(
        &self,
        trace: TraceId,
    ) -> impl Iterator<Item = &Seen<'a>> {
        let places = self.of_trace.get(&trace);
        places.into_iter().flatten().map(|at| &self.seen[*at])
    }

    /// Returns when the first and the last run of a trace began.
    pub(super) fn begins(&self, trace: TraceId) -> Option<(Timestamp, Timestamp)> {
        self.begins.get(&trace).copied()
    }

    pub(in crate::langsmith_mock) fn root(&self, trace: TraceId) -> Option<&Seen<'a>> {
        self.trace(trace).find(|seen| seen.run.is_root())
    }

    /// Returns who is below whom in the traces of these runs.
    pub(in crate::langsmith_mock) fn family<'s>(
        &'s self,
        shown: impl IntoIterator<Item = &'s Seen<'a>>,
    ) -> Family<'s>
    where
        'a: 's,
    {
        let traces = shown.into_iter().map(|seen| seen.run.trace_id).collect();
        Family::of(self.seen.iter().map(|seen| &seen.run), &traces)
    }
}

impl Seen<'_> {
    /// Returns the duration in seconds, once it is known.
    pub(in crate::langsmith_mock) fn latency(&self) -> Option<f64> {
        self.run.latency().map(seconds)
    }

    /// Returns the time to the first token.
    pub(in crate::langsmith_mock) fn until_first_token(&self) -> Option<chrono::TimeDelta> {
        self.first_token.map(|time| time - self.run.start_time)
    }

    /// Returns the time to the first token in seconds.
    pub(super) fn wait(&self) -> Option<f64> {
        self.until_first_token().map(seconds)
    }
}

fn seconds(time: chrono::TimeDelta) -> f64 {
    time.as_seconds_f64()
}

fn thread_of(run: &StoredRun) -> Option<String> {
    let value = THREAD_KEYS
        .into_iter()
        .find_map(|key| run.metadata(key).filter(|value| !value.is_null()))?;
    Some(match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    })
}

fn first_token(run: &StoredRun, run_type: &RunType) -> Option<Timestamp> {
    let events = run.field("events").filter(|_| *run_type == RunType::Llm)?;
    let events = events.as_array()?.iter();
    let tokens = events.filter(|event| event["name"] == "new_token");
    tokens
        .filter_map(|event| decode_run::time_of(event.get("time")))
        .min()
}
