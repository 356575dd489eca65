//! What a context travels in: one trait, and a carrier for every way between two processes.
//!
//! ```text
//! Propagator ──inject──► Injector      headers · pairs · JSON objects       are carriers as they are
//!                            │         Entries ─► job · frame · event · file  where there are no headers
//!                            │         ChildEnv ─► Command
//! Propagator ◄─extract── Extractor ◄───┘ the other side: the same limits, policy and counters for all
//! ```
//!
//! A propagator decides what is written and what is believed, a carrier only where it stands. So what is
//! read through any of them is bounded by the same [`limits`](super::limits), asked of the same
//! [`TrustPolicy`](super::TrustPolicy) and counted in the same
//! [`PropagationCounters`](super::PropagationCounters). Start at [`Injector`].
//!
//! | Way | towards the callee | back, or onwards | Names |
//! |---|---|---|---|
//! | HTTP/1, HTTP/2 | [`HeaderMap`] of the request | – : its caller has the parent already | any case |
//! | server-sent events | `HeaderMap` of the request | [`stream::event`], before the first chunk | any case |
//! | WebSocket | `HeaderMap` of the upgrade; from browsers [`stream::first_frame`] | [`stream::first_frame`] | any case |
//! | gRPC | the `HeaderMap` in tonic's `MetadataMap`: `request.metadata_mut().as_mut()` | – | lower case |
//! | NATS | pairs or a map of texts; see [below](#queues) | the same, in the reply | as written, read in any case |
//! | Redis Streams | pairs or a map, as fields of the entry; see [below](#queues) | the same | as written, read in any case |
//! | other queues | a map of texts, or [`JsonMap`](crate::model::JsonMap), as attributes | the same | any case |
//! | background job | [`Job`] | – | any case |
//! | batch | each message its own; [`Links`](links::Links) to all of them | – | any case |
//! | MCP | [`mcp::meta_mut`]; with `rmcp`, `params.meta` of the call | `_meta` of the result is a `JsonMap` too | any case |
//! | child process | [`ChildEnv`] | – | upper case, listed [there](environment) |
//! | file | [`file::write`], [`file::read`] | the same | any case |
//!
//! In every one of them an entry that is there twice is ambiguous, and a name in another case is the same
//! name.
//!
//! # Queues
//!
//! A message is handled once, twice or never, and long after it was sent. Three rules keep its traces
//! right: the context is **of the run that sent it**, and never of the worker that sends it again; each
//! attempt is a run of its own, the first one's sibling; and the message is acknowledged **after** its run
//! has ended, so that an attempt that was cut off is seen as one.
//!
//! ```
//! use common::propagation::{LangSmithPropagator, Propagator as _, TrustPolicy};
//! # use common::model::RunContext;
//! # let order = "20261122T100538926531Z01a202b7-f0ee-7646-9e7b-a245c1fc89c2";
//! # let context = RunContext::new(order.parse()?);
//! let propagator = LangSmithPropagator::new().policy(TrustPolicy::Continue);
//!
//! // Redis Streams: XADD jobs * body … langsmith-trace … baggage …
//! let mut fields = vec![("body".to_owned(), "index page 7".to_owned())];
//! propagator.inject(&context, &mut fields);
//! // An entry that was read is a map of bytes.
//! let entry: std::collections::HashMap<String, Vec<u8>> =
//!     fields.into_iter().map(|(name, value)| (name, value.into_bytes())).collect();
//! assert_eq!(propagator.extract(&entry).context, Some(context.clone()));
//!
//! // NATS: its headers tell names apart by case, so they are written as they are and read in any.
//! let mut sent = async_nats::HeaderMap::new();
//! for (name, value) in propagator.headers(&context) {
//!     sent.insert(name, value);
//! }
//! let received: Vec<(String, String)> = sent
//!     .iter()
//!     .flat_map(|(name, values)| values.iter().map(|value| (name.to_string(), value.to_string())))
//!     .collect();
//! assert_eq!(propagator.extract(&received).context, Some(context));
//! # Ok::<(), common::model::ParseDottedOrderError>(())
//! ```
//!
//! # gRPC
//!
//! ```
//! use common::propagation::{LangSmithPropagator, Propagator as _, TrustPolicy};
//! # use common::model::RunContext;
//! # let order = "20261122T100538926531Z01a202b7-f0ee-7646-9e7b-a245c1fc89c2";
//! # let context = RunContext::new(order.parse()?);
//! let propagator = LangSmithPropagator::new().policy(TrustPolicy::Continue);
//!
//! // An interceptor of the client, and one of the server.
//! let mut request = tonic::Request::new(());
//! propagator.inject(&context, request.metadata_mut().as_mut());
//! let headers: &http::HeaderMap = request.metadata().as_ref();
//! assert_eq!(propagator.extract(headers).context, Some(context));
//! # Ok::<(), common::model::ParseDottedOrderError>(())
//! ```

mod entries;
pub mod environment;
pub mod file;
mod headers;
mod job;
pub mod links;
pub mod mcp;
mod pairs;
pub mod stream;

pub use entries::Entries;
pub use environment::ChildEnv;
#[cfg(doc)]
use http::HeaderMap;
pub use job::Job;

/// Reads the entries of a carrier.
///
/// Names are compared without regard to case, and one name may have several values: one per header
/// line. Values are bytes, because headers are; no implementation needs to check them.
pub trait Extractor {
    /// Calls `visit` with each value of `name`, in the order of arrival.
    fn values<'a>(&'a self, name: &str, visit: &mut dyn FnMut(&'a [u8]));

    /// Returns the first value of `name` that is text.
    fn first<'a>(&'a self, name: &str) -> Option<&'a str> {
        let mut found = None;
        self.values(name, &mut |value| {
            found = found.or_else(|| std::str::from_utf8(value).ok());
        });
        found
    }
}

/// Writes the entries of a carrier. It reads as well, so that `baggage` of others can be kept.
pub trait Injector: Extractor {
    /// Sets `name` to `value`, in place of all its values so far. If the carrier cannot hold the value,
    /// `name` has none: an old one would name the wrong run.
    fn set(&mut self, name: &str, value: String);

    /// Removes all values of `name`.
    fn remove(&mut self, name: &str);
}
