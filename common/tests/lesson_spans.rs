//! What a lesson shows of spans: where they arrive, and how they look as they were sent.
#![cfg(all(feature = "lab", feature = "otel"))]

use common::analysis::Outline;
use common::langsmith_mock::{LangSmithMock, MockRequest};
use common::prelude::*;
use opentelemetry::Context;
use opentelemetry::trace::{Span as _, TraceContextExt as _, Tracer as _};

#[tokio::test(flavor = "multi_thread")]
async fn spans_of_a_lesson_arrive_below_its_runs_and_are_waited_for() {
    let lesson = Lesson::start("spans").await;
    let docs = lesson.pipeline("retriever").tracer("docs");
    let root = lesson.client("gateway").run("gateway").start();
    with_run(&root, || docs.start("retriever").end());
    root.end();
    let tree = lesson.tree(2).await;
    assert!(tree.is_whole());
    let drawn = Outline::of(&tree).to_string();
    assert_eq!(drawn, "gateway (gateway)\n  retriever (retriever)\n");
    let run = tree.find("retriever").expect("captured");
    assert_eq!(run.project.as_deref(), Some("workbook-spans"));
}

#[tokio::test(flavor = "multi_thread")]
async fn spans_are_drawn_by_their_own_ids_whatever_runs_are_between() {
    let lesson = Lesson::start("spans").await;
    let spans = lesson.pipeline("retriever");
    let docs = spans.tracer("docs");
    let root = lesson.client("gateway").run("gateway").start();
    with_run(&root, || {
        let cx = Context::current_with_span(docs.start("plan"));
        let _active = cx.clone().attach();
        let inner = lesson.client("gateway").run("rerank");
        let inner = inner.parent(spans.identity().current()).start();
        with_run(&inner, || docs.start("score").end());
        inner.end();
        cx.span().end();
    });
    root.end();
    let runs = Outline::of(&lesson.tree(4).await).to_string();
    assert!(runs.contains("      score (retriever)"), "{runs}");
    let sent = Outline::of(&lesson.mock().span_tree()).to_string();
    assert_eq!(sent, "plan (retriever)\n  score (retriever)\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn spans_that_were_dropped_are_still_drawn_as_they_were_sent() {
    let lesson = Lesson::start("spans").await;
    let shown = story::spans_below_a_run(&lesson).await;
    let names = Outline::of(&shown).to_string();
    assert_eq!(names, "gateway (gateway)\n  call retriever (gateway)\n");
    let sent = Outline::of(&lesson.mock().span_tree()).to_string();
    assert_eq!(
        sent,
        "retriever (retriever)  – parent not here\n  search docs (retriever)\n"
    );
    lesson.clear();
    assert!(lesson.mock().span_tree().is_empty());
}

#[test]
fn the_same_span_sent_twice_is_drawn_once() {
    let mock = LangSmithMock::builder().unmounted();
    let body = br#"{"resourceSpans": [{"scopeSpans": [{"spans": [{
        "traceId": "0102030405060708090a0b0c0d0e0f10", "spanId": "0102030405060708",
        "name": "chat", "startTimeUnixNano": "1795342674000000000",
        "endTimeUnixNano": "1795342675000000000", "status": {"code": 2}
    }]}]}]}"#;
    for _ in 0..2 {
        let mut request = MockRequest::new(http::Method::POST, "/otel/v1/traces", &body[..]);
        for (name, value) in [("content-type", "application/json"), ("x-api-key", "k")] {
            let value = value.parse().expect("a value");
            request.headers.insert(name, value);
        }
        mock.handle(request);
    }
    let tree = mock.span_tree();
    assert_eq!(tree.len(), 1);
    let span = &tree.nodes()[0].run;
    assert_eq!(span.id.to_string(), "00000000-0000-0000-0102-030405060708");
    assert_eq!(span.error.as_deref(), Some("the span's status is an error"));
}
