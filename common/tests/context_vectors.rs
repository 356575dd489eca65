//! Scopes, and the attribute, make of the same program the runs that the official Python SDK makes.
//!
//! Compared are names, parents, tags (as a set), inputs, outputs, errors, metadata and project. Of the
//! recording `ls_method` and the copies of `LANGSMITH_*` are left out, as `wire_vectors.rs` explains; `{}`
//! stands for outputs that nobody set.
#![cfg(all(feature = "macros", feature = "client"))]

use std::collections::BTreeMap;
use std::sync::Arc;

use common::model::{JsonMap, Run};
use common::trace::{
    MemorySink, Scope, TraceFutureExt as _, Tracer, current, with_run, with_scope,
};
use common::traceable;
use serde_json::{Value, json};

/// One run, without what differs every time.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Seen {
    name: String,
    parent: Option<String>,
    tags: Vec<String>,
    inputs: String,
    outputs: String,
    metadata: String,
    error: Option<String>,
    project: Option<String>,
}

fn recorded(file: &str) -> Vec<Seen> {
    let path = format!("{}/tests/vectors/{file}.json", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(path).expect("a recording");
    let recording: Value = serde_json::from_str(&text).expect("JSON");
    let parts: BTreeMap<String, Value> = recording["requests"]
        .as_array()
        .expect("requests")
        .iter()
        .filter_map(|request| request["parts"].as_array())
        .flatten()
        .map(|part| {
            (
                part["name"].as_str().expect("a name").to_owned(),
                part["json"].clone(),
            )
        })
        .collect();
    let mut seen = Vec::new();
    for (key, main) in parts
        .iter()
        .filter(|(_, json)| json.get("trace_id").is_some())
    {
        let field = |name: &str| parts.get(&format!("{key}.{name}")).cloned();
        let mut metadata = field("extra").map_or(Value::Null, |extra| extra["metadata"].clone());
        let metadata = metadata.as_object_mut().expect("metadata");
        metadata.retain(|key, _| key != "ls_method" && !key.starts_with("LANGSMITH_"));
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let name_of = |id: &Value| text(&parts[&format!("post.{}", id.as_str()?)]["name"]);
        let mut tags: Vec<_> = main["tags"]
            .as_array()
            .expect("tags")
            .iter()
            .filter_map(text)
            .collect();
        tags.sort();
        seen.push(Seen {
            name: text(&main["name"]).expect("a name"),
            parent: name_of(&main["parent_run_id"]),
            tags,
            inputs: sorted(&field("inputs").unwrap_or_else(|| json!({}))),
            outputs: sorted(&field("outputs").unwrap_or_else(|| json!({}))),
            metadata: sorted(&Value::Object(metadata.clone())),
            error: field("error").as_ref().and_then(text),
            project: text(&main["session_name"]),
        });
    }
    seen.sort();
    seen
}

fn ours(runs: &[Run]) -> Vec<Seen> {
    let object = |map: Option<&JsonMap>| sorted(&Value::Object(map.cloned().unwrap_or_default()));
    let see = |run: &Run| {
        let parent = runs
            .iter()
            .find(|above| Some(above.id) == run.parent_run_id);
        assert_eq!(parent.is_none(), run.is_root());
        assert!(run.end_time.is_some(), "{} has not ended", run.name);
        let mut tags = run.tags.clone();
        tags.sort();
        Seen {
            name: run.name.clone(),
            parent: parent.map(|run| run.name.clone()),
            tags,
            inputs: object(run.inputs.as_ref()),
            outputs: object(run.outputs.as_ref()),
            metadata: object(Some(&run.extra.metadata)),
            error: run.error.clone(),
            project: run.project.clone(),
        }
    };
    let mut seen: Vec<_> = runs.iter().map(see).collect();
    seen.sort();
    seen
}

fn sorted(value: &Value) -> String {
    let entries: BTreeMap<_, _> = value.as_object().into_iter().flatten().collect();
    serde_json::to_string(&entries).expect("JSON")
}

fn tracer() -> (Arc<MemorySink>, Tracer) {
    let sink = Arc::new(MemorySink::new());
    let tracer = Tracer::builder(sink.clone())
        .project(Some("golden-vectors".into()))
        .build();
    (sink, tracer)
}

struct ZeroDivisionError;

fn divide(_inputs: JsonMap) -> Result<JsonMap, ZeroDivisionError> {
    Err(ZeroDivisionError)
}

#[traceable(process_inputs = divide, process_outputs = |_| json!({"masked": true}), name = "proc")]
fn processed(x: &str) -> String {
    x.to_owned()
}

#[traceable(name = "renamed", parent = common::trace::Parent::Root, tags("x"), metadata(late = true))]
fn ignores_its_parent() -> u8 {
    1
}

#[test]
fn scopes_switches_and_hooks_make_the_runs_of_the_python_sdk() {
    let (sink, tracer) = tracer();
    let scope = Scope::new().tag("ctx").metadata("ctxm", 1).tracer(&tracer);
    with_scope(&scope, || {
        let outer = tracer
            .run("outer")
            .inputs(json!({"a": 1}))
            .tag("own")
            .metadata("own", 2)
            .start();
        with_run(&outer, || {
            let inner = tracer
                .run("inner")
                .run_type("retriever")
                .parent_from_current();
            let page = json!({"page_content": "p", "type": "Document", "metadata": {"s": 1}});
            inner
                .inputs(json!({"query": "q"}))
                .start()
                .end_with(json!({"documents": [page]}));
            with_scope(&Scope::off(), || {
                tracer.run("not-sent").parent_from_current().start().end();
            });
            outer.end_with(json!({"b": 2}));
        });
        // An error that was handled is no error of the run.
        tracer.run("fails").start().end();
        assert_eq!(processed("raw-secret"), "raw-secret");
        let holder = tracer.run("holder").start();
        with_run(&holder, ignores_its_parent);
        holder.end();
    });
    // Python's `enabled="local"`: runs are made and not sent.
    let local = Arc::new(MemorySink::new());
    Tracer::builder(local.clone())
        .build()
        .run("local-only")
        .start()
        .end();
    assert_eq!(local.runs().len(), 1);
    assert_eq!(ours(&sink.runs()), recorded("29_trace_ctx_and_settings"));
}

#[traceable(tracer = tracer, skip(tracer))]
fn kid(tracer: &Tracer, tag: &str) -> String {
    tag.to_owned()
}

#[traceable(tracer = tracer, skip(tracer))]
async fn akid(tracer: Tracer, tag: &'static str) -> &'static str {
    tag
}

#[traceable(tracer = tracer, skip(tracer))]
fn parent(tracer: &Tracer) {
    std::thread::scope(|threads| {
        threads.spawn(|| kid(tracer, "plain-pool"));
    });
    let run = current().expect("the run of this function");
    std::thread::scope(|threads| {
        threads.spawn(|| with_run(&run, || kid(tracer, "ctx-pool")));
    });
}

#[traceable(tracer = tracer, skip(tracer))]
async fn aparent(tracer: &Tracer) {
    let run = current().expect("the run of this function");
    let task = tokio::spawn(akid(tracer.clone(), "t1").in_run(&run));
    akid(tracer.clone(), "t2").await;
    task.await.expect("no panic");
}

#[test]
fn a_thread_loses_the_current_run_and_a_thread_or_task_that_is_given_it_keeps_it() {
    let (sink, tracer) = tracer();
    parent(&tracer);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .build();
    runtime.expect("a runtime").block_on(aparent(&tracer));
    assert_eq!(ours(&sink.runs()), recorded("30_thread_and_task_context"));
}

#[test]
fn a_header_does_not_switch_on_what_is_off_as_it_does_in_the_python_sdk() {
    let theirs = recorded_roots("25_header_turns_tracing_on");
    assert_eq!(
        theirs, 1,
        "the Python SDK records the handler of the second request"
    );
    let sink = Arc::new(MemorySink::new());
    let off = Tracer::builder(sink.clone()).enabled(false).build();
    let order = "20260101T000000000000Z01990000-0000-7000-8000-00000000000a";
    let caller = common::model::RunContext::new(order.parse().expect("valid"));
    let scope = Scope::new().parent(caller).tracer(&off);
    with_scope(&scope, || kid(&off, "handler"));
    assert!(sink.ops().is_empty());
}

/// Counts the runs of a recording whose parents are elsewhere.
fn recorded_roots(file: &str) -> usize {
    let path = format!("{}/tests/vectors/{file}.json", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(path).expect("a recording");
    text.matches("\"dotted_order\"").count()
}
