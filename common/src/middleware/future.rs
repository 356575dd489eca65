//! The time between a request and its response.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::{Response, StatusCode};
use http_body::Body;
use pin_project_lite::pin_project;
use serde_json::json;

use super::body::TracedBody;
use super::grpc::GrpcStatus;
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
        // None once it is being dropped: what it holds ends before the run does.
        #[pin]
        future: Option<F>,
        current: Option<RunTree>,
        // None once the request was answered.
        incoming: Option<IncomingTrace>,
        body: BodyPlan,
    }

    impl<F> PinnedDrop for ResponseFuture<F> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            let last = Unanswered(this.incoming.take());
            match this.current {
                Some(run) if last.0.is_some() => with_run(run, || this.future.set(None)),
                // One that has answered holds nothing any more.
                _ => this.future.set(None),
            }
        }
    }
}

/// What is known of the body before it is there.
#[derive(Debug, Clone, Copy)]
pub(super) struct BodyPlan {
    /// False if the client has asked for none.
    pub(super) is_sent: bool,
    /// How much of it is recorded.
    pub(super) keep: usize,
}

impl<F> ResponseFuture<F> {
    pub(super) fn new(
        future: F,
        current: Option<RunTree>,
        incoming: IncomingTrace,
        body: BodyPlan,
    ) -> Self {
        Self {
            future: Some(future),
            current,
            incoming: Some(incoming),
            body,
        }
    }
}

impl<F, R, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<Response<R>, E>>,
    R: Body,
{
    type Output = Result<Response<TracedBody<R>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        // Only a pinned drop takes the future out, and nobody polls after that.
        let Some(future) = this.future.as_pin_mut() else {
            return Poll::Pending;
        };
        let polled = {
            let _panic = EndOnPanic(this.incoming.as_ref());
            match this.current {
                Some(run) => with_run(run, || future.poll(cx)),
                None => future.poll(cx),
            }
        };
        polled.map(|answer| {
            let incoming = this.incoming.take();
            let run = incoming.as_ref().and_then(IncomingTrace::run);
            // Nothing is known of the error's type, not even that it can be shown.
            let response = answer.inspect_err(|_| {
                run.inspect(|run| run.fail("ServiceError: the service failed without a response"));
            })?;
            let kept_open = incoming.as_ref().is_some_and(IncomingTrace::is_kept_open);
            let (head, body) = response.into_parts();
            // HTTP says 200 of a call that gRPC refuses.
            let refused = GrpcStatus::of_head(&head.headers)
                .and_then(|status| Some((status, status.failure()?)));
            let body = match run {
                Some(run) if refused.is_some() => {
                    if let Some((status, why)) = refused {
                        run.set_outputs(json!({
                            "status": head.status.as_u16(),
                            "grpc_status": status.code(),
                        }));
                        run.fail(why);
                    }
                    TracedBody::passed_on(body, this.current.as_ref())
                }
                Some(run) if head.status.is_server_error() => {
                    fail(run, head.status);
                    TracedBody::passed_on(body, this.current.as_ref())
                }
                Some(run) if !kept_open => TracedBody::ends(run, &head, body, *this.body),
                _ => TracedBody::passed_on(body, this.current.as_ref()),
            };
            Ok(Response::from_parts(head, body))
        })
    }
}

fn fail(run: &RunTree, status: StatusCode) {
    run.set_outputs(json!({ "status": status.as_u16() }));
    let reason = status.canonical_reason().unwrap_or("server error");
    run.fail(format_args!("HTTP {} {reason}", status.as_u16()));
}

/// Ends the run of a request, if it was not answered.
struct Unanswered(Option<IncomingTrace>);

impl Drop for Unanswered {
    fn drop(&mut self) {
        if let Some(run) = self.0.as_ref().and_then(IncomingTrace::run) {
            run.fail("Cancelled: the request was dropped before it was answered");
        }
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
