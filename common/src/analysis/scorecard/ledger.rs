//! The load generator's own book: what was asked of the system, whatever arrived of it.
//!
//! ```text
//! load generator ──ask(Asked)──────────► Ledger        one entry a request, joined by its id
//! services       ──note_cut(from, to)──►   │           why a call was not linked, as counted there
//! stopwatch      ──took(state, time)───►   │           the same requests, traced and not
//! drills         ──drill · diagnosed───►   ▼
//!                                      scorecard(&tree, &ledger)
//! ```
//!
//! Start at [`Ledger`].

use std::collections::HashMap;
use std::time::Duration;

/// What a load generator knows it did: the truth that a capture is held against.
///
/// Completeness is computed from what was asked, not from what happened to arrive.
///
/// ```
/// use common::analysis::{Asked, Ledger};
///
/// let mut ledger = Ledger::new();
/// ledger.ask(Asked::new("r-1").call("gateway", "retriever"));
/// ledger.ask(Asked::new("r-2").call("gateway", "retriever"));
/// assert_eq!(ledger.len(), 2);
/// ```
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Ledger {
    pub(super) asked: Vec<Asked>,
    /// Where in `asked` a request stands: a load has many, and a retry must find its own.
    places: HashMap<String, usize>,
    pub(super) cuts: Vec<(String, String, Cut, u64)>,
    pub(super) times: Vec<(Load, Duration)>,
    pub(super) costs: Vec<Cost>,
    pub(super) drills: Vec<Drill>,
    pub(super) diagnoses: Vec<Diagnosis>,
}

impl Ledger {
    /// Opens an empty book.
    pub fn new() -> Self {
        Self::default()
    }

    /// Enters a request. One that is asked again under the same id, as by a retry, is the same request: it
    /// counts once, and its trace has to show what either entry expects.
    pub fn ask(&mut self, request: Asked) {
        match self.places.get(&request.id) {
            Some(place) => self.asked[*place].ask_again(request),
            None => {
                self.places.insert(request.id.clone(), self.asked.len());
                self.asked.push(request);
            }
        }
    }

    /// Enters why `count` calls between two services were not linked, as the layers of these services
    /// counted it. What nobody enters is told from the capture, as far as it shows.
    pub fn note_cut(
        &mut self,
        from: impl Into<String>,
        to: impl Into<String>,
        why: Cut,
        count: u64,
    ) {
        self.cuts.push((from.into(), to.into(), why, count));
    }

    /// Enters how long a request took in a state. Take the states in turn, request by request: the nth
    /// request of each state is compared with the nth that was not traced.
    pub fn took(&mut self, load: Load, time: Duration) {
        self.times.push((load, time));
    }

    /// Enters what tracing a number of runs cost.
    pub fn cost(&mut self, cost: Cost) {
        self.costs.push(cost);
    }

    /// Enters how long a person needed to find a fault.
    pub fn drill(&mut self, drill: Drill) {
        self.drills.push(drill);
    }

    /// Enters what a program found in a trace whose fault is known.
    pub fn diagnosed(&mut self, diagnosis: Diagnosis) {
        self.diagnoses.push(diagnosis);
    }

    /// Returns the number of requests.
    pub fn len(&self) -> usize {
        self.asked.len()
    }

    /// Returns true if no request was entered.
    pub fn is_empty(&self) -> bool {
        self.asked.is_empty()
    }
}

/// A request, and what its trace has to show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    pub(super) id: String,
    pub(super) services: Vec<String>,
    pub(super) calls: Vec<(String, String)>,
    pub(super) fails: Option<Failure>,
}

impl Asked {
    /// Makes the entry of a request. Its runs carry `id` in their metadata, under
    /// [`REQUEST_ID`](super::REQUEST_ID).
    pub fn new(id: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            services: Vec::new(),
            calls: Vec::new(),
            fails: None,
        }
    }

    /// Expects a run of this service (metadata `service`).
    #[must_use]
    pub fn hop(mut self, service: impl Into<String>) -> Self {
        let service = service.into();
        if !self.services.contains(&service) {
            self.services.push(service);
        }
        self
    }

    /// Expects a call from one service to another, and runs of both. A service that calls itself is not
    /// seen to do so.
    #[must_use]
    pub fn call(mut self, from: impl Into<String>, to: impl Into<String>) -> Self {
        let (from, to) = (from.into(), to.into());
        self.calls.push((from.clone(), to.clone()));
        self.hop(from).hop(to)
    }

    /// Expects the request to fail, and its trace to tell of it.
    #[must_use]
    pub fn fails(mut self, failure: Failure) -> Self {
        self.services
            .extend((!self.services.contains(&failure.service)).then(|| failure.service.clone()));
        self.fails = Some(failure);
        self
    }

    fn ask_again(&mut self, request: Self) {
        for service in request.services {
            if !self.services.contains(&service) {
                self.services.push(service);
            }
        }
        self.calls.extend(request.calls);
        self.fails = request.fails.or(self.fails.take());
    }
}

/// An error scenario: what an operator has to be able to see of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    pub(super) scenario: String,
    pub(super) service: String,
    pub(super) class: Option<String>,
    pub(super) secret: Option<String>,
    pub(super) alerted: Option<bool>,
}

impl Failure {
    /// Makes a scenario, such as `timeout`, that is the fault of `service`.
    pub fn new(scenario: impl Into<String>, service: impl Into<String>) -> Self {
        Self {
            scenario: scenario.into(),
            service: service.into(),
            class: None,
            secret: None,
            alerted: None,
        }
    }

    /// Expects this class before the first `:` or `(` of the error; without it, any.
    #[must_use]
    pub fn class(mut self, class: impl Into<String>) -> Self {
        self.class = Some(class.into());
        self
    }

    /// Expects a masked word nowhere in the run's inputs; without it, that there are inputs.
    #[must_use]
    pub fn masked(mut self, secret: impl Into<String>) -> Self {
        self.secret = Some(secret.into());
        self
    }

    /// Tells whether the alert rule fired; without it, nobody has looked, and it does not count.
    #[must_use]
    pub fn alerted(mut self, fired: bool) -> Self {
        self.alerted = Some(fired);
        self
    }
}

/// Why the runs of a call are not below the run that made it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Cut {
    /// The caller sent no header.
    NotInjected,
    /// Something on the way removed it.
    Stripped,
    /// It arrived and could not be read: malformed, too long, or there twice.
    Malformed,
    /// It was valid, and the callee does not believe this caller.
    Untrusted,
    /// It was valid, and the callee begins a trace for every caller.
    Restarted,
    /// The sampler of one side dropped what the other kept.
    Sampled,
    /// The callee began a trace of its own, and nobody noted why.
    Unexplained,
    /// No run of the callee arrived.
    NotCaptured,
}

impl Cut {
    /// Returns the name in reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotInjected => "not_injected",
            Self::Stripped => "stripped",
            Self::Malformed => "malformed",
            Self::Untrusted => "untrusted",
            Self::Restarted => "restarted",
            Self::Sampled => "sampled",
            Self::Unexplained => "unexplained",
            Self::NotCaptured => "not_captured",
        }
    }
}

/// A state of the system while requests are timed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Load {
    /// Not traced: what the others are compared with.
    Off,
    /// Traced, and a backend that answers.
    On,
    /// A part of the requests traced.
    Sampled,
    /// Traced, and a backend that takes seconds to answer.
    SlowBackend,
    /// Traced, and no backend.
    DeadBackend,
}

impl Load {
    /// Returns the name in reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::On => "on",
            Self::Sampled => "sampled",
            Self::SlowBackend => "slow_backend",
            Self::DeadBackend => "dead_backend",
        }
    }
}

/// What tracing so many runs took; what was not measured stays `None`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Cost {
    /// Runs that were traced.
    pub runs: u64,
    /// Time of the processor.
    pub cpu: Option<Duration>,
    /// Bytes sent.
    pub bytes: Option<u64>,
    /// Most bytes that waited to be sent.
    pub peak_queue_bytes: Option<u64>,
}

/// A person finding a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Drill {
    /// What the person had to look at.
    pub means: Means,
    /// Time until the answer.
    pub took: Duration,
    /// Whether the answer was right.
    pub correct: bool,
}

/// What a fault is looked for with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Means {
    /// The logs of the services.
    Logs,
    /// The trace.
    Trace,
    /// The trace, and what `doctor` says of it.
    Doctor,
}

impl Means {
    /// Returns the name in reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Logs => "logs",
            Self::Trace => "trace",
            Self::Doctor => "doctor",
        }
    }
}

/// What a program found in one trace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnosis {
    /// The code of the fault that was put in; none for a sound trace.
    pub injected: Option<String>,
    /// The codes of what was found.
    pub found: Vec<String>,
}
