//! Everything that a receiver makes of two headers.

use serde_json::Value;

use super::member::{MemberReading, MemberVerdict, members};
use super::pasted::Pasted;
use super::recorded::{PeerReading, peers};
use crate::model::{Baggage, DottedOrder, Timestamp};
use crate::propagation::limits::{
    MAX_BAGGAGE_BYTES, MAX_BAGGAGE_MEMBERS, MAX_METADATA_KEYS, MAX_METADATA_VALUE_BYTES,
    MAX_PROJECT_BYTES, MAX_TAG_BYTES, MAX_TAGS, MAX_TRACE_BYTES, MAX_TRACE_SEGMENTS,
};
use crate::propagation::{LangSmithPropagator, Outcome, Propagator as _, TrustPolicy};

/// A level of the place that a trace header names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlaceReading {
    /// The run's id.
    pub id: String,
    /// When it started.
    pub start: Timestamp,
}

/// How much of a limit is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BudgetUse {
    /// What is limited.
    pub what: &'static str,
    /// How much there is.
    pub used: usize,
    /// How much is read.
    pub limit: usize,
}

impl BudgetUse {
    /// Returns true if there is more than is read.
    pub fn is_over(&self) -> bool {
        self.used > self.limit
    }
}

/// What a receiver makes of headers. Made by [`read`].
#[derive(Debug, Clone, PartialEq)]
pub struct HeaderReading {
    /// The values of `langsmith-trace`, one for each line.
    pub trace: Vec<String>,
    /// The values of `baggage`, one for each line.
    pub baggage: Vec<String>,
    /// How many other headers there were.
    pub others: usize,
    /// What became of the trace header.
    pub outcome: Outcome,
    /// The place that it names, root first; nothing unless it is continued.
    pub place: Vec<PlaceReading>,
    /// What children inherit; nothing unless the trace is continued.
    pub inherited: Option<Baggage>,
    /// The members of the baggage, 80 at most.
    pub members: Vec<MemberReading>,
    /// How many members there are.
    pub member_count: usize,
    /// How much of each limit is used.
    pub budget: Vec<BudgetUse>,
    /// What somebody should look at.
    pub warnings: Vec<String>,
    /// What the official SDKs made of these bytes, as far as it was recorded.
    pub peers: Vec<PeerReading>,
}

/// Reads pasted headers, 128 KiB at most: lines as they are, the output of `curl -v`, or arguments of `curl -H`.
///
/// ```
/// use common::playground::read;
/// use common::propagation::Outcome;
///
/// let reading = read(
///     "> langsmith-trace: 20260101T000000000000Z01990000-0000-7000-8000-00000000000a\n\
///      > baggage: langsmith-tags=t1, langsmith-project=proj",
/// );
/// assert_eq!(reading.outcome, Outcome::Continued);
/// assert_eq!(reading.inherited.and_then(|baggage| baggage.project), Some("proj".to_owned()));
/// // Python and JavaScript lose what is behind the blank: it was recorded.
/// assert!(reading.peers[0].lines[0].what.contains("project its own"));
/// ```
pub fn read(text: &str) -> HeaderReading {
    let pasted = Pasted::read(text);
    let propagator = LangSmithPropagator::new()
        .policy(TrustPolicy::Continue)
        .allow_any_project();
    let headers = pasted.headers();
    let extracted = propagator.extract(&headers);
    let (members, member_count) = members(&pasted.baggage);
    let order = extracted
        .context
        .as_ref()
        .map(|context| &context.dotted_order);
    let place = order.map_or_else(Vec::new, |order| {
        let segments = order.segments().into_iter();
        let place = segments.map(|segment| PlaceReading {
            id: segment.id.to_string(),
            start: segment.start,
        });
        place.collect()
    });
    let budget = budget(&pasted, member_count);
    let inherited = extracted
        .context
        .as_ref()
        .map(|context| (*context.baggage).clone());
    let warnings = warnings(&pasted, extracted.outcome, order, &members, &budget);
    HeaderReading {
        peers: peers(&pasted.trace, &pasted.baggage),
        trace: pasted.trace,
        baggage: pasted.baggage,
        others: pasted.others,
        outcome: extracted.outcome,
        place,
        inherited,
        members,
        member_count,
        budget,
        warnings,
    }
}

fn budget(pasted: &Pasted, members: usize) -> Vec<BudgetUse> {
    let mut budget = Vec::new();
    let mut add = |what, used, limit| budget.push(BudgetUse { what, used, limit });
    if let Some(trace) = pasted.trace.first() {
        add("bytes of langsmith-trace", trace.len(), MAX_TRACE_BYTES);
        let levels = trace.matches('.').count() + 1;
        add("levels of langsmith-trace", levels, MAX_TRACE_SEGMENTS);
    }
    if pasted.baggage.is_empty() {
        return budget;
    }
    let bytes: usize = pasted.baggage.iter().map(String::len).sum();
    let commas = pasted.baggage.len() - 1;
    add("bytes of baggage", bytes + commas, MAX_BAGGAGE_BYTES);
    add("members of baggage", members, MAX_BAGGAGE_MEMBERS);
    if let Some(Value::Object(metadata)) =
        last(pasted, "langsmith-metadata").and_then(|text| serde_json::from_str(&text).ok())
    {
        let longest = metadata.values().map(|value| match value {
            Value::String(text) => text.len(),
            other => other.to_string().len(),
        });
        add("keys of metadata", metadata.len(), MAX_METADATA_KEYS);
        let longest = longest.max().unwrap_or_default();
        add(
            "bytes of the longest value of metadata",
            longest,
            MAX_METADATA_VALUE_BYTES,
        );
    }
    if let Some(tags) = last(pasted, "langsmith-tags") {
        let tags = || tags.split(',').filter(|tag| !tag.is_empty());
        add("tags", tags().count(), MAX_TAGS);
        let longest = tags().map(str::len).max().unwrap_or_default();
        add("bytes of the longest tag", longest, MAX_TAG_BYTES);
    }
    if let Some(project) = last(pasted, "langsmith-project") {
        add("bytes of the project", project.len(), MAX_PROJECT_BYTES);
    }
    budget
}

/// Returns the last value of a member, without escapes and properties.
fn last(pasted: &Pasted, name: &str) -> Option<String> {
    let members = pasted.baggage.iter().flat_map(|line| line.split(','));
    let mut values = members.filter_map(|member| {
        let (key, value) = member.split(';').next()?.split_once('=')?;
        (key.trim() == name).then_some(value.trim())
    });
    let value = percent_encoding::percent_decode_str(values.next_back()?);
    Some(value.decode_utf8_lossy().into_owned())
}

fn warnings(
    pasted: &Pasted,
    outcome: Outcome,
    order: Option<&DottedOrder>,
    members: &[MemberReading],
    budget: &[BudgetUse],
) -> Vec<String> {
    let mut warnings = Vec::new();
    let mut warn = |words: String| warnings.push(words);
    match outcome {
        Outcome::Continued => {}
        Outcome::Absent => warn("there is no langsmith-trace: a new trace starts (absent)".to_owned()),
        Outcome::Ambiguous => warn(
            "langsmith-trace is there more than once: a new trace starts (ambiguous); look for a proxy that adds it twice"
                .to_owned(),
        ),
        Outcome::Oversize => warn(
            "langsmith-trace is too long: a new trace starts (oversize); look for a loop of calls".to_owned(),
        ),
        other => warn(format!("a new trace starts ({other}); the sender needs repair")),
    }
    if outcome != Outcome::Continued && !pasted.baggage.is_empty() {
        warn("without a parent nothing of the baggage is read".to_owned());
    }
    let starts = order.map_or_else(Vec::new, |order| order.segments());
    if starts.windows(2).any(|pair| pair[1].start < pair[0].start) {
        warn(
            "a run starts before the run above it: clocks differ, and LangSmith may refuse it"
                .to_owned(),
        );
    }
    for member in members {
        if let MemberVerdict::Ignored(reasons) | MemberVerdict::Partly(reasons) = &member.verdict {
            warn(format!("{}: {}", member.name, reasons.join(", ")));
        }
        let chooses = member.name == "langsmith-project" && member.verdict == MemberVerdict::Kept;
        if chooses {
            warn("langsmith-project counts only where the receiver allows it by name".to_owned());
        }
    }
    let over_budget = members
        .iter()
        .filter(|one| one.verdict == MemberVerdict::OverBudget);
    match over_budget.count() {
        0 => {}
        count => warn(format!(
            "{count} members past the budget are ignored (over_budget)"
        )),
    }
    for row in budget {
        if !row.is_over() && row.used * 10 > row.limit * 8 {
            warn(format!(
                "{}: {} of {} are used",
                row.what, row.used, row.limit
            ));
        }
    }
    warnings
}
