//! Whose clock is behind its caller's starts no run before the caller did, and says by how much.
#![cfg(all(feature = "client", feature = "langsmith_mock"))]

use std::sync::Arc;
use std::time::Duration;

use common::client::Client;
use common::langsmith_mock::LangSmithMock;
use common::model::{Run, RunContext, SteppingClock, Timestamp, TraceTree};
use common::trace::{CLOCK_SKEW, MemorySink, Tracer};
use serde_json::{Value, json};

const PATIENCE: Duration = Duration::from_secs(30);

fn at(micros: i64) -> Timestamp {
    Timestamp::from_timestamp_micros(1_800_000_000_000_000 + micros).expect("a time")
}

/// A tracer whose clock begins at `micros` and moves by a tenth of a millisecond at each look.
fn tracer(micros: i64) -> (Arc<MemorySink>, Tracer) {
    let sink = Arc::new(MemorySink::new());
    let clock = SteppingClock::new(at(micros), Duration::from_micros(100));
    let tracer = Tracer::builder(sink.clone()).clock(Arc::new(clock)).build();
    (sink, tracer)
}

fn caller() -> RunContext {
    let (_, tracer) = tracer(0);
    tracer.run("caller").start().context().expect("recorded")
}

fn skew(run: &Run) -> Option<&Value> {
    run.extra.metadata.get(CLOCK_SKEW)
}

#[test]
fn a_run_never_starts_before_its_remote_parent_and_says_how_far_the_clock_was_behind() {
    let (sink, tracer) = tracer(-250_000);
    let run = tracer.run("serve").parent(caller()).start();
    let context = run.context().expect("recorded");
    run.end();
    let sent = &sink.runs()[0];
    assert_eq!(sent.start_time, at(0));
    assert_eq!(sent.dotted_order.start_time(), Some(at(0)));
    assert_eq!(skew(sent), Some(&json!(250)));
    assert!(sent.end_time.is_some_and(|end| end >= sent.start_time));
    assert!(
        !context.baggage.metadata.contains_key(CLOCK_SKEW),
        "told to nobody"
    );
}

#[test]
fn below_a_handle_of_the_remote_parent_it_is_the_same() {
    let (sink, tracer) = tracer(-20_000);
    tracer.remote(caller()).child("serve").start().end();
    assert_eq!(sink.runs()[0].start_time, at(0));
    assert_eq!(skew(&sink.runs()[0]), Some(&json!(20)));
}

#[test]
fn a_run_below_says_only_what_is_true_of_itself() {
    let (sink, tracer) = tracer(-250_000);
    let run = tracer.run("serve").parent(caller()).start();
    // A second later the clock is past the parent's start.
    let later = SteppingClock::new(at(750_000), Duration::ZERO);
    let later = Tracer::builder(sink.clone()).clock(Arc::new(later)).build();
    later.run("below").parent(run.context()).start().end();
    run.child("also behind").start().end();
    run.end();
    let runs = sink.runs();
    let of = |name| runs.iter().find(|run: &&Run| run.name == name).expect(name);
    assert_eq!(of("below").start_time, at(750_000));
    assert_eq!(skew(of("below")), None);
    assert_eq!(of("also behind").start_time, at(0));
    assert_eq!(skew(of("also behind")), Some(&json!(249)));
}

#[test]
fn a_millisecond_is_no_skew_and_a_time_that_was_given_is_no_clocks() {
    let (sink, tracer) = tracer(-1_000);
    tracer.run("close").parent(caller()).start().end();
    let given = tracer
        .run("given")
        .parent(caller())
        .start_time(at(-5_000_000));
    given.start().end();
    for run in sink.runs() {
        assert_eq!(run.start_time, at(0), "{}", run.name);
        assert_eq!(skew(&run), None, "{}", run.name);
    }
}

#[tokio::test]
async fn langsmith_takes_the_trace_of_two_machines_whose_clocks_differ() {
    let mock = LangSmithMock::start().await;
    let client = |micros| {
        let clock = SteppingClock::new(at(micros), Duration::from_micros(100));
        let client = Client::builder()
            .endpoint(mock.url())
            .api_key("a-key-for-tests-only-0001")
            .clock(Arc::new(clock))
            .enabled(true);
        client.build().expect("a client")
    };
    let (gateway, service) = (client(0), client(-3_000_000));
    let call = gateway.run("call").start();
    let serve = service.run("serve").parent(call.context()).start();
    serve.child("search").start().end();
    serve.end();
    call.end();
    gateway.flush_async(PATIENCE).await.expect("delivered");
    service.flush_async(PATIENCE).await.expect("delivered");
    assert_eq!(mock.violations(), []);
    let tree = TraceTree::build(mock.runs());
    assert!(tree.is_whole());
}
