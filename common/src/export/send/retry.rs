//! What an answer means, and when to try again.
//!
//! | answer | meaning | what is done |
//! |---|---|---|
//! | 2xx | delivered | runs that the body names as failed are sent again, by themselves |
//! | 409 | the server has it | one run: delivered; several: halved, to tell which |
//! | 400, 422 | something of it is rejected | several runs: halved; a single one: dropped |
//! | 413 | too large | several runs: halved; a single one: attachments, outputs, inputs, then the rest are cut |
//! | 404 to `/runs/multipart` | no such path | sent to `/runs/batch`; if that works, so are later ones |
//! | 404 to feedback, to an update by itself | no such run yet | feedback: sent again a few times; then, with a spool, after what lies there; then dropped |
//! | 415 to a compressed body | cannot unpack | sent as it is, and so are later ones |
//! | 408, 425, 429, 499, 500, 502, 503, 504, 520 to 530 | not now | **held** |
//! | no connection, no answer in time, broken off; 407 of a proxy | out of reach | **held** |
//! | 401, 403 | the key is refused | **held**, until the server or the key changes |
//! | 404 to both paths, 3xx | not a LangSmith that takes runs | **held**; no redirect is followed |
//! | any other | rejected | dropped |
//!
//! *Held* means that nothing is wrong with the runs: they are kept and tried again, with one request at a
//! time to an endpoint that is believed to be away (`send/breaker.rs`), until the budget of
//! [`RetryPolicy`] is used up.

use std::time::{Duration, SystemTime};

use rand::RngExt as _;

use crate::export::endpoint::{HttpResponse, TransportError};
use crate::export::ledger::DropReason;

/// When and how long a request is tried again.
///
/// The waits double from [`base`](Self::base) up to [`cap`](Self::cap), each drawn evenly between
/// nothing and that ("full jitter"), so that many clients do not come back at once. What ends the trying
/// is time, not a count: a server that refuses quickly would use up a count within seconds.
#[derive(Debug, Clone, PartialEq)]
pub struct RetryPolicy {
    /// The longest first wait; 500 ms.
    pub base: Duration,
    /// The longest wait; 5 s.
    pub cap: Duration,
    /// How long a request is tried in all; 5 minutes. Meanwhile the queue fills up to its bounds. With no
    /// time at all nothing is tried again, and while the endpoint is believed to be away nothing is sent.
    pub budget: Duration,
}

/// A server that asks for a longer wait gets this one.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(60);

/// No setting waits longer than this, so that none can overflow the clock.
pub(in crate::export) const MAX_WAIT: Duration = Duration::from_secs(60 * 60);

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            base: Duration::from_millis(500),
            cap: Duration::from_secs(5),
            budget: Duration::from_secs(300),
        }
    }
}

impl RetryPolicy {
    /// Returns how long to wait before the attempt after `attempt` (0 is the first).
    ///
    /// A `Retry-After` is waited out in full, with the jitter of one base wait on top.
    pub fn wait(&self, attempt: u32, retry_after: Option<Duration>) -> Duration {
        let longest = match retry_after {
            Some(_) => self.base,
            None => self
                .base
                .saturating_mul(2_u32.saturating_pow(attempt))
                .min(self.cap),
        }
        .min(MAX_WAIT);
        let jitter = longest.mul_f64(rand::rng().random_range(0.0..=1.0));
        retry_after.unwrap_or_default() + jitter
    }
}

/// What to do after an exchange.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The server has the batch.
    Delivered,
    /// The server had it already, or some of it.
    Known,
    /// Send the same again, after this long at least.
    Retry(Option<Duration>),
    /// Nothing is accepted from us, whatever it is, until somebody mends what the reason says. Keep it,
    /// and try again now and then.
    Hold(DropReason),
    /// The path does not exist.
    NotFound,
    /// Sending the same again would not help.
    Drop(DropReason),
}

/// Tells what the outcome of an exchange means.
pub fn judge(outcome: &Result<HttpResponse, TransportError>) -> Verdict {
    let response = match outcome {
        Ok(response) => response,
        Err(_) => return Verdict::Retry(None),
    };
    match response.status {
        200..=299 => Verdict::Delivered,
        409 => Verdict::Known,
        // 499 and the 520s are said by what stands in front of the server.
        407 | 408 | 425 | 429 | 499 | 500 | 502 | 503 | 504 | 520..=530 => {
            let asked = response.retry_after.as_deref();
            Verdict::Retry(asked.and_then(|value| parse_retry_after(value, SystemTime::now())))
        }
        404 => Verdict::NotFound,
        300..=399 => Verdict::Hold(DropReason::Redirected),
        403 if names_workspace(&response.body) => Verdict::Hold(DropReason::WorkspaceNeeded),
        401 | 403 => Verdict::Hold(DropReason::KeyRefused),
        413 => Verdict::Drop(DropReason::TooLarge),
        _ => Verdict::Drop(DropReason::Rejected),
    }
}

/// Returns true if a 403 says that the key is good for several workspaces and none is named.
pub(crate) fn names_workspace(body: &[u8]) -> bool {
    String::from_utf8_lossy(body).contains("org_scoped_key_requires_workspace")
}

/// Reads a `Retry-After`: seconds, whole or not, or a date, whose past is now. Anything else is as if
/// it were not there.
fn parse_retry_after(value: &str, now: SystemTime) -> Option<Duration> {
    let value = value.trim();
    let Ok(seconds) = value.parse::<f64>() else {
        let date = httpdate::parse_http_date(value).ok()?;
        let wait = date.duration_since(now).unwrap_or_default();
        return Some(wait.min(MAX_RETRY_AFTER));
    };
    if !seconds.is_finite() || seconds < 0.0 {
        return None;
    }
    Some(Duration::from_secs_f64(
        seconds.min(MAX_RETRY_AFTER.as_secs_f64()),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_retry_after_is_read_and_capped_and_nonsense_is_ignored() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_792_567_680);
        let seconds = |text| parse_retry_after(text, now).map(|wait| wait.as_secs_f64());
        assert_eq!(seconds("1"), Some(1.0));
        assert_eq!(seconds(" 0.5 "), Some(0.5));
        assert_eq!(seconds("1e300"), Some(60.0));
        assert_eq!(seconds("Wed, 21 Oct 2026 07:28:20 GMT"), Some(20.0));
        assert_eq!(seconds("Wed, 21 Oct 2026 07:27:59 GMT"), Some(0.0));
        assert_eq!(seconds("Fri, 31 Dec 9999 23:59:59 GMT"), Some(60.0));
        for nonsense in ["", "-1", "NaN", "inf", "soon", "Wed, 21 Oct 2026"] {
            assert_eq!(seconds(nonsense), None, "{nonsense}");
        }
    }

    #[test]
    fn waits_stay_below_their_cap_and_above_what_the_server_asks() {
        let policy = RetryPolicy::default();
        for attempt in 0..100 {
            assert!(policy.wait(attempt, None) <= policy.cap);
            let asked = Duration::from_secs(7);
            let wait = policy.wait(attempt, Some(asked));
            assert!(wait >= asked && wait <= asked + policy.base);
        }
    }

    #[test]
    fn each_status_has_its_verdict() {
        let judge = |status| {
            judge(&Ok(HttpResponse {
                status,
                ..HttpResponse::default()
            }))
        };
        for status in [200, 201, 202, 204, 207] {
            assert_eq!(judge(status), Verdict::Delivered, "{status}");
        }
        assert_eq!(judge(409), Verdict::Known);
        for status in [407, 408, 425, 429, 499, 500, 502, 503, 504, 520, 525, 530] {
            assert_eq!(judge(status), Verdict::Retry(None), "{status}");
        }
        for (status, reason) in [
            (301, DropReason::Redirected),
            (307, DropReason::Redirected),
            (401, DropReason::KeyRefused),
            (403, DropReason::KeyRefused),
        ] {
            assert_eq!(judge(status), Verdict::Hold(reason), "{status}");
        }
        for (status, reason) in [
            (413, DropReason::TooLarge),
            (400, DropReason::Rejected),
            (422, DropReason::Rejected),
            (501, DropReason::Rejected),
            (505, DropReason::Rejected),
            (519, DropReason::Rejected),
            (531, DropReason::Rejected),
        ] {
            assert_eq!(judge(status), Verdict::Drop(reason), "{status}");
        }
        assert_eq!(judge(404), Verdict::NotFound);
        let no_workspace = HttpResponse {
            status: 403,
            body: r#"{"error":"org_scoped_key_requires_workspace"}"#.into(),
            ..HttpResponse::default()
        };
        let verdict = super::judge(&Ok(no_workspace));
        assert_eq!(verdict, Verdict::Hold(DropReason::WorkspaceNeeded));
        assert!(
            DropReason::WorkspaceNeeded
                .to_string()
                .contains("LANGSMITH_WORKSPACE_ID")
        );
    }
}
