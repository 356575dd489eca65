//! Whatever a builder is given, the run's place in its trace is one that can be read again.

use std::sync::Arc;

use common::model::{DottedOrder, IdGenerator, Run, RunId, Timestamp};
use common::trace::{MemorySink, RunBuilder, RunTree, Tracer};

fn tracer() -> (Arc<MemorySink>, Tracer) {
    let sink = Arc::new(MemorySink::new());
    (sink.clone(), Tracer::builder(sink).build())
}

/// Starts a run below `root`, and checks what every run keeps to.
fn started(root: &RunTree, sink: &MemorySink, build: impl FnOnce(RunBuilder) -> RunBuilder) -> Run {
    let id = build(root.child("below")).start().id();
    let runs = sink.runs();
    let run = runs.into_iter().find(|run| Some(run.id) == id);
    let run = run.expect("submitted");
    let read: DottedOrder = run.dotted_order.as_str().parse().expect("readable");
    assert_eq!(read, run.dotted_order);
    assert_eq!(read.run_id(), run.id);
    assert_eq!(read.start_time(), Some(run.start_time));
    run
}

#[test]
fn an_id_that_can_name_no_run_is_replaced() {
    let (sink, tracer) = tracer();
    let root = tracer.run("root").start();
    let middle = root.child("middle").start();
    let root_id = root.id().expect("recorded");
    let middle_id = middle.id().expect("recorded");
    let nil = RunId(uuid::Uuid::nil());
    for id in [nil, root_id, middle_id] {
        let run = started(&middle, &sink, |builder| builder.id(id));
        assert_ne!(run.id, id);
        assert_eq!(run.id.0.get_version_num(), 7);
        assert_eq!(run.parent_run_id, Some(middle_id));
    }
    let own = RunId(uuid::Uuid::from_u128(7));
    assert_eq!(started(&middle, &sink, |builder| builder.id(own)).id, own);
}

#[test]
fn a_generator_that_repeats_itself_does_not_put_a_run_below_itself() {
    #[derive(Debug)]
    struct Same;
    impl IdGenerator for Same {
        fn run_id(&self, _: Timestamp) -> RunId {
            RunId(uuid::Uuid::from_u128(7))
        }
    }
    let sink = Arc::new(MemorySink::new());
    let tracer = Tracer::builder(sink.clone()).ids(Arc::new(Same)).build();
    let root = tracer.run("root").start();
    started(&root, &sink, |builder| builder);
    assert_eq!(sink.runs().len(), 2);
}

#[test]
fn a_start_time_is_one_that_a_dotted_order_can_say() {
    let (sink, tracer) = tracer();
    for (given, sent) in [
        (
            "2026-11-22T10:05:38.926531901Z",
            "2026-11-22T10:05:38.926531Z",
        ),
        ("2016-12-31T23:59:60.5Z", "2017-01-01T00:00:00.500000Z"),
        ("+12026-11-22T10:05:38Z", "9999-12-31T23:59:59.999999Z"),
        ("-0044-03-15T12:00:00Z", "0001-01-01T00:00:00.000000Z"),
    ] {
        let given: Timestamp = given.parse().expect("a time");
        let root = tracer.run("root").start_time(given).start();
        let id = root.id();
        let runs = sink.runs();
        let run = runs.iter().find(|run| Some(run.id) == id).expect("sent");
        assert_eq!(run.start_time, sent.parse::<Timestamp>().expect("a time"));
        let order: Result<DottedOrder, _> = run.dotted_order.as_str().parse();
        assert_eq!(
            order.map(|order| order.start_time()),
            Ok(Some(run.start_time))
        );
    }
}
