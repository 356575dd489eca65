//! The client side as a tower layer: contexts into requests, for the hosts that may see them.

use std::fmt;
use std::task::{Context, Poll};

use http::{HeaderMap, Request, Uri};
use tower_layer::Layer;
use tower_service::Service;

use super::outgoing::OUTGOING;
use crate::model::RunContext;
use crate::propagation::{Egress, Propagator as _};
use crate::trace::current;

/// Lets the services that a client calls continue the trace, and nobody else see it.
///
/// The context is the [`RunContext`] among the request's extensions, which is sent as it is, else that of
/// the current run, masked (`reqwest` shows no extensions, so there always the latter). A request to a
/// host that is not on the [`Egress`] list, and one without a context, loses the headers of LangSmith that
/// it may carry from elsewhere.
///
/// It works for every tower client of `http` requests, and for `reqwest::Client`; that one repeats
/// headers where it is redirected to, so give it `redirect::Policy::none()` unless all hosts are yours.
///
/// ```no_run
/// use common::middleware::PropagationLayer;
/// use common::propagation::Egress;
/// use tower::ServiceBuilder;
///
/// let client = ServiceBuilder::new()
///     .layer(PropagationLayer::new(Egress::to(["retriever", "*.internal"])))
///     .service(reqwest::Client::builder().tls_certs_only([]).build()?);
/// # let _ = client;
/// # Ok::<(), reqwest::Error>(())
/// ```
#[derive(Debug, Clone)]
#[must_use = "a layer does nothing until a service is built with it"]
pub struct PropagationLayer {
    egress: Egress,
}

impl PropagationLayer {
    /// Makes a layer that sends contexts to these hosts.
    pub fn new(egress: Egress) -> Self {
        Self { egress }
    }
}

impl<S> Layer<S> for PropagationLayer {
    type Service = PropagationService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        PropagationService {
            inner,
            egress: self.egress.clone(),
        }
    }
}

/// A client whose requests carry the trace. Made by [`PropagationLayer`].
#[derive(Clone)]
pub struct PropagationService<S> {
    inner: S,
    egress: Egress,
}

impl<S, R> Service<R> for PropagationService<S>
where
    S: Service<R>,
    R: OutgoingRequest,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: R) -> Self::Future {
        let context = request.context();
        write(&mut request, context.as_ref(), &self.egress);
        self.inner.call(request)
    }
}

impl<S: fmt::Debug> fmt::Debug for PropagationService<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PropagationService")
            .field("inner", &self.inner)
            .field("egress", &self.egress)
            .finish()
    }
}

/// Writes the context of a request to a host on the list; takes every header of ours out of others.
pub(super) fn write(
    request: &mut impl OutgoingRequest,
    context: Option<&RunContext>,
    egress: &Egress,
) {
    let allowed = {
        let (host, port) = request.host();
        egress.decide(host, port)
    };
    match context {
        Some(context) if allowed => OUTGOING.inject(context, request.headers()),
        // Somebody else's context would put the call below a run that did not make it.
        _ => OUTGOING.strip(request.headers()),
    }
}

/// A request of one of the client crates.
pub trait OutgoingRequest {
    /// Returns where the request goes; the port only if it is known.
    fn host(&self) -> (Option<&str>, Option<u16>);

    /// Returns the request's headers.
    fn headers(&mut self) -> &mut HeaderMap;

    /// Returns the context that belongs to the request.
    fn context(&self) -> Option<RunContext>;
}

impl<B> OutgoingRequest for Request<B> {
    fn host(&self) -> (Option<&str>, Option<u16>) {
        let uri: &Uri = self.uri();
        let known = match uri.scheme_str() {
            Some("http") => Some(80),
            Some("https") => Some(443),
            _ => None,
        };
        (uri.host(), uri.port_u16().or(known))
    }

    fn headers(&mut self) -> &mut HeaderMap {
        self.headers_mut()
    }

    fn context(&self) -> Option<RunContext> {
        let own = self.extensions().get::<RunContext>().cloned();
        own.or_else(|| current()?.context())
    }
}

impl OutgoingRequest for reqwest::Request {
    fn host(&self) -> (Option<&str>, Option<u16>) {
        (self.url().host_str(), self.url().port_or_known_default())
    }

    fn headers(&mut self) -> &mut HeaderMap {
        self.headers_mut()
    }

    fn context(&self) -> Option<RunContext> {
        current()?.context()
    }
}
