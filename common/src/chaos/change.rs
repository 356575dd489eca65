//! What a switch does to the lines of a request's head.

use super::head::{Head, Line};
use super::switch::Effect;

/// The header in which whatever is added has to be a member.
const BAGGAGE: &str = "baggage";
/// The name of the member that makes a baggage longer.
const PADDING: &[u8] = b"padding=";

/// Changes a head, and says whether there was anything to change. Effects on connections and answers are none of its
/// business.
pub(super) fn change(head: &mut Head, effect: &Effect) -> bool {
    let before = head.lines.clone();
    let lines = &mut head.lines;
    match effect {
        Effect::Strip(name) => lines.retain(|line| !line.is(name)),
        Effect::Duplicate(name) => {
            *lines = each(lines, name, |line| vec![line.clone(), line]);
        }
        Effect::Fold(name) => values(lines, name, |value| {
            [&value[..], b", ", &value[..]].concat()
        }),
        Effect::Recase(name) => {
            for line in lines.iter_mut().filter(|line| line.is(name)) {
                line.name.make_ascii_uppercase();
            }
        }
        Effect::Truncate(name, bytes) => values(lines, name, |mut value| {
            value.truncate(*bytes);
            value
        }),
        Effect::Reorder(None) => lines.reverse(),
        Effect::Reorder(Some(name)) => members(lines, name, |mut members| {
            members.reverse();
            members.join(&b","[..])
        }),
        Effect::Blanks(name) => members(lines, name, |members| {
            let value = members.join(&b", "[..]);
            [b"  ", &value[..], b"\t"].concat()
        }),
        Effect::Property(name, property) => members(lines, name, |members| {
            let with = |member: &Vec<u8>| [&member[..], b";", property.as_bytes()].concat();
            let members: Vec<Vec<u8>> = members.iter().map(with).collect();
            members.join(&b","[..])
        }),
        Effect::Replace(name, value) => {
            let mut first = true;
            *lines = each(lines, name, |mut line| {
                line.value = value.as_bytes().to_vec();
                if std::mem::take(&mut first) {
                    vec![line]
                } else {
                    Vec::new()
                }
            });
        }
        Effect::Pad(name, bytes) => pad(lines, name, *bytes),
        Effect::Limit(_)
        | Effect::Delay(_)
        | Effect::Reset(_)
        | Effect::Status(_)
        | Effect::Trickle(_) => {}
    }
    head.lines != before
}

fn each(lines: &[Line], name: &str, mut change: impl FnMut(Line) -> Vec<Line>) -> Vec<Line> {
    let changed = lines.iter().cloned().flat_map(|line| match line.is(name) {
        true => change(line),
        false => vec![line],
    });
    changed.collect()
}

fn values(lines: &mut [Line], name: &str, change: impl Fn(Vec<u8>) -> Vec<u8>) {
    for line in lines.iter_mut().filter(|line| line.is(name)) {
        line.value = change(std::mem::take(&mut line.value));
    }
}

fn members(lines: &mut [Line], name: &str, change: impl Fn(Vec<Vec<u8>>) -> Vec<u8>) {
    values(lines, name, |value| {
        let members = value.split(|byte| *byte == b',');
        change(members.map(|member| member.trim_ascii().to_vec()).collect())
    });
}

fn pad(lines: &mut [Line], name: &str, bytes: usize) {
    let is_baggage = name.eq_ignore_ascii_case(BAGGAGE);
    values(lines, name, |mut value| {
        let missing = bytes.saturating_sub(value.len());
        if missing == 0 {
            return value;
        }
        if is_baggage {
            let letters = vec![b'x'; missing.saturating_sub(PADDING.len() + 1)];
            return [PADDING, &letters, b",", &value].concat();
        }
        value.resize(bytes, b'x');
        value
    });
}
