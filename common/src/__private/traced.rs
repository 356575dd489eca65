//! A call under way, and its end.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;
use serde_json::Value;

use super::call::inside;
use super::hook::{Payload, process};
use crate::model::JsonMap;
use crate::trace::{RunTree, Scope, with_run};

/// A call under way. Dropped before its end, it ends the run with an error, even where others hold
/// handles of the run.
#[derive(Debug)]
pub struct Traced {
    pub(super) run: Option<RunTree>,
    pub(super) scope: Option<Scope>,
}

impl Traced {
    /// Calls `work` with the run as the current one.
    pub fn call<T>(&self, work: impl FnOnce() -> T) -> T {
        inside(self.scope.as_ref(), || match &self.run {
            Some(run) => with_run(run, work),
            None => work(),
        })
    }

    /// Wraps a future, so that the run is the current one whenever it is polled.
    pub fn poll<F: Future>(&self, future: F) -> Polled<'_, F> {
        Polled {
            future,
            traced: self,
        }
    }

    /// Says whether what the function gives back is worth looking at.
    pub fn is_recording(&self) -> bool {
        self.run.as_ref().is_some_and(RunTree::is_recording)
    }

    pub fn end(&self) {
        if let Some(run) = &self.run {
            run.end();
        }
    }

    pub fn end_with(&self, outputs: Value) {
        if let Some(run) = &self.run {
            run.end_with(outputs);
        }
    }

    pub fn end_processed<P: Payload>(&self, outputs: Value, hook: impl FnOnce(JsonMap) -> P) {
        if let Some(run) = &self.run {
            let outputs = match outputs {
                Value::Object(outputs) => outputs,
                other => JsonMap::from_iter([("output".to_owned(), other)]),
            };
            run.end_with(process(run.tracer(), "outputs", outputs, hook));
        }
    }

    pub fn fail(&self, error: &str) {
        if let Some(run) = &self.run {
            run.fail(error);
        }
    }
}

impl Drop for Traced {
    fn drop(&mut self) {
        self.fail(if std::thread::panicking() {
            PANICKED
        } else {
            "Cancelled: the future was dropped before it was done"
        });
    }
}

const PANICKED: &str = "Panicked: the function panicked before it returned";

pin_project! {
    /// A future of a call. Made by [`Traced::poll`].
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct Polled<'a, F> {
        #[pin]
        future: F,
        traced: &'a Traced,
    }
}

impl<F: Future> Future for Polled<'_, F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        // A runtime catches the panic and drops the future later, when nobody is panicking.
        let mut guard = EndOnPanic(Some(this.traced));
        let polled = this.traced.call(|| this.future.poll(cx));
        guard.0 = None;
        polled
    }
}

struct EndOnPanic<'a>(Option<&'a Traced>);

impl Drop for EndOnPanic<'_> {
    fn drop(&mut self) {
        if let Some(traced) = self.0 {
            traced.fail(PANICKED);
        }
    }
}
