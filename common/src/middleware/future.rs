//! The time between a request and its response.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::Response;
use pin_project_lite::pin_project;
use serde_json::json;

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
        run: Option<RunTree>,
    }

    impl<F> PinnedDrop for ResponseFuture<F> {
        fn drop(this: Pin<&mut Self>) {
            if let Some(run) = this.project().run.take() {
                run.fail("Cancelled: the request was dropped before it was answered");
            }
        }
    }
}

impl<F> ResponseFuture<F> {
    pub(super) fn new(future: F, current: Option<RunTree>, run: Option<RunTree>) -> Self {
        Self {
            future,
            current,
            run,
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
            let _panic = EndOnPanic(this.run.as_ref());
            match this.current {
                Some(run) => with_run(run, || this.future.poll(cx)),
                None => this.future.poll(cx),
            }
        };
        if let Poll::Ready(answer) = &polled
            && let Some(run) = this.run.take()
        {
            end(&run, answer);
        }
        polled
    }
}

fn end<R, E>(run: &RunTree, answer: &Result<Response<R>, E>) {
    match answer {
        Ok(response) => {
            let status = response.status();
            let outputs = json!({ "status": status.as_u16() });
            if status.is_server_error() {
                run.set_outputs(outputs);
                let reason = status.canonical_reason().unwrap_or("server error");
                run.fail(format_args!("HTTP {} {reason}", status.as_u16()));
            } else {
                run.end_with(outputs);
            }
        }
        // Nothing is known of the error's type, not even that it can be shown.
        Err(_) => run.fail("ServiceError: the service failed without a response"),
    }
}

/// Names a panic as such: the runtime catches it and drops the future later, when nobody is panicking.
struct EndOnPanic<'a>(Option<&'a RunTree>);

impl Drop for EndOnPanic<'_> {
    fn drop(&mut self) {
        if let (true, Some(run)) = (std::thread::panicking(), self.0) {
            run.fail("Panicked: the service panicked before it answered");
        }
    }
}
