//! The waterfall marks where a stream's first token came, in the picture and in words.
#![cfg(feature = "analysis")]

use std::sync::Arc;

use common::analysis::waterfall;
use common::model::{RunEvent, RunType, TraceTree};
use common::trace::{MemorySink, Tracer};

fn streamed(with_token: bool) -> TraceTree {
    let sink = Arc::new(MemorySink::new());
    let tracer = Tracer::builder(sink.clone()).build();
    let root = tracer.run("gateway").start();
    root.child("write answer")
        .run_type(RunType::Llm)
        .start()
        .end();
    root.end();
    let mut runs = sink.runs();
    let write = &mut runs[1];
    write.end_time = Some(write.start_time + chrono::TimeDelta::milliseconds(200));
    if with_token {
        write.events.push(RunEvent {
            name: "new_token".to_owned(),
            time: write.start_time + chrono::TimeDelta::milliseconds(62),
            message: None,
            kwargs: None,
        });
    }
    TraceTree::build(runs)
}

#[test]
fn a_stream_has_a_mark_and_a_sentence() {
    let figure = waterfall(&streamed(true));
    let svg = figure.svg();
    assert!(
        svg.contains("write answer · llm · 200 ms · first token after 62 ms"),
        "{svg}"
    );
    assert!(svg.contains(">first token<"), "the legend explains it");
    let words = figure.to_string();
    assert!(
        words.ends_with("\n\n◆ write answer had its first token after 62 ms\n"),
        "{words}"
    );
}

#[test]
fn without_tokens_nothing_is_said_of_them() {
    let figure = waterfall(&streamed(false));
    assert!(!figure.svg().contains("first token"));
    assert!(!figure.to_string().contains('◆'));
}
