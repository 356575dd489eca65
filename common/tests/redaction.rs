//! What is masked before a run leaves, and what happens when masking fails.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use chrono::DateTime;
use common::model::{Attachment, Feedback, JsonMap, Run, RunEvent, RunId, RunOp, Segment};
use common::propagation::{LangSmithPropagator, Propagator as _};
use common::trace::{
    Anonymizer, AnonymizerBuilder, AnonymizerError, Field, GateCounts, MemorySink, PathPart,
    Redactor, Tracer,
};
use http::HeaderMap;
use serde_json::{Value, json};

/// What the rules of these tests look for.
const CANARY: &str = "canary-17";

fn masking(redactor: Redactor) -> (Arc<MemorySink>, Tracer) {
    let sink = Arc::new(MemorySink::new());
    let tracer = Tracer::builder(sink.clone()).redactor(redactor).build();
    (sink, tracer)
}

fn built(builder: AnonymizerBuilder) -> Redactor {
    Redactor::new().anonymizer(builder.build().expect("valid patterns"))
}

fn canaries() -> AnonymizerBuilder {
    Anonymizer::builder().redact(CANARY)
}

fn object(map: Option<JsonMap>) -> Value {
    map.map_or(Value::Null, Value::Object)
}

/// A run with the canary in every field that can hold one.
fn full() -> Run {
    let start = DateTime::UNIX_EPOCH;
    let id: RunId = "01990000-0000-7000-8000-00000000000a"
        .parse()
        .expect("an id");
    let order = common::model::DottedOrder::root(Segment { start, id });
    let says = |what: &str| format!("{what} {CANARY}!");
    let mut run = Run::begin(order, says("name"), says("type").as_str().into(), start);
    let map = |word: &str| {
        let value = json!({word: {says("key"): [says("value"), 1, null, {"a": says("deep")}]}});
        value.as_object().cloned()
    };
    run.tags = vec![says("tag"), "plain".into()];
    run.inputs = map("in");
    run.outputs = map("out");
    run.extra.metadata = Arc::new(map("meta").expect("a map"));
    run.extra.other = map("invocation_params").expect("a map");
    run.error = Some(says("error"));
    run.events = vec![RunEvent {
        name: says("event"),
        time: start,
        message: Some(says("message")),
        kwargs: Some(json!([says("kwargs"), {says("k"): says("v")}])),
    }];
    run.attachments = vec![Attachment::new(
        says("file"),
        says("text/plain"),
        Bytes::new(),
    )];
    run
}

fn judgement() -> Feedback {
    let on: RunId = "01990000-0000-7000-8000-00000000000a"
        .parse()
        .expect("an id");
    let mut feedback = Feedback::on(on, format!("key {CANARY}"), DateTime::UNIX_EPOCH)
        .score(json!([CANARY]))
        .value(json!({"v": CANARY}))
        .comment(format!("says {CANARY}"))
        .correction(json!({CANARY: [CANARY]}));
    feedback.feedback_source = json!({"type": "api", "metadata": {"who": CANARY}});
    feedback.extra = json!({"more": CANARY}).as_object().cloned();
    feedback
}

#[test]
fn every_field_of_a_run_is_masked_and_nothing_else_is_changed() {
    let (_, tracer) = masking(built(canaries()));
    let run = full();
    let masked = tracer
        .admit(RunOp::Post(Box::new(run.clone())))
        .expect("an operation");
    let masked = masked.run().expect("a run");
    let text = format!("{masked:?} {}", json!(masked));
    assert!(!text.contains(CANARY), "{text}");
    assert_eq!(masked.name, "name [redacted]!");
    assert_eq!(masked.run_type.as_str(), "type [redacted]!");
    assert_eq!(masked.tags, ["tag [redacted]!", "plain"]);
    assert_eq!(masked.error.as_deref(), Some("error [redacted]!"));
    assert_eq!(
        object(masked.inputs.clone()),
        json!({"in": {"key [redacted]!": ["value [redacted]!", 1, null, {"a": "deep [redacted]!"}]}})
    );
    let attachment = &masked.attachments[0];
    assert_eq!(attachment.name, "file [redacted]!");
    assert_eq!(attachment.mime_type, "application/octet-stream");
    let same = (
        run.id,
        &run.dotted_order,
        run.start_time,
        &run.extra.runtime,
    );
    assert_eq!(
        same,
        (
            masked.id,
            &masked.dotted_order,
            masked.start_time,
            &masked.extra.runtime
        )
    );
}

#[test]
fn feedback_is_masked_in_comment_value_correction_and_source() {
    let (_, tracer) = masking(built(canaries()));
    let masked = tracer.admit(RunOp::Feedback(Box::new(judgement())));
    let Some(RunOp::Feedback(masked)) = masked else {
        panic!("no feedback");
    };
    let text = json!(*masked).to_string();
    assert!(!text.contains(CANARY), "{text}");
    assert_eq!(masked.comment.as_deref(), Some("says [redacted]"));
    assert_eq!(
        masked.correction,
        Some(json!({"[redacted]": ["[redacted]"]}))
    );
}

#[test]
fn what_an_anonymizer_is_told_to_leave_it_leaves_and_only_that() {
    let left = |field: Field, op: RunOp| {
        let redacted = built(canaries().leave(field)).redact(op.clone());
        assert_ne!(redacted, op, "{field:?}");
        let text = match redacted {
            RunOp::Feedback(feedback) => json!(*feedback).to_string(),
            RunOp::Post(run) | RunOp::Patch(run) => {
                format!("{} {:?}", json!(*run), run.attachments)
            }
        };
        text.matches(CANARY).count()
    };
    let run = || RunOp::Post(Box::new(full()));
    for (field, count) in [
        (Field::Names, 2),
        (Field::Tags, 1),
        (Field::Inputs, 3),
        (Field::Outputs, 3),
        (Field::Metadata, 3),
        (Field::Extra, 3),
        (Field::Errors, 1),
        (Field::Events, 5),
        (Field::Attachments, 2),
        (Field::Feedback, 0),
        (Field::Keys, 5),
    ] {
        assert_eq!(left(field, run()), count, "{field:?}");
    }
    assert_eq!(
        left(Field::Feedback, RunOp::Feedback(Box::new(judgement()))),
        7
    );
}

#[test]
fn the_same_rules_give_what_the_python_sdk_gives_but_for_keys() {
    let (sink, tracer) = masking(built(
        Anonymizer::builder()
            .rule(r"[\w.]+@[\w.]+", "<email>")
            .redact(r"\d{3}-\d{4}"),
    ));
    // The first program of vector 10.
    let run = tracer
        .run("anon1")
        .inputs(json!({
            "msg": "to alice@x.org call 555-9999",
            "deep": {"l": [{"m": "z@z.zz", "n": 3}], "k@k.kk": "v"},
        }))
        .metadata("owner", "bob@corp.com")
        .start();
    run.fail("ValueError('mail a@b.co failed 555-1234')");
    let recorded = recorded("anon1");
    let ours = &sink.runs()[0];
    // The one difference: keys are masked as well.
    let mut inputs = recorded("inputs");
    let kept = inputs["deep"]
        .as_object_mut()
        .expect("a map")
        .remove("k@k.kk");
    inputs["deep"]["<email>"] = kept.expect("the key that Python leaves");
    assert_eq!(object(ours.inputs.clone()), inputs);
    assert_eq!(object(ours.outputs.clone()), recorded("outputs"));
    assert_eq!(
        ours.extra.metadata["owner"],
        recorded("extra")["metadata"]["owner"]
    );
    let error = recorded("error");
    let error = error.as_str().and_then(|text| text.lines().next());
    assert_eq!(ours.error.as_deref(), error);
}

#[test]
fn the_preset_for_secrets_gives_what_the_python_sdk_gives() {
    let (sink, tracer) = masking(Redactor::new().anonymizer(Anonymizer::secrets()));
    // The second program of vector 10.
    let key = ["OPENAI_API_KEY=sk-", "abcdefghijklmnopqrstuvwxyz0123456789"].concat();
    let jwt = ["eyJhbGciOi", "eyJzdWIiOi", "c2lnbmF0dXJl"].join(".");
    let run = tracer
        .run("anon2")
        .inputs(json!({"cfg": {"env": key, "jwt": jwt}}))
        .start();
    run.end_with(json!({
        "auth": "Authorization: Bearer abcdefghijklmnop",
        "url": "postgres://u:hunter22@h/db",
    }));
    let recorded = recorded("anon2");
    assert_eq!(object(sink.runs()[0].inputs.clone()), recorded("inputs"));
    assert_eq!(object(sink.runs()[0].outputs.clone()), recorded("outputs"));
}

/// Returns what the Python SDK sent of the run of that name in vector 10, part by part.
fn recorded(name: &str) -> impl Fn(&str) -> Value {
    let text = include_str!("vectors/10_anonymizer_and_secret_rules.json");
    let vector: Value = serde_json::from_str(text).expect("a recording");
    let requests = vector["requests"].as_array().expect("requests");
    let parts = requests
        .iter()
        .filter_map(|request| request["parts"].as_array());
    let named = |parts: &&Vec<Value>| parts[0]["json"]["name"] == name;
    let parts = parts.clone().find(named).expect("the run").clone();
    move |field| {
        let ends = |part: &&Value| {
            part["name"]
                .as_str()
                .is_some_and(|name| name.ends_with(field))
        };
        parts.iter().find(ends).expect("the part")["json"].clone()
    }
}

#[test]
fn hidden_fields_are_sent_as_empty_maps_as_in_the_recording() {
    let hiding = Redactor::new()
        .hide_inputs(true)
        .hide_outputs(true)
        .hide_metadata(true);
    let (sink, tracer) = masking(hiding);
    // The program of vector 11.
    let run = tracer.run("hidden").metadata("m", 1).tag("visible-tag");
    let run = run.inputs(json!({"x": "secret"})).start();
    let baggage = run.context().expect("recorded").baggage;
    assert!(baggage.metadata.is_empty());
    assert_eq!(baggage.tags, ["visible-tag"]);
    run.end_with(json!({"o": "secret"}));
    let vector: Value =
        serde_json::from_str(include_str!("vectors/11_hide_flags.json")).expect("a recording");
    let parts = vector["requests"][1]["parts"].as_array().expect("parts");
    let ours = &sink.runs()[0];
    assert_eq!(object(ours.inputs.clone()), parts[1]["json"]);
    assert_eq!(object(ours.outputs.clone()), parts[2]["json"]);
    assert_eq!(
        Value::Object((*ours.extra.metadata).clone()),
        parts[4]["json"]["metadata"]
    );
    assert_eq!(json!(ours.tags), parts[0]["json"]["tags"]);
    assert!(ours.extra.runtime.is_some());
}

#[test]
fn a_flag_comes_before_the_anonymizer_and_a_function_after_it() {
    let seen = Arc::new(AtomicUsize::new(0));
    let asked = seen.clone();
    let redactor = built(canaries())
        .hide_outputs(true)
        .hide_inputs_with(move |mut inputs| {
            asked.fetch_add(1, Ordering::Relaxed);
            assert_eq!(inputs["q"], "[redacted]");
            inputs.insert("seen".into(), true.into());
            inputs
        })
        .hide_metadata_with(|metadata| {
            metadata.into_iter().filter(|(key, _)| key != "m").collect()
        });
    let (sink, tracer) = masking(redactor);
    let run = tracer
        .run("r")
        .inputs(json!({"q": CANARY}))
        .metadata("m", 1)
        .metadata("n", 2);
    let run = run.start();
    assert_eq!(run.context().expect("recorded").baggage.metadata.len(), 1);
    run.end_with(json!({"a": CANARY}));
    let sent = &sink.runs()[0];
    assert_eq!(
        object(sent.inputs.clone()),
        json!({"q": "[redacted]", "seen": true})
    );
    assert_eq!(object(sent.outputs.clone()), json!({}));
    assert_eq!(
        Value::Object((*sent.extra.metadata).clone()),
        json!({"n": 2})
    );
    assert_eq!(seen.load(Ordering::Relaxed), 1);
    assert_eq!(tracer.gate_counts(), GateCounts::default());
}

#[test]
fn a_function_for_texts_is_told_where_each_stands() {
    let redactor = built(Anonymizer::builder().leave(Field::Keys).with(|text, path| {
        let steps = path.parts.iter().map(|part| match part {
            PathPart::Key(key) => key.clone(),
            PathPart::Index(index) => index.to_string(),
        });
        let steps: Vec<String> = steps.collect();
        format!("{text}@{:?}/{}", path.field, steps.join("/"))
    }));
    let (sink, tracer) = masking(redactor);
    let run = tracer
        .run("r")
        .inputs(json!({"a.b": ["x", {"c": "y"}]}))
        .tag("t")
        .start();
    run.fail("e");
    let sent = &sink.runs()[0];
    assert_eq!(
        object(sent.inputs.clone()),
        json!({"a.b": ["x@Inputs/a.b/0", {"c": "y@Inputs/a.b/1/c"}]})
    );
    assert_eq!(sent.name, "r@Names/");
    assert_eq!(sent.tags, ["t@Tags/"]);
    assert_eq!(sent.error.as_deref(), Some("e@Errors/"));
}

#[test]
fn rules_are_applied_in_their_order_and_groups_can_be_kept() {
    let anonymizer = Anonymizer::builder()
        .rule(r"(user)-\d+", "$1-N")
        .with(|text, _| text.replace("-N", "-M"))
        .rule("M$", "end")
        .build()
        .expect("valid");
    assert_eq!(anonymizer.mask_text("user-12"), "user-end");
    let refused = Anonymizer::builder()
        .redact("fine")
        .redact(r"(?=look)")
        .redact("[")
        .build();
    let Err(AnonymizerError::InvalidPattern { pattern, .. }) = refused else {
        panic!("accepted");
    };
    assert_eq!(pattern, "(?=look)");
}

#[test]
fn keys_that_look_alike_once_masked_stay_apart() {
    let anonymizer = canaries().build().expect("valid");
    let masked = anonymizer.mask(json!({
        CANARY: 1,
        "[redacted]": 2,
        format!("{CANARY}{CANARY}"): 3,
        "between": 4,
        format!("{CANARY} (2)"): 5,
        format!("{CANARY}{CANARY}{CANARY}"): 6,
    }));
    let expected = json!({
        "[redacted] (2)": 1,
        "[redacted]": 2,
        "[redacted][redacted]": 3,
        "between": 4,
        "[redacted] (2) (2)": 5,
        "[redacted][redacted][redacted]": 6,
    });
    assert_eq!(masked, expected);
    assert_eq!(masked.to_string(), expected.to_string(), "in their order");
    let many: JsonMap = (0..1000)
        .map(|n| (format!("canary-17{n:04}"), n.into()))
        .collect();
    let all = Anonymizer::builder()
        .redact(r"canary-\d+")
        .build()
        .expect("valid");
    let masked = all.mask(many);
    assert_eq!(masked.as_object().map(JsonMap::len), Some(1000));
    assert_eq!(masked["[redacted] (1000)"], 999);
}

#[test]
fn attachments_that_look_alike_once_masked_stay_apart() {
    let (_, tracer) = masking(built(Anonymizer::builder().redact(r"\d+")));
    let mut run = full();
    run.attachments = ["1", "2", "plain"]
        .map(|name| Attachment::new(name, "image/png", Bytes::new()))
        .to_vec();
    let masked = tracer
        .admit(RunOp::Patch(Box::new(run)))
        .expect("an operation");
    let masked = &masked.run().expect("a run").attachments;
    let names: Vec<&str> = masked
        .iter()
        .map(|attachment| attachment.name.as_str())
        .collect();
    assert_eq!(names, ["[redacted]", "[redacted] (2)", "plain"]);
    assert!(
        masked
            .iter()
            .all(|attachment| attachment.mime_type == "image/png")
    );
}

#[test]
fn children_inherit_what_was_said_and_each_masks_it_once() {
    let redactor = Redactor::new().hide_metadata_with(|metadata| {
        let marked = |(key, value): (String, Value)| {
            let text = value.as_str().unwrap_or_default();
            (key, Value::from(format!("<{text}>")))
        };
        metadata.into_iter().map(marked).collect()
    });
    let (sink, tracer) = masking(redactor);
    let root = tracer.run("root").metadata("user", "u1").start();
    common::trace::with_run(&root, || {
        tracer.run("current").parent_from_current().start().end();
    });
    root.child("leaf").start().end();
    root.end();
    for run in sink.runs() {
        assert_eq!(run.extra.metadata["user"], "<u1>", "{}", run.name);
    }
}

#[test]
fn what_goes_into_headers_is_masked_too() {
    let (_, tracer) = masking(built(canaries()));
    let run = tracer
        .run("r")
        .metadata(CANARY, json!({"a": [CANARY]}))
        .tag(CANARY)
        .start();
    let mut headers = HeaderMap::new();
    let context = run.context().expect("recorded");
    LangSmithPropagator::new().inject(&context, &mut headers);
    let baggage = headers["baggage"].to_str().expect("text");
    assert!(!baggage.contains(CANARY), "{baggage}");
    assert!(baggage.contains("redacted"), "{baggage}");
    assert_eq!(headers["langsmith-trace"], context.dotted_order.as_str());
}
