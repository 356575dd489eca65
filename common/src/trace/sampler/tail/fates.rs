//! What was decided of parts, for as long as it is remembered.
//!
//! ```text
//!              kept                      left out                 each for itself: what is left out drives out
//!   ┌───────────┴──────────┐   ┌───────────┴──────────┐           nothing that was kept
//!   open: runs of it are     open
//!   over ─► forgotten first  over ─► forgotten first              and what is open outlives what is over
//! ```

use std::collections::HashMap;

use uuid::Uuid;

use super::part::Step;
use crate::model::{Place, RunId};
use crate::trace::sampler::memory::Memory;

/// What was decided of a part that may go on.
#[derive(Debug, Default)]
pub(super) struct Fate {
    // How many of its runs have begun and not ended.
    open: u32,
    // Its trace, where another process began that.
    trace: Option<Uuid>,
    // Where the next sink holds runs that were let go before they ended. Few parts have any.
    places: Option<Box<Places>>,
}

/// In a box, so that the fates of all others are small.
#[derive(Debug)]
struct Places(HashMap<RunId, Place>);

/// The fates of parts.
#[derive(Debug, Default)]
pub(super) struct Fates {
    kept: Shelf,
    left_out: Shelf,
    // The part of a trace that began elsewhere, for what is known of it by its trace alone.
    joined: HashMap<Uuid, RunId>,
}

#[derive(Debug, Default)]
struct Shelf {
    open: Memory<RunId, Fate>,
    over: Memory<RunId, Fate>,
}

impl Fate {
    pub(super) fn new(key: RunId, trace: Uuid, open: u32, places: HashMap<RunId, Place>) -> Self {
        Self {
            open,
            trace: (key.0 != trace).then_some(trace),
            places: (!places.is_empty()).then(|| Box::new(Places(places))),
        }
    }

    /// Forgets where the beginning of a run is held, and returns it: what comes next of the run, its end or not, is
    /// the last that may go there.
    fn take_place(&mut self, run: RunId) -> Option<Place> {
        let Places(places) = &mut **self.places.as_mut()?;
        let place = places.remove(&run);
        if places.is_empty() {
            self.places = None;
        }
        place
    }
}

impl Fates {
    /// Remembers what became of a part, and forgets others if there are more than that.
    pub(super) fn remember(&mut self, key: RunId, kept: bool, fate: Fate, most: usize) {
        match fate.trace {
            Some(trace) if kept => self.join(key, trace),
            // Another part of it may wait.
            Some(trace) => {
                self.joined.entry(trace).or_insert(key);
            }
            None => {}
        }
        let shelf = match kept {
            true => &mut self.kept,
            false => &mut self.left_out,
        };
        shelf.put(key, fate);
        while shelf.open.len() + shelf.over.len() > most {
            let Some((key, Fate { trace, .. })) =
                shelf.over.take_first().or_else(|| shelf.open.take_first())
            else {
                break;
            };
            // Another part of the trace may have come since.
            if let Some(trace) = trace
                && self.joined.get(&trace) == Some(&key)
            {
                self.joined.remove(&trace);
            }
        }
    }

    /// Lets one operation follow the rest of its part: whether that was kept, and where its run is held.
    pub(super) fn follow(
        &mut self,
        key: RunId,
        run: RunId,
        step: Step,
    ) -> Option<(bool, Option<Place>)> {
        if let Some(place) = self.kept.follow(key, run, step) {
            return Some((true, place));
        }
        self.left_out.follow(key, run, step).map(|_| (false, None))
    }

    /// Counts the end of a run that went on by itself, after the rest of its part.
    pub(super) fn ends_late(&mut self, key: RunId, run: RunId) {
        // It began when the part was known as kept. What is known as left out is another part of the same name.
        self.kept.follow(key, run, Step::Ends);
    }

    /// Names the part of a trace that is asked for by the trace. Of several, one that was kept is it.
    pub(super) fn join(&mut self, key: RunId, trace: Uuid) {
        let known = self.joined.get(&trace);
        if known.is_none_or(|known| !self.kept.has(known)) {
            self.joined.insert(trace, key);
        }
    }

    /// Returns the part that is meant by the id of a trace or of a run.
    pub(super) fn part_of(&self, id: Uuid) -> RunId {
        self.joined.get(&id).copied().unwrap_or(RunId(id))
    }

    /// Returns true if a part was kept, false if it was left out, and none if that is not known.
    pub(super) fn of(&self, key: RunId) -> Option<bool> {
        match self.kept.has(&key) {
            true => Some(true),
            false => self.left_out.has(&key).then_some(false),
        }
    }
}

impl Shelf {
    fn has(&self, key: &RunId) -> bool {
        self.open.get(key).or_else(|| self.over.get(key)).is_some()
    }

    fn put(&mut self, key: RunId, fate: Fate) {
        match fate.open {
            0 => self.over.remember(key, fate),
            _ => self.open.remember(key, fate),
        }
    }

    fn follow(&mut self, key: RunId, run: RunId, step: Step) -> Option<Option<Place>> {
        let (fate, was_open) = match self.open.get_mut(&key) {
            Some(fate) => (fate, true),
            None => (self.over.get_mut(&key)?, false),
        };
        let place = fate.take_place(run);
        step.count(&mut fate.open);
        if (fate.open > 0) != was_open {
            let moved = match was_open {
                true => self.open.take(&key),
                false => self.over.take(&key),
            };
            self.put(key, moved.unwrap_or_default());
        }
        Some(place)
    }
}
