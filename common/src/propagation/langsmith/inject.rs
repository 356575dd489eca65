//! Context → headers.

use std::io;

use serde_json::Value;

use super::{METADATA, OURS, PROJECT, TAGS};
use crate::model::{Baggage, RunContext};
use crate::propagation::baggage::{Budget, escape, members};
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
    let ours = Members::of(baggage);
    let mut left_out = 0;
    // From the most to the least important, so that the least is what does not fit.
    let mut fitting = ours.by_importance().map(|member| {
        if member.is_empty() {
            return member;
        }
        if !budget.fits(member.len()) {
            left_out += 1;
            return "";
        }
        budget.take_bytes(member.len());
        budget.take_member();
        member
    });
    fitting.reverse();
    // Each with its comma: a carrier copies a text that is shorter than its room.
    let members = || fitting.iter().filter(|member| !member.is_empty());
    let bytes: usize = members().map(|member| member.len() + 1).sum();
    merged.reserve_exact(bytes.saturating_sub(usize::from(merged.is_empty())));
    members().for_each(|member| push_member(&mut merged, member));
    ((there || !merged.is_empty()).then_some(merged), left_out)
}

fn push_member(merged: &mut String, member: &str) {
    if !merged.is_empty() {
        merged.push(',');
    }
    merged.push_str(member);
}

/// The members of ours, one behind the other. One that there is nothing to say in is empty.
struct Members {
    text: String,
    // Where the project's ends, and the tags'.
    ends: [usize; 2],
}

/// Room for what most contexts say.
const USUAL_BYTES: usize = 256;

impl Members {
    fn of(baggage: &Baggage) -> Self {
        let mut text = Vec::with_capacity(if baggage.is_empty() { 0 } else { USUAL_BYTES });
        write_project(&mut text, baggage);
        let project = text.len();
        write_tags(&mut text, baggage);
        let tags = text.len();
        write_metadata(&mut text, baggage);
        // Only ASCII was written.
        match String::from_utf8(text) {
            Ok(text) => Self {
                text,
                ends: [project, tags],
            },
            Err(_) => Self {
                text: String::new(),
                ends: [0; 2],
            },
        }
    }

    /// Returns the project, the tags and the metadata.
    fn by_importance(&self) -> [&str; 3] {
        let [project, tags] = self.ends;
        let (named, metadata) = self.text.split_at(tags);
        let (project, tags) = named.split_at(project);
        [project, tags, metadata]
    }
}

fn write_project(text: &mut Vec<u8>, baggage: &Baggage) {
    if let Some(project) = baggage.project.as_deref().filter(|name| !name.is_empty()) {
        begin(text, PROJECT);
        escape(text, project.as_bytes());
    }
}

fn write_tags(text: &mut Vec<u8>, baggage: &Baggage) {
    let begun = text.len();
    for tag in baggage.tags.iter().filter(|tag| !tag.is_empty()) {
        if text.len() == begun {
            begin(text, TAGS);
        } else {
            text.extend_from_slice(b"%2C");
        }
        escape(text, tag.as_bytes());
        if text.len() - begun > MAX_BAGGAGE_BYTES {
            break;
        }
    }
}

/// Writes metadata as JSON, escaped. Nearly all of it is plain text, which needs no writer of JSON.
fn write_metadata(text: &mut Vec<u8>, baggage: &Baggage) {
    if baggage.metadata.is_empty() {
        return;
    }
    let begun = text.len();
    begin(text, METADATA);
    let mut separator: &[u8] = b"%7B";
    for (key, value) in &*baggage.metadata {
        text.extend_from_slice(separator);
        separator = b"%2C";
        write_text(text, key);
        text.extend_from_slice(b"%3A");
        match value {
            Value::String(value) => write_text(text, value),
            other => write_json(text, other),
        }
        // It will not fit, so the rest is not worth the work of finding out how long it is.
        if text.len() - begun > MAX_BAGGAGE_BYTES {
            return;
        }
    }
    text.extend_from_slice(b"%7D");
}

fn write_text(text: &mut Vec<u8>, value: &str) {
    let plain = |byte: u8| byte >= 0x20 && byte != b'"' && byte != b'\\';
    if value.bytes().all(plain) {
        text.extend_from_slice(b"%22");
        escape(text, value.as_bytes());
        text.extend_from_slice(b"%22");
    } else {
        write_json(text, value);
    }
}

fn write_json(text: &mut Vec<u8>, value: &(impl serde::Serialize + ?Sized)) {
    let most = text.len() + MAX_BAGGAGE_BYTES;
    // It fails only when the member is too long by then, and so it will not fit.
    let _ = serde_json::to_writer(Escaping { text, most }, value);
}

fn begin(text: &mut Vec<u8>, key: &str) {
    text.extend_from_slice(key.as_bytes());
    text.push(b'=');
}

/// Escapes JSON while it is written, without a copy in between.
struct Escaping<'a> {
    text: &'a mut Vec<u8>,
    most: usize,
}

impl io::Write for Escaping<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        escape(self.text, bytes);
        // Megabytes of metadata are not worth the work of finding out how many they are.
        if self.text.len() > self.most {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
