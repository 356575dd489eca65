//! Published advisories about values in traces, each with a test of its name.

use std::sync::Arc;

use chrono::DateTime;
use common::model::{DottedOrder, Run, RunEvent, RunId, RunOp, RunType, Segment};
use common::trace::{Anonymizer, MemorySink, Redactor, Tracer};
use serde_json::{Value, json};

fn streamed(events: Vec<RunEvent>) -> RunOp {
    let start = DateTime::UNIX_EPOCH;
    let id: RunId = "01990000-0000-7000-8000-00000000000a"
        .parse()
        .expect("an id");
    let order = DottedOrder::root(Segment { start, id });
    let mut run = Run::begin(order, "model", RunType::Llm, start);
    run.events = events;
    RunOp::Patch(Box::new(run))
}

fn event(name: &str) -> RunEvent {
    RunEvent {
        name: name.to_owned(),
        time: DateTime::UNIX_EPOCH,
        message: None,
        kwargs: Some(json!({"token": "streamed"})),
    }
}

#[test]
fn ghsa_rr7j_v2q5_chgv_cve_2026_41182_new_token_events_lose_their_text() {
    let plain = Tracer::builder(Arc::new(MemorySink::new())).build();
    let hiding = Tracer::builder(Arc::new(MemorySink::new()))
        .redactor(Redactor::new().hide_outputs(true))
        .build();
    for tracer in [plain, hiding] {
        let op = streamed(vec![event("new_token"), event("end"), event("new_token")]);
        let sent = tracer.admit(op).expect("an operation");
        let events = &sent.run().expect("a run").events;
        let kept: Vec<(&str, bool)> = events
            .iter()
            .map(|event| (event.name.as_str(), event.kwargs.is_some()))
            .collect();
        assert_eq!(
            kept,
            [("new_token", false), ("end", true), ("new_token", false)]
        );
    }
    // The same said through a run's handle.
    let sink = Arc::new(MemorySink::new());
    let run = Tracer::builder(sink.clone()).build().run("model").start();
    run.record_event("new_token", json!({"token": "streamed"}));
    run.end();
    assert_eq!(sink.runs()[0].events[0].kwargs, None);
    let alone = Redactor::new().redact(streamed(vec![event("new_token")]));
    assert_eq!(alone.run().expect("a run").events[0].kwargs, None);
}

/// Keys that mean something to somebody else: to LangChain's serializer, to JavaScript, to JSON Schema.
fn reserved() -> Value {
    json!({
        "lc": 1, "type": "secret", "id": ["OPENAI_API_KEY"],
        "__proto__": {"polluted": true}, "constructor": {"prototype": {"polluted": true}},
        "$ref": "#/definitions/x", "__class__": "os.system", "a.b": {"0": "dotted"}, "": "empty",
    })
}

#[test]
fn cve_2025_68664_reserved_looking_keys_are_data_like_any_other() {
    for redactor in [
        Redactor::new(),
        Redactor::new().anonymizer(Anonymizer::secrets()),
        Redactor::new().hide_inputs_with(|inputs| inputs),
    ] {
        let sink = Arc::new(MemorySink::new());
        let tracer = Tracer::builder(sink.clone()).redactor(redactor).build();
        tracer
            .run("r")
            .inputs(reserved())
            .start()
            .end_with(reserved());
        let run = &sink.runs()[0];
        assert_eq!(run.inputs.clone().map(Value::Object), Some(reserved()));
        assert_eq!(run.outputs.clone().map(Value::Object), Some(reserved()));
        let text = serde_json::to_string(run).expect("JSON");
        let back: Run = serde_json::from_str(&text).expect("a run");
        assert_eq!(back.inputs.map(Value::Object), Some(reserved()));
    }
}

#[test]
fn cve_2026_40190_a_masked_text_is_put_back_where_it_was_whatever_its_key() {
    let mask = Anonymizer::builder()
        .redact("polluted|dotted|x$")
        .build()
        .expect("valid");
    let masked = mask.mask(json!({
        "__proto__": {"a": "polluted"}, "constructor.prototype": "polluted",
        "a.b": {"0": "dotted"}, "a": {"b": ["kept"]}, "$ref": "#/definitions/x",
    }));
    let expected = json!({
        "__proto__": {"a": "[redacted]"}, "constructor.prototype": "[redacted]",
        "a.b": {"0": "[redacted]"}, "a": {"b": ["kept"]}, "$ref": "#/definitions/[redacted]",
    });
    assert_eq!(masked, expected);
}
