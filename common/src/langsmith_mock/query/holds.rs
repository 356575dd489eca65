//! Whether a run fulfils a filter.
//!
//! ```text
//! Filter ──and · or · not──► Test ──┬─ a field of the run
//!                                   └─ one entry of a map, or one piece of feedback, for all tests of an `and`
//! ```
//!
//! Start at [`holds`].

use serde_json::Value;

use super::fields::{Constant, Field, Kind, Pairs};
use super::filter::{Filter, How, Test};
use super::scene::Seen;
use crate::model::JsonMap;

const PAIRS: [Pairs; 4] = [
    Pairs::Metadata,
    Pairs::Inputs,
    Pairs::Outputs,
    Pairs::Feedback,
];

/// Tells whether a run fulfils a filter.
pub(super) fn holds(filter: &Filter, seen: &Seen<'_>) -> bool {
    match filter {
        Filter::And(parts) => all_hold(parts, seen),
        Filter::Or(parts) => parts.iter().any(|part| holds(part, seen)),
        Filter::Not(part) => !holds(part, seen),
        Filter::Is(_) => all_hold(std::slice::from_ref(filter), seen),
        Filter::Search(field, text) => found(*field, &text.to_lowercase(), seen),
    }
}

fn all_hold(parts: &[Filter], seen: &Seen<'_>) -> bool {
    let side = |part: &Filter| match part {
        Filter::Is(test) => match test.field.kind {
            Kind::Side(pairs) => Some((pairs, test.clone())),
            _ => None,
        },
        _ => None,
    };
    let alone = parts.iter().filter(|part| side(part).is_none());
    let mut of_pairs: Vec<(Pairs, Test)> = Vec::new();
    of_pairs.extend(parts.iter().filter_map(side));
    let one_entry_fulfils = |pairs: Pairs| {
        let tests: Vec<&Test> = of_pairs
            .iter()
            .filter(|(of, _)| *of == pairs)
            .map(|(_, test)| test)
            .collect();
        tests.is_empty()
            || entries(pairs, seen).iter().any(|entry| {
                tests
                    .iter()
                    .all(|test| test_holds(test, entry.of(test.field).as_ref()))
            })
    };
    alone.into_iter().all(|part| match part {
        Filter::Is(test) => match test.field.kind {
            Kind::List => list_holds(test, seen),
            _ => test_holds(test, test.field.of(seen).as_ref()),
        },
        other => holds(other, seen),
    }) && PAIRS.into_iter().all(one_entry_fulfils)
}

/// One entry of a map, or one piece of feedback.
struct Entry<'a> {
    key: &'a str,
    value: &'a Value,
    score: Option<&'a Value>,
}

impl Entry<'_> {
    fn of(&self, field: Field) -> Option<Constant> {
        let constant = |value: &Value| match value {
            Value::Null => None,
            Value::Bool(flag) => Some(Constant::Flag(*flag)),
            Value::Number(number) => number.as_f64().map(Constant::Number),
            Value::String(text) => Some(Constant::Text(text.clone())),
            other => Some(Constant::Text(other.to_string())),
        };
        if field.name.ends_with("_key") {
            return Some(Constant::Text(self.key.to_owned()));
        }
        match self.score.filter(|_| field.name == "feedback_score") {
            Some(Value::Bool(good)) => Some(Constant::Number(f64::from(u8::from(*good)))),
            Some(score) => constant(score),
            None => constant(self.value),
        }
    }
}

fn entries<'s>(pairs: Pairs, seen: &'s Seen<'_>) -> Vec<Entry<'s>> {
    let of_map = |map: Option<&'s JsonMap>| -> Vec<Entry<'s>> {
        let entry = |(key, value): (&'s String, &'s Value)| Entry {
            key,
            value,
            score: None,
        };
        map.into_iter().flatten().map(entry).collect()
    };
    match pairs {
        Pairs::Metadata => of_map(Some(&seen.run.extra.metadata)),
        Pairs::Inputs => of_map(seen.run.inputs.as_ref()),
        Pairs::Outputs => of_map(seen.run.outputs.as_ref()),
        Pairs::Feedback => seen
            .feedback
            .iter()
            .map(|entry| Entry {
                key: entry["key"].as_str().unwrap_or_default(),
                value: &entry["value"],
                score: Some(&entry["score"]),
            })
            .collect(),
    }
}

fn test_holds(test: &Test, has: Option<&Constant>) -> bool {
    let one = |value: &Constant| equal(has, value);
    let order = || {
        let (has, value) = (has?, test.values.first()?);
        match (has, value) {
            (Constant::Number(a), Constant::Number(b)) => a.partial_cmp(b),
            (Constant::Time(a), Constant::Time(b)) => Some(a.cmp(b)),
            (Constant::Text(a), Constant::Text(b)) => Some(a.cmp(b)),
            _ => None,
        }
    };
    match test.how {
        How::Eq | How::In | How::Has => test.values.iter().any(one),
        How::Neq => !test.values.iter().any(one),
        How::Gt => order().is_some_and(|order| order.is_gt()),
        How::Gte => order().is_some_and(|order| order.is_ge()),
        How::Lt => order().is_some_and(|order| order.is_lt()),
        How::Lte => order().is_some_and(|order| order.is_le()),
    }
}

fn equal(has: Option<&Constant>, value: &Constant) -> bool {
    match (has, value) {
        (has, Constant::Null) => has.is_none(),
        // `eq(error, true)`: there is one.
        (has @ (None | Some(Constant::Text(_))), Constant::Flag(flag)) => has.is_some() == *flag,
        (Some(Constant::Number(a)), Constant::Number(b)) => (a - b).abs() < f64::EPSILON,
        // Metadata may be a number where a filter has a text, and the other way round.
        (Some(Constant::Number(a)), Constant::Text(text)) => text.parse() == Ok(*a),
        (Some(Constant::Text(text)), Constant::Number(b)) => text.parse() == Ok(*b),
        (Some(Constant::Flag(a)), Constant::Text(text)) => a.to_string() == *text,
        (Some(has), value) => has == value,
        (None, _) => false,
    }
}

fn list_holds(test: &Test, seen: &Seen<'_>) -> bool {
    let wanted = |value: &Constant| match value {
        Constant::Text(text) if test.field.name == "metadata" => in_metadata(text, seen),
        Constant::Text(text) => seen.run.tags.contains(text),
        Constant::Null => seen.run.tags.is_empty(),
        _ => false,
    };
    let any = test.values.iter().any(wanted);
    any != (test.how == How::Neq)
}

/// A key, or a JSON object whose entries are all there.
fn in_metadata(text: &str, seen: &Seen<'_>) -> bool {
    let metadata = &seen.run.extra.metadata;
    match serde_json::from_str(text) {
        Ok(Value::Object(wanted)) => wanted
            .iter()
            .all(|(key, value)| metadata.get(key) == Some(value)),
        _ => metadata.contains_key(text),
    }
}

fn found(field: Option<Field>, text: &str, seen: &Seen<'_>) -> bool {
    let within = |has: &str| has.to_lowercase().contains(text);
    if let Some(field) = field {
        return match field.kind {
            Kind::List if field.name != "metadata" => seen.run.tags.iter().any(|tag| within(tag)),
            Kind::List => within(&Value::Object((*seen.run.extra.metadata).clone()).to_string()),
            Kind::Side(pairs) => entries(pairs, seen)
                .iter()
                .any(|entry| matches!(entry.of(field), Some(Constant::Text(has)) if within(&has))),
            _ => matches!(field.of(seen), Some(Constant::Text(has)) if within(&has)),
        };
    }
    let json = |fields: &JsonMap| within(&serde_json::to_string(fields).unwrap_or_default());
    let run = &seen.run;
    within(&run.name)
        || run.error.as_deref().is_some_and(within)
        || run.tags.iter().any(|tag| within(tag))
        || run.inputs.as_ref().is_some_and(json)
        || run.outputs.as_ref().is_some_and(json)
        || json(&run.extra.metadata)
}
