//! What is known of a run, in one place from its beginning until it is written.
//!
//! ```text
//! begin ──► Live ──(shared)──► RunSink::begin ──► held … leaves as Part::Begin, or as Part::Whole
//!            │ describe, end                        ▲
//!            └────────────────► RunSink::end ───────┘ it is held still; else it leaves as Part::End
//! ```
//!
//! The traced thread fills it in and copies nothing; how it leaves is in `leaving`. Start at [`Live`].

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use uuid::Uuid;

use super::fields::Fields;
use super::update::Updating;
use crate::model::{
    Attachment, DottedOrder, FIXED_SIZE, JsonMap, MAX_VALUE_DEPTH, Place, Process, RunEvent,
    RunType, Segment, ShortText, Timestamp, TraceId, size_of_events, size_of_map, size_of_rest,
};
use crate::trace::inherited::Inherited;
use crate::trace::tracer::Own;

/// A run, as far as it has come. It is kept small, because it is moved to its place in one piece.
pub(in crate::trace) struct Live {
    /// What all runs of the tracer say.
    pub(in crate::trace) own: Arc<Own>,
    pub(in crate::trace) above: Option<Arc<DottedOrder>>,
    pub(in crate::trace) segment: Segment,
    /// Made of the two before when somebody asks for it.
    pub(in crate::trace) order: OnceLock<Arc<DottedOrder>>,
    pub(in crate::trace) name: ShortText,
    pub(in crate::trace) run_type: RunType,
    pub(in crate::trace) state: Mutex<State>,
    // False if the trace is not in the sample: the run is a place in its trace and nothing else.
    pub(super) sampled: bool,
    // Set under the lock; it may be looked at without, by whoever looks again under it.
    pub(super) ended: AtomicBool,
    // How many handles there are. The sink holds the run as well, and is none.
    pub(super) handles: AtomicUsize,
    // Where its handles count: a forked child has copies of them.
    pub(super) process: Process,
    pub(super) held_at: HeldAt,
    // None unless the tracer sends updates.
    pub(super) updating: Option<Box<Updating>>,
}

/// Where the sink holds the beginning: known once it is there, before there is a handle.
pub(super) struct HeldAt {
    queue: AtomicU64,
    at: AtomicU64,
}

/// No queue takes in so many.
const NOWHERE: u64 = u64::MAX;

impl HeldAt {
    pub(super) fn set(&self, Place { queue, at }: Place) {
        self.queue.store(queue, Ordering::Relaxed);
        self.at.store(at, Ordering::Relaxed);
    }

    pub(super) fn get(&self) -> Option<Place> {
        let (queue, at) = (
            self.queue.load(Ordering::Relaxed),
            self.at.load(Ordering::Relaxed),
        );
        (at != NOWHERE).then_some(Place { queue, at })
    }
}

/// What of it changes.
pub(in crate::trace) struct State {
    /// What runs below inherit. It stays when the run has ended.
    pub(in crate::trace) inherited: Arc<Inherited>,
    pub(in crate::trace) record: Record,
}

/// What leaves with the run, and is moved out when it is written.
#[derive(Default)]
pub(in crate::trace) struct Record {
    pub(in crate::trace) inputs: Fields,
    pub(in crate::trace) outputs: Fields,
    pub(in crate::trace) end: Option<Timestamp>,
    pub(in crate::trace) more: Option<Box<More>>,
}

/// What few runs have.
#[derive(Debug, Default)]
pub(in crate::trace) struct More {
    pub(super) events: Vec<RunEvent>,
    pub(super) error: Option<String>,
    pub(in crate::trace) other: JsonMap,
    // Those that it was given, and those that were added later: they leave with the end.
    pub(in crate::trace) given: Vec<Attachment>,
    pub(super) added: Vec<Attachment>,
    pub(in crate::trace) reference_example_id: Option<Uuid>,
}

impl Record {
    pub(super) fn more(&mut self) -> &mut More {
        self.more.get_or_insert_default()
    }

    pub(super) fn events(&self) -> &[RunEvent] {
        self.more.as_ref().map_or(&[], |more| &more.events)
    }

    pub(super) fn size_of_other(&self) -> usize {
        let other = self.more.as_ref().map(|more| &more.other);
        let bytes = other.and_then(|other| size_of_map(other, MAX_VALUE_DEPTH));
        bytes.unwrap_or(0)
    }
}

impl Live {
    /// Makes a run of which there is one handle, at the place that `segment` is below `above`.
    #[inline]
    pub(in crate::trace) fn new(
        own: Arc<Own>,
        above: Option<Arc<DottedOrder>>,
        segment: Segment,
        name: ShortText,
        run_type: RunType,
        state: State,
    ) -> Self {
        Self {
            own,
            above,
            segment,
            order: OnceLock::new(),
            name,
            run_type,
            state: Mutex::new(state),
            sampled: true,
            ended: AtomicBool::new(false),
            handles: AtomicUsize::new(1),
            process: Process::current(),
            held_at: HeldAt {
                queue: AtomicU64::new(0),
                at: AtomicU64::new(NOWHERE),
            },
            updating: None,
        }
    }

    /// Returns the place in the trace. Its text is put together once, by a caller who asks.
    pub(super) fn order(&self) -> &Arc<DottedOrder> {
        self.order.get().unwrap_or_else(|| {
            // Made before: a process that is forked off while it is being kept waits for ever.
            let made = Arc::new(self.make_order());
            self.order.get_or_init(|| made)
        })
    }

    pub(super) fn make_order(&self) -> DottedOrder {
        match &self.above {
            Some(above) => above.child(self.segment),
            None => DottedOrder::root(self.segment),
        }
    }

    pub(in crate::trace) fn trace_id(&self) -> TraceId {
        let known = self.order.get().or(self.above.as_ref());
        known.map_or_else(|| self.segment.id.into(), |known| known.trace_id())
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        // A panic while the lock was held cannot leave the run half-changed in a way that matters.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Drops what would leave, because nothing does.
    pub(super) fn forget(&mut self) {
        let state = self.state.get_mut().unwrap_or_else(PoisonError::into_inner);
        state.record = Record::default();
    }

    /// Returns what the beginning takes, by estimate.
    pub(super) fn size_of_begin(&mut self) -> usize {
        let fixed = self.size_of_name();
        let state = self.state.get_mut().unwrap_or_else(PoisonError::into_inner);
        let record = &state.record;
        let given = record.more.as_ref().map_or(&[][..], |more| &more.given);
        fixed
            + record.inputs.size()
            + size_of_inherited(&state.inherited)
            + record.size_of_other()
            + size_of_rest(&[], given)
    }

    /// Returns what each operation takes to say which run it is about.
    pub(super) fn size_of_name(&self) -> usize {
        let above = self.above.as_ref().map_or(0, |above| above.as_str().len());
        FIXED_SIZE + self.name.len() + 3 * (above + 1 + Segment::LEN)
    }
}

/// Returns what the end takes beside the beginning, by estimate.
pub(super) fn size_of_end(state: &State) -> usize {
    let record = &state.record;
    record.outputs.size()
        + size_of_inherited(&state.inherited)
        + record.more.as_ref().map_or(0, |more| {
            size_of_events(&more.events).unwrap_or(0)
                + more.error.as_ref().map_or(0, String::len)
                + size_of_rest(&[], &more.added)
        })
}

fn size_of_inherited(inherited: &Inherited) -> usize {
    let metadata = size_of_map(&inherited.metadata, MAX_VALUE_DEPTH);
    metadata.unwrap_or(0) + size_of_rest(&inherited.tags, &[])
}

// What people trace is not for a log.
impl fmt::Debug for Live {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Live({}, {})", &*self.name, self.segment.id)
    }
}
