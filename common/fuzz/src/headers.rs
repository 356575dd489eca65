//! The headers of a request, under each policy of trust.

use std::borrow::Cow;

use common::propagation::{Extracted, Extractor, LangSmithPropagator, Outcome, TrustPolicy};

use crate::extracted::{self, PROJECTS};
use crate::memory;

/// The goal for one header; a request has two.
const MOST_BYTES: usize = 2 * 16 * 1024;

/// Header lines as they arrive: any bytes under any name.
struct Lines<'a>(Vec<(Cow<'a, str>, &'a [u8])>);

impl<'a> Lines<'a> {
    /// Takes each line of the data as `name: value`.
    fn read(data: &'a [u8]) -> Self {
        let line = |line: &'a [u8]| {
            let at = line.iter().position(|byte| *byte == b':')?;
            let name = String::from_utf8_lossy(line[..at].trim_ascii());
            Some((name, line[at + 1..].trim_ascii()))
        };
        Self(data.split(|byte| *byte == b'\n').filter_map(line).collect())
    }
}

impl Extractor for Lines<'_> {
    fn values<'a>(&'a self, name: &str, visit: &mut dyn FnMut(&'a [u8])) {
        for (key, value) in &self.0 {
            if key.eq_ignore_ascii_case(name) {
                visit(value);
            }
        }
    }
}

/// Reads the headers under each policy. Nobody is trusted who should not be, both headers together
/// take at most 32 KiB, and what comes out of them is within the limits.
pub fn headers(data: &[u8]) {
    let lines = Lines::read(data);
    let reader = LangSmithPropagator::new().allow_projects(PROJECTS);
    let under = |policy: TrustPolicy| -> Extracted {
        memory::within(MOST_BYTES, "reading headers", || {
            reader.extract_under(&policy, &lines)
        })
    };

    let ignored = under(TrustPolicy::Ignore);
    assert_eq!(ignored.outcome, Outcome::NotRead);
    let restarted = under(TrustPolicy::Restart);
    let continued = under(TrustPolicy::Continue);
    let vouched = |headers: &dyn Extractor| headers.first("x-from-gateway") == Some("yes");
    let trusted = under(TrustPolicy::trust_if(vouched));

    assert!(ignored.context.is_none() && restarted.context.is_none());
    assert!(!matches!(restarted.outcome, Outcome::Continued));
    assert_eq!(
        matches!(restarted.outcome, Outcome::Untrusted { .. }),
        matches!(continued.outcome, Outcome::Continued),
        "the policy decides on a valid header only"
    );
    let expected = if vouched(&lines) {
        &continued
    } else {
        &restarted
    };
    assert_eq!(&trusted, expected, "a predicate is one policy or the other");
    let counters = reader.counters();
    assert_eq!(counters.continued, continued_of(&[&continued, &trusted]));

    for extracted in [&ignored, &restarted, &continued, &trusted] {
        extracted::check(extracted);
    }
    extracted::check_passing_on(&continued);
}

fn continued_of(all: &[&Extracted]) -> u64 {
    all.iter()
        .filter(|one| one.context.is_some())
        .map(|_| 1)
        .sum()
}
