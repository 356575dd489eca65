//! The `Retry-After` of an answer, and how long it makes us wait.

use std::time::Duration;

use common::export::{HttpResponse, RetryPolicy, Verdict, judge};

use crate::memory;

/// Nobody makes us wait longer for the next request.
const LONGEST: Duration = Duration::from_secs(60);

/// No setting makes us wait longer either.
const LONGEST_SETTING: Duration = Duration::from_secs(60 * 60);

/// Reads the data as a `Retry-After`. It is understood or ignored, and never waited for longer than a
/// minute; whole seconds mean what they say.
pub fn retry_after(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let answer = |status| {
        Ok(HttpResponse {
            status,
            retry_after: Some(text.to_owned()),
            ..HttpResponse::default()
        })
    };
    let verdict = memory::within(1024 + 2 * text.len(), "a Retry-After", || {
        judge(&answer(503))
    });
    let Verdict::Retry(asked) = verdict else {
        panic!("a header changed what a 503 means: {verdict:?}");
    };
    assert!(asked.is_none_or(|wait| wait <= LONGEST), "{asked:?}");
    if let Some(seconds) = whole_seconds(text.trim()) {
        assert_eq!(asked, Some(Duration::from_secs(seconds.min(60))));
    }
    for status in [200, 204, 307, 400, 401, 404, 413, 422] {
        let verdict = judge(&answer(status));
        assert!(
            !matches!(verdict, Verdict::Retry(_)),
            "{status}: {verdict:?}"
        );
    }

    let extreme = RetryPolicy {
        base: Duration::MAX,
        cap: Duration::MAX,
        budget: Duration::MAX,
    };
    for attempt in [0, 1, 31, 63, u32::MAX] {
        let policy = RetryPolicy::default();
        let wait = policy.wait(attempt, asked);
        assert!(wait >= asked.unwrap_or_default());
        assert!(wait <= asked.unwrap_or_default() + policy.cap.max(policy.base));
        assert!(extreme.wait(attempt, asked) <= LONGEST + LONGEST_SETTING);
    }
}

/// Reads digits the plain way.
fn whole_seconds(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().unwrap_or(u64::MAX))
}
