//! How long what is held has been waiting.

use std::time::Duration;

use tokio::time::Instant;

/// Watches whether operations move on.
///
/// It looks at one moment at a time: when everything that was accepted up to then is settled, it goes on
/// to the present one. So in a healthy exporter the figure is no more than a round trip, and while nothing
/// is settled it grows with the clock; no time is kept for each operation.
#[derive(Debug, Default)]
pub(super) struct Stall(Option<(u64, Instant)>);

impl Stall {
    /// Notes what has been accepted and settled so far.
    pub(super) fn note(&mut self, accepted: u64, settled: u64) {
        match self.0 {
            Some((target, _)) if settled < target => {}
            _ if settled >= accepted => self.0 = None,
            _ => self.0 = Some((accepted, Instant::now())),
        }
    }

    /// Returns how long that has been.
    pub(super) fn lasts(&self) -> Duration {
        self.0.map_or(Duration::ZERO, |(_, since)| since.elapsed())
    }
}
