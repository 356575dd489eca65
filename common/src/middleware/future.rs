//! The time between a request and its response.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::Response;
use pin_project_lite::pin_project;
use serde_json::json;

use super::incoming::IncomingTrace;
use crate::trace::{RunTree, with_run};

pin_project! {
    /// The response to come. Made by [`TracingService`](super::TracingService).
    ///
    /// Dropped before its time, as when the caller goes away, it ends the run with an error, even if
    /// the handler has given the run's handle to somebody who lives on.
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<F> {
        #[pin]
        future: F,
        current: Option<RunTree>,
        // None once the request was answered.
        incoming: Option<IncomingTrace>,
    }

    impl<F> PinnedDrop for ResponseFuture<F> {
        fn drop(this: Pin<&mut Self>) {
            if let Some(incoming) = this.project().incoming.take()
                && let Some(run) = incoming.run()
            {
                run.fail("Cancelled: the request was dropped before it was answered");
            }
        }
    }
}

impl<F> ResponseFuture<F> {
    pub(super) fn new(future: F, current: Option<RunTree>, incoming: IncomingTrace) -> Self {
        Self {
            future,
            current,
            incoming: Some(incoming),
        }
    }
}

impl<F, R, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<Response<R>, E>>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let polled = {
            let _panic = EndOnPanic(this.incoming.as_ref());
            match this.current {
                Some(run) => with_run(run, || this.future.poll(cx)),
                None => this.future.poll(cx),
            }
        };
        if let Poll::Ready(answer) = &polled
            && let Some(incoming) = this.incoming.take()
            && let Some(run) = incoming.run()
        {
            end(run, answer, incoming.is_kept_open());
        }
        polled
    }
}

fn end<R, E>(run: &RunTree, answer: &Result<Response<R>, E>, kept_open: bool) {
    match answer {
        Ok(response) => {
            let status = response.status();
            let outputs = json!({ "status": status.as_u16() });
            if status.is_server_error() {
                run.set_outputs(outputs);
                let reason = status.canonical_reason().unwrap_or("server error");
                run.fail(format_args!("HTTP {} {reason}", status.as_u16()));
            } else if !kept_open {
                run.end_with(outputs);
            }
        }
        // Nothing is known of the error's type, not even that it can be shown.
        Err(_) => run.fail("ServiceError: the service failed without a response"),
    }
}

/// Names a panic as such: the runtime catches it and drops the future later, when nobody is panicking.
struct EndOnPanic<'a>(Option<&'a IncomingTrace>);

impl Drop for EndOnPanic<'_> {
    fn drop(&mut self) {
        if std::thread::panicking()
            && let Some(run) = self.0.and_then(IncomingTrace::run)
        {
            run.fail("Panicked: the service panicked before it answered");
        }
    }
}
