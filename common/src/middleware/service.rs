//! The server side at work.

use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::{Method, Request, Response};
use http_body::Body;
use tower_service::Service;

use super::body::TracedBody;
use super::future::{BodyPlan, ResponseFuture};
use super::make_run::MakeRun;
use crate::trace::with_run;

/// A service whose requests are traced. Made by [`TracingLayer`](super::TracingLayer).
///
/// Readiness is the inner service's: `call` goes to the very instance that was found ready.
#[derive(Clone)]
pub struct TracingService<S> {
    inner: S,
    make_run: Arc<MakeRun>,
}

impl<S> TracingService<S> {
    pub(super) fn new(inner: S, make_run: Arc<MakeRun>) -> Self {
        Self { inner, make_run }
    }
}

impl<S, B, R> Service<Request<B>> for TracingService<S>
where
    S: Service<Request<B>, Response = Response<R>>,
    R: Body,
{
    type Response = Response<TracedBody<R>>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let (mut parts, body) = request.into_parts();
        let (incoming, current) = self.make_run.receive(&parts);
        let plan = BodyPlan {
            is_sent: !matches!(parts.method, Method::HEAD | Method::CONNECT),
            keep: self.make_run.record_body,
        };
        parts.extensions.insert(incoming.clone());
        let request = Request::from_parts(parts, body);
        // A service may do all its work in `call`, so the run is current there too.
        let future = match &current {
            Some(run) => with_run(run, || self.inner.call(request)),
            None => self.inner.call(request),
        };
        ResponseFuture::new(future, current, incoming, plan)
    }
}

impl<S: fmt::Debug> fmt::Debug for TracingService<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TracingService")
            .field("inner", &self.inner)
            .finish_non_exhaustive()
    }
}
