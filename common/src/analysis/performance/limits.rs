//! From where on time counts as lost.

use chrono::TimeDelta;

/// Limits of the rules. Each default says why it is what it is.
#[derive(Debug, Clone, PartialEq)]
pub struct PerformanceLimits {
    /// Fewest siblings of a serialized fan-out. Default: 3, because two calls after each other are common
    /// and gain little.
    pub fan_out: usize,
    /// Least time that running at once would save. Default: 100 ms, below which a person notices nothing.
    pub saved: TimeDelta,
    /// The same as a part of the parent's latency. Default: 0.1; less does not pay for the code.
    pub saved_share: f64,
    /// Failed attempts at one call that are no storm yet. Default: 3, as often as the official SDKs try.
    pub attempts: usize,
    /// Least latency of a call whose first token is looked at. Default: 1 s, the time after which a person's
    /// thoughts wander off.
    pub streamed: TimeDelta,
    /// The part of a call after which its first token is late. Default: 0.8: a model that streams has said
    /// most of its answer by then, so something has gathered it.
    pub first_token_share: f64,
    /// Longest wait of a task in a queue. Default: 1 s, for the same reason as above.
    pub queued: TimeDelta,
    /// Calls with the same inputs and the same outputs from which on they are repeated. Default: 3: twice
    /// may be a check.
    pub repeats: usize,
}

impl Default for PerformanceLimits {
    fn default() -> Self {
        Self {
            fan_out: 3,
            saved: TimeDelta::milliseconds(100),
            saved_share: 0.1,
            attempts: 3,
            streamed: TimeDelta::seconds(1),
            first_token_share: 0.8,
            queued: TimeDelta::seconds(1),
            repeats: 3,
        }
    }
}

impl PerformanceLimits {
    /// Returns true if so many microseconds of a whole are worth a finding.
    pub(super) fn pays(&self, saved: i64, whole: i64) -> bool {
        saved >= self.saved.num_microseconds().unwrap_or(i64::MAX)
            && saved as f64 >= self.saved_share * whole as f64
    }
}
