//! Headers → context.

use std::sync::Arc;

use super::{METADATA, OURS, PROJECT, ReadRules, TAGS, metadata};
use crate::model::{Baggage, DottedOrder, ParseDottedOrderError, RunContext};
use crate::propagation::baggage::{Budget, decode, members};
use crate::propagation::carrier::Extractor;
use crate::propagation::extracted::{Extracted, IgnoredEntries, Outcome};
use crate::propagation::limits::{
    MAX_PROJECT_BYTES, MAX_TAG_BYTES, MAX_TAGS, MAX_TRACE_BYTES, MAX_TRACE_SEGMENTS,
};
use crate::propagation::trust::TrustPolicy;
use crate::propagation::{BAGGAGE_HEADER, TRACE_HEADER};

pub(super) fn extract(
    rules: &ReadRules,
    policy: &TrustPolicy,
    carrier: &dyn Extractor,
) -> Extracted {
    let dotted_order = match read_trace(carrier) {
        Ok(dotted_order) => dotted_order,
        Err(outcome) => return Extracted::nothing(outcome),
    };
    if !policy.trusts(carrier) {
        return Extracted::nothing(Outcome::Untrusted {
            trace_id: dotted_order.trace_id(),
            run_id: dotted_order.run_id(),
        });
    }
    let mut ignored = IgnoredEntries::default();
    let baggage = read_baggage(rules, carrier, &mut ignored);
    Extracted {
        context: Some(RunContext {
            dotted_order,
            baggage,
        }),
        outcome: Outcome::Continued,
        ignored,
    }
}

/// Reads the trace header. Everything that costs less than parsing is checked first.
fn read_trace(carrier: &dyn Extractor) -> Result<DottedOrder, Outcome> {
    let mut lines = 0_usize;
    let mut found: Option<&[u8]> = None;
    carrier.values(TRACE_HEADER, &mut |value| {
        lines += 1;
        if !value.trim_ascii().is_empty() {
            found = Some(value);
        }
    });
    let value = found.ok_or(Outcome::Absent)?;
    if lines > 1 {
        return Err(Outcome::Ambiguous);
    }
    if value.len() > MAX_TRACE_BYTES {
        return Err(Outcome::Oversize);
    }
    let value = value.trim_ascii();
    // Nearly always it is an order, and then it is nothing else.
    match std::str::from_utf8(value).map(str::parse::<DottedOrder>) {
        Ok(Ok(order)) if order.depth() < MAX_TRACE_SEGMENTS => Ok(order),
        read => Err(why_not(value, read.ok().and_then(Result::err))),
    }
}

/// Says why a value is no order that is continued.
fn why_not(value: &[u8], error: Option<ParseDottedOrderError>) -> Outcome {
    let dots = || value.iter().filter(|byte| **byte == b'.').count();
    if !value.is_ascii() {
        Outcome::Malformed(ParseDottedOrderError::NotAscii)
    } else if value.contains(&b',') {
        Outcome::Ambiguous
    } else if dots() >= MAX_TRACE_SEGMENTS {
        Outcome::Oversize
    } else {
        Outcome::Malformed(error.unwrap_or(ParseDottedOrderError::NotAscii))
    }
}

fn read_baggage(
    rules: &ReadRules,
    carrier: &dyn Extractor,
    ignored: &mut IgnoredEntries,
) -> Baggage {
    let (mut metadata, mut tags, mut project) = (None, None, None);
    let mut budget = Budget::new();
    carrier.values(BAGGAGE_HEADER, &mut |line| {
        for (bytes, member) in members(line) {
            let affordable = budget.take_bytes(bytes);
            let Some(member) = member else { continue };
            if !affordable || !budget.take_member() {
                ignored.over_budget += 1;
                continue;
            }
            let Some(value) = member.value else {
                ignored.bad_member += 1;
                continue;
            };
            // Of members with one name the last counts, as in both SDKs.
            if member.key == METADATA.as_bytes() {
                metadata = Some(value);
            } else if member.key == TAGS.as_bytes() {
                tags = Some(value);
            } else if member.key == PROJECT.as_bytes() {
                project = Some(value);
            } else if member.key.starts_with(OURS.as_bytes()) {
                ignored.never_read += 1;
            }
        }
    });
    let mut baggage = Baggage::default();
    let mut unescaped = Vec::new();
    if let Some(value) = metadata {
        match decode(value, &mut unescaped) {
            Some(text) => {
                let metadata = metadata::read(text, &rules.metadata, ignored);
                if !metadata.is_empty() {
                    baggage.metadata = Arc::new(metadata);
                }
            }
            None => ignored.bad_member += 1,
        }
    }
    if let Some(value) = tags {
        match decode(value, &mut unescaped) {
            Some(text) => baggage.tags = read_tags(text, ignored),
            None => ignored.bad_member += 1,
        }
    }
    if let Some(value) = project {
        match decode(value, &mut unescaped) {
            Some(text) => baggage.project = read_project(text, rules, ignored),
            None => ignored.bad_member += 1,
        }
    }
    baggage
}

fn read_tags(text: &str, ignored: &mut IgnoredEntries) -> Vec<String> {
    let mut tags: Vec<String> = Vec::new();
    for tag in text.split(',').filter(|tag| !tag.is_empty()) {
        if tags.len() == MAX_TAGS || tag.len() > MAX_TAG_BYTES {
            ignored.tag_limit += 1;
        } else if !tags.iter().any(|known| known == tag) {
            tags.push(tag.to_owned());
        }
    }
    tags
}

fn read_project(text: &str, rules: &ReadRules, ignored: &mut IgnoredEntries) -> Option<String> {
    if text.is_empty() {
        None
    } else if text.len() > MAX_PROJECT_BYTES || text.chars().any(char::is_control) {
        ignored.bad_project += 1;
        None
    } else if !rules.projects.allows(text) {
        ignored.project_not_allowed += 1;
        None
    } else {
        Some(text.to_owned())
    }
}
