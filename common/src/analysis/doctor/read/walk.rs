//! Goes through JSON of any size, and takes what it knows one entry at a time.

use std::cell::Cell;
use std::fmt;
use std::rc::Rc;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use super::{ENTRY, kind_of, otlp, run, time};
use crate::analysis::doctor::evidence::Evidence;

/// Lists that are gone through instead of being held.
const LISTS: [&str; 10] = [
    "runs",
    "traces",
    "post",
    "patch",
    "items",
    "data",
    "violations",
    "resourceSpans",
    "resource_spans",
    "child_runs",
];

/// Levels of lists that are gone into, each a list and an object: fifty runs below each other. The reader
/// of JSON itself gives up at 128.
const LEVELS: usize = 100;

/// One value: a list, an object with lists, or an entry.
pub(super) struct Walk<'a> {
    evidence: &'a mut Evidence,
    left: Option<Rc<Cell<u64>>>,
    /// The list that the value is in.
    within: &'static str,
    depth: usize,
}

impl<'a> Walk<'a> {
    pub(super) fn new(evidence: &'a mut Evidence, left: Option<Rc<Cell<u64>>>) -> Self {
        Self {
            evidence,
            left,
            within: "",
            depth: 0,
        }
    }

    fn below(&mut self, within: &'static str) -> Walk<'_> {
        if let Some(left) = &self.left {
            left.set(ENTRY);
        }
        Walk {
            evidence: self.evidence,
            left: self.left.clone(),
            within,
            depth: self.depth + 1,
        }
    }
}

impl<'de> DeserializeSeed<'de> for Walk<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, source: D) -> Result<(), D::Error> {
        source.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Walk<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("runs, spans or a capture")
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut list: A) -> Result<(), A::Error> {
        let within = self.within;
        while list.next_element_seed(self.below(within))?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        // The parts of a span are wanted whole.
        if self.within == "resourceSpans" {
            let mut held = Map::new();
            while let Some((key, value)) = map.next_entry::<String, Value>()? {
                held.insert(key, value);
            }
            otlp::take(self.evidence, &Value::Object(held));
            return Ok(());
        }
        let mut held = Map::new();
        while let Some(key) = map.next_key::<String>()? {
            let list = LISTS.into_iter().find(|list| *list == key);
            match list {
                Some(list) if self.depth < LEVELS => {
                    let list = match list {
                        "resource_spans" => "resourceSpans",
                        list => list,
                    };
                    map.next_value_seed(self.below(list))?;
                }
                Some(_) => map.next_value_seed(PassOver(self.evidence))?,
                None => {
                    held.insert(key, map.next_value()?);
                }
            }
        }
        if self.within == "violations" {
            held = Map::from_iter([("violation".to_owned(), Value::Object(held))]);
        }
        if !held.is_empty() && take(self.evidence, Value::Object(held)) {
            self.evidence.taken_entries += 1;
        }
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
}

/// Counts what is in a list without looking at it.
struct PassOver<'a>(&'a mut Evidence);

impl<'de> DeserializeSeed<'de> for PassOver<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, source: D) -> Result<(), D::Error> {
        source.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for PassOver<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {
            self.0.limits.too_deep += 1;
        }
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        self.0.limits.too_deep += 1;
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
}

/// Takes a run or a line of a capture; returns false for what is neither.
pub(super) fn take(evidence: &mut Evidence, value: Value) -> bool {
    let Value::Object(mut map) = value else {
        return false;
    };
    if run::is_run(&map) {
        return with_children(evidence, Value::Object(map));
    }
    let mut taken = false;
    let keys: Vec<String> = map.keys().cloned().collect();
    for key in keys {
        let Some(value) = map.remove(&key) else {
            continue;
        };
        taken |= match key.as_str() {
            "run" => with_children(evidence, value),
            "capture" => about(evidence, &value),
            "request" => entry(value, |request| evidence.add_request(request)),
            "operation" => entry(value, |operation| evidence.add_operation(&operation)),
            "violation" => entry(value, |objection| evidence.add_objection(objection)),
            "ledger" => entry(value, |books| evidence.add_books(books)),
            "environment" => entry(value, |process| evidence.add_process(process)),
            "headers" => entry(value, |hop| evidence.add_hop(&hop)),
            _ => false,
        };
    }
    taken
}

/// Takes a run that is held whole, and those within it. A child that is none counts as unreadable.
fn with_children(evidence: &mut Evidence, run: Value) -> bool {
    let mut taken = false;
    let mut open = vec![(run, false)];
    while let Some((run, is_child)) = open.pop() {
        let mut is_run = false;
        if let Value::Object(mut run) = run {
            if let Some(Value::Array(children)) = run.remove("child_runs") {
                open.extend(children.into_iter().map(|child| (child, true)));
            }
            is_run = run::take(evidence, &run);
        }
        evidence.unreadable += u64::from(is_child && !is_run);
        taken |= is_run;
    }
    taken
}

fn entry<T: for<'de> Deserialize<'de>>(value: Value, add: impl FnOnce(T)) -> bool {
    serde_json::from_value(value).map(add).is_ok()
}

/// Reads the first line of a capture: when it was taken, and what it holds.
fn about(evidence: &mut Evidence, value: &Value) -> bool {
    if let Some(taken) = time::micros(value.get("at")) {
        evidence.taken = taken;
    }
    let forgotten = value.get("forgotten").and_then(Value::as_u64).unwrap_or(0);
    if forgotten > 0 {
        evidence.forgotten = evidence.forgotten.saturating_add(forgotten);
        evidence.mention(&format!(
            "the stand-in had forgotten {forgotten} runs: traces without their roots are not judged as a whole"
        ));
    }
    let kinds = value.get("evidence").and_then(Value::as_array);
    for kind in kinds.into_iter().flatten() {
        if let Some(kind) = kind.as_str().and_then(kind_of) {
            evidence.give(kind);
        }
    }
    true
}
