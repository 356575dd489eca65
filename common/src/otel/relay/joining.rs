//! Which spans can go, and as what.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use super::known::{Is, Known};
use super::spans::{Key, Loose, Told};
use crate::model::DottedOrder;
use crate::propagation::limits::MAX_TRACE_SEGMENTS;

/// How much may wait, and how long.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    pub(super) window: Duration,
    pub(super) bytes: usize,
}

/// As what a span goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum As {
    Joined,
    Rehung,
    Passed,
    Orphaned,
}

/// How many places of those who wait no more are not worth the work of freeing them.
const SLACK: usize = 1_024;

#[derive(Debug)]
struct Waiter {
    number: u64,
    parent: Key,
    span: Loose,
}

/// Spans that wait for their parents, and what is known of those.
#[derive(Debug)]
pub(super) struct Joining {
    bounds: Bounds,
    project: String,
    known: Known,
    /// By their parents. The numbers are those of arrival.
    waiting: HashMap<Key, VecDeque<Waiter>>,
    /// Who waits, the longest first; those that wait no more are skipped.
    queue: VecDeque<(Instant, u64, Key)>,
    number: u64,
    count: usize,
    bytes: usize,
}

/// A span that can go.
pub(super) type Ready = (Loose, As);

impl Joining {
    pub(super) fn new(bounds: Bounds, project: &str) -> Self {
        Self {
            bounds,
            project: project.to_owned(),
            known: Known::default(),
            waiting: HashMap::new(),
            queue: VecDeque::new(),
            number: 0,
            count: 0,
            bytes: 0,
        }
    }

    /// Returns how many spans wait.
    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// Returns when the first span stops waiting.
    pub(super) fn next_end(&mut self) -> Option<Instant> {
        self.forget_gone();
        let (since, ..) = self.queue.front()?;
        since.checked_add(self.bounds.window)
    }

    /// Takes a span in; adds what can go, the span and others that waited for it, to `ready`.
    pub(super) fn take(
        &mut self,
        span: Loose,
        believes: bool,
        now: Instant,
        ready: &mut Vec<Ready>,
    ) {
        let (key, parent) = (span.key(), span.parent());
        let above = match (span.told(believes), parent) {
            (Told::Header(order), _) => Some(Is::Run(order, None)),
            (Told::Nothing, Some(parent)) => match self.known.get(parent).cloned() {
                Some(is) => Some(is),
                None => return self.wait(span, parent, now, ready),
            },
            (Told::Place(order, project), _) => {
                ready.push((span, As::Passed));
                return self.learn_of(key, Is::Run(order, project), ready);
            }
            (Told::Enough, _) | (Told::Nothing, None) => None,
        };
        let is = self.settle(span, parent, above.unwrap_or(Is::AsItCame), ready);
        self.learn_of(key, is, ready);
    }

    /// Learns what a span is, and adds those that waited for it to `ready`.
    pub(super) fn learn(&mut self, key: Key, is: Is, ready: &mut Vec<Ready>) {
        let mut news = vec![(key, is)];
        while let Some((key, is)) = news.pop() {
            self.known.learn(key, is);
            let Some(is) = self.known.get(key).cloned() else {
                continue;
            };
            for waiter in self.waiting.remove(&key).unwrap_or_default() {
                self.count_out(&waiter);
                let own = waiter.span.key();
                let below = self.settle(waiter.span, Some(waiter.parent), is.clone(), ready);
                news.extend(own.map(|own| (own, below)));
            }
        }
    }

    fn learn_of(&mut self, key: Option<Key>, is: Is, ready: &mut Vec<Ready>) {
        if let Some(key) = key {
            self.learn(key, is, ready);
        }
    }

    /// Adds a span to `ready` whose parent is known, and returns what it is itself.
    fn settle(&self, span: Loose, parent: Option<Key>, above: Is, ready: &mut Vec<Ready>) -> Is {
        match (above, parent) {
            // Deeper is no place that anybody reads: the headers end there as well.
            (Is::Run(above, _), _) if above.depth() + 1 >= MAX_TRACE_SEGMENTS => {
                ready.push((span, As::Orphaned));
                Is::AsItCame
            }
            (Is::Run(above, project), _) => self.place(span, &above, project, As::Joined, ready),
            (Is::Unclear, Some(parent)) => self.give_up(span, parent, ready),
            (Is::AsItCame | Is::Unclear, _) => {
                ready.push((span, As::Passed));
                Is::AsItCame
            }
        }
    }

    fn place(
        &self,
        mut span: Loose,
        above: &DottedOrder,
        project: Option<String>,
        kind: As,
        ready: &mut Vec<Ready>,
    ) -> Is {
        let place = span.stamp(above, project.as_deref().unwrap_or(&self.project));
        ready.push((span, kind));
        Is::Run(place, project)
    }

    /// Adds a span to `ready` whose parent never came.
    fn give_up(&self, mut span: Loose, parent: Key, ready: &mut Vec<Ready>) -> Is {
        match self.known.root(parent).cloned() {
            Some((root, project)) => {
                span.miss(parent);
                self.place(span, &root, project, As::Rehung, ready)
            }
            None => {
                ready.push((span, As::Orphaned));
                Is::AsItCame
            }
        }
    }

    fn wait(&mut self, span: Loose, parent: Key, now: Instant, ready: &mut Vec<Ready>) {
        self.number += 1;
        self.count += 1;
        self.bytes += span.bytes();
        self.queue.push_back((now, self.number, parent));
        let waiter = Waiter {
            number: self.number,
            parent,
            span,
        };
        self.waiting.entry(parent).or_default().push_back(waiter);
        while self.bytes > self.bounds.bytes && self.give_up_on_first(ready) {}
        self.tidy();
    }

    /// Adds those to `ready` whose window is over by `now`; without it, all.
    pub(super) fn stop_waiting(&mut self, now: Option<Instant>, ready: &mut Vec<Ready>) {
        while self
            .next_end()
            .is_some_and(|end| now.is_none_or(|now| end <= now))
        {
            self.give_up_on_first(ready);
        }
    }

    /// Gives up on who has waited longest; returns false if nobody waits.
    fn give_up_on_first(&mut self, ready: &mut Vec<Ready>) -> bool {
        self.forget_gone();
        let Some((_, number, parent)) = self.queue.pop_front() else {
            return false;
        };
        // Those who wait for the same parent are in the order in which they came, too.
        let waiters = self.waiting.get_mut(&parent);
        let first = waiters.and_then(|waiters| waiters.pop_front_if(|one| one.number == number));
        if self.waiting.get(&parent).is_some_and(VecDeque::is_empty) {
            self.waiting.remove(&parent);
        }
        if let Some(waiter) = first {
            self.count_out(&waiter);
            let key = waiter.span.key();
            let is = self.give_up(waiter.span, parent, ready);
            self.learn_of(key, is, ready);
        }
        true
    }

    /// Takes those off the queue that wait no more.
    fn forget_gone(&mut self) {
        while let Some((_, number, parent)) = self.queue.front()
            && !self.waits(*number, parent)
        {
            self.queue.pop_front();
        }
    }

    /// Returns true if the span of this number still waits for `parent`.
    fn waits(&self, number: u64, parent: &Key) -> bool {
        // Whoever waits for a parent stops when it comes, all at once, or in the order of arrival.
        let first = self.waiting.get(parent).and_then(VecDeque::front);
        first.is_some_and(|first| first.number <= number)
    }

    /// Takes all those off the queue that wait no more, once they are most of it: one that waits long must not
    /// keep the places of all that came after it.
    fn tidy(&mut self) {
        if self.queue.len() > 2 * self.count + SLACK {
            let mut queue = std::mem::take(&mut self.queue);
            queue.retain(|(_, number, parent)| self.waits(*number, parent));
            self.queue = queue;
        }
    }

    fn count_out(&mut self, waiter: &Waiter) {
        self.count -= 1;
        self.bytes -= waiter.span.bytes();
    }
}
