//! What traced functions recorded, for the tests of `#[traceable]`.
#![allow(dead_code, unreachable_pub, reason = "each test file uses its part")]

use std::future::Future;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use common::model::{JsonMap, Run};
use common::trace::{MemorySink, Scope, Tracer, with_scope};
use serde_json::Value;

pub fn tracer() -> (Arc<MemorySink>, Tracer) {
    let sink = Arc::new(MemorySink::new());
    let tracer = Tracer::builder(sink.clone()).build();
    (sink, tracer)
}

/// Calls `work` where its traced functions find a tracer, and returns the runs.
pub fn record<T>(work: impl FnOnce() -> T) -> (T, Vec<Run>) {
    let (sink, tracer) = tracer();
    let value = with_scope(&Scope::new().tracer(&tracer), work);
    (value, sink.runs())
}

pub fn map(map: Option<&JsonMap>) -> Value {
    map.cloned().map_or(Value::Null, Value::Object)
}

pub fn inputs(run: &Run) -> Value {
    map(run.inputs.as_ref())
}

pub fn outputs(run: &Run) -> Value {
    map(run.outputs.as_ref())
}

pub fn error(run: &Run) -> &str {
    run.error.as_deref().unwrap_or_default()
}

/// Polls a future on this thread until it is done.
pub fn wait<F: Future>(future: F) -> F::Output {
    let mut future = Box::pin(future);
    let mut cx = Context::from_waker(Waker::noop());
    loop {
        if let Poll::Ready(value) = future.as_mut().poll(&mut cx) {
            return value;
        }
    }
}

pub async fn pause() {
    let mut paused = false;
    std::future::poll_fn(|cx| {
        if std::mem::replace(&mut paused, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}
