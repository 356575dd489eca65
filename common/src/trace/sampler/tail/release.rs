//! Letting go of a part that is kept: outside of the lock, whole, and in order.
//!
//! ```text
//! decided ──► releasing ──► sink.release: what waited ──► anything later? ──no──► remembered as kept
//!                │ ▲                                           │ yes
//!                │ └── what other threads say of it meanwhile ◄┘
//!                └──── a flush waits for what had come when it began
//! ```
//!
//! Without this state an end on another thread would overtake its own beginning, and a flush would return before
//! what it is for has reached the queue.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use super::buffer::{State, TailBuffer};
use super::fates::Fate;
use super::part::{Decided, Held, Step};
use crate::model::{Place, RunId};
use crate::trace::sampler::per_process::{ThreadId, this_thread};
use crate::trace::sink::HeldOp;

/// A part that is on its way to its sinks.
#[derive(Debug)]
pub(super) struct Releasing {
    // Later ones have larger numbers.
    number: u64,
    by: ThreadId,
    trace: uuid::Uuid,
    open: u32,
    // How many times what had come meanwhile has set out, and the part itself before that. It goes up as long as
    // others have something to say, so nobody waits for more of them than there are.
    round: u64,
    // Operations of this round, for whoever wants to know what is left.
    ops: u64,
    // What came meanwhile: the next round.
    later: Vec<Held>,
    bytes: usize,
}

impl Releasing {
    pub(super) fn count(&mut self, step: Step) {
        step.count(&mut self.open);
    }

    pub(super) fn follow(&mut self, held: Held) {
        self.bytes += held.op.bytes();
        self.later.push(held);
    }

    /// Returns the last round of what has come so far.
    fn last_round(&self) -> u64 {
        self.round + u64::from(!self.later.is_empty())
    }

    /// Returns how many operations have not arrived of the rounds up to one.
    fn left_of(&self, last: u64) -> u64 {
        match self.round {
            round if round > last => 0,
            round if round == last => self.ops.max(1),
            _ => self.ops + self.later.len() as u64,
        }
    }
}

impl State {
    /// Says that a part is on its way.
    pub(super) fn begin_release(&mut self, decided: &Decided) {
        let Decided { key, part, .. } = decided;
        self.releases += 1;
        let releasing = Releasing {
            number: self.releases,
            by: this_thread(),
            trace: part.trace,
            open: part.open,
            round: 1,
            ops: part.held.len() as u64,
            later: Vec::new(),
            bytes: 0,
        };
        self.releasing.insert(*key, releasing);
    }
}

/// The way of a part out of here. However it ends, nobody waits for it any more.
struct Way<'a> {
    buffer: &'a TailBuffer,
    key: RunId,
    held: Vec<Held>,
    places: HashMap<RunId, Place>,
}

impl TailBuffer {
    /// Sends or forgets parts, outside of the lock.
    pub(super) fn let_go(&self, decided: Vec<Decided>) {
        // Before any sink is called: if one panics, nobody waits for the others either.
        let mut ways = Vec::with_capacity(decided.len());
        for Decided { key, part, fate } in decided {
            match fate {
                Ok(_) => ways.push(Way::new(self, key, part.held)),
                Err(_) => forget(part.held),
            }
        }
        ways.into_iter().for_each(Way::go);
    }

    /// Waits until all that was on its way before has reached its sinks, for at most `timeout`. Returns how many
    /// operations have not.
    ///
    /// A thread does not wait for itself: a sink that flushes from within is none of ours, and must not hang.
    #[cfg_attr(
        not(feature = "client"),
        allow(dead_code, reason = "only a client flushes")
    )]
    pub(crate) fn wait_released(&self, timeout: Duration) -> u64 {
        let (me, guard) = (this_thread(), self.state().lock());
        let others = guard.releasing.iter().filter(|(_, it)| it.by != me);
        let waited_for: Vec<_> = others
            .map(|(key, it)| (*key, it.number, it.last_round()))
            .collect();
        let mut left = 0;
        let busy = |state: &mut State| {
            let on_its_way = |(key, number, last): &(RunId, u64, u64)| {
                let it = state.releasing.get(key)?;
                (it.number == *number).then(|| it.left_of(*last))
            };
            left = waited_for.iter().filter_map(on_its_way).sum();
            left > 0
        };
        self.state().wait_while(guard, timeout, busy);
        left
    }
}

impl<'a> Way<'a> {
    fn new(buffer: &'a TailBuffer, key: RunId, held: Vec<Held>) -> Self {
        Self {
            buffer,
            key,
            held,
            places: HashMap::new(),
        }
    }

    /// Gives the part to its sinks, with what comes meanwhile.
    fn go(mut self) {
        let mut next = Some(std::mem::take(&mut self.held));
        while let Some(held) = next {
            release(held, &mut self.places);
            next = self.later();
        }
    }

    /// Takes what came meanwhile. If there is nothing, the part has arrived.
    fn later(&mut self) -> Option<Vec<Held>> {
        let mut guard = self.buffer.state().lock();
        let state = &mut *guard;
        let releasing = state.releasing.get_mut(&self.key)?;
        if releasing.later.is_empty() {
            self.arrive(state);
            drop(guard);
            self.buffer.state().tell();
            return None;
        }
        let bytes = std::mem::take(&mut releasing.bytes);
        state.bytes = state.bytes.saturating_sub(bytes);
        let later = std::mem::take(&mut releasing.later);
        releasing.ops = later.len() as u64;
        releasing.round += 1;
        drop(guard);
        self.buffer.state().tell();
        Some(later)
    }

    /// Remembers where the part is now; returns what was not released of it.
    fn arrive(&mut self, state: &mut State) -> Vec<Held> {
        let Some(it) = state.releasing.remove(&self.key) else {
            return Vec::new();
        };
        state.bytes = state.bytes.saturating_sub(it.bytes);
        let places = std::mem::take(&mut self.places);
        let fate = Fate::new(self.key, it.trace, it.open, places);
        let most = self.buffer.remembered();
        state.fates.remember(self.key, true, fate, most);
        it.later
    }
}

impl Drop for Way<'_> {
    fn drop(&mut self) {
        let mut guard = self.buffer.state().lock();
        let is_ours = |it: &Releasing| it.by == this_thread();
        if !guard.releasing.get(&self.key).is_some_and(is_ours) {
            return;
        }
        // A sink panicked, on the way of this part or of one before it.
        let later = self.arrive(&mut guard);
        drop(guard);
        self.buffer.state().tell();
        forget(std::mem::take(&mut self.held));
        forget(later);
    }
}

/// Drops what nobody will write.
fn forget(held: Vec<Held>) {
    held.into_iter().for_each(|held| held.op.forget());
}

/// Gives what waited to the sinks it was for, in order.
fn release(held: Vec<Held>, places: &mut HashMap<RunId, Place>) {
    let mut rest = held.into_iter().peekable();
    while let Some(Held { to, op }) = rest.next() {
        let mut together: Vec<HeldOp> = Vec::with_capacity(1 + rest.len());
        together.push(op);
        while let Some(next) =
            rest.next_if(|next| std::ptr::addr_eq(Arc::as_ptr(&next.to), Arc::as_ptr(&to)))
        {
            together.push(next.op);
        }
        to.release(together, places);
    }
}
