//! What the official SDKs made of headers, as it was recorded.
//!
//! The table is `common/tests/vectors/header_cases.json`: 59 sets of headers that were given to Python 0.15.0 and
//! JavaScript 0.12.0. Three of them are too long to be kept whole, and are left out here. Start at [`peers`].

use std::sync::LazyLock;

use serde_json::Value;

use super::classes::{class, member_class, trace_class};

const TABLE: &str = include_str!("../../tests/vectors/header_cases.json");
/// The project of the process that was asked, which is what a header leaves alone.
const OWN_PROJECT: &str = "env-project";

/// What one SDK makes of headers, as far as it was recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerReading {
    /// The SDK and its version.
    pub sdk: String,
    /// What was recorded; nothing, if nobody gave it such headers.
    pub lines: Vec<PeerLine>,
}

/// One record, and what it is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerLine {
    /// Whether it is of these bytes, of a header of the same class, or of a part of it.
    pub about: String,
    /// What the SDK made of the bytes that were recorded.
    pub what: String,
    /// The name of the recorded case.
    pub case: String,
    /// The bytes that were recorded, where they are others than those that were read.
    pub bytes: Option<String>,
}

struct Record {
    name: String,
    trace: Vec<String>,
    baggage: Vec<String>,
    class: String,
    python: String,
    js: String,
    // The same without the values that were read, to tell whether two records agree.
    kinds: String,
}

static RECORDS: LazyLock<Vec<Record>> = LazyLock::new(|| {
    // What Python read out of one case is a lone surrogate, which no Rust text can hold.
    let table = TABLE.replace("\\ud800", "\\ufffd");
    let table: Value = serde_json::from_str(&table).unwrap_or_default();
    let cases = table["cases"].as_array().cloned().unwrap_or_default();
    cases.iter().filter_map(record).collect()
});

static VERSIONS: LazyLock<(String, String)> = LazyLock::new(|| {
    #[derive(serde::Deserialize)]
    struct Table {
        versions: Versions,
    }
    #[derive(serde::Deserialize)]
    struct Versions {
        python: String,
        js: String,
    }
    let table = serde_json::from_str::<Table>(&TABLE.replace("\\ud800", "\\ufffd"));
    table.map_or_else(
        |_| ("Python".to_owned(), "JavaScript".to_owned()),
        |Table { versions }| {
            (
                format!("Python {}", versions.python),
                format!("JavaScript {}", versions.js),
            )
        },
    )
});

fn record(case: &Value) -> Option<Record> {
    let (mut trace, mut baggage) = (Vec::new(), Vec::new());
    for header in case["headers"].as_array()? {
        // A case that is too long has no value.
        let value = header["value"].as_str()?.trim().to_owned();
        match header["name"].as_str()? {
            "langsmith-trace" => trace.push(value),
            _ => baggage.push(value),
        }
    }
    let (python, js) = (&case["python_from_headers"], &case["js_from_headers"]);
    let escapes = case["python_tracing_middleware"]["outcome"]
        .as_str()
        .is_some_and(|outcome| outcome.contains("500"));
    let mut python_words = words(python);
    if escapes {
        python_words.push_str("; TracingMiddleware lets it through, and the caller gets a 500");
    }
    let mut js_words = words(js);
    if let Some(depth) = case["js_child_of_parsed"]["depth"].as_u64() {
        js_words.push_str(&format!("; a child is at level {depth}"));
    }
    Some(Record {
        name: case["name"].as_str()?.to_owned(),
        class: class(&trace, &baggage),
        trace,
        baggage,
        kinds: format!("{} {escapes} {}", python["result"], js["result"]),
        python: python_words,
        js: js_words,
    })
}

/// Says what an SDK made of a case.
fn words(made: &Value) -> String {
    let text = |name: &str| made[name].as_str().unwrap_or_default();
    match text("result") {
        "none" => "no parent: a new trace".to_owned(),
        "raises" => format!(
            "raises {}: {}",
            text("error"),
            text("message").lines().next().unwrap_or_default()
        ),
        _ => {
            let project = match text("project") {
                OWN_PROJECT => "its own".to_owned(),
                named => format!("{named:?}"),
            };
            let list = |name: &str| match &made[name] {
                Value::Null => "none".to_owned(),
                Value::Array(list) if list.is_empty() => "none".to_owned(),
                Value::Object(map) if map.is_empty() => "none".to_owned(),
                Value::String(text) => text.clone(),
                other => other.to_string(),
            };
            let (tags, metadata, replicas) = (list("tags"), list("metadata"), list("replicas"));
            let mut words = format!(
                "goes on below run {:?} of trace {:?}; project {project}, tags {tags}, metadata {metadata}",
                text("id"),
                text("trace_id")
            );
            if replicas != "none" {
                words.push_str(&format!(", replicas {replicas}"));
            }
            words
        }
    }
}

/// Looks headers up in the table: the same bytes, else a case of the same class, else cases of their parts.
pub(super) fn peers(trace: &[String], baggage: &[String]) -> Vec<PeerReading> {
    let found = find(trace, baggage);
    let (python, js) = &*VERSIONS;
    let lines = |of: fn(&Record) -> &str| {
        let lines = found.iter().map(|(about, record, same)| PeerLine {
            about: about.clone(),
            what: of(record).to_owned(),
            case: record.name.clone(),
            bytes: (!same).then(|| shown(record)),
        });
        lines.collect()
    };
    vec![
        PeerReading {
            sdk: python.clone(),
            lines: lines(|record| &record.python),
        },
        PeerReading {
            sdk: js.clone(),
            lines: lines(|record| &record.js),
        },
    ]
}

fn shown(record: &Record) -> String {
    let trace = record
        .trace
        .iter()
        .map(|value| format!("langsmith-trace: {value}"));
    let baggage = record
        .baggage
        .iter()
        .map(|value| format!("baggage: {value}"));
    trace.chain(baggage).collect::<Vec<_>>().join(" ⏎ ")
}

fn find(trace: &[String], baggage: &[String]) -> Vec<(String, &'static Record, bool)> {
    let records = &*RECORDS;
    let trimmed = |lines: &[String]| {
        lines
            .iter()
            .map(|line| line.trim().to_owned())
            .collect::<Vec<_>>()
    };
    let (trace, baggage) = (trimmed(trace), trimmed(baggage));
    if trace.is_empty() && baggage.is_empty() {
        return Vec::new();
    }
    let same = records
        .iter()
        .find(|record| record.trace == trace && record.baggage == baggage);
    if let Some(record) = same {
        return vec![("these bytes".to_owned(), record, true)];
    }
    if let Some(record) = of_class(&class(&trace, &baggage)) {
        return vec![("headers of the same class".to_owned(), record, false)];
    }
    // The parts, each as it was recorded without the others.
    let mut found = Vec::new();
    let alone = format!("{} | none", trace_class(&trace));
    if let Some(record) = of_class(&alone) {
        found.push(("the trace header, alone".to_owned(), record, false));
    }
    let [line] = &baggage[..] else {
        return found;
    };
    for (at, member) in line.split(',').enumerate().take(16) {
        // A blank behind a comma is part of the class: other SDKs read a member behind one as another name.
        let class = format!("valid | {}", member_class(at, member));
        let name = member.trim().split('=').next().unwrap_or_default();
        if let Some(record) = of_class(&class) {
            found.push((format!("the member {name}, alone"), record, false));
        }
    }
    found
}

/// Returns the first record of a class, if all of the class agree.
fn of_class(class: &str) -> Option<&'static Record> {
    let mut of_it = RECORDS.iter().filter(|record| record.class == class);
    let first = of_it.next()?;
    of_it
        .all(|other| other.kinds == first.kinds)
        .then_some(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_but_three_cases_are_kept_and_those_of_one_class_agree() {
        assert_eq!(RECORDS.len(), 56);
        for record in &*RECORDS {
            assert!(
                of_class(&record.class).is_some(),
                "{}: {}",
                record.name,
                record.class
            );
            let found = find(&record.trace, &record.baggage);
            assert_eq!(found.len(), 1, "{}", record.name);
            assert!(found[0].2, "{}", record.name);
        }
    }
}
