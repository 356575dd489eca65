//! The class of headers: what is the same of two that are not, as far as a reader can tell them apart.
//!
//! A feature that is not known here stands in the class as its bytes, so that it is of a class of its own: nothing is
//! said about it but what was recorded of those very bytes. Start at [`class`].

use std::collections::HashSet;

use serde_json::Value;

use crate::model::{DottedOrder, ParseDottedOrderError};
use crate::propagation::limits::is_reserved_metadata;

/// Names the class of a trace header and a baggage.
pub(super) fn class(trace: &[String], baggage: &[String]) -> String {
    format!("{} | {}", trace_class(trace), baggage_class(baggage))
}

pub(super) fn trace_class(lines: &[String]) -> String {
    match lines {
        [] => "absent".to_owned(),
        [line] => one_trace(line.trim()),
        several => literal(&several.join("\n")),
    }
}

fn baggage_class(lines: &[String]) -> String {
    match lines {
        [] => "none".to_owned(),
        [line] if line.trim().is_empty() => "empty".to_owned(),
        [line] => line
            .split(',')
            .enumerate()
            .map(|(at, part)| member_class(at, part))
            .collect::<Vec<_>>()
            .join(" · "),
        several => literal(&several.join("\n")),
    }
}

/// Names the class of one member.
pub(super) fn member_class(at: usize, part: &str) -> String {
    let blank = if at > 0 && part.starts_with([' ', '\t']) {
        "blank "
    } else {
        ""
    };
    let raw = part.trim();
    if raw.is_empty() {
        return "nothing".to_owned();
    }
    let (own, property) = match raw.split_once(';') {
        Some((own, _)) => (own, " with a property"),
        None => (raw, ""),
    };
    let class = match own.split_once('=') {
        None if own.starts_with("langsmith") => literal(own),
        None => "a word without =".to_owned(),
        Some(("langsmith-project", value)) => format!("project {}", text_class(value)),
        Some(("langsmith-tags", value)) => tags_class(value),
        Some(("langsmith-metadata", value)) => metadata_class(value),
        Some((key, _)) if key.starts_with("langsmith-") => literal(own),
        Some((key, _)) if key.to_ascii_lowercase().starts_with("langsmith-") => {
            "of ours, in capitals".to_owned()
        }
        Some(_) => "of somebody else".to_owned(),
    };
    format!("{blank}{class}{property}")
}

fn literal(text: &str) -> String {
    format!("the bytes {text:?}")
}

fn one_trace(value: &str) -> String {
    if value.is_empty() {
        return "empty".to_owned();
    }
    if !value.is_ascii() {
        return literal(value);
    }
    if value.contains(',') {
        let mut orders = value
            .split(',')
            .map(|one| one.trim().parse::<DottedOrder>());
        return match orders.all(|order| order.is_ok()) {
            true => "valid ones, with commas between".to_owned(),
            false => literal(value),
        };
    }
    match value.parse::<DottedOrder>() {
        Ok(order) => valid(value, &order),
        Err(ParseDottedOrderError::RepeatedId) => "valid, but for an id twice".to_owned(),
        Err(_) => {
            let mut segments: Vec<String> = value.split('.').map(segment).collect();
            segments.dedup_by(|next, before| next == "fine" && before == "fine");
            segments.join(".")
        }
    }
}

fn valid(value: &str, order: &DottedOrder) -> String {
    let mut class = "valid".to_owned();
    let segments = order.segments();
    if segments
        .windows(2)
        .any(|pair| pair[1].start < pair[0].start)
    {
        class.push_str(", a child before its parent");
    }
    let ids = || {
        value
            .split('.')
            .filter_map(|segment| segment.rsplit_once('Z'))
    };
    if ids().any(|(_, id)| id.bytes().any(|byte| byte.is_ascii_uppercase())) {
        class.push_str(", ids in capitals");
    }
    let mut digits = ids().map(|(time, _)| time.len().saturating_sub(15));
    match digits.find(|digits| *digits != 6) {
        Some(digits) => format!("{class}, {digits} digits of a second"),
        None => class,
    }
}

/// Names what is wrong with a segment.
fn segment(text: &str) -> String {
    const ID: &str = "01990000-0000-7000-8000-00000000000a";
    const TIME: &str = "20260101T000000000000Z";
    if text.parse::<DottedOrder>().is_ok() {
        return "fine".to_owned();
    }
    if text.is_empty() {
        return "nothing".to_owned();
    }
    if text.len() < 36 && text.bytes().all(|byte| byte.is_ascii_alphabetic()) {
        return "a word".to_owned();
    }
    let Some((time, id)) = text.split_once('Z') else {
        return literal(text);
    };
    let time_is_fine = format!("{time}Z{ID}").parse::<DottedOrder>().is_ok();
    let id_is_fine = format!("{TIME}{id}").parse::<DottedOrder>().is_ok();
    let looks_like_a_time = time.len() == 21
        && time.bytes().enumerate().all(|(at, byte)| match at {
            8 => byte == b'T',
            _ => byte.is_ascii_digit(),
        });
    let hex = |id: &str| id.bytes().all(|byte| byte.is_ascii_hexdigit());
    match (time_is_fine, id_is_fine) {
        (false, true) if looks_like_a_time => "a time that there is not".to_owned(),
        (true, false) if id.is_empty() => "a time alone".to_owned(),
        (true, false) if id.len() == 32 && hex(id) => "an id without hyphens".to_owned(),
        (true, false) if id.len() == 38 && id.starts_with('{') && id.ends_with('}') => {
            "an id in braces".to_owned()
        }
        (true, false)
            if id.len() == 37
                && hex(&id[36..])
                && format!("{TIME}{}", &id[..36])
                    .parse::<DottedOrder>()
                    .is_ok() =>
        {
            "an id with a digit too many".to_owned()
        }
        _ => literal(text),
    }
}

/// Names what is special about a text that is escaped.
fn text_class(value: &str) -> String {
    let decoded = percent_encoding::percent_decode_str(value).decode_utf8();
    let bad_escape = value.split('%').skip(1).any(|behind| {
        let digits = behind.as_bytes().get(..2);
        !digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    });
    let class = match decoded {
        _ if value.is_empty() => "empty",
        _ if bad_escape => "with an escape that is none",
        Err(_) => "that is no UTF-8",
        Ok(text) if text.chars().any(char::is_control) => "with control characters",
        Ok(_) if !value.is_ascii() => "not escaped",
        Ok(_) if value.contains('+') => "with a plus",
        Ok(_) if value.contains('%') => "escaped",
        Ok(_) => "plain",
    };
    class.to_owned()
}

fn tags_class(value: &str) -> String {
    let decoded = percent_encoding::percent_decode_str(value).decode_utf8();
    let Ok(decoded) = decoded else {
        return literal(value);
    };
    let tags: Vec<&str> = decoded.split(',').collect();
    let mut seen = HashSet::new();
    let repeats = !tags.iter().all(|tag| seen.insert(*tag));
    match (tags.len(), repeats) {
        _ if tags.contains(&"") || !decoded.bytes().all(|byte| byte.is_ascii_graphic()) => {
            literal(value)
        }
        (1, _) => "one tag".to_owned(),
        (_, true) => "tags, some twice".to_owned(),
        (_, false) => "tags".to_owned(),
    }
}

fn metadata_class(value: &str) -> String {
    let decoded = percent_encoding::percent_decode_str(value).decode_utf8();
    let json = decoded
        .ok()
        .and_then(|text| serde_json::from_str(&text).ok());
    // Long and deep ones meet limits of their own.
    let Some(json) = json.filter(|_| value.len() < 2_000) else {
        return literal(value);
    };
    let class = match json {
        Value::Null => "metadata null",
        Value::Bool(_) => return literal(value),
        Value::Number(_) => "metadata: a number",
        Value::String(_) => "metadata: a text",
        Value::Array(list) if list.is_empty() => "metadata: an empty list",
        Value::Array(_) => "metadata: a list",
        Value::Object(map) if map.keys().any(|key| is_reserved_metadata(key)) => {
            "metadata with reserved names"
        }
        Value::Object(_) => "metadata",
    };
    class.to_owned()
}
