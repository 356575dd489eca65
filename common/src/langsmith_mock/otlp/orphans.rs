//! Spans that wait for their parents, and those that wait in vain.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use uuid::Uuid;

use super::decode::SpanId;
use super::reading::SpanReading;
use crate::langsmith_mock::store::Limits;
use crate::model::{DottedOrder, JsonMap, Run, RunId, Timestamp};

/// How a span names its parent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Parent {
    Span(SpanId),
    /// By `langsmith.span.parent_id`: a run, whoever sent it.
    Run(Uuid),
}

/// A span that became a run, but for its place.
#[derive(Debug)]
pub(super) struct Placeless {
    pub(super) span: SpanId,
    pub(super) id: RunId,
    pub(super) start: Timestamp,
    pub(super) fields: JsonMap,
    pub(super) tenant: Option<String>,
    pub(super) request: u64,
    pub(super) bytes: usize,
    /// The trace that it hangs below if its parent never comes; none if it is dropped then.
    pub(super) rehung: Option<Uuid>,
}

#[derive(Debug)]
struct Waiter {
    arrived: Timestamp,
    number: u64,
    run: Placeless,
}

/// Spans without their parents, and the places of those that have one.
#[derive(Debug)]
pub(in crate::langsmith_mock) struct Waiting {
    window: Duration,
    most: usize,
    most_bytes: usize,
    number: u64,
    waiters: HashMap<Parent, Vec<Waiter>>,
    count: usize,
    bytes: usize,
    oldest: Option<Timestamp>,
    places: HashMap<SpanId, DottedOrder>,
    // The places in the order in which they became known, to forget the oldest.
    known: VecDeque<SpanId>,
    readings: VecDeque<SpanReading>,
    spans: VecDeque<Run>,
    // The last time that was given to a span for its arrival.
    arrival: Option<Timestamp>,
}

impl Waiting {
    pub(in crate::langsmith_mock) fn new(window: Duration, limits: &Limits) -> Self {
        Self {
            window,
            most: limits.records,
            // The rest is for what has its place.
            most_bytes: limits.total_bytes / 4,
            number: 0,
            waiters: HashMap::new(),
            count: 0,
            bytes: 0,
            oldest: None,
            places: HashMap::new(),
            known: VecDeque::new(),
            readings: VecDeque::new(),
            spans: VecDeque::new(),
            arrival: None,
        }
    }

    /// Keeps what was read of a span, and forgets the oldest of too many.
    pub(super) fn keep_reading(&mut self, reading: SpanReading, most: usize) {
        self.readings.push_back(reading);
        if self.readings.len() > most {
            self.readings.pop_front();
        }
    }

    /// Keeps a span as it was sent, and forgets the oldest of too many.
    pub(super) fn keep_span(&mut self, span: Run, most: usize) {
        self.spans.push_back(span);
        if self.spans.len() > most {
            self.spans.pop_front();
        }
    }

    /// Returns the latest spans as they were sent, in the order of arrival.
    pub(in crate::langsmith_mock) fn spans(&self) -> Vec<Run> {
        self.spans.iter().cloned().collect()
    }

    /// Returns what was read of the latest spans, in the order of arrival.
    pub(in crate::langsmith_mock) fn readings(&self) -> Vec<SpanReading> {
        self.readings.iter().cloned().collect()
    }

    /// Returns a time for a span that arrives at `at`, later than that of the one before.
    pub(super) fn next_arrival(&mut self, at: Timestamp) -> Timestamp {
        let after = self
            .arrival
            .map(|last| last + chrono::TimeDelta::microseconds(1));
        let time = after.map_or(at, |after| after.max(at));
        self.arrival = Some(time);
        time
    }

    /// Forgets everything.
    pub(in crate::langsmith_mock) fn clear(&mut self) {
        let (most, most_bytes) = (self.most, self.most_bytes);
        *self = Self::new(self.window, &Limits::default());
        (self.most, self.most_bytes) = (most, most_bytes);
    }

    /// Returns how many spans wait.
    pub(in crate::langsmith_mock) fn count(&self) -> usize {
        self.count
    }

    pub(super) fn place_of(&self, span: SpanId) -> Option<&DottedOrder> {
        self.places.get(&span)
    }

    /// Remembers where a span stands, for those below it.
    pub(super) fn place(&mut self, span: SpanId, order: DottedOrder) {
        if self.places.insert(span, order).is_none() {
            self.known.push_back(span);
        }
        // Ten for each that may wait: a trace's spans come within minutes.
        if self.known.len() > self.most.saturating_mul(10)
            && let Some(oldest) = self.known.pop_front()
        {
            self.places.remove(&oldest);
        }
    }

    /// Lets a span wait; returns the oldest ones if there are too many.
    pub(super) fn wait(
        &mut self,
        parent: Parent,
        run: Placeless,
        arrived: Timestamp,
    ) -> Vec<Placeless> {
        self.number += 1;
        self.count += 1;
        self.bytes += run.bytes;
        self.oldest = Some(self.oldest.map_or(arrived, |oldest| oldest.min(arrived)));
        self.waiters.entry(parent).or_default().push(Waiter {
            arrived,
            number: self.number,
            run,
        });
        let mut dropped = Vec::new();
        while self.count > 1 && (self.count > self.most || self.bytes > self.most_bytes) {
            dropped.extend(self.take_oldest());
        }
        dropped
    }

    fn take_oldest(&mut self) -> Option<Placeless> {
        let first = |list: &Vec<Waiter>| list.iter().map(|waiter| waiter.number).min();
        let number = self.waiters.values().filter_map(first).min()?;
        self.take(|waiter| waiter.number == number).pop()
    }

    /// Takes out who waits for this parent.
    pub(super) fn released_by(&mut self, parent: Parent) -> Vec<Placeless> {
        let released = self.waiters.remove(&parent).unwrap_or_default();
        self.count_out(&released);
        released.into_iter().map(|waiter| waiter.run).collect()
    }

    /// Returns the runs that somebody waits for by their own id.
    pub(super) fn awaited_runs(&self) -> Vec<Uuid> {
        let run = |parent: &Parent| match parent {
            Parent::Run(id) => Some(*id),
            Parent::Span(_) => None,
        };
        self.waiters.keys().filter_map(run).collect()
    }

    /// Takes out who has waited too long by `now`; without it, everybody.
    pub(super) fn expired(&mut self, now: Option<Timestamp>) -> Vec<Placeless> {
        let Some(now) = now else {
            return self.take(|_| true);
        };
        let window = chrono::TimeDelta::from_std(self.window).unwrap_or(chrono::TimeDelta::MAX);
        // A window without an end would be later than any date.
        let over = |arrived: Timestamp| {
            arrived
                .checked_add_signed(window)
                .is_some_and(|until| until <= now)
        };
        if !self.oldest.is_some_and(over) {
            return Vec::new();
        }
        self.take(|waiter| over(waiter.arrived))
    }

    fn count_out(&mut self, gone: &[Waiter]) {
        self.count -= gone.len();
        self.bytes -= gone.iter().map(|waiter| waiter.run.bytes).sum::<usize>();
    }

    /// Takes out some, in the order of their arrival.
    fn take(&mut self, some: impl Fn(&Waiter) -> bool) -> Vec<Placeless> {
        let mut taken: Vec<Waiter> = Vec::new();
        for list in self.waiters.values_mut() {
            taken.extend(list.extract_if(.., |waiter| some(waiter)));
        }
        self.waiters.retain(|_, list| !list.is_empty());
        self.count_out(&taken);
        let left = self.waiters.values().flatten();
        self.oldest = left.map(|waiter| waiter.arrived).min();
        taken.sort_unstable_by_key(|waiter| waiter.number);
        taken.into_iter().map(|waiter| waiter.run).collect()
    }
}
