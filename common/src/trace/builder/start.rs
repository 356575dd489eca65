//! A run starts: it takes its place below its parent, its time, its id, and what it inherits.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use chrono::{Datelike as _, TimeDelta};

use super::{RunBuilder, Told};
use crate::model::{JsonMap, RunId, Segment, Timestamp, withhold_deep_in};
use crate::trace::current::surroundings;
use crate::trace::inherited::{Above, Inherited};
use crate::trace::run_tree::{Fields, Live, More, Record, RunTree, State};

/// The key of metadata under which a run says by how many milliseconds this machine's clock was behind the
/// start of its parent, if by more than one. Runs below do not inherit it.
pub const CLOCK_SKEW: &str = "clock_skew_ms";

/// Tags up to which a list is searched faster than a set.
const FEW: usize = 32;

/// Clocks that are synchronized well still differ by so much.
const TOLERATED_SKEW: TimeDelta = TimeDelta::milliseconds(1);

impl RunBuilder {
    /// Starts the run and submits it.
    pub fn start(self) -> RunTree {
        if self.off {
            return RunTree::disabled(self.tracer);
        }
        let around = surroundings();
        let below = match self.parent {
            Some(_) => self.below,
            None => around.named_below(&self.tracer),
        };
        if !around.records(&self.tracer, below) {
            return RunTree::disabled(self.tracer);
        }
        let parent = self.parent.unwrap_or_else(|| around.named_context());
        let told = self
            .start
            .unwrap_or_else(|| writable(self.tracer.clock().now()));
        // A parent elsewhere may go by a clock that is ahead of ours.
        let earliest = parent.as_ref().and_then(|parent| parent.order.start_time());
        let start = earliest.map_or(told, |earliest| told.max(earliest));
        let skew = match self.start {
            // As it is nearly always: to subtract times takes longer than to compare them.
            _ if start == told => None,
            Some(_) => None,
            None => Some(start - told).filter(|behind| *behind > TOLERATED_SKEW),
        };
        let (above, inherited) = match parent {
            Some(Above {
                order,
                mut inherited,
            }) => {
                let deep = Inherited::withhold_deep(&mut inherited);
                self.tracer.withheld_deep(deep);
                (Some(order), inherited)
            }
            None if around.says_nothing() => (None, self.tracer.handed_down().clone()),
            None => (None, Arc::default()),
        };
        let free = |id: &RunId| !id.is_nil() && !above.as_ref().is_some_and(|it| it.names(*id));
        let given = self.id.filter(|id| {
            let usable = free(id);
            if !usable {
                warn_of_id(*id);
            }
            usable
        });
        let id = given.unwrap_or_else(|| self.tracer.new_id(start, free));
        let mut inherited = around.join(inherited, self.tracer.service());
        let mut more = self
            .told
            .and_then(|told| told.add_to(Arc::make_mut(&mut inherited)));
        if let Some(behind) = skew {
            let metadata = Inherited::own_metadata(&mut inherited);
            let milliseconds = behind.num_milliseconds();
            metadata.insert(CLOCK_SKEW.to_owned(), milliseconds.into());
        }
        if let (None, Some(project)) = (&inherited.project, &self.tracer.handed_down().project) {
            Arc::make_mut(&mut inherited).project = Some(project.clone());
        }
        let mut deep = 0;
        if let Some(more) = &mut more {
            // `extra` has a place for these two, and a key written twice is no JSON object.
            for taken in ["metadata", "runtime"] {
                more.other.shift_remove(taken);
            }
            deep += withhold_deep_in(&mut more.other);
        }
        let mut inputs = match self.inputs {
            Fields::Unsaid => Fields::Map(JsonMap::new()),
            said => said,
        };
        // Before any of it is copied.
        deep += inputs.withhold_deep() + Inherited::withhold_deep(&mut inherited);
        self.tracer.withheld_deep(deep);
        let state = State {
            inherited,
            record: Record {
                inputs,
                more,
                ..Record::default()
            },
        };
        let live = Live::new(
            self.tracer.own().clone(),
            above,
            Segment { start, id },
            self.name.into(),
            self.run_type,
            state,
        );
        RunTree::begin(self.tracer, live)
    }
}

impl Told {
    /// Adds what is handed down; returns what is of this run alone.
    fn add_to(self, inherited: &mut Inherited) -> Option<Box<More>> {
        let Self {
            metadata,
            tags,
            local_tags,
            project,
            of_run,
        } = self;
        if tags.len() <= FEW {
            for tag in tags {
                if !inherited.tags.contains(&tag) {
                    inherited.tags.push(tag);
                }
            }
        } else {
            let mut known: HashSet<String> = inherited.tags.iter().cloned().collect();
            let new = tags.into_iter().filter(|tag| known.insert(tag.clone()));
            inherited.tags.extend(new);
        }
        if !local_tags.is_empty() {
            let mut local: Vec<String> = Vec::new();
            for tag in local_tags {
                if !local.contains(&tag) && !inherited.tags.contains(&tag) {
                    local.push(tag);
                }
            }
            inherited.local_tags = local.len();
            inherited.tags.splice(0..0, local);
        }
        if inherited.metadata.is_empty() && !metadata.is_empty() {
            inherited.metadata = Arc::new(metadata);
        } else if !metadata.is_empty() {
            Arc::make_mut(&mut inherited.metadata).extend(metadata);
        }
        if let Some(project) = project {
            inherited.project = Some(project.into());
        }
        of_run
    }
}

/// Returns the time as a dotted order can say it: in whole microseconds, in a year of four digits.
pub(super) fn writable(time: Timestamp) -> Timestamp {
    let (year, nanos) = (time.naive_utc().year(), time.timestamp_subsec_nanos());
    if (1..=9_999).contains(&year) && nanos < 1_000_000_000 && nanos.is_multiple_of(1_000) {
        return time;
    }
    let micros = time.timestamp_micros();
    let possible = micros.clamp(EARLIEST_MICROS, LATEST_MICROS);
    if possible != micros {
        static WARNED: AtomicBool = AtomicBool::new(false);
        if !WARNED.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                %time,
                "a run starts outside the years 1 to 9999, which no dotted order can say; it is moved \
                 to the nearest time within (logged once)"
            );
        }
    }
    // Also a leap second, whose fraction has seven digits, becomes an ordinary time.
    Timestamp::from_timestamp_micros(possible).unwrap_or(time)
}

/// The beginning of the year 1, where the time of the official SDK for Python begins.
const EARLIEST_MICROS: i64 = -62_135_596_800_000_000;
/// The last microsecond of the year 9999.
const LATEST_MICROS: i64 = 253_402_300_799_999_999;

/// Logs the first id of each kind that cannot be used.
fn warn_of_id(id: RunId) {
    static NIL: AtomicBool = AtomicBool::new(false);
    static ANCESTOR: AtomicBool = AtomicBool::new(false);
    if id.is_nil() {
        if !NIL.swap(true, Ordering::Relaxed) {
            tracing::warn!("a run was given the nil id; it gets a generated one (logged once)");
        }
    } else if !ANCESTOR.swap(true, Ordering::Relaxed) {
        tracing::warn!(
            %id,
            "a run was given the id of a run above it; it gets a generated one (logged once)"
        );
    }
}
