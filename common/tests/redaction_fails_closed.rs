//! Masking that goes wrong sends too little, never too much, and never disturbs the traced program.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, OnceLock};

use common::model::{JsonMap, MAX_VALUE_DEPTH, Run};
use common::trace::{Anonymizer, GateCounts, MemorySink, Redactor, Tracer};
use serde_json::{Value, json};

const CANARY: &str = "canary-17";

fn masking(redactor: Redactor) -> (Arc<MemorySink>, Tracer) {
    let sink = Arc::new(MemorySink::new());
    let tracer = Tracer::builder(sink.clone()).redactor(redactor).build();
    (sink, tracer)
}

fn anonymizing(anonymizer: Anonymizer) -> (Arc<MemorySink>, Tracer) {
    masking(Redactor::new().anonymizer(anonymizer))
}

fn object(map: &Option<JsonMap>) -> Value {
    map.clone().map_or(Value::Null, Value::Object)
}

fn panicking(map: JsonMap) -> JsonMap {
    panic!(
        "the message quotes what it was given: {}",
        Value::Object(map)
    )
}

#[test]
fn a_function_that_panics_withholds_its_field_and_says_so_without_the_message() {
    let redactor = Redactor::new()
        .hide_inputs_with(panicking)
        .hide_outputs_with(panicking)
        .hide_metadata_with(panicking);
    let (sink, tracer) = masking(redactor);
    let run = tracer
        .run("r")
        .inputs(json!({"q": CANARY}))
        .metadata("m", CANARY)
        .start();
    run.end_with(json!({"a": CANARY}));
    let sent = &sink.runs()[0];
    let marker = |field: &str| json!({"ls_error": format!("Processing failed; {field} dropped (hide_{field}: Panic)")});
    assert_eq!(object(&sent.inputs), marker("inputs"));
    assert_eq!(object(&sent.outputs), marker("outputs"));
    assert_eq!(
        Value::Object((*sent.extra.metadata).clone()),
        marker("metadata")
    );
    assert!(!format!("{:?}", sink.ops()).contains(CANARY));
    // Inputs once, outputs once, metadata on both.
    assert_eq!(tracer.gate_counts().withheld_by_panic, 4);
}

#[test]
fn an_anonymizer_that_panics_withholds_each_field_it_panicked_over() {
    let anonymizer = Anonymizer::builder().with(|text, _| {
        assert!(!text.contains(CANARY), "{text}");
        text.to_owned()
    });
    let (sink, tracer) = anonymizing(anonymizer.build().expect("valid"));
    let run = tracer
        .run(CANARY)
        .tag(CANARY)
        .tag("plain")
        .inputs(json!({"q": {"x": CANARY}}));
    let run = run.start();
    run.set_outputs(json!({"a": 1}));
    run.fail(CANARY);
    let sent = &sink.runs()[0];
    let marker = |field: &str| format!("Processing failed; {field} dropped (anonymizer: Panic)");
    assert_eq!(sent.name, marker("name"));
    assert_eq!(sent.tags, [marker("tags"), "plain".into()]);
    assert_eq!(sent.error, Some(marker("error")));
    assert_eq!(object(&sent.inputs), json!({"ls_error": marker("inputs")}));
    assert_eq!(object(&sent.outputs), json!({"a": 1}));
}

#[test]
fn unprocessed_fields_are_sent_only_if_that_is_allowed_and_patterns_still_hold() {
    let anonymizer = Anonymizer::builder()
        .redact(CANARY)
        .with(|text, _| panic!("no: {text}"))
        .build()
        .expect("valid");
    let redactor = Redactor::new()
        .anonymizer(anonymizer)
        .hide_inputs_with(panicking)
        .hide_outputs(true)
        .allow_unprocessed(true);
    let (sink, tracer) = masking(redactor);
    let run = tracer
        .run("r")
        .inputs(json!({"q": ["raw", CANARY]}))
        .start();
    run.end_with(json!({"a": CANARY}));
    let sent = &sink.runs()[0];
    assert_eq!(sent.name, "r");
    assert_eq!(object(&sent.inputs), json!({"q": ["raw", "[redacted]"]}));
    assert_eq!(object(&sent.outputs), json!({}));
    assert!(tracer.gate_counts().withheld_by_panic > 0);
}

#[test]
fn a_panicking_function_does_not_disturb_a_program_that_is_panicking_itself() {
    let (sink, tracer) = masking(Redactor::new().hide_metadata_with(panicking));
    let caught = catch_unwind(AssertUnwindSafe(|| {
        let _run = tracer.run("r").start();
        panic!("the program's own");
    }));
    let why = caught.expect_err("a panic");
    assert_eq!(why.downcast_ref::<&str>(), Some(&"the program's own"));
    let sent = &sink.runs()[0];
    assert!(
        sent.error
            .as_deref()
            .is_some_and(|error| error.starts_with("Panicked"))
    );
}

#[test]
fn a_function_that_records_runs_itself_does_not_go_round_in_circles() {
    let own: Arc<OnceLock<Tracer>> = Arc::default();
    let tracing = own.clone();
    let anonymizer = Anonymizer::builder().with(move |text, _| {
        if let Some(tracer) = tracing.get() {
            let run = tracer.run("inner").metadata("m", CANARY).start();
            assert!(
                run.context()
                    .is_some_and(|context| context.baggage.is_empty())
            );
            run.end();
        }
        text.to_owned()
    });
    let (sink, tracer) = anonymizing(anonymizer.build().expect("valid"));
    own.set(tracer.clone()).expect("once");
    tracer.run("outer").start().end();
    let names: Vec<String> = sink.runs().into_iter().map(|run| run.name).collect();
    assert_eq!(names, ["outer"]);
    let counts = tracer.gate_counts();
    assert!(counts.made_while_masking >= 2, "{counts}");
    assert_eq!(counts.withheld_by_panic, 0);
}

#[test]
fn a_function_may_look_at_the_run_that_is_being_masked() {
    let own: Arc<OnceLock<common::trace::RunTree>> = Arc::default();
    let seen = own.clone();
    let redactor = Redactor::new().hide_metadata_with(move |mut metadata| {
        let name = seen.get().map(common::trace::RunTree::name);
        metadata.insert("of".into(), name.into());
        metadata
    });
    let (sink, tracer) = masking(redactor);
    let run = tracer.run("r").start();
    own.set(run.clone()).expect("once");
    assert_eq!(run.context().expect("recorded").baggage.metadata["of"], "r");
    run.end();
    assert_eq!(sink.runs()[0].extra.metadata["of"], "r");
}

#[test]
fn more_text_than_the_budget_is_withheld_and_what_is_short_still_leaves() {
    let anonymizer = Anonymizer::builder().redact(CANARY).max_bytes(1000);
    let (sink, tracer) = anonymizing(anonymizer.build().expect("valid"));
    let long = format!("{CANARY} {}", "x".repeat(2000));
    let run = tracer
        .run("r")
        .tag(CANARY)
        .inputs(json!({"q": [long.clone()]}))
        .start();
    run.set_outputs(json!({"short": CANARY}));
    run.fail(&long);
    let sent = &sink.runs()[0];
    let marker =
        |field: &str| format!("Processing failed; {field} dropped (anonymizer: OverBudget)");
    assert_eq!(object(&sent.inputs), json!({"ls_error": marker("inputs")}));
    assert_eq!(sent.error, Some(marker("error")));
    assert_eq!(sent.tags, ["[redacted]"]);
    assert_eq!(object(&sent.outputs), json!({"short": "[redacted]"}));
    let counts = GateCounts {
        withheld_over_budget: 2,
        ..GateCounts::default()
    };
    assert_eq!(tracer.gate_counts(), counts);
}

#[test]
fn many_short_texts_use_up_the_budget_as_one_long_one_does() {
    let anonymizer = Anonymizer::builder().redact(CANARY).max_bytes(1000);
    let (sink, tracer) = anonymizing(anonymizer.build().expect("valid"));
    tracer
        .run("keys")
        .inputs(json!({"q": vec![json!({"key": 1}); 400]}))
        .start()
        .end();
    tracer
        .run("nothing")
        .inputs(json!({"q": vec![Value::Null; 2000]}))
        .start()
        .end();
    for run in sink.runs() {
        assert!(object(&run.inputs)["ls_error"].is_string(), "{}", run.name);
    }
}

/// A value so deep that walking it on the call stack would end the process.
fn nested(depth: usize) -> Value {
    (0..depth).fold(Value::from(CANARY), |value, level| {
        if level % 2 == 0 {
            Value::Array(vec![value])
        } else {
            Value::Object(JsonMap::from_iter([("k".to_owned(), value)]))
        }
    })
}

/// Returns what is at the bottom, and how deep that is.
fn bottom(value: &Value) -> (usize, &Value) {
    let (mut depth, mut value) = (0, value);
    while let Some(inner) = value.get(0).or_else(|| value.get("k")) {
        (depth, value) = (depth + 1, inner);
    }
    (depth, value)
}

#[test]
fn a_value_at_any_depth_is_masked_and_one_too_deep_to_write_is_withheld() {
    let anonymizer = Anonymizer::builder().redact(CANARY).build().expect("valid");
    for depth in [0, 1, 10, 11, 24, 25, 200, MAX_VALUE_DEPTH - 1] {
        let masked = anonymizer.mask(json!({"k": nested(depth)}));
        assert_eq!(bottom(&masked), (depth + 1, &json!("[redacted]")));
    }
    let masked = anonymizer.mask(nested(100_000));
    let (depth, marker) = bottom(&masked);
    assert_eq!(
        (depth, marker),
        (MAX_VALUE_DEPTH, &json!("[withheld: nested too deep]"))
    );
}

#[test]
fn a_run_with_a_value_of_a_hundred_thousand_levels_is_sent_and_can_be_written() {
    let anonymizer = Anonymizer::builder().redact(CANARY).build().expect("valid");
    let (sink, tracer) = anonymizing(anonymizer);
    let mut inputs = JsonMap::new();
    inputs.insert("deep".into(), nested(100_000));
    tracer.run("r").inputs(inputs).start().end();
    // The exporter writes on a thread with the usual stack.
    let runs = sink.runs();
    let written = std::thread::spawn(move || {
        runs.iter()
            .map(|run: &Run| json!(run).to_string())
            .collect::<String>()
    });
    let written = written.join().expect("no overflow");
    assert!(written.contains("nested too deep") && !written.contains(CANARY));
}

#[test]
fn hidden_inputs_of_any_depth_are_dropped_without_a_trace() {
    let (sink, tracer) = masking(Redactor::new().hide_inputs(true));
    let mut inputs = JsonMap::new();
    inputs.insert("deep".into(), nested(100_000));
    tracer.run("r").inputs(inputs).start().end();
    assert_eq!(object(&sink.runs()[0].inputs), json!({}));
}
