//! The client side: contexts into `reqwest` requests.

use std::cell::Cell;
use std::sync::LazyLock;

use http::{HeaderName, HeaderValue};
use reqwest::{Request, RequestBuilder};

use super::propagate;
use crate::model::RunContext;
use crate::propagation::{Egress, LangSmithPropagator, Propagator};
use crate::trace::RunTree;

/// Writing needs no configuration, so all requests share one.
pub(super) static OUTGOING: LazyLock<LangSmithPropagator> = LazyLock::new(LangSmithPropagator::new);

/// Lets the service that answers a request continue the trace.
///
/// Call it only on requests to **your own** services: the run's ids, metadata, tags and project go with
/// the request, and `reqwest` repeats them to whatever host it is redirected to. Members of `baggage`
/// that are not LangSmith's stay as they are.
///
/// ```
/// use std::sync::Arc;
/// use common::middleware::TraceRequestExt as _;
/// use common::trace::{MemorySink, Tracer};
///
/// let tracer = Tracer::builder(Arc::new(MemorySink::new())).build();
/// let run = tracer.run("answer").start();
/// let url = "http://retriever.internal/search".parse().expect("a URL");
/// let request = reqwest::Request::new(reqwest::Method::GET, url).trace(&run);
/// let order = run.dotted_order().expect("recorded");
/// assert_eq!(request.headers()["langsmith-trace"], order.as_str());
/// ```
pub trait TraceRequestExt: Sized {
    /// Writes `context` into the headers with a propagator of your choice.
    fn trace_with(self, propagator: &dyn Propagator, context: &RunContext) -> Self;

    /// Writes `context` into the headers `langsmith-trace` and `baggage`, in place of an older one.
    fn trace_context(self, context: &RunContext) -> Self {
        self.trace_with(&*OUTGOING, context)
    }

    /// Writes the context of `run` into the headers if the request goes to one of these hosts; takes
    /// every header of LangSmith out of it if not.
    fn trace_to(self, run: &RunTree, egress: &Egress) -> Self;

    /// Writes the context of `run` into the headers; leaves the request as it is when tracing is off.
    fn trace(self, run: &RunTree) -> Self {
        match run.context() {
            Some(context) => self.trace_context(&context),
            None => self,
        }
    }
}

impl TraceRequestExt for Request {
    fn trace_with(mut self, propagator: &dyn Propagator, context: &RunContext) -> Self {
        propagator.inject(context, self.headers_mut());
        self
    }

    fn trace_to(mut self, run: &RunTree, egress: &Egress) -> Self {
        propagate::write(&mut self, run.context().as_ref(), egress);
        self
    }
}

/// A builder that holds an error keeps it, for `send` to return.
impl TraceRequestExt for RequestBuilder {
    fn trace_with(self, propagator: &dyn Propagator, context: &RunContext) -> Self {
        change(self, |request| request.trace_with(propagator, context))
    }

    fn trace_to(self, run: &RunTree, egress: &Egress) -> Self {
        change(self, |request| request.trace_to(run, egress))
    }
}

/// Changes the request of a builder; of one that holds an error there is none.
fn change(builder: RequestBuilder, change: impl FnOnce(Request) -> Request) -> RequestBuilder {
    let sound = Cell::new(false);
    let builder = builder.header(Probe(&sound), HeaderValue::from_static(""));
    if !sound.get() {
        return builder;
    }
    match builder.build_split() {
        (client, Ok(mut request)) => {
            request.headers_mut().remove(PROBE);
            RequestBuilder::from_parts(client, change(request))
        }
        // Not reached: a sound builder takes a valid header.
        (client, Err(_)) => client.request(http::Method::GET, ""),
    }
}

/// A header name that notes that it was asked for: `reqwest` shows in no other way whether a builder
/// holds an error, and its error cannot be put back once it was taken out.
struct Probe<'a>(&'a Cell<bool>);

/// Never sent.
const PROBE: &str = "x-builder-is-sound";

impl TryFrom<Probe<'_>> for HeaderName {
    type Error = http::Error;

    fn try_from(probe: Probe<'_>) -> Result<Self, Self::Error> {
        probe.0.set(true);
        Ok(Self::from_static(PROBE))
    }
}
