//! What is done to a request, and to which.

use std::time::Duration;

/// Most bytes that a value is padded to: more than any server takes.
pub(super) const PADDED: usize = 1 << 20;

/// At which point a connection is reset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChaosReset {
    /// In the middle of the request: the service gets half of the body, or half of the head if there is none.
    InRequest,
    /// When the service has answered and the caller has heard nothing: what was asked for is done, and the caller
    /// cannot know.
    BeforeAnswer,
    /// In the middle of the answer: the caller gets half of the body, or half of the head if there is none.
    InAnswer,
}

/// Something that happens to requests: to all of them, unless it is limited.
///
/// ```
/// use std::time::Duration;
/// use common::chaos::ChaosSwitch;
///
/// let strip = ChaosSwitch::strip("baggage").on("/retrieve").percent(20);
/// let twice = ChaosSwitch::status(503).and(ChaosSwitch::delay(Duration::from_millis(200))).times(2);
/// assert_eq!(strip.to_string(), "strip=baggage:/retrieve:20%");
/// assert_eq!("status=503+delay=200ms:2x".parse(), Ok(twice));
/// ```
///
/// Names of headers are compared without regard to case. What a request does not have is not changed, and what is
/// not changed is not in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "a switch does nothing until a `Chaos` is given it"]
pub struct ChaosSwitch {
    pub(super) effects: Vec<Effect>,
    pub(super) route: Option<String>,
    pub(super) percent: u8,
    pub(super) times: Option<u64>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Effect {
    Strip(String),
    Duplicate(String),
    Fold(String),
    Recase(String),
    Truncate(String, usize),
    Reorder(Option<String>),
    Blanks(String),
    Property(String, String),
    Replace(String, String),
    Pad(String, usize),
    Limit(usize),
    Delay(Duration),
    Reset(ChaosReset),
    Status(u16),
    Trickle(Duration),
}

impl ChaosSwitch {
    pub(super) fn new(effect: Effect) -> Self {
        Self {
            effects: vec![effect],
            route: None,
            percent: 100,
            times: None,
        }
    }

    /// Does nothing: a pause in a script.
    pub fn calm() -> Self {
        Self {
            effects: Vec::new(),
            route: None,
            percent: 100,
            times: None,
        }
    }

    /// Removes a header, as a gateway does that passes on only what it knows.
    pub fn strip(header: impl Into<String>) -> Self {
        Self::new(Effect::Strip(header.into()))
    }

    /// Sends a header's line twice, as two gateways do that both copy it.
    pub fn duplicate(header: impl Into<String>) -> Self {
        Self::new(Effect::Duplicate(header.into()))
    }

    /// Joins the value with itself by a comma, as a server does that folds two lines of a header into one.
    pub fn fold(header: impl Into<String>) -> Self {
        Self::new(Effect::Fold(header.into()))
    }

    /// Writes a header's name in capitals, which is the same name.
    pub fn recase(header: impl Into<String>) -> Self {
        Self::new(Effect::Recase(header.into()))
    }

    /// Cuts a header's value to so many bytes, as a gateway with a short buffer does.
    pub fn truncate(header: impl Into<String>, bytes: usize) -> Self {
        Self::new(Effect::Truncate(header.into(), bytes))
    }

    /// Turns the order of the header lines round, which means nothing to HTTP.
    pub fn reorder() -> Self {
        Self::new(Effect::Reorder(None))
    }

    /// Turns the order of a header's members round, where commas part them.
    pub fn reorder_members(header: impl Into<String>) -> Self {
        Self::new(Effect::Reorder(Some(header.into())))
    }

    /// Puts blanks around a header's value and after each comma in it, as the standards allow.
    pub fn blanks(header: impl Into<String>) -> Self {
        Self::new(Effect::Blanks(header.into()))
    }

    /// Gives each member of a header a property, such as `ttl=3`, as W3C Baggage allows.
    pub fn property(header: impl Into<String>, property: impl Into<String>) -> Self {
        Self::new(Effect::Property(header.into(), property.into()))
    }

    /// Puts another value in the place of all that is there, as a gateway does that traces by itself.
    pub fn replace(header: impl Into<String>, value: impl Into<String>) -> Self {
        Self::new(Effect::Replace(header.into(), value.into()))
    }

    /// Makes a header's value at least so many bytes long: `baggage` by a member of somebody else in front, any other
    /// by letters at its end. More than 1 MiB is taken as 1 MiB, which no server takes either.
    pub fn pad(header: impl Into<String>, bytes: usize) -> Self {
        Self::new(Effect::Pad(header.into(), bytes.min(PADDED)))
    }

    /// Answers 431 to requests in which the line of a header has more than so many bytes, as nginx does beyond 8 KiB.
    pub fn limit(bytes: usize) -> Self {
        Self::new(Effect::Limit(bytes))
    }

    /// Holds a request back for so long before the service gets it.
    pub fn delay(by: Duration) -> Self {
        Self::new(Effect::Delay(by))
    }

    /// Resets the caller's connection in the middle of the answer.
    pub fn reset() -> Self {
        Self::reset_at(ChaosReset::InAnswer)
    }

    /// Resets the caller's connection at a point of your choice.
    pub fn reset_at(at: ChaosReset) -> Self {
        Self::new(Effect::Reset(at))
    }

    /// Answers with a status from 400 to 599, such as 431, 500 or 503; the service never hears of the request.
    /// Any other status counts as 500.
    pub fn status(status: u16) -> Self {
        let fits = (400..600).contains(&status);
        Self::new(Effect::Status(if fits { status } else { 500 }))
    }

    /// Lets the answer's body come byte by byte, with such a pause before each.
    pub fn trickle(pause: Duration) -> Self {
        Self::new(Effect::Trickle(pause))
    }

    /// Does what another switch does as well, to the same requests; the limits of the other do not count.
    pub fn and(mut self, other: Self) -> Self {
        self.effects.extend(other.effects);
        self
    }

    /// Limits the switch to one path: `/retrieve`, or `/runs/*` for whatever begins so.
    pub fn on(mut self, path: impl Into<String>) -> Self {
        self.route = Some(path.into());
        self
    }

    /// Limits the switch to such a share of the fitting requests, 100 at most; which ones the seed says.
    pub fn percent(mut self, percent: u8) -> Self {
        self.percent = percent.min(100);
        self
    }

    /// Limits the switch to so many requests. In a script it is one, unless this says otherwise.
    pub fn times(mut self, times: u64) -> Self {
        self.times = Some(times);
        self
    }

    pub(super) fn fits(&self, path: &str) -> bool {
        match self.route.as_deref() {
            None => true,
            Some(route) => match route.strip_suffix('*') {
                Some(beginning) => path.starts_with(beginning),
                None => path == route,
            },
        }
    }
}
