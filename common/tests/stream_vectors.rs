//! Streams: what the official Python stack sent of them, and what this crate makes of the same.
//!
//! Two recordings are compared. `06_streaming_llm_generator_reduce` has seven generators of the Python SDK;
//! they are streams here, and [`ERRORS`] and the tests say what differs. `langgraph_stream_react` is a
//! LangGraph agent whose answer was streamed to a caller: its runs, the headers that it got, and the
//! server-sent events that it gave.
#![cfg(all(
    feature = "analysis",
    feature = "client",
    feature = "langsmith_mock",
    feature = "middleware"
))]

mod langsmith_mock_support;
mod streamed;

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use common::analysis::waterfall;
use common::client::{Client, ClientBuilder};
use common::export::BatchConfig;
use common::langsmith_mock::LangSmithMock;
use common::middleware::TracingLayer;
use common::model::{
    Baggage, JsonMap, LazyBaggage, NEW_TOKEN, Run, RunContext, RunStatus, SeededIds, SteppingClock,
};
use common::propagation::carrier::stream::{TRACE_CONTEXT, event, read_event};
use common::propagation::{Entries, LangSmithPropagator, Propagator as _, TrustPolicy};
use common::trace::{CHUNK_COUNT, JoinedText, MemorySink, TraceStreamExt as _, Tracer, current};
use futures_util::{FutureExt as _, StreamExt as _, TryStreamExt as _, stream};
use http::{Request, Response};
use http_body::Frame;
use http_body_util::{BodyExt as _, StreamBody};
use langsmith_mock_support::KEY;
use serde_json::{Value, json};
use streamed::generators::{
    RuntimeError, Seen, async_generator, generator, recorded_generators, red, seen,
};
use streamed::graph::{
    graph, parsed, recorded_headers, recorded_runs, response, send_recorded, streamed_by_the_model,
};
use streamed::{event_names, map};
use tower::{Layer as _, ServiceExt as _, service_fn};

const PATIENCE: Duration = Duration::from_secs(60);

/// Begins a client that sends only when flushed, so that a run's create and end leave as one operation, as
/// they do in the recordings.
fn client(mock: &LangSmithMock) -> ClientBuilder {
    Client::builder()
        .endpoint(mock.url())
        .api_key(KEY)
        .batch(BatchConfig {
            linger: PATIENCE,
            ..BatchConfig::default()
        })
}

const CLOSED: &str = "Cancelled: the stream was dropped before its end";

/// Which errors differ: what Python says, and what is said here. Python tells of its exception with the
/// traceback, be it empty, and has an exception of its own for a generator that is closed; we write what the
/// error says of itself, and that nobody wanted the rest. Both call that an error.
const ERRORS: [(&str, &str, &str); 4] = [
    (
        "b-early-close",
        "GeneratorExit()\n\nTraceback (most recent call last):\nGeneratorExit\n",
        CLOSED,
    ),
    (
        "e-raises",
        "RuntimeError('mid-stream')\n\nTraceback (most recent call last):\n  \
         File \"<work>/case_06_streaming_llm_generator_reduce.py\", line 27, in e\n    \
         raise RuntimeError(\"mid-stream\")\nRuntimeError: mid-stream\n",
        "mid-stream",
    ),
    (
        "f-abandoned",
        "GeneratorExit()\n\nTraceback (most recent call last):\nGeneratorExit\n",
        CLOSED,
    ),
    (
        "g-async-aclose",
        "GeneratorExit()\n\nNoneType: None\n",
        CLOSED,
    ),
];

/// The recorded program, line by line. An abandoned generator is closed by Python once it is collected, an
/// async one when its loop says so; a stream is dropped, and that is all there is to both.
#[tokio::test(flavor = "multi_thread")]
async fn seven_streams_leave_the_runs_that_seven_generators_left() {
    let mock = LangSmithMock::start().await;
    let c = client(&mock).project("golden-vectors").build();
    let c = c.expect("a client");
    let llm = |name: &str| c.run(name).run_type("llm");
    let now = "a generator does not wait";

    let a = generator(&["He", "llo", "!"]).traced_values_by(llm("a-full"), red());
    let a: Vec<_> = a.collect().now_or_never().expect(now);
    assert_eq!(a, ["He", "llo", "!"]);

    let mut g =
        generator(&["one ", "two ", "three "]).traced_values_by(llm("b-early-close"), red());
    assert_eq!(g.next().now_or_never().expect(now), Some("one "));
    assert_eq!(g.next().now_or_never().expect(now), Some("two "));
    drop(g);

    let cc = generator(&[1, 2]).traced_values(c.run("c-chain-no-reduce"));
    assert_eq!(cc.count().now_or_never().expect(now), 2);

    let d = |run| async_generator(&["x", "y"]).traced_values_by(run, red());
    assert_eq!(d(llm("d-async")).collect::<Vec<_>>().await, ["x", "y"]);

    let e = generator(&[Ok("ok"), Err(RuntimeError("mid-stream"))]);
    let e = e.traced_by(llm("e-raises"), red()).try_collect::<Vec<_>>();
    let failed = e.now_or_never().expect(now);
    assert_eq!(failed, Err(RuntimeError("mid-stream")));

    {
        let mut h = generator(&["q", "r", "s"]).traced_values_by(llm("f-abandoned"), red());
        assert_eq!(h.next().now_or_never().expect(now), Some("q"));
    }

    let mut it = Box::pin(d(llm("g-async-aclose")));
    assert_eq!(it.next().await, Some("x"));
    drop(it);

    c.flush_async(PATIENCE).await.expect("delivered");
    let theirs = recorded_generators();
    assert_eq!(theirs.len(), 7);
    assert_eq!(seen(&mock), differing_on_purpose(theirs));
}

/// Checks what the recording says where we differ, and puts what we say in its place.
fn differing_on_purpose(mut runs: BTreeMap<String, Seen>) -> BTreeMap<String, Seen> {
    for (name, theirs, ours) in ERRORS {
        let error = runs.get_mut(name).expect("a run").error.as_mut();
        let error = error.expect("an error");
        assert_eq!(error, theirs, "{name}");
        ours.clone_into(error);
    }
    // What a generator returns stands behind what it yielded; a stream returns nothing.
    let list = runs.get_mut("c-chain-no-reduce").expect("a run");
    assert_eq!(list.outputs, json!({"output": [1, 2, "ret"]}));
    list.outputs = json!({"output": [1, 2]});
    for (name, run) in &mut runs {
        // The first token of an `llm` run alone, which has no text, and nothing of other runs.
        let tokens: &[&str] = match &*run.run_type {
            "llm" => &[NEW_TOKEN],
            _ => &[],
        };
        assert_eq!(run.events, tokens, "{name}");
        let told = json!({
            "ls_method": "traceable",
            "LANGSMITH_TRACING": "true",
            "LANGSMITH_ENDPOINT": "http://127.0.0.1:18765",
            "LANGSMITH_PROJECT": "golden-vectors",
        });
        assert_eq!(run.metadata, told, "{name}: nothing about chunks");
        let chunks = match run.outputs["output"].as_array() {
            Some(list) => json!(list.len()),
            None => run.outputs["n"].clone(),
        };
        run.metadata = json!({ CHUNK_COUNT: chunks });
    }
    runs
}

/// Where the runs stand in the tree: level, name, type.
const SHAPE: [(usize, &str, &str); 11] = [
    (0, "rust_gateway", "chain"),
    (1, "docs_agent", "chain"),
    (2, "agent", "chain"),
    (3, "ScriptedChat", "llm"),
    (3, "tools_condition", "chain"),
    (2, "tools", "chain"),
    (3, "search_docs", "tool"),
    (4, "rust_retriever", "retriever"),
    (2, "agent", "chain"),
    (3, "ScriptedChat", "llm"),
    (3, "tools_condition", "chain"),
];

#[test]
fn the_runs_of_a_streaming_graph_break_no_rule_and_hang_below_the_callers() {
    let graph = graph();
    let mock = LangSmithMock::builder().unmounted();
    send_recorded(&mock, &graph);
    assert_eq!(mock.violations(), []);
    assert_eq!(mock.rejected(), []);
    let tree = mock.tree();
    assert!(tree.is_whole());
    assert_eq!((tree.trace_ids().len(), tree.tops().len()), (1, 1));
    let nodes = tree.walk().into_iter().map(|at| &tree.nodes()[at]);
    let shape: Vec<_> = nodes
        .map(|node| (node.depth, &*node.run.name, node.run.run_type.as_str()))
        .collect();
    assert_eq!(shape, SHAPE);
    let gateway = tree.find("rust_gateway").expect("the caller's run");
    assert_eq!(
        Some(&*gateway.dotted_order.to_string()),
        graph["request_headers"]["langsmith-trace"].as_str()
    );
    let of_the_graph = tree.find("docs_agent").expect("the graph's run");
    assert_eq!(of_the_graph.parent_run_id, Some(gateway.id));
    // Nothing is lost or changed.
    for run in recorded_runs(&graph) {
        let id = run["id"].as_str().expect("an id").parse().expect("valid");
        assert_eq!(mock.raw_run(id), Some(run));
    }
}

#[test]
fn both_calls_of_the_model_have_one_token_and_the_waterfall_shows_when_it_came() {
    let mock = LangSmithMock::builder().unmounted();
    send_recorded(&mock, &graph());
    let tree = mock.tree();
    let mut firsts = Vec::new();
    for run in tree.nodes().iter().map(|node| &node.run) {
        let expected: &[&str] = match run.name.as_str() {
            "ScriptedChat" => &["start", NEW_TOKEN, "end"],
            // Those of the caller and of the tool's service are none of LangGraph's.
            "rust_gateway" | "rust_retriever" => &[],
            _ => &["start", "end"],
        };
        assert_eq!(event_names(run), expected, "{}", run.name);
        if let [start, .., end] = &*run.events {
            assert_eq!((start.time, Some(end.time)), (run.start_time, run.end_time));
        }
        let plain =
            |event: &common::model::RunEvent| event.message.is_none() && event.kwargs.is_none();
        assert!(run.events.iter().all(plain));
        if let Some(first) = run.first_token_time() {
            assert_eq!(first, run.events[1].time);
            firsts.push((first - run.start_time).num_microseconds());
        }
    }
    assert_eq!(firsts, [Some(950), Some(1_039)]);
    let words = waterfall(&tree).alt().to_owned();
    let tokens: Vec<&str> = words.lines().filter(|line| line.starts_with('◆')).collect();
    assert_eq!(
        tokens,
        [
            "◆ ScriptedChat had its first token after 950 µs",
            "◆ ScriptedChat had its first token after 1 ms",
        ]
    );
}

/// Python takes metadata of every name and any project from its caller. Here both have to be allowed, as
/// both names that were sent have a meaning for LangSmith.
#[test]
fn the_headers_that_the_graph_got_make_the_same_child_here_once_they_are_allowed() {
    let graph = graph();
    let headers = recorded_headers(&graph);
    let careful = LangSmithPropagator::new().policy(TrustPolicy::Continue);
    let read = careful.extract(&headers);
    let context = read.context.as_ref().expect("a context").clone();
    let baggage = context.baggage.into_inner();
    assert_eq!((baggage.metadata.len(), baggage.project), (0, None));
    assert_eq!(baggage.tags, ["beta", "eu"]);
    assert_eq!(read.ignored().total(), 3);

    let trusting = careful
        .allow_projects(["demo"])
        .allow_metadata(["user_id", "session_id"]);
    let read = trusting.extract(&headers);
    assert_eq!(read.ignored().total(), 0);
    let context = read.context.expect("a context");
    let sink = Arc::new(MemorySink::new());
    let tracer = Tracer::builder(sink.clone()).project(Some("own".into()));
    let run = tracer.build().run("docs_agent").parent(context);
    run.metadata("ls_integration", "langgraph").start().end();
    let [ours]: [Run; 1] = sink.runs().try_into().expect("one run");

    let mock = LangSmithMock::builder().unmounted();
    send_recorded(&mock, &graph);
    let theirs = mock.tree().find("docs_agent").expect("a run").clone();
    assert_eq!(ours.parent_run_id, theirs.parent_run_id);
    assert_eq!(ours.trace_id, theirs.trace_id);
    assert_eq!(ours.project, theirs.project);
    assert_eq!(ours.project.as_deref(), Some("demo"));
    // Theirs are a set.
    let sorted = |run: &Run| {
        let mut tags = run.tags.clone();
        tags.sort();
        tags
    };
    assert_eq!((sorted(&ours), ours.tags.len()), (sorted(&theirs), 2));
    let mut metadata = JsonMap::clone(&theirs.extra.metadata);
    let all = metadata.len();
    metadata.retain(|key, _| !key.starts_with("LANGSMITH_"));
    assert_eq!(all - metadata.len(), 3, "of the environment");
    assert_eq!(map(Some(&ours.extra.metadata)), Value::Object(metadata));
    let below = |run: &Run| {
        let order = run.dotted_order.to_string();
        let (above, own) = order.rsplit_once('.').expect("a parent");
        assert!(own.ends_with(&run.id.to_string()));
        above.to_owned()
    };
    assert_eq!(below(&ours), headers[0].1);
    assert_eq!(below(&theirs), headers[0].1);
}

/// Answers a request with a body of these pieces; returns what the client got, and the request's run.
async fn passed_on(pieces: Vec<String>, keep: usize) -> (String, Run) {
    let sink = Arc::new(MemorySink::new());
    let tracer = Tracer::builder(sink.clone()).build();
    let layer = TracingLayer::new(&tracer)
        .record_body(keep)
        .name(|_| "rust_gateway".to_owned())
        .describe(|run, _| run.metadata("service", "gateway"));
    let frames = pieces
        .into_iter()
        .map(|piece| Ok(Frame::data(Bytes::from(piece))));
    let body = StreamBody::new(stream::iter(frames.collect::<Vec<Result<_, Infallible>>>()));
    let mut answer = Response::builder()
        .header("content-type", "text/event-stream")
        .body(body)
        .ok();
    let service = service_fn(move |_: Request<()>| {
        std::future::ready(Ok::<_, Infallible>(answer.take().expect("asked once")))
    });
    let request = Request::post("/ask").body(()).expect("a request");
    let response = layer.layer(service).oneshot(request).await.expect("sent");
    let got = response.into_body().collect().await.expect("sent");
    let got = String::from_utf8(got.to_bytes().to_vec()).expect("text");
    let [run]: [Run; 1] = sink.runs().try_into().expect("one run");
    assert!(run.end_time.is_some());
    (got, run)
}

/// The recorded gateway wrote the first 300 characters into its run, and did not say that there was more.
#[tokio::test]
async fn the_events_of_the_graph_pass_through_the_gateway_and_its_run_keeps_their_text() {
    let graph = graph();
    let (text, events) = response(&graph);
    assert_eq!((text.len(), events.len()), (1_002, 14));
    let recorded = &recorded_runs(&graph)[0];
    let by_seven = text.as_bytes().chunks(7);
    let by_seven = by_seven.map(|piece| String::from_utf8(piece.to_vec()).expect("ASCII"));
    let cuts = [
        vec![text.to_owned()],
        events.iter().map(|event| (*event).to_owned()).collect(),
        by_seven.collect(),
    ];
    for pieces in cuts {
        let count = pieces.len();
        let (got, run) = passed_on(pieces.clone(), text.len()).await;
        assert_eq!(got, text);
        assert_eq!(
            map(run.outputs.as_ref()),
            json!({"status": 200, "bytes": 1_002, "body": text})
        );
        assert_eq!(
            (&*run.name, run.status()),
            ("rust_gateway", RunStatus::Success)
        );
        assert_eq!(recorded["name"], run.name);
        assert_eq!(recorded["run_type"], run.run_type.as_str());
        let mut metadata = recorded["extra"]["metadata"].clone();
        metadata[CHUNK_COUNT] = count.into();
        assert_eq!(map(Some(&run.extra.metadata)), metadata);
        assert_eq!(event_names(&run), [NEW_TOKEN]);

        let (got, run) = passed_on(pieces, 300).await;
        assert_eq!(got, text, "all of it goes on, however little is kept");
        let raw = recorded["outputs"]["raw"].as_str().expect("text");
        assert_eq!(
            map(run.outputs.as_ref())["body"],
            format!("{raw} [left out: 702 more bytes]")
        );
    }
}

#[test]
fn an_event_with_a_context_stands_among_those_of_the_graph_and_none_of_them_is_taken_for_one() {
    let graph = graph();
    let (text, _) = response(&graph);
    let entries: Entries = recorded_headers(&graph).into_iter().collect();
    let with_context = format!("{}{text}", event(&entries));
    let events: Vec<_> = with_context.split_inclusive("\n\n").map(parsed).collect();
    assert_eq!((events.len(), events[0].0), (15, TRACE_CONTEXT));
    let found = |(name, data): &(&str, &str)| read_event(name, data);
    let read: Vec<Entries> = events.iter().filter_map(found).collect();
    assert_eq!(read, [entries]);
    let propagator = LangSmithPropagator::new().policy(TrustPolicy::Continue);
    let context = propagator.extract(&read[0]).context.expect("a context");
    assert_eq!(
        Some(context.dotted_order.as_str()),
        graph["request_headers"]["langsmith-trace"].as_str()
    );
    assert_eq!(read_event(events[1].0, events[1].1), None);
}

/// LangChain writes down beginning and end as events too, which say again what the run's own times say. A
/// node in Rust that does the same looks like it; but each of its events has a moment of its own, after the
/// start and before the end. A first piece without text counts as the first token in both.
#[tokio::test(flavor = "multi_thread")]
async fn a_model_called_in_rust_looks_like_those_that_the_graph_calls() {
    let graph = graph();
    let mock = LangSmithMock::start().await;
    send_recorded(&mock, &graph);
    let recorded = mock.runs();
    let named = |name: &'static str| recorded.iter().filter(move |run| run.name == name);
    let streamed = streamed_by_the_model(&graph);
    assert_eq!([streamed[0].len(), streamed[1].len()], [2, 8]);
    assert_eq!(streamed[0], ["", ""]);
    let times = [[0, 950, 1_778, 1_778], [0, 1_039, 1_985, 1_985]];
    let steps = named("agent").zip(named("ScriptedChat"));
    for (((step, theirs), tokens), times) in steps.zip(streamed).zip(times) {
        assert_eq!(theirs.parent_run_id, Some(step.id));
        let ours = call_a_model(&mock, step, tokens).await;
        assert_eq!(ours.parent_run_id, theirs.parent_run_id);
        assert_eq!(ours.run_type, theirs.run_type);
        assert_eq!(ours.project, theirs.project);
        assert_eq!(event_names(theirs), ["start", NEW_TOKEN, "end"]);
        assert_eq!(event_names(&ours), event_names(theirs));
        let fields = ["name", "time"];
        assert_eq!(event_fields(&mock, theirs), [fields, fields, fields]);
        assert_eq!(event_fields(&mock, &ours), event_fields(&mock, theirs));
        assert_eq!(event_times(theirs), times.map(Some));
        assert_eq!(event_times(&ours), [500, 1_000, 1_500, 2_000].map(Some));
        // What the pieces add up to is what LangChain wrote as the answer.
        let (theirs, ours) = (map(theirs.outputs.as_ref()), map(ours.outputs.as_ref()));
        assert_eq!(ours["output"], theirs["generations"][0][0]["text"]);
    }
    assert_eq!(mock.violations(), []);
    let tree = mock.tree();
    assert!(tree.is_whole());
    let words = waterfall(&tree).alt().to_owned();
    let ours = words.matches("◆ rust_model had its first token after 1 ms");
    assert_eq!((ours.count(), words.matches('◆').count()), (2, 4));
}

/// Streams tokens below `step`, half a millisecond between all that happens; returns the run as it arrived.
async fn call_a_model(mock: &LangSmithMock, step: &Run, tokens: Vec<String>) -> Run {
    let clock = SteppingClock::new(step.start_time, Duration::from_micros(500));
    let client = client(mock)
        .project("own")
        .clock(Arc::new(clock))
        .ids(Arc::new(SeededIds::new(step.id.0.as_u128() as u64)))
        .build()
        .expect("a client");
    let run = client.run("rust_model").run_type("llm").parent(RunContext {
        dotted_order: step.dotted_order.clone(),
        baggage: LazyBaggage::from(Baggage {
            project: step.project.clone(),
            ..Baggage::default()
        }),
    });
    let run = run.start();
    run.record_event("start", Value::Null);
    let end = stream::poll_fn(|_| {
        let run = current().expect("the model's run");
        run.record_event("end", Value::Null);
        Poll::Ready(None)
    });
    let count = tokens.len();
    let tokens = stream::iter(tokens).chain(end);
    let tokens = tokens.traced_values_by(&run, JoinedText::new());
    assert_eq!(tokens.count().await, count);
    client.flush_async(PATIENCE).await.expect("delivered");
    let id = run.id().expect("a recorded run");
    let arrived = mock.runs().into_iter().find(|run| run.id == id);
    arrived.expect("the run")
}

/// Returns what each event of a run says, by the names of its fields.
fn event_fields(mock: &LangSmithMock, run: &Run) -> Vec<Vec<String>> {
    let run = mock.raw_run(run.id).expect("a run");
    let events = run["events"].as_array().expect("a list").iter();
    events
        .map(|event| event.as_object().expect("an object").keys().cloned())
        .map(Iterator::collect)
        .collect()
}

/// Returns when the events of a run were, and when it ended: microseconds after its start.
fn event_times(run: &Run) -> Vec<Option<i64>> {
    let events = run.events.iter().map(|event| event.time);
    events
        .chain(run.end_time)
        .map(|time| (time - run.start_time).num_microseconds())
        .collect()
}
