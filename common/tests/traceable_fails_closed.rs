//! What `#[traceable]` does when a value cannot be serialized or shown, or a hook fails.
#![cfg(all(feature = "macros", feature = "client"))]

mod recorded_runs;

use std::fmt;
use std::sync::Arc;

use common::model::JsonMap;
use common::trace::{MemorySink, Scope, Tracer, with_scope};
use common::traceable;
use recorded_runs::{error, inputs, outputs, record};
use serde::Serialize;
use serde_json::json;

#[derive(Debug, Serialize)]
struct Page {
    title: String,
    rank: u32,
}

/// Its `Serialize` fails by an error or a panic; so does its `Display`.
struct Broken(bool);

impl Serialize for Broken {
    fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        assert!(self.0, "hush");
        Err(serde::ser::Error::custom("hush"))
    }
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        assert!(self.0, "hush");
        f.write_str("as far as it went")?;
        Err(fmt::Error)
    }
}

#[traceable]
fn broken(good: u8, bad: &Broken, worse: &Broken) -> Result<u8, Broken> {
    Err(Broken(bad.0 && worse.0))
}

#[test]
fn a_value_that_cannot_be_serialized_or_shown_does_no_harm() {
    let (_, runs) = record(|| broken(1, &Broken(true), &Broken(false)));
    let marker = json!({"ls_error": "Serialization failed; value dropped"});
    assert_eq!(
        inputs(&runs[0]),
        json!({"good": 1, "bad": marker, "worse": marker})
    );
    assert_eq!(error(&runs[0]), "an error whose text could not be made");
    let (_, runs) = record(|| broken(1, &Broken(true), &Broken(true)));
    assert_eq!(error(&runs[0]), "as far as it went");
}

fn masked(mut payload: JsonMap) -> JsonMap {
    payload.insert("key".into(), "***".into());
    payload
}

#[traceable(process_inputs = masked, process_outputs = |out: JsonMap| json!(out.len()))]
fn hooked(key: &str) -> Page {
    Page {
        title: key.into(),
        rank: 0,
    }
}

#[traceable(process_inputs = refuse, process_outputs = explode)]
fn closed(secret: &str) -> String {
    secret.to_uppercase()
}

fn refuse(payload: JsonMap) -> Result<JsonMap, std::num::ParseIntError> {
    payload["secret"]
        .as_str()
        .unwrap_or_default()
        .parse::<u8>()?;
    Ok(payload)
}

// A hook takes its payload by value.
#[allow(clippy::needless_pass_by_value)]
fn explode(payload: JsonMap) -> JsonMap {
    panic!("{payload:?}");
}

#[test]
fn a_hook_changes_what_is_recorded_and_never_what_is_returned() {
    let (page, runs) = record(|| hooked("raw"));
    assert_eq!(page.title, "raw");
    assert_eq!(inputs(&runs[0]), json!({"key": "***"}));
    assert_eq!(outputs(&runs[0]), json!({"output": 2}));
}

#[test]
fn a_hook_that_fails_leaves_a_marker_with_the_type_of_its_error_and_nothing_of_the_payload() {
    let (returned, runs) = record(|| closed("hush"));
    assert_eq!(returned, "HUSH");
    let marker = "Processing failed; inputs dropped (process_inputs: ParseIntError)";
    assert_eq!(inputs(&runs[0]), json!({"ls_error": marker}));
    let marker = "Processing failed; outputs dropped (process_outputs: Panic)";
    assert_eq!(outputs(&runs[0]), json!({"ls_error": marker}));
}

#[test]
fn a_tracer_may_let_unprocessed_payloads_pass() {
    let sink = Arc::new(MemorySink::new());
    let tracer = Tracer::builder(sink.clone())
        .allow_unprocessed(true)
        .build();
    with_scope(&Scope::new().tracer(&tracer), || closed("hush"));
    assert_eq!(inputs(&sink.runs()[0]), json!({"secret": "hush"}));
    assert_eq!(outputs(&sink.runs()[0]), json!({"output": "HUSH"}));
}

/// A list whose end no stack reaches. It is taken apart link by link.
#[derive(Serialize)]
struct Link {
    number: u32,
    next: Option<Box<Link>>,
}

impl Drop for Link {
    fn drop(&mut self) {
        let mut next = self.next.take();
        while let Some(mut link) = next {
            next = link.next.take();
        }
    }
}

fn list(links: u32) -> Link {
    let end = Link {
        number: 0,
        next: None,
    };
    (1..links).fold(end, |next, number| Link {
        number,
        next: Some(Box::new(next)),
    })
}

#[traceable]
fn first(list: &Link) -> u32 {
    list.number
}

#[test]
fn an_argument_that_nests_without_end_is_withheld_and_the_program_lives_on() {
    let (numbers, runs) = record(|| [first(&list(3)), first(&list(200_000))]);
    assert_eq!(numbers, [2, 199_999]);
    let whole = json!({"number": 2, "next": {"number": 1, "next": {"number": 0, "next": null}}});
    assert_eq!(inputs(&runs[0]), json!({"list": whole}));
    let marker = json!({"list": {"ls_error": "Serialization failed; value dropped"}});
    assert_eq!(inputs(&runs[1]), marker);
    assert_eq!(outputs(&runs[1]), json!({"output": 199_999}));
}
