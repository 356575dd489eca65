//! What a stand-in captured → what two SDKs can be compared by.
//!
//! ```text
//!   stand-in ─► runs, files, feedback ─► ids by relation · times by order · the sender dropped ─► JSON
//! ```
//!
//! A run is known by its name; the second of a name is `name 2`. Start at [`capture`].

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, NaiveDateTime, TimeDelta, Utc};
use common::langsmith_mock::LangSmithMock;
use common::model::Run;
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value, json};
use uuid::Uuid;

/// What is taken out before comparing, and why. The page `docs/compatibility.md` repeats it.
pub(crate) const DROPPED: [(&str, &str); 1] = [(
    "extra.runtime",
    "describes the SDK that sent the run, its language and its machine",
)];

/// Ids that a scenario gives begin with this and stay as they are; all others become relations.
const GIVEN: &str = "01990000-0000-";

/// The fields that hold a time.
const TIMES: [&str; 5] = [
    "start_time",
    "end_time",
    "time",
    "created_at",
    "modified_at",
];

/// Returns what arrived since `since`, normalised, together with what the scenario said.
///
/// With `requests`, the requests are part of it: for scenarios that are about the route.
pub(crate) fn capture(
    mock: &LangSmithMock,
    said: &Value,
    since: DateTime<Utc>,
    requests: bool,
) -> Value {
    let mut runs = mock.runs();
    runs.sort_by(|a, b| a.dotted_order.as_str().cmp(b.dotted_order.as_str()));
    let normal = Normal {
        names: names(&runs),
        since: since - TimeDelta::seconds(1),
    };
    let mut captured = Map::new();
    for run in &runs {
        let Some(Value::Object(mut fields)) = mock.raw_run(run.id) else {
            continue;
        };
        let files = mock.attachments_of(run.id);
        fields.insert("attachments".into(), attachments(&files));
        fields.insert("times".into(), times(run, &runs));
        if let Some(Value::Object(extra)) = fields.get_mut("extra") {
            extra.shift_remove("runtime");
        }
        let name = normal.names[&run.id.0].clone();
        captured.insert(name, normal.value("", &Value::Object(fields)));
    }
    let mut feedback: Vec<Value> = mock.feedback();
    feedback.sort_by_key(|one| one["key"].to_string());
    let feedback: Map<String, Value> = feedback
        .iter()
        .map(|one| {
            let mut one = normal.value("", one);
            if let Value::Object(fields) = &mut one {
                // On the route of its own nothing is null, in a batch everything is.
                fields.retain(|_, value| !value.is_null());
            }
            (one["key"].as_str().unwrap_or("?").to_owned(), one)
        })
        .collect();
    let refused: Vec<String> = mock.errors().iter().map(ToString::to_string).collect();
    let mut all = json!({
        "runs": captured,
        "feedback": feedback,
        "said": normal.value("", &decoded(said)),
        "refused": refused,
    });
    if requests {
        let paths = mock.requests();
        let paths = paths.iter().filter(|request| request.path != "/info");
        let paths: Vec<String> = paths
            .map(|request| format!("{} {}", request.method, normal.path(&request.path)))
            .collect();
        all["requests"] = json!(paths);
    }
    all
}

/// Gives each run a name of its own.
fn names(runs: &[Run]) -> HashMap<Uuid, String> {
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    let mut names = HashMap::new();
    for run in runs {
        let count = seen.entry(&run.name).or_default();
        *count += 1;
        let name = match *count {
            1 => run.name.clone(),
            count => format!("{} {count}", run.name),
        };
        names.insert(run.id.0, name);
    }
    names
}

/// Says how the times of a run stand to each other, which is what can be compared of them.
fn times(run: &Run, runs: &[Run]) -> Value {
    let parent = runs
        .iter()
        .find(|other| Some(other.id) == run.parent_run_id);
    // The JavaScript SDK knows whole milliseconds: below that, its clock is behind that of the others.
    let millis = |time: DateTime<Utc>| time.timestamp_millis();
    let early = parent.map(|parent| millis(run.start_time) < millis(parent.start_time));
    json!({
        "start_is_that_of_the_dotted_order": run.dotted_order.start_time() == Some(run.start_time),
        "ends_before_it_starts": run.end_time.map(|end| millis(end) < millis(run.start_time)),
        "starts_before_its_parent": early,
    })
}

fn attachments(files: &[common::langsmith_mock::Attachment]) -> Value {
    let files = files.iter().map(|file| {
        let hex: String = file.data.iter().map(|byte| format!("{byte:02x}")).collect();
        let content = match std::str::from_utf8(&file.data) {
            Ok(text) => text.to_owned(),
            Err(_) => hex,
        };
        (
            file.name.clone(),
            json!({ "type": file.content_type, "content": content }),
        )
    });
    Value::Object(files.collect())
}

/// Takes the `baggage` that a scenario reports apart, because SDKs escape the same text differently.
fn decoded(said: &Value) -> Value {
    let mut said = said.clone();
    let Some(baggage) = said.pointer_mut("/headers/baggage") else {
        return said;
    };
    let members = baggage.as_str().unwrap_or_default().split(',');
    let members = members.filter_map(|member| {
        let (key, value) = member.split_once('=')?;
        let value = percent_decode_str(value).decode_utf8_lossy().into_owned();
        let json = (key == "langsmith-metadata").then(|| serde_json::from_str(&value).ok());
        Some((key.to_owned(), json.flatten().unwrap_or(Value::from(value))))
    });
    *baggage = Value::Object(members.collect());
    said
}

struct Normal {
    names: HashMap<Uuid, String>,
    since: DateTime<Utc>,
}

impl Normal {
    fn value(&self, key: &str, value: &Value) -> Value {
        match value {
            Value::Object(fields) => fields
                .iter()
                .map(|(key, value)| (key.clone(), self.value(key, value)))
                .collect::<Map<_, _>>()
                .into(),
            Value::Array(items) => items.iter().map(|item| self.value("", item)).collect(),
            value if TIMES.contains(&key) => self.time(value),
            Value::String(text) if matches!(key, "dotted_order" | "langsmith-trace") => {
                self.dotted_order(text).into()
            }
            Value::String(text) => self.text(text).into(),
            other => other.clone(),
        }
    }

    /// Replaces an id by what it is the id of.
    fn text(&self, text: &str) -> String {
        match Uuid::try_parse(text) {
            Ok(_) if text.len() != 36 || text.starts_with(GIVEN) => text.to_owned(),
            Ok(id) => match self.names.get(&id) {
                Some(name) => format!("<id of {name}>"),
                None => "<an id>".to_owned(),
            },
            Err(_) => text.to_owned(),
        }
    }

    fn path(&self, path: &str) -> String {
        let parts: Vec<String> = path.split('/').map(|part| self.text(part)).collect();
        parts.join("/")
    }

    /// Keeps a time that the scenario gave; one of this moment only says so.
    fn time(&self, value: &Value) -> Value {
        let time = match value {
            Value::String(text) => parse(text),
            Value::Number(number) => number
                .as_f64()
                .and_then(|millis| DateTime::from_timestamp_millis(millis as i64)),
            _ => None,
        };
        match time {
            Some(time) if time >= self.since => "<now>".into(),
            Some(time) => time
                .to_rfc3339_opts(chrono::SecondsFormat::Micros, true)
                .into(),
            None => value.clone(),
        }
    }

    fn dotted_order(&self, text: &str) -> String {
        let segment = |segment: &str| {
            let Some(cut) = segment
                .len()
                .checked_sub(36)
                .filter(|cut| segment.is_char_boundary(*cut))
            else {
                return segment.to_owned();
            };
            let (time, id) = segment.split_at(cut);
            let parsed = NaiveDateTime::parse_from_str(time, "%Y%m%dT%H%M%S%fZ")
                .or_else(|_| parse_compact(time));
            let time = match parsed {
                Ok(parsed) if parsed.and_utc() >= self.since => "",
                _ => time,
            };
            format!("{time}{}", self.text(id))
        };
        let segments: Vec<String> = text.split('.').map(segment).collect();
        segments.join(".")
    }
}

fn parse(text: &str) -> Option<DateTime<Utc>> {
    let zoned = DateTime::parse_from_rfc3339(text).map(|time| time.to_utc());
    let naive = || text.parse::<NaiveDateTime>().map(|time| time.and_utc());
    zoned.or_else(|_| naive()).ok()
}

/// Reads the time of a segment, whose fraction has no point before it.
fn parse_compact(time: &str) -> chrono::ParseResult<NaiveDateTime> {
    let (seconds, fraction) = time.split_at(time.len().min(15));
    NaiveDateTime::parse_from_str(&format!("{seconds}.{fraction}"), "%Y%m%dT%H%M%S%.fZ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn normal() -> Normal {
        let id = Uuid::from_u128(0x01a2_02b7_f0ee_7646_9e7b_a245_c1fc_89c2);
        Normal {
            names: HashMap::from([(id, "root".to_owned())]),
            since: parse("2026-11-22T10:00:00Z").expect("a time"),
        }
    }

    #[test]
    fn ids_become_relations_and_given_ids_stay() {
        let normal = normal();
        assert_eq!(
            normal.text("01a202b7-f0ee-7646-9e7b-a245c1fc89c2"),
            "<id of root>"
        );
        assert_eq!(
            normal.text("01a202b7-f0ee-7646-9e7b-a245c1fc89c3"),
            "<an id>"
        );
        let given = "01990000-0000-7000-8000-00000000000a";
        assert_eq!(normal.text(given), given);
        assert_eq!(
            normal.dotted_order(&format!(
                "20260102T030405678000Z{given}.20261122T100538926531Z01a202b7-f0ee-7646-9e7b-a245c1fc89c2"
            )),
            format!("20260102T030405678000Z{given}.<id of root>")
        );
        assert_eq!(normal.dotted_order("garbage"), "garbage");
    }

    #[test]
    fn a_time_of_this_moment_is_now_however_it_is_written() {
        let normal = normal();
        for now in [
            json!("2026-11-22T10:05:38+00:00"),
            json!("2026-11-22T10:05:38.1"),
            json!(1_795_342_674_790_u64),
        ] {
            assert_eq!(normal.time(&now), "<now>");
        }
        let given = json!("2026-01-02T03:04:05.678+00:00");
        assert_eq!(normal.time(&given), "2026-01-02T03:04:05.678000Z");
    }

    #[test]
    fn baggage_is_compared_by_what_it_says() {
        let said = json!({"headers": {"baggage": "langsmith-metadata=%7B%22k%22%3A1%7D,langsmith-project=a%2Fb"}});
        let members = json!({"langsmith-metadata": {"k": 1}, "langsmith-project": "a/b"});
        assert_eq!(decoded(&said)["headers"]["baggage"], members);
    }
}
