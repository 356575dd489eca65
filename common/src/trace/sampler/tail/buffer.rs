//! Deciding of what waits.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use uuid::Uuid;

use super::fates::{Fate, Fates};
use super::part::{Decided, Held, Part, Step};
use super::policy::TailPolicy;
use super::release::Releasing;
use crate::model::{Clock, EndedRun, Glance, Place, RunId, Timestamp};
use crate::trace::sampler::books::{Books, SamplingStats, add};
use crate::trace::sampler::head::Head;
use crate::trace::sampler::limit::Bucket;
use crate::trace::sampler::per_process::PerProcess;
use crate::trace::sampler::verdict::{KeepReason, LeaveReason};
use crate::trace::sink::{HeldOp, RunSink};

/// Clocks of one machine are read before the lock is taken, so one operation may come with an earlier time than the
/// one before it. Further behind than this, the clock was set back.
const SET_BACK: Duration = Duration::from_secs(1);

/// What all sinks of a client hold back. Each operation knows the sink that it is for.
#[derive(Debug)]
pub(crate) struct TailBuffer {
    policy: TailPolicy,
    // How much of what waited is kept.
    limit: Option<Bucket>,
    head: Arc<Head>,
    clock: Arc<dyn Clock>,
    closed: AtomicBool,
    state: PerProcess<State>,
}

/// All under one lock, which is held for a look-up and a push, never while anything is written or sent.
#[derive(Debug, Default)]
pub(super) struct State {
    parts: HashMap<RunId, Part>,
    // The same parts in the order in which they began to wait.
    ages: BTreeSet<(Timestamp, RunId)>,
    // What all of them hold, and what came for those that are on their way.
    pub(super) bytes: usize,
    // The runs of those that wait.
    runs: u64,
    // Parts that are kept, on their way to their sinks.
    pub(super) releasing: HashMap<RunId, Releasing>,
    pub(super) releases: u64,
    pub(super) fates: Fates,
}

/// An operation of a trace that the head left out.
pub(super) struct Coming<'a> {
    /// Where it would go.
    pub(super) sink: &'a Arc<dyn RunSink>,
    pub(super) glance: &'a Glance,
    pub(super) step: Step,
    /// Whether the program chose its trace.
    pub(super) chosen: bool,
    pub(super) op: HeldOp,
}

/// What becomes of one operation.
#[derive(Debug)]
enum Way {
    /// It goes on, to where its run is held if that is known.
    On(HeldOp, Option<Place>),
    /// It waits, or goes with what waited.
    Taken,
    /// Nobody will write it.
    LeftOut(HeldOp),
}

impl TailBuffer {
    pub(in crate::trace) fn new(
        policy: TailPolicy,
        head: Arc<Head>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            limit: policy.limit.map(Bucket::new),
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

    pub(super) fn state(&self) -> &PerProcess<State> {
        &self.state
    }

    /// Returns of how many parts it is remembered what became of them, of those kept and of the others each.
    pub(super) fn remembered(&self) -> usize {
        self.policy.remembered
    }

    fn books(&self) -> &Books {
        self.head.books()
    }

    /// Asks the program whether a run that has ended makes its trace one to keep.
    pub(super) fn chosen(&self, run: impl FnOnce() -> EndedRun) -> bool {
        self.policy.chooses() && self.policy.chosen(&run())
    }

    /// Takes an operation of a trace that the head left out. Returns it if it goes on, and where its run is held.
    pub(super) fn take(&self, coming: Coming<'_>) -> Option<(HeldOp, Option<Place>)> {
        let now = self.clock.now();
        let mut decided = Vec::new();
        let mut state = self.state.lock();
        self.sweep(&mut state, now, &mut decided);
        let way = self.sort(&mut state, coming, now, &mut decided);
        drop(state);
        self.let_go(decided);
        match way {
            Way::On(op, place) => return Some((op, place)),
            Way::LeftOut(op) => op.forget(),
            Way::Taken => {}
        }
        None
    }

    /// Counts the end of a run that began late, and whose end goes to where its beginning is: without it its part
    /// would count as open for ever, and drive out others that are.
    pub(super) fn ends_late(&self, glance: &Glance) {
        let mut state = self.state.lock();
        match state.releasing.get_mut(&glance.top) {
            Some(releasing) => releasing.count(Step::Ends),
            None => state.fates.ends_late(glance.top, glance.run_id),
        }
    }

    /// Finds out what becomes of an operation.
    fn sort(
        &self,
        state: &mut State,
        coming: Coming<'_>,
        now: Timestamp,
        decided: &mut Vec<Decided>,
    ) -> Way {
        let Coming {
            sink,
            glance,
            step,
            chosen,
            op,
        } = coming;
        let (key, trace) = (glance.top, glance.trace_id.0);
        if step.begins() {
            add(&self.books().runs_seen, 1);
        }
        if state.releasing.contains_key(&key) {
            self.book_late(true, step, glance);
            return self.follow(state, key, step, sink, op);
        }
        if !state.parts.contains_key(&key) {
            if let Some((kept, place)) = state.fates.follow(key, glance.run_id, step) {
                self.book_late(kept, step, glance);
                return match kept {
                    true => Way::On(op, place),
                    false => Way::LeftOut(op),
                };
            }
            if !step.begins() {
                add(&self.books().forgotten, 1);
                return Way::LeftOut(op);
            }
            let verdict = self.head.verdict_of(trace);
            let left_out = verdict.fate.err().unwrap_or(LeaveReason::Rate);
            self.books().begin(key.0 != trace);
            let mut part = Part::new(left_out, now, glance);
            if let Some(past) = self.no_room(state, op.bytes()) {
                self.books().end(Err(past));
                self.book_late(false, step, glance);
                part.note(step, glance);
                self.leave_out(state, key, &part);
                return Way::LeftOut(op);
            }
            state.ages.insert((now, key));
            state.parts.insert(key, part);
            if key.0 != trace {
                state.fates.join(key, trace);
            }
        }
        let Some(part) = state.parts.get_mut(&key) else {
            return Way::LeftOut(op);
        };
        state.bytes += op.bytes();
        state.runs += u64::from(step.begins());
        part.note(step, glance);
        part.hold(Held {
            to: sink.clone(),
            op,
        });
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
            decided.extend(self.decide(state, key, fate, now));
        }
        Way::Taken
    }

    /// Lets an operation follow its part, which is on its way. Beyond the bound it goes by itself: rather before what
    /// it belongs to than not at all.
    fn follow(
        &self,
        state: &mut State,
        key: RunId,
        step: Step,
        sink: &Arc<dyn RunSink>,
        op: HeldOp,
    ) -> Way {
        let has_room = state.bytes + op.bytes() <= self.policy.max_bytes;
        let Some(releasing) = state.releasing.get_mut(&key) else {
            return Way::On(op, None);
        };
        releasing.count(step);
        if !has_room {
            return Way::On(op, None);
        }
        state.bytes += op.bytes();
        releasing.follow(Held {
            to: sink.clone(),
            op,
        });
        Way::Taken
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

    /// Remembers that a part was left out.
    fn leave_out(&self, state: &mut State, key: RunId, part: &Part) {
        let fate = Fate::new(key, part.trace, part.open, HashMap::new());
        let most = self.remembered();
        state.fates.remember(key, false, fate, most);
    }

    /// Takes a part out of what waits.
    fn decide(
        &self,
        state: &mut State,
        key: RunId,
        fate: Result<KeepReason, LeaveReason>,
        now: Timestamp,
    ) -> Option<Decided> {
        let part = state.parts.remove(&key)?;
        state.ages.remove(&(part.since, key));
        state.bytes = state.bytes.saturating_sub(part.bytes);
        state.runs = state.runs.saturating_sub(part.runs);
        let books = self.books();
        let fate = match (fate, &self.limit) {
            (Ok(reason), Some(limit)) if !limit.take(now) => {
                let missed = u64::from(reason == KeepReason::Error);
                add(&books.missed_errors, missed);
                Err(LeaveReason::PastRate)
            }
            (fate, _) => fate,
        };
        books.end(fate);
        let runs = match fate {
            Ok(_) => &books.runs_kept,
            Err(_) => &books.runs_left_out,
        };
        add(runs, part.runs);
        if fate.is_err() {
            self.leave_out(state, key, &part);
        }
        let decided = Decided { key, part, fate };
        if fate.is_ok() {
            state.begin_release(&decided);
        }
        Some(decided)
    }

    /// Decides of what has waited as long as it may.
    fn sweep(&self, state: &mut State, now: Timestamp, decided: &mut Vec<Decided>) {
        state.begin_again_after(now + SET_BACK, now);
        while let Some((since, key)) = state.ages.first().copied() {
            let waited = (now - since).to_std().unwrap_or_default();
            if waited < self.policy.max_wait {
                break;
            }
            let fate = match self.is_slow(state, key, now) {
                true => Ok(KeepReason::Slow),
                false => Err(LeaveReason::PastTime),
            };
            let Some(one) = self.decide(state, key, fate, now) else {
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

    /// Decides of what can be decided; at the end of the client, of all. What other threads have decided may be on
    /// its way still: see [`wait_released`](Self::wait_released).
    pub(crate) fn settle(&self, end: bool) {
        if end {
            self.closed.store(true, Relaxed);
        }
        let now = self.clock.now();
        let mut decided = Vec::new();
        {
            let mut state = self.state.lock();
            self.sweep(&mut state, now, &mut decided);
            let asks = end || self.policy.slow.is_some();
            let waiting = state.ages.iter().filter(|_| asks);
            let waiting: Vec<RunId> = waiting.map(|(_, key)| *key).collect();
            for key in waiting {
                let fate = match (self.is_slow(&state, key, now), end) {
                    (true, _) => Ok(KeepReason::Slow),
                    (false, true) => Err(LeaveReason::Shutdown),
                    (false, false) => continue,
                };
                decided.extend(self.decide(&mut state, key, fate, now));
            }
        }
        self.let_go(decided);
    }

    /// Returns what becomes of what is said of a trace, or of a run: none if it may wait with it.
    pub(in crate::trace) fn fate_of(&self, key: Uuid) -> Option<bool> {
        let state = self.state.lock();
        let part = state.fates.part_of(key);
        if state.parts.contains_key(&part) {
            return None;
        }
        let known = match state.releasing.contains_key(&part) {
            true => Some(true),
            false => state.fates.of(part),
        };
        drop(state);
        Some(known.unwrap_or_else(|| self.head.keeps(key)))
    }

    /// Lets a judgement wait with what it is about, or says whether it goes on. One for which there is no room is
    /// left out by itself: what people say of a trace must not be why nobody sees it.
    pub(super) fn take_feedback(
        &self,
        key: Uuid,
        sink: &Arc<dyn RunSink>,
        op: HeldOp,
    ) -> Option<HeldOp> {
        let mut guard = self.state.lock();
        let state = &mut *guard;
        let part = state.fates.part_of(key);
        if state.releasing.contains_key(&part) {
            return match self.follow(state, part, Step::Goes, sink, op) {
                Way::On(op, _) => Some(op),
                Way::Taken | Way::LeftOut(_) => None,
            };
        }
        let has_room = state.bytes + op.bytes() <= self.policy.max_bytes;
        let kept = match state.parts.get_mut(&part) {
            Some(waiting) if has_room => {
                state.bytes += op.bytes();
                waiting.hold(Held {
                    to: sink.clone(),
                    op,
                });
                return None;
            }
            Some(_) => Some(false),
            None => state.fates.of(part),
        };
        drop(guard);
        let kept = kept.unwrap_or_else(|| self.head.keeps(key));
        if !kept {
            self.left_out_feedback();
        }
        kept.then_some(op)
    }

    pub(in crate::trace) fn left_out_feedback(&self) {
        add(&self.books().left_out_feedback, 1);
    }

    /// Adds what waits to the books.
    pub(in crate::trace) fn add_to(&self, stats: &mut SamplingStats) {
        let state = self.state.lock();
        stats.waiting = state.parts.len() as u64;
        stats.waiting_bytes = state.bytes as u64;
        stats.held.waiting = state.runs;
    }
}

impl State {
    /// Lets what began to wait after some time begin at another: the clock was ahead then, and until it is there again
    /// nothing would be too old.
    fn begin_again_after(&mut self, latest: Timestamp, now: Timestamp) {
        while let Some((since, key)) = self.ages.last().copied() {
            if since <= latest {
                return;
            }
            self.ages.remove(&(since, key));
            if let Some(part) = self.parts.get_mut(&key) {
                part.since = now;
                self.ages.insert((now, key));
            }
        }
    }
}

impl Drop for TailBuffer {
    fn drop(&mut self) {
        self.settle(true);
    }
}
