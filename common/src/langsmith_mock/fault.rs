//! Failures on order: what the real service and the network in front of it do on a bad day.

use std::time::Duration;

use http::StatusCode;

use super::request::MockResponse;
use super::route::Route;

/// What happens to a connection instead of an orderly answer. Needs the axum mount.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConnectionFault {
    /// The connection is closed without an answer.
    CutBeforeAnswer,
    /// The connection is closed after half of the answer's body.
    CutInAnswer,
    /// The answer's body comes byte by byte, with this pause between two bytes.
    Trickle(Duration),
}

/// A failure that the next fitting requests meet.
///
/// ```
/// use common::langsmith_mock::{Fault, Route};
///
/// let twice = Fault::status(503).on(Route::Multipart).times(2).retry_after("1");
/// let flaky = Fault::status(500).percent(20);
/// # let _ = (twice, flaky);
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Fault {
    route: Option<Route>,
    left: Option<u32>,
    percent: u8,
    // Grows by `percent` at each fitting request; at 100 the fault happens. So `percent` is exact
    // and the same at each execution, where dice would not be.
    charge: u8,
    after_ingest: bool,
    effect: Effect,
}

#[derive(Debug, Clone, PartialEq)]
enum Effect {
    Status {
        status: u16,
        retry_after: Option<String>,
    },
    Delay(Duration),
    Connection(ConnectionFault),
}

impl Fault {
    fn new(effect: Effect) -> Self {
        Self {
            route: None,
            left: None,
            percent: 100,
            charge: 0,
            after_ingest: false,
            effect,
        }
    }

    /// Answers with a status, and does not look at the request.
    pub fn status(status: u16) -> Self {
        Self::new(Effect::Status {
            status,
            retry_after: None,
        })
    }

    /// Answers as usual, but late.
    pub fn delay(delay: Duration) -> Self {
        Self::new(Effect::Delay(delay))
    }

    /// Cuts or trickles the connection; on the wiremock mount the answer is 500.
    ///
    /// The request itself is processed, as when an answer is lost on its way.
    pub fn connection(fault: ConnectionFault) -> Self {
        let mut this = Self::new(Effect::Connection(fault));
        this.after_ingest = true;
        this
    }

    /// Limits the fault to one route.
    #[must_use]
    pub fn on(mut self, route: Route) -> Self {
        self.route = Some(route);
        self
    }

    /// Limits the fault to the next `times` fitting requests.
    #[must_use]
    pub fn times(mut self, times: u32) -> Self {
        self.left = Some(times);
        self
    }

    /// Limits the fault to this share of the fitting requests, evenly spread; 100 at most.
    #[must_use]
    pub fn percent(mut self, percent: u8) -> Self {
        self.percent = percent.min(100);
        self
    }

    /// Adds a `Retry-After` header to a status: seconds, or an HTTP date.
    #[must_use]
    pub fn retry_after(mut self, value: impl Into<String>) -> Self {
        if let Effect::Status { retry_after, .. } = &mut self.effect {
            *retry_after = Some(value.into());
        }
        self
    }

    /// Processes the request before failing: the runs are stored, and the client cannot know.
    #[must_use]
    pub fn after_ingest(mut self) -> Self {
        self.after_ingest = true;
        self
    }
}

/// The faults in force.
#[derive(Debug, Default)]
pub(super) struct FaultPlan(Vec<Fault>);

/// A fault that has been met.
#[derive(Debug)]
pub(super) struct Met {
    effect: Effect,
    after_ingest: bool,
}

impl FaultPlan {
    pub(super) fn add(&mut self, fault: Fault) {
        self.0.push(fault);
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// Takes the first fault that a request to `route` meets.
    pub(super) fn meet(&mut self, route: Route) -> Option<Met> {
        for fault in &mut self.0 {
            if fault.route.is_some_and(|on| on != route) || fault.left == Some(0) {
                continue;
            }
            fault.charge += fault.percent;
            if fault.charge < 100 {
                continue;
            }
            fault.charge -= 100;
            if let Some(left) = &mut fault.left {
                *left -= 1;
            }
            return Some(Met {
                effect: fault.effect.clone(),
                after_ingest: fault.after_ingest,
            });
        }
        None
    }
}

impl Met {
    /// Returns true if the request is to be processed all the same.
    pub(super) fn processes(&self) -> bool {
        self.after_ingest || matches!(self.effect, Effect::Delay(_))
    }

    /// Changes the answer to what the fault makes of it.
    pub(super) fn spoil(self, mut answer: MockResponse) -> MockResponse {
        match self.effect {
            Effect::Status {
                status,
                retry_after,
            } => {
                let status =
                    StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
                let mut failure = MockResponse::detail(status, "a fault on order");
                failure
                    .headers
                    .extend(retry_after.map(|value| ("retry-after", value)));
                failure
            }
            Effect::Delay(delay) => {
                answer.delay = Some(delay);
                answer
            }
            Effect::Connection(fault) => {
                answer.connection = Some(fault);
                answer
            }
        }
    }
}
