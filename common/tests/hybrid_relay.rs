//! What Python services send as spans, joined by the relay: the official SDK in its mode `otel`, and a service
//! that was called by a native run and knows of it by a member of the baggage alone.
//!
//! Needs the workbook's Python environment (`WORKBOOK_PYTHON`, which `cargo workbook test` sets). Without
//! it a test says so and passes on a learner's machine; in CI it fails.
#![cfg(all(feature = "lab", feature = "otel"))]

mod python_here;

use std::collections::HashMap;
use std::time::Duration;

use common::otel::opentelemetry::Context;
use common::otel::opentelemetry::propagation::TextMapPropagator as _;
use common::otel::opentelemetry::trace::{TraceContextExt as _, Tracer as _};
use common::otel::{Pipeline, Relay, RunContextExt as _};
use common::prelude::*;
use python_here::python_is_here;

const PATIENCE: Duration = Duration::from_secs(60);

fn drawn(tree: &TraceTree) -> String {
    let line = |at: usize| {
        let node = &tree.nodes()[at];
        format!("{}{}\n", "  ".repeat(node.depth), node.run.name)
    };
    tree.walk().into_iter().map(line).collect()
}

/// Asks a peer from `cx`, and waits until it has sent its spans.
async fn ask(peer: &PythonService, path: &str, spans: &Pipeline, cx: &Context) {
    let mut headers = HashMap::new();
    let propagator = spans.propagator(LangSmithPropagator::new());
    propagator
        .carry_in_baggage()
        .inject_context(cx, &mut headers);
    let body = json!({"question": story::QUESTION, "documents": []});
    let mut request = http_client().post(peer.url(path)).json(&body);
    for (name, value) in headers {
        request = request.header(name, value);
    }
    let answer = request.send().await.expect("an answer");
    assert!(answer.status().is_success(), "{}", answer.status());
    peer.flush().await.expect("flushed");
}

#[tokio::test(flavor = "multi_thread")]
async fn spans_of_python_services_join_through_the_relay() {
    if !python_is_here() {
        return;
    }
    let lesson = Lesson::start("relay").await;
    let relay = Relay::builder(lesson.stand_in_config()).believe_headers_on_spans();
    let relay = SpanRelay::serve(relay.start().expect("a relay"));
    let spans = lesson.pipeline_through(&relay, "gateway");

    // The SDK continues `traceparent` in this mode, and knows nothing of the run that it stands for.
    let through = format!("{}/otel", relay.url());
    let env = lesson.peer_env().tracing_mode("otel");
    let env = env.with("OTEL_EXPORTER_OTLP_ENDPOINT", through);
    let retriever = PythonService::start("retriever", &env)
        .await
        .expect("it starts");
    let cx = Context::new().with_span(spans.tracer("tests").start("gateway"));
    ask(&retriever, "/retrieve", &spans, &cx).await;
    cx.span().end();
    // Blocking, and the runtime has other threads.
    spans.flush(PATIENCE).expect("delivered");
    relay.relay().flush(PATIENCE).expect("delivered");
    assert_eq!(
        drawn(&lesson.tree(3).await),
        "gateway\n  POST /retrieve\n    retrieve\n"
    );
    drop(retriever);
    lesson.clear();

    // Nobody sends a span of the caller: it is a native run.
    let env = lesson.otel_env_through(&relay, "scorer");
    let env = env.with("SCORER_BAGGAGE_ON_SPANS", "langsmith-trace");
    let scorer = PythonService::start("scorer", &env)
        .await
        .expect("it starts");
    let run = lesson.client("gateway").run("native gateway").start();
    let cx = Context::new().with_parent_run(run.context().expect("recorded"));
    ask(&scorer, "/score", &spans, &cx).await;
    run.end();
    relay.relay().flush(PATIENCE).expect("delivered");
    let picture = "native gateway\n  POST /score\n    score documents\n";
    assert_eq!(drawn(&lesson.tree(3).await), picture);
    assert_eq!(lesson.mock().waiting_spans(), 0);
    assert_eq!(lesson.mock().errors(), []);
    assert_eq!(relay.counts().orphaned, 0, "{}", relay.counts());
}
