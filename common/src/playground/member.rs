//! The members of a baggage, one by one.

use std::fmt;

use crate::propagation::limits::{MAX_BAGGAGE_BYTES, MAX_BAGGAGE_MEMBERS};
use crate::propagation::{LangSmithPropagator, Propagator as _, TrustPolicy};

/// A trace header that is always right, to ask what becomes of one member alone.
const PROBE: &str = "20260101T000000000000Z01990000-0000-7000-8000-000000000001";
/// Most members that are shown, and the longest value of one, in characters.
const SHOWN: usize = 80;
const LONGEST: usize = 400;

/// What becomes of a member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MemberVerdict {
    /// It is read.
    Kept,
    /// It is read, but for entries that are ignored, by the names of the counters.
    Partly(Vec<&'static str>),
    /// It is ignored, by the names of the counters.
    Ignored(Vec<&'static str>),
    /// It is ours and says nothing, as an empty project does.
    Empty,
    /// It is of somebody else, and is left alone.
    Foreign,
    /// A later member of the same name takes its place.
    Overridden,
    /// It is past the limit of bytes or members.
    OverBudget,
}

impl fmt::Display for MemberVerdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kept => f.write_str("kept"),
            Self::Partly(reasons) => write!(f, "kept in part: {}", reasons.join(", ")),
            Self::Ignored(reasons) => write!(f, "ignored: {}", reasons.join(", ")),
            Self::Empty => f.write_str("says nothing"),
            Self::Foreign => f.write_str("of somebody else"),
            Self::Overridden => f.write_str("overridden by a later one"),
            Self::OverBudget => f.write_str("ignored: over_budget"),
        }
    }
}

/// A member of a baggage, and what becomes of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberReading {
    /// The name.
    pub name: String,
    /// The value without escapes and properties, cut to 400 characters; none if there is no `=`.
    pub value: Option<String>,
    /// Bytes that it takes of the header.
    pub bytes: usize,
    /// What becomes of it.
    pub verdict: MemberVerdict,
}

/// Reads the members of all lines. Returns those that are shown, and how many there are.
pub(super) fn members(lines: &[String]) -> (Vec<MemberReading>, usize) {
    let parts = lines.iter().flat_map(|line| line.split(','));
    // The first part has no comma before it.
    let (mut left, mut count) = (MAX_BAGGAGE_BYTES + 1, 0_usize);
    let mut read: Vec<MemberReading> = Vec::new();
    for part in parts {
        let after = left.checked_sub(part.len() + 1);
        left = after.unwrap_or_default();
        let raw = part.trim();
        if raw.is_empty() {
            continue;
        }
        count += 1;
        if count > SHOWN {
            continue;
        }
        let own = raw.split(';').next().unwrap_or_default();
        let (name, value) = match own.split_once('=') {
            Some((name, value)) => (name.trim(), Some(value.trim())),
            None => (own, None),
        };
        let verdict = match after.is_some() && count <= MAX_BAGGAGE_MEMBERS {
            true => verdict(name, raw),
            false => MemberVerdict::OverBudget,
        };
        let is_ours = |verdict: &MemberVerdict| {
            !matches!(verdict, MemberVerdict::OverBudget | MemberVerdict::Foreign)
        };
        if value.is_some() && is_ours(&verdict) {
            let earlier = read
                .iter_mut()
                .filter(|one| one.name == name && one.value.is_some());
            for one in earlier.filter(|one| is_read(&one.name) && is_ours(&one.verdict)) {
                one.verdict = MemberVerdict::Overridden;
            }
        }
        read.push(MemberReading {
            name: cut(name),
            value: value.map(|value| {
                let bytes = percent_encoding::percent_decode_str(value);
                cut(&bytes.decode_utf8_lossy())
            }),
            bytes: part.len(),
            verdict,
        });
    }
    (read, count)
}

fn is_read(name: &str) -> bool {
    matches!(
        name,
        "langsmith-metadata" | "langsmith-tags" | "langsmith-project"
    )
}

/// Asks the propagator what it makes of one member.
fn verdict(name: &str, raw: &str) -> MemberVerdict {
    let propagator = LangSmithPropagator::new()
        .policy(TrustPolicy::Continue)
        .allow_any_project();
    let carrier = [("langsmith-trace", PROBE), ("baggage", raw)];
    let extracted = propagator.extract(&carrier);
    let reasons = extracted.ignored().by_reason();
    let reasons: Vec<&str> = reasons
        .into_iter()
        .filter(|(_, count)| *count > 0)
        .map(|(reason, _)| reason)
        .collect();
    let keeps = extracted
        .context
        .is_some_and(|context| !context.baggage.is_empty());
    match (keeps, reasons.is_empty()) {
        (true, true) => MemberVerdict::Kept,
        (true, false) => MemberVerdict::Partly(reasons),
        (false, false) => MemberVerdict::Ignored(reasons),
        (false, true) if is_read(name) => MemberVerdict::Empty,
        (false, true) => MemberVerdict::Foreign,
    }
}

fn cut(text: &str) -> String {
    text.chars().take(LONGEST).collect()
}
