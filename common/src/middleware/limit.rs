//! How often a peer may continue a trace.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use http::request::Parts;

/// Peers that are remembered at once. A new one beyond that continues nothing until an old one is idle.
const MAX_PEERS: usize = 10_000;

/// How often idle peers are looked for, at most.
const SWEEP_INTERVAL: Duration = Duration::from_secs(1);

/// A bound on how often each peer may continue a trace; past it, its requests start traces of their own.
///
/// A trusted peer that goes wrong can otherwise hang a million runs below one trace, which LangSmith
/// then shows nobody: it keeps 25,000 runs of a trace. The bound is a token bucket for each peer.
///
/// ```
/// use std::net::SocketAddr;
/// use axum::extract::ConnectInfo;
/// use common::middleware::ContinueLimit;
///
/// let limit = ContinueLimit::per_second(100, |request| {
///     let peer = request.extensions.get::<ConnectInfo<SocketAddr>>()?;
///     Some(peer.0.ip().to_string())
/// });
/// # let _ = limit;
/// ```
///
/// Take the peer from what the server knows, such as the socket's address or a certificate; never from
/// a header like `X-Forwarded-For` that the peer writes itself.
#[derive(Clone)]
pub struct ContinueLimit {
    shared: Arc<Shared>,
}

type Peer = dyn Fn(&Parts) -> Option<String> + Send + Sync;

struct Shared {
    burst: u32,
    // The time after which one more is allowed.
    interval: Duration,
    peer: Box<Peer>,
    begun: Instant,
    peers: Mutex<Peers>,
    limited: AtomicU64,
}

#[derive(Debug, Default)]
struct Peers {
    // When each peer's bucket is full again, since the limit was made.
    full_at: HashMap<String, Duration>,
    // When those with a full bucket were last forgotten.
    swept: Duration,
}

impl ContinueLimit {
    /// Allows each peer `rate` continued traces a second, and as many at once. Requests for which `peer`
    /// knows nobody share one bucket. A rate of 0 allows none.
    pub fn per_second(
        rate: u32,
        peer: impl Fn(&Parts) -> Option<String> + Send + Sync + 'static,
    ) -> Self {
        Self {
            shared: Arc::new(Shared {
                burst: rate,
                interval: Duration::from_secs(1) / rate.max(1),
                peer: Box::new(peer),
                begun: Instant::now(),
                peers: Mutex::default(),
                limited: AtomicU64::new(0),
            }),
        }
    }

    /// Returns how often a peer was past the bound.
    pub fn limited(&self) -> u64 {
        self.shared.limited.load(Ordering::Relaxed)
    }

    /// Takes a token of the request's peer; false if there is none left.
    pub(super) fn take(&self, request: &Parts) -> bool {
        let peer = (self.shared.peer)(request).unwrap_or_default();
        let allowed = self.shared.take(peer, self.shared.begun.elapsed());
        if !allowed && self.shared.limited.fetch_add(1, Ordering::Relaxed) == 0 {
            tracing::warn!(
                "a peer continues more traces than it may, so its requests start traces of their own \
                 for a while (logged once, counted as `limited`)"
            );
        }
        allowed
    }
}

impl Shared {
    fn take(&self, peer: String, now: Duration) -> bool {
        let mut peers = self.peers.lock().unwrap_or_else(PoisonError::into_inner);
        if peers.full_at.len() >= MAX_PEERS && !peers.full_at.contains_key(&peer) {
            // Looking at all of them for each newcomer would make a flood of peers expensive.
            if now.saturating_sub(peers.swept) < SWEEP_INTERVAL {
                return false;
            }
            peers.swept = now;
            peers.full_at.retain(|_, full_at| *full_at > now);
            if peers.full_at.len() >= MAX_PEERS {
                return false;
            }
        }
        let full = peers.full_at.entry(peer).or_default();
        let after = (*full).max(now) + self.interval;
        let allowed = after - now <= self.interval * self.burst;
        if allowed {
            *full = after;
        }
        allowed
    }
}

impl fmt::Debug for ContinueLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ContinueLimit")
            .field("per_second", &self.shared.burst)
            .field("limited", &self.limited())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limit(rate: u32) -> ContinueLimit {
        ContinueLimit::per_second(rate, |_| None)
    }

    fn taken(limit: &ContinueLimit, peer: &str, at: Duration, tries: u32) -> u32 {
        let take = |_: &u32| limit.shared.take(peer.to_owned(), at);
        u32::try_from((0..tries).filter(take).count()).unwrap_or(u32::MAX)
    }

    #[test]
    fn each_peer_has_its_own_tokens_and_they_come_back_with_time() {
        let limit = limit(10);
        let at = Duration::from_millis;
        assert_eq!(taken(&limit, "a", at(0), 100), 10);
        assert_eq!(taken(&limit, "b", at(0), 100), 10);
        assert_eq!(taken(&limit, "a", at(250), 100), 2);
        assert_eq!(
            taken(&limit, "a", at(60_000), 100),
            10,
            "no more than a bucket full"
        );
    }

    #[test]
    fn a_rate_of_nothing_allows_nothing() {
        assert_eq!(taken(&limit(0), "a", Duration::from_secs(9), 5), 0);
    }

    #[test]
    fn a_flood_of_peers_takes_bounded_memory() {
        let limit = limit(1);
        let now = Duration::from_secs(5);
        for n in 0..2 * MAX_PEERS {
            limit.shared.take(n.to_string(), now);
        }
        assert!(!limit.shared.take("new".to_owned(), now));
        assert_eq!(
            limit
                .shared
                .peers
                .lock()
                .map(|peers| peers.full_at.len())
                .ok(),
            Some(MAX_PEERS)
        );
        assert!(
            limit.shared.take("new".to_owned(), 2 * now),
            "idle peers make room"
        );
    }
}
