//! Context → headers.

use std::io;

use percent_encoding::percent_encode;

use super::{METADATA, OURS, PROJECT, TAGS};
use crate::model::{Baggage, RunContext};
use crate::propagation::baggage::{Budget, ESCAPED, members};
use crate::propagation::carrier::Injector;
use crate::propagation::limits::{MAX_BAGGAGE_BYTES, MAX_TRACE_BYTES, MAX_TRACE_SEGMENTS};
use crate::propagation::{BAGGAGE_HEADER, TRACE_HEADER};

/// Writes both headers; returns how many members of ours the baggage had no room for.
///
/// Of a place that nobody would read, neither is written, an old header of ours goes away, and the
/// answer is none: proxies refuse a whole request for one long header.
pub(super) fn inject(context: &RunContext, carrier: &mut dyn Injector) -> Option<u64> {
    let order = &context.dotted_order;
    if order.as_str().len() > MAX_TRACE_BYTES || order.depth() >= MAX_TRACE_SEGMENTS {
        strip(carrier);
        return None;
    }
    carrier.set(TRACE_HEADER, order.as_str().to_owned());
    Some(write_baggage(&context.baggage, carrier))
}

/// Takes both headers out, and leaves the members of others.
pub(super) fn strip(carrier: &mut dyn Injector) {
    carrier.remove(TRACE_HEADER);
    write_baggage(&Baggage::default(), carrier);
}

fn write_baggage(baggage: &Baggage, carrier: &mut dyn Injector) -> u64 {
    let (merged, left_out) = merge(baggage, carrier);
    match merged {
        Some(text) if text.is_empty() => carrier.remove(BAGGAGE_HEADER),
        Some(text) => carrier.set(BAGGAGE_HEADER, text),
        None => {}
    }
    left_out
}

/// Returns the members of others, in their order, and ours behind them; none if there is nothing to
/// change.
///
/// What others put there is never dropped, not even past the budget: it is their header. Of ours the
/// metadata goes first, because it is the longest and the least needed.
fn merge(baggage: &Baggage, carrier: &dyn Injector) -> (Option<String>, u64) {
    let mut merged = String::new();
    let mut there = false;
    let mut budget = Budget::new();
    carrier.values(BAGGAGE_HEADER, &mut |line| {
        there = true;
        for (_, member) in members(line) {
            // A member that is no text is no legal member, and no carrier of ours could take it.
            let kept = member
                .filter(|member| !member.key.starts_with(OURS.as_bytes()))
                .and_then(|member| std::str::from_utf8(member.raw).ok());
            if let Some(text) = kept {
                push_member(&mut merged, text);
                budget.take_bytes(text.len());
                budget.take_member();
            }
        }
    });
    // From the most to the least important, so that the least is what does not fit.
    let mut left_out = 0;
    let mut fitting = |member: String| {
        if member.is_empty() {
            return member;
        }
        if budget.fits(member.len()) {
            budget.take_bytes(member.len());
            budget.take_member();
            member
        } else {
            left_out += 1;
            String::new()
        }
    };
    let project = fitting(project_member(baggage));
    let tags = fitting(tags_member(baggage));
    let metadata = fitting(metadata_member(baggage));
    for member in [metadata, tags, project] {
        if merged.is_empty() {
            merged = member;
        } else if !member.is_empty() {
            push_member(&mut merged, &member);
        }
    }
    ((there || !merged.is_empty()).then_some(merged), left_out)
}

fn push_member(merged: &mut String, member: &str) {
    if !merged.is_empty() {
        merged.push(',');
    }
    merged.push_str(member);
}

fn project_member(baggage: &Baggage) -> String {
    match baggage.project.as_deref() {
        Some(project) if !project.is_empty() => {
            let mut member = begin(PROJECT, project.len());
            escape(&mut member, project.as_bytes());
            member
        }
        _ => String::new(),
    }
}

fn tags_member(baggage: &Baggage) -> String {
    let mut member = String::new();
    for tag in baggage.tags.iter().filter(|tag| !tag.is_empty()) {
        if member.is_empty() {
            member = begin(TAGS, 16 * baggage.tags.len());
        } else {
            member.push_str("%2C");
        }
        escape(&mut member, tag.as_bytes());
        if member.len() > MAX_BAGGAGE_BYTES {
            break;
        }
    }
    member
}

fn metadata_member(baggage: &Baggage) -> String {
    if baggage.metadata.is_empty() {
        return String::new();
    }
    let mut member = begin(METADATA, 64 * baggage.metadata.len());
    // It fails only when the member is too long by then, and so it will not fit.
    let _ = serde_json::to_writer(Escaping(&mut member), &*baggage.metadata);
    member
}

fn begin(key: &str, expected: usize) -> String {
    let mut member = String::with_capacity(key.len() + 1 + expected);
    member.push_str(key);
    member.push('=');
    member
}

fn escape(text: &mut String, bytes: &[u8]) {
    text.extend(percent_encode(bytes, ESCAPED));
}

/// Escapes JSON while it is written, without a copy in between.
struct Escaping<'a>(&'a mut String);

impl io::Write for Escaping<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        escape(self.0, bytes);
        // Megabytes of metadata are not worth the work of finding out how many they are.
        if self.0.len() > MAX_BAGGAGE_BYTES {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
