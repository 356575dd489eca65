//! A JSON object read as a run, with everything that is wrong with it.

use std::sync::Arc;

use serde_json::Value;
use uuid::Uuid;

use super::{read_id, time};
use crate::langsmith_mock::violation::ViolationCode;
use crate::model::{
    DottedOrder, Extra, JsonMap, Run, RunEvent, RunId, RunType, Timestamp, TraceId,
};

/// A rule broken by a field.
pub(in crate::langsmith_mock) type Problem = (ViolationCode, String);

/// Reads a run, and says all that keeps it from being one.
///
/// Null is the same as absent, unknown fields are ignored. The run is there if id, trace and dotted
/// order can be read; other unreadable fields are left out and reported.
pub(in crate::langsmith_mock) fn read(fields: &JsonMap) -> (Option<Run>, Vec<Problem>) {
    let mut reader = Reader {
        fields,
        problems: Vec::new(),
    };
    let id = reader.id("id");
    let trace_id = reader.id("trace_id");
    let parent_run_id = reader.id("parent_run_id");
    let dotted_order = reader.dotted_order();
    let start_time = reader.time("start_time");
    let end_time = reader.time("end_time");
    let (name, run_type) = (reader.text("name"), reader.text("run_type"));
    let project = reader.text("session_name");
    let (tags, events, extra) = (reader.tags(), reader.events(), reader.extra());
    let (inputs, outputs) = (reader.object("inputs"), reader.object("outputs"));
    let error = reader.text("error");
    let reference_example_id = reader.id("reference_example_id");
    reader.id("session_id");
    let run = id
        .zip(trace_id)
        .zip(dotted_order)
        .and_then(|((id, trace_id), dotted_order)| {
            Some(Run {
                id: RunId(id),
                trace_id: TraceId(trace_id),
                parent_run_id: parent_run_id.map(RunId),
                start_time: start_time.or(dotted_order.start_time())?,
                dotted_order,
                name: name.unwrap_or_else(|| "Unnamed".to_owned()),
                run_type: run_type.as_deref().map(RunType::from).unwrap_or_default(),
                end_time,
                project,
                tags,
                inputs,
                outputs,
                events,
                extra,
                error,
                reference_example_id,
                // They are parts of their own.
                attachments: Vec::new(),
            })
        });
    (run, reader.problems)
}

struct Reader<'a> {
    fields: &'a JsonMap,
    problems: Vec<Problem>,
}

impl<'a> Reader<'a> {
    fn get(&self, key: &str) -> Option<&'a Value> {
        self.fields.get(key).filter(|value| !value.is_null())
    }

    fn problem(&mut self, code: ViolationCode, message: String) {
        self.problems.push((code, message));
    }

    fn malformed(&mut self, key: &str, expected: &str) {
        self.problem(
            ViolationCode::FieldMalformed,
            format!("{key:?} is no {expected}"),
        );
    }

    fn text(&mut self, key: &str) -> Option<String> {
        match self.get(key)? {
            Value::String(text) => Some(text.clone()),
            other => {
                self.malformed(key, "text");
                Some(other.to_string())
            }
        }
    }

    fn object(&mut self, key: &str) -> Option<JsonMap> {
        match self.get(key)? {
            Value::Object(object) => Some(object.clone()),
            _ => {
                self.malformed(key, "JSON object");
                None
            }
        }
    }

    fn id(&mut self, key: &str) -> Option<Uuid> {
        let value = self.get(key)?;
        let id = value.as_str().and_then(read_id);
        if id.is_none() {
            self.problem(
                ViolationCode::IdMalformed,
                format!("{key:?} is {}, no hyphenated UUID", value),
            );
        }
        id
    }

    fn dotted_order(&mut self) -> Option<DottedOrder> {
        let value = self.get("dotted_order")?;
        let Value::String(text) = value else {
            self.malformed("dotted_order", "text");
            return None;
        };
        text.parse()
            .map_err(|error| {
                self.problem(
                    ViolationCode::DottedOrderMalformed,
                    format!("invalid 'dotted_order' {}: {error}", value),
                );
            })
            .ok()
    }

    fn time(&mut self, key: &str) -> Option<Timestamp> {
        let value = self.get(key)?;
        let time = time::read(value);
        if time.is_none() {
            self.problem(
                ViolationCode::TimeMalformed,
                format!("{key:?} is {}, no time", value),
            );
        }
        time
    }

    fn tags(&mut self) -> Vec<String> {
        match self.get("tags") {
            None => Vec::new(),
            Some(Value::Array(tags)) if tags.iter().all(Value::is_string) => tags
                .iter()
                .filter_map(|tag| tag.as_str().map(str::to_owned))
                .collect(),
            Some(_) => {
                self.malformed("tags", "list of texts");
                Vec::new()
            }
        }
    }

    fn events(&mut self) -> Vec<RunEvent> {
        let list = match self.get("events") {
            None => return Vec::new(),
            Some(Value::Array(list)) => list,
            Some(_) => {
                self.malformed("events", "list");
                return Vec::new();
            }
        };
        let mut events = Vec::with_capacity(list.len());
        for item in list {
            let Value::Object(fields) = item else {
                self.malformed("events", "list of JSON objects");
                continue;
            };
            let mut inner = Reader {
                fields,
                problems: Vec::new(),
            };
            let (name, time) = (inner.text("name"), inner.time("time"));
            let message = match inner.get("message") {
                Some(Value::String(text)) => Some(text.clone()),
                other => other.map(Value::to_string),
            };
            let kwargs = inner.get("kwargs").cloned();
            self.problems.append(&mut inner.problems);
            match name.zip(time) {
                Some((name, time)) => events.push(RunEvent {
                    name,
                    time,
                    message,
                    kwargs,
                }),
                None => self.malformed("events", "list of events with name and time"),
            }
        }
        events
    }

    fn extra(&mut self) -> Extra {
        let Some(mut other) = self.object("extra") else {
            return Extra::default();
        };
        let mut take = |key: &str| match other.remove(key) {
            None | Some(Value::Null) => None,
            Some(Value::Object(object)) => Some(Arc::new(object)),
            Some(_) => {
                self.malformed(&format!("extra.{key}"), "JSON object");
                None
            }
        };
        Extra {
            metadata: take("metadata").unwrap_or_default(),
            runtime: take("runtime"),
            other,
        }
    }
}

/// Reads a time alone.
pub(in crate::langsmith_mock) fn time_of(value: Option<&Value>) -> Option<Timestamp> {
    time::read(value?)
}
