//! Deciding of what waits.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;

use uuid::Uuid;

use super::part::{Decided, Held, Part, Step, release};
use super::policy::TailPolicy;
use crate::model::{Clock, EndedRun, Glance, Place, RunId, Timestamp};
use crate::trace::sampler::books::{Books, SamplingStats, add};
use crate::trace::sampler::head::Head;
use crate::trace::sampler::memory::Memory;
use crate::trace::sampler::per_process::PerProcess;
use crate::trace::sampler::verdict::{KeepReason, LeaveReason};
use crate::trace::sink::RunSink;

/// What all sinks of a client hold back. Each part knows the sink that it is for.
#[derive(Debug)]
pub(crate) struct TailBuffer {
    policy: TailPolicy,
    head: Arc<Head>,
    clock: Arc<dyn Clock>,
    closed: AtomicBool,
    state: PerProcess<State>,
}

/// All under one lock, which is held for a look-up and a push, never while anything is written or sent.
#[derive(Debug, Default)]
struct State {
    parts: HashMap<RunId, Part>,
    // The same parts in the order in which they began to wait.
    ages: BTreeSet<(Timestamp, RunId)>,
    bytes: usize,
    fates: Memory<RunId, Fate>,
    // The part of a trace that began elsewhere, for what is known of it by its trace alone.
    joined: Memory<Uuid, RunId>,
}

/// What was decided of a part.
#[derive(Debug, Default)]
struct Fate {
    kept: bool,
    // Where the next sink holds runs that were let go before they ended.
    places: HashMap<RunId, Place>,
}

/// An operation of a trace that the head left out.
pub(super) struct Coming<'a> {
    /// Where it would go.
    pub(super) sink: &'a Arc<dyn RunSink>,
    pub(super) glance: &'a Glance,
    pub(super) step: Step,
    /// Whether the program chose its trace.
    pub(super) chosen: bool,
    pub(super) held: Held,
}

/// What becomes of one operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// It goes on, to where its run is held if that is known.
    On(Option<Place>),
    /// It waits, or went with what waited.
    Taken,
}

impl TailBuffer {
    pub(in crate::trace) fn new(
        policy: TailPolicy,
        head: Arc<Head>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            policy,
            head,
            clock,
            closed: AtomicBool::new(false),
            state: PerProcess::default(),
        }
    }

    pub(super) fn head(&self) -> &Head {
        &self.head
    }

    fn books(&self) -> &Books {
        self.head.books()
    }

    /// Asks the program whether a run that has ended makes its trace one to keep.
    pub(super) fn chosen(&self, run: impl FnOnce() -> EndedRun) -> bool {
        self.policy.chooses() && self.policy.chosen(&run())
    }

    /// Takes an operation of a trace that the head left out. Returns it if it goes on, and where its run is held.
    pub(super) fn take(&self, coming: Coming<'_>) -> Option<(Held, Option<Place>)> {
        let now = self.clock.now();
        let mut decided = Vec::new();
        let mut state = self.state.lock();
        self.sweep(&mut state, now, &mut decided);
        let (way, held) = self.sort(&mut state, coming, now, &mut decided);
        drop(state);
        decided.into_iter().for_each(|decided| self.let_go(decided));
        match (way, held) {
            (Way::On(place), Some(held)) => Some((held, place)),
            (Way::Taken, Some(forgotten)) => {
                forgotten.forget();
                None
            }
            (_, None) => None,
        }
    }

    /// Finds out what becomes of an operation; what is given back goes on, or is forgotten.
    fn sort(
        &self,
        state: &mut State,
        coming: Coming<'_>,
        now: Timestamp,
        decided: &mut Vec<Decided>,
    ) -> (Way, Option<Held>) {
        let Coming {
            sink,
            glance,
            step,
            chosen,
            held,
        } = coming;
        let key = glance.top;
        if step.begins() {
            add(&self.books().runs_seen, 1);
        }
        if !state.parts.contains_key(&key) {
            if let Some(fate) = state.fates.get_mut(&key) {
                let kept = fate.kept;
                let place = fate.places.remove(&glance.run_id);
                self.book_late(kept, step, glance);
                return (if kept { Way::On(place) } else { Way::Taken }, Some(held));
            }
            if !step.begins() {
                add(&self.books().forgotten, 1);
                return (Way::Taken, Some(held));
            }
            let verdict = self.head.verdict_of(glance.trace_id.0);
            let left_out = verdict.fate.err().unwrap_or(LeaveReason::Rate);
            self.books().begin(key.0 != glance.trace_id.0);
            if let Some(past) = self.no_room(state, held.bytes()) {
                self.books().end(Err(past));
                self.book_late(false, step, glance);
                self.remember(state, key, glance.trace_id.0, false);
                return (Way::Taken, Some(held));
            }
            let part = Part::new(sink.clone(), left_out, now, glance);
            state.ages.insert((now, key));
            state.parts.insert(key, part);
            if key.0 != glance.trace_id.0 {
                state
                    .joined
                    .remember(glance.trace_id.0, key, self.policy.remembered);
            }
        }
        let Some(part) = state.parts.get_mut(&key) else {
            return (Way::Taken, Some(held));
        };
        part.note(step, glance);
        let bytes = held.bytes();
        part.hold(held);
        state.bytes += bytes;
        let slow = self.policy.slow;
        let fate = if self.policy.errors && step.ends() && glance.failed {
            Some(Ok(KeepReason::Error))
        } else if slow.is_some_and(|slow| part.took(slow, step, glance)) {
            Some(Ok(KeepReason::Slow))
        } else if chosen {
            Some(Ok(KeepReason::Chosen))
        } else if part.is_over() {
            Some(Err(part.left_out))
        } else if part.runs > self.policy.max_runs as u64 {
            Some(Err(LeaveReason::PastRuns))
        } else if state.bytes > self.policy.max_bytes {
            Some(Err(LeaveReason::PastBytes))
        } else {
            None
        };
        if let Some(fate) = fate {
            decided.extend(self.decide(state, key, fate));
        }
        (Way::Taken, None)
    }

    /// Returns the bound that keeps another part from waiting, if one does.
    fn no_room(&self, state: &State, bytes: usize) -> Option<LeaveReason> {
        if self.closed.load(Relaxed) {
            Some(LeaveReason::Shutdown)
        } else if state.parts.len() >= self.policy.max_traces {
            Some(LeaveReason::PastTraces)
        } else if state.bytes + bytes > self.policy.max_bytes {
            Some(LeaveReason::PastBytes)
        } else {
            None
        }
    }

    fn book_late(&self, kept: bool, step: Step, glance: &Glance) {
        let books = self.books();
        if step.begins() {
            let runs = match kept {
                true => &books.runs_kept,
                false => &books.runs_left_out,
            };
            add(runs, 1);
        }
        if !kept && step.ends() && glance.failed {
            add(&books.missed_errors, 1);
        }
    }

    fn remember(&self, state: &mut State, key: RunId, trace: Uuid, kept: bool) {
        let fate = Fate {
            kept,
            places: HashMap::new(),
        };
        state.fates.remember(key, fate, self.policy.remembered);
        if key.0 != trace {
            state.joined.remember(trace, key, self.policy.remembered);
        }
    }

    /// Takes a part out of what waits.
    fn decide(
        &self,
        state: &mut State,
        key: RunId,
        fate: Result<KeepReason, LeaveReason>,
    ) -> Option<Decided> {
        let part = state.parts.remove(&key)?;
        state.ages.remove(&(part.since, key));
        state.bytes = state.bytes.saturating_sub(part.bytes);
        self.remember(state, key, part.trace, fate.is_ok());
        let books = self.books();
        books.end(fate);
        let runs = match fate {
            Ok(_) => &books.runs_kept,
            Err(_) => &books.runs_left_out,
        };
        add(runs, part.runs);
        Some(Decided { key, part, fate })
    }

    /// Decides of what has waited as long as it may.
    fn sweep(&self, state: &mut State, now: Timestamp, decided: &mut Vec<Decided>) {
        while let Some((since, key)) = state.ages.first().copied() {
            let waited = (now - since).to_std().unwrap_or_default();
            if waited < self.policy.max_wait {
                break;
            }
            let fate = match self.is_slow(state, key, now) {
                true => Ok(KeepReason::Slow),
                false => Err(LeaveReason::PastTime),
            };
            let Some(one) = self.decide(state, key, fate) else {
                // It cannot be; but a loop that never ends would be worse.
                state.ages.remove(&(since, key));
                continue;
            };
            decided.push(one);
        }
    }

    fn is_slow(&self, state: &State, key: RunId, now: Timestamp) -> bool {
        let part = state.parts.get(&key);
        let slow = part.zip(self.policy.slow);
        slow.is_some_and(|(part, slow)| part.is_taking(slow, now))
    }

    /// Sends or forgets a part, outside of the lock.
    fn let_go(&self, decided: Decided) {
        let Decided { key, part, fate } = decided;
        if fate.is_err() {
            part.held.into_iter().for_each(Held::forget);
            return;
        }
        let places = release(&*part.sink, part.held);
        if places.is_empty() {
            return;
        }
        if let Some(fate) = self.state.lock().fates.get_mut(&key) {
            fate.places = places;
        }
    }

    /// Decides of what can be decided; at the end of the client, of all.
    pub(crate) fn settle(&self, end: bool) {
        if end {
            self.closed.store(true, Relaxed);
        }
        let now = self.clock.now();
        let mut decided = Vec::new();
        {
            let mut state = self.state.lock();
            self.sweep(&mut state, now, &mut decided);
            let waiting: Vec<RunId> = state.ages.iter().map(|(_, key)| *key).collect();
            for key in waiting {
                let fate = match (self.is_slow(&state, key, now), end) {
                    (true, _) => Ok(KeepReason::Slow),
                    (false, true) => Err(LeaveReason::Shutdown),
                    (false, false) => continue,
                };
                decided.extend(self.decide(&mut state, key, fate));
            }
        }
        decided.into_iter().for_each(|decided| self.let_go(decided));
    }

    /// Returns what becomes of what is said of a trace, or of a run: none if it may wait with it.
    pub(in crate::trace) fn fate_of(&self, key: Uuid) -> Option<bool> {
        let state = self.state.lock();
        let part = state.joined.get(&key).copied().unwrap_or(RunId(key));
        if state.parts.contains_key(&part) {
            return None;
        }
        let known = state.fates.get(&part).map(|fate| fate.kept);
        drop(state);
        Some(known.unwrap_or_else(|| self.head.keeps(key)))
    }

    /// Lets a judgement wait with what it is about, or says whether it goes on.
    pub(super) fn take_feedback(&self, key: Uuid, held: Held) -> Option<Held> {
        let mut state = self.state.lock();
        let part = state.joined.get(&key).copied().unwrap_or(RunId(key));
        if let Some(waiting) = state.parts.get_mut(&part) {
            let bytes = held.bytes();
            waiting.hold(held);
            state.bytes += bytes;
            return None;
        }
        let known = state.fates.get(&part).map(|fate| fate.kept);
        drop(state);
        let kept = known.unwrap_or_else(|| self.head.keeps(key));
        if !kept {
            self.left_out_feedback();
        }
        kept.then_some(held)
    }

    pub(in crate::trace) fn left_out_feedback(&self) {
        add(&self.books().left_out_feedback, 1);
    }

    /// Adds what waits to the books.
    pub(in crate::trace) fn add_to(&self, stats: &mut SamplingStats) {
        let state = self.state.lock();
        stats.waiting = state.parts.len() as u64;
        stats.waiting_bytes = state.bytes as u64;
        stats.held.waiting = state.parts.values().map(|part| part.runs).sum();
    }
}

impl Drop for TailBuffer {
    fn drop(&mut self) {
        self.settle(true);
    }
}
