//! Context → headers.

use std::io;

use serde_json::Value;

use super::{METADATA, OURS, PROJECT, TAGS};
use crate::model::{Baggage, RunContext};
use crate::propagation::baggage::{Budget, escape, is_word, members};
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
    let mut text = Vec::new();
    let mut there = false;
    let mut budget = Budget::new();
    carrier.values(BAGGAGE_HEADER, &mut |line| {
        there = true;
        for (_, member) in members(line) {
            // A member that is no text is no legal member, and no carrier of ours could take it.
            let kept = member
                .filter(|member| !member.key.starts_with(OURS.as_bytes()))
                .filter(|member| std::str::from_utf8(member.raw).is_ok());
            if let Some(member) = kept {
                separate(&mut text);
                text.extend_from_slice(member.raw);
                budget.take_bytes(member.raw.len());
                budget.take_member();
            }
        }
    });
    let left_out = if baggage.is_empty() {
        0
    } else {
        text.reserve(USUAL_BYTES);
        append(&mut text, baggage, &mut budget)
    };
    // Of others it is text, and of ours it is ASCII.
    let text = String::from_utf8(text).unwrap_or_default();
    ((there || !text.is_empty()).then_some(text), left_out)
}

/// Room for what most contexts say.
const USUAL_BYTES: usize = 256;

/// Appends our members, as far as they fit; returns how many do not.
fn append(text: &mut Vec<u8>, baggage: &Baggage, budget: &mut Budget) -> u64 {
    let others = text.len();
    // In the order of the header: the least important first.
    let ends = [write_metadata, write_tags, write_project].map(|write| {
        let begun = text.len();
        write(text, baggage);
        (begun, text.len())
    });
    let mut left_out = 0;
    // From the most to the least important, so that the least is what does not fit.
    let mut kept = [true; 3];
    for ((begun, end), kept) in ends.iter().zip(&mut kept).rev() {
        // With the comma before it, if there is one.
        let bytes = end - begun - usize::from(*begun > 0).min(end - begun);
        if bytes == 0 {
            continue;
        }
        *kept = budget.fits(bytes);
        if *kept {
            budget.take_bytes(bytes);
            budget.take_member();
        } else {
            left_out += 1;
        }
    }
    if left_out > 0 {
        let ours = text.split_off(others);
        for ((begun, end), _) in ends.iter().zip(kept).filter(|(_, kept)| *kept) {
            let member = &ours[begun - others..end - others];
            let member = member.strip_prefix(b",").unwrap_or(member);
            if !member.is_empty() {
                separate(text);
                text.extend_from_slice(member);
            }
        }
    }
    left_out
}

/// Parts a member that comes now from what is there.
fn separate(text: &mut Vec<u8>) {
    if !text.is_empty() {
        text.push(b',');
    }
}

/// A member of so many bytes fits nowhere, whether or not one of them is the comma before it.
const TOO_LONG: usize = MAX_BAGGAGE_BYTES + 1;

/// Returns so much of a text that the rest makes no difference: what is as long as that does not fit, and
/// megabytes are not worth the work of finding out how many they are.
fn head(text: &str) -> &str {
    // A character has four bytes at most.
    &text[..text.floor_char_boundary(MAX_BAGGAGE_BYTES + 4)]
}

fn write_project(text: &mut Vec<u8>, baggage: &Baggage) {
    if let Some(project) = baggage.project.as_deref().filter(|name| !name.is_empty()) {
        begin(text, PROJECT);
        escape(text, head(project).as_bytes());
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
        escape(text, head(tag).as_bytes());
        if text.len() - begun > TOO_LONG {
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
        if text.len() - begun > TOO_LONG {
            return;
        }
    }
    text.extend_from_slice(b"%7D");
}

fn write_text(text: &mut Vec<u8>, value: &str) {
    let plain = |byte: u8| byte >= 0x20 && byte != b'"' && byte != b'\\';
    let value = head(value);
    // Nearly all are words, which stand for themselves in either form and are looked at once.
    if is_word(value.as_bytes()) {
        text.extend_from_slice(b"%22");
        text.extend_from_slice(value.as_bytes());
        text.extend_from_slice(b"%22");
    } else if value.bytes().all(plain) {
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
    separate(text);
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
        // One text may be megabytes.
        escape(self.text, &bytes[..bytes.len().min(MAX_BAGGAGE_BYTES + 1)]);
        if self.text.len() > self.most {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
