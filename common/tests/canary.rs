//! A secret planted anywhere in a run shows nowhere outside: neither in an operation nor in a header.

use std::sync::Arc;

use bytes::Bytes;
use chrono::DateTime;
use common::model::{Attachment, Feedback, JsonMap, RunEvent, RunOp};
use common::propagation::{LangSmithPropagator, Propagator as _};
use common::trace::{Anonymizer, MemorySink, Redactor, RunSink as _, Tracer};
use http::HeaderMap;
use proptest::prelude::*;
use serde_json::{Value, json};

/// Not a key, and as long as one.
fn canary() -> String {
    [
        "lsv2",
        "_pt_",
        "0123456789abcdef0123456789abcdef",
        "_",
        "0123456789",
    ]
    .concat()
}

/// What of it must not show.
const CORE: &str = "0123456789abcdef";

#[derive(Debug, Clone, Copy)]
enum Place {
    Name,
    RunType,
    Tag,
    Inputs,
    Outputs,
    Metadata,
    InheritedMetadata,
    Extra,
    Error,
    EventName,
    EventMessage,
    EventKwargs,
    AttachmentName,
    MimeType,
    FeedbackKey,
    FeedbackComment,
    FeedbackValue,
    FeedbackCorrection,
    FeedbackSource,
}

const PLACES: [Place; 19] = [
    Place::Name,
    Place::RunType,
    Place::Tag,
    Place::Inputs,
    Place::Outputs,
    Place::Metadata,
    Place::InheritedMetadata,
    Place::Extra,
    Place::Error,
    Place::EventName,
    Place::EventMessage,
    Place::EventKwargs,
    Place::AttachmentName,
    Place::MimeType,
    Place::FeedbackKey,
    Place::FeedbackComment,
    Place::FeedbackValue,
    Place::FeedbackCorrection,
    Place::FeedbackSource,
];

/// One level around a value: in an array or a map, with something beside it.
#[derive(Debug, Clone)]
enum Level {
    Array(usize),
    Map(String),
}

fn level() -> impl Strategy<Value = Level> {
    prop_oneof![
        (0..3_usize).prop_map(Level::Array),
        "[a-z_]{0,6}".prop_map(Level::Map)
    ]
}

/// Where the secret is planted, how deep, as a key or as a text, and between which other characters.
fn plant() -> impl Strategy<Value = (Place, Vec<Level>, bool, String, String)> {
    (
        prop::sample::select(&PLACES),
        prop::collection::vec(level(), 0..200),
        any::<bool>(),
        "\\PC{0,8}",
        "\\PC{0,8}",
    )
}

fn nested(text: String, levels: &[Level], as_key: bool) -> Value {
    let innermost = if as_key {
        json!({text: 1})
    } else {
        Value::from(text)
    };
    levels.iter().fold(innermost, |value, level| match level {
        Level::Array(at) => {
            let mut items = vec![Value::from("beside"); 2];
            items.insert(*at, value);
            Value::Array(items)
        }
        Level::Map(key) => {
            let mut map = JsonMap::from_iter([("beside".to_owned(), json!(1))]);
            map.insert(key.clone(), value);
            Value::Object(map)
        }
    })
}

fn under_a_key(value: Value) -> JsonMap {
    JsonMap::from_iter([("k".to_owned(), value)])
}

fn as_text(op: &RunOp) -> String {
    match op {
        RunOp::Post(run) | RunOp::Patch(run) => format!("{} {:?}", json!(run), run.attachments),
        RunOp::Feedback(feedback) => json!(feedback).to_string(),
    }
}

proptest! {
    #[test]
    fn a_planted_secret_leaves_in_no_operation_and_no_header(
        (place, levels, as_key, before, after) in plant(),
    ) {
        let text = format!("{before}{}{after}", canary());
        let value = nested(text.clone(), &levels, as_key);
        let sink = Arc::new(MemorySink::new());
        let tracer = Tracer::builder(sink.clone())
            .redactor(Redactor::new().anonymizer(Anonymizer::secrets()))
            .build();
        let of = |wanted: bool, text: &str| if wanted { text.to_owned() } else { "plain".into() };

        // What a program can say of a run, said through its handle.
        let mut run = tracer.run(of(matches!(place, Place::Name), &text));
        if let Place::RunType = place {
            run = run.run_type(text.as_str());
        }
        if let Place::Tag = place {
            run = run.tag(&text);
        }
        if let Place::Inputs = place {
            run = run.inputs(value.clone());
        }
        if let Place::InheritedMetadata = place {
            run = run.metadata(if as_key { &text } else { "k" }, value.clone());
        }
        let run = run.start();
        if let Place::Metadata = place {
            run.add_metadata(if as_key { &text } else { "k" }, value.clone());
        }
        if let Place::EventMessage = place {
            run.add_event(&text);
        }
        if let Place::Outputs = place {
            run.set_outputs(value.clone());
        }
        let child = run.child("below").start();
        let mut headers = HeaderMap::new();
        for run in [&run, &child] {
            let context = run.context().expect("recorded");
            LangSmithPropagator::new().inject(&context, &mut headers);
            let written = format!("{headers:?} {context:?}");
            prop_assert!(!written.contains(CORE), "{:?}: {}", place, written);
        }
        child.end();
        if let Place::Error = place {
            run.fail(&text);
        }
        run.end();

        // What else an operation can hold.
        let mut op = sink.ops().pop().expect("the update");
        if let Some(run) = op.run_mut() {
            match place {
                Place::Extra => run.extra.other = under_a_key(value.clone()),
                Place::EventName | Place::EventKwargs => run.events.push(RunEvent {
                    name: of(matches!(place, Place::EventName), &text),
                    time: DateTime::UNIX_EPOCH,
                    message: None,
                    kwargs: matches!(place, Place::EventKwargs).then(|| value.clone()),
                }),
                Place::AttachmentName | Place::MimeType => run.attachments.push(Attachment::new(
                    of(matches!(place, Place::AttachmentName), &text),
                    of(matches!(place, Place::MimeType), &text),
                    Bytes::new(),
                )),
                _ => {}
            }
        }
        let on = run.id().expect("recorded");
        let key = of(matches!(place, Place::FeedbackKey), &text);
        let mut feedback = Feedback::on(on, key, DateTime::UNIX_EPOCH);
        match place {
            Place::FeedbackComment => feedback.comment = Some(text.clone()),
            Place::FeedbackValue => feedback.value = Some(value.clone()),
            Place::FeedbackCorrection => feedback.correction = Some(value.clone()),
            Place::FeedbackSource => feedback.feedback_source = value.clone(),
            _ => {}
        }
        for op in [op, RunOp::Feedback(Box::new(feedback))] {
            let admitted = tracer.admit(op);
            sink.submit(admitted.expect("not sampled out"));
        }
        prop_assert_eq!(sink.ops().len(), 6);
        for op in sink.ops() {
            let written = as_text(&op);
            prop_assert!(!written.contains(CORE), "{:?}: {}", place, written);
        }
    }
}
