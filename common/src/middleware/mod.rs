//! Traces across HTTP: a tower layer on the way in, a `reqwest` extension on the way out.
//!
//! ```text
//! request ──► TracingLayer ──extract──► IncomingTrace ──► your service (its run is current)
//!               │                          └ Extension(incoming): .run() · .context() · .start(name)
//!               │                         response ◄── TracedBody ◄── your service's body
//!               └ starts a run below the caller's, ends it when the last byte has gone, or the client
//!
//! RunTree ──TraceRequestExt::trace──► reqwest request with langsmith-trace and baggage ──► next service
//! client ──PropagationLayer──► the same for every request, to the hosts of an Egress list
//! ```
//!
//! The layer never refuses, delays or changes a request or a response, whatever its headers say. By
//! default it believes no caller; between your own services set a
//! [`TrustPolicy`](crate::propagation::TrustPolicy). Start at [`TracingLayer`].

mod body;
mod future;
mod grpc;
mod incoming;
mod layer;
mod limit;
mod make_run;
mod outgoing;
mod propagate;
mod service;
mod streamed;

pub use body::TracedBody;
pub use future::ResponseFuture;
pub use incoming::IncomingTrace;
pub use layer::TracingLayer;
pub use limit::ContinueLimit;
pub use outgoing::TraceRequestExt;
pub use propagate::{OutgoingRequest, PropagationLayer, PropagationService};
pub use service::TracingService;
