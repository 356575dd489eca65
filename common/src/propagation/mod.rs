//! A run's context on its way from one process to the next.
//!
//! ```text
//! RunContext ──inject──► Injector:  langsmith-trace: <dotted order>
//!                                   baggage: langsmith-metadata=…,langsmith-tags=…,langsmith-project=…
//!                                        │ HTTP and message headers · JSON · environment · file
//! RunContext ◄──extract── Extractor ◄────┘
//!      ▲           └ limits · trust policy · allow-lists; whatever is refused is counted by reason
//!      └ none, and the reason, if the header is missing, broken or not trusted
//! ```
//!
//! Strict in what it sends, tolerant in what it reads: nothing that a stranger can put into a header
//! makes [`Propagator::extract`] fail or panic, and nothing but ids and an allow-list comes out of it.
//! The carriers are listed in [`carrier`], for every way that a call can take between two processes.
//! Start at [`LangSmithPropagator`].

mod baggage;
pub mod carrier;
mod counters;
mod egress;
mod extracted;
mod langsmith;
pub mod limits;
mod trust;

use std::fmt;

pub use carrier::{ChildEnv, Entries, Extractor, Injector, Job};
pub use counters::PropagationCounters;
pub use egress::{Egress, EgressCounters};
pub use extracted::{Extracted, INCOMING_RUN_ID, INCOMING_TRACE_ID, IgnoredEntries, Outcome};
pub use langsmith::LangSmithPropagator;
pub use trust::{ProjectAllowList, TrustPolicy, TrustPredicate};

use crate::model::RunContext;

/// The header that carries a run's dotted order.
pub const TRACE_HEADER: &str = "langsmith-trace";
/// The W3C header that carries what children inherit, beside the members of others.
pub const BAGGAGE_HEADER: &str = "baggage";

/// Writes a context into a carrier and reads it back.
pub trait Propagator: Send + Sync + fmt::Debug {
    /// Writes `context` into `carrier`, in place of one that is there already. One that is over the
    /// [`limits`] is not written.
    fn inject(&self, context: &RunContext, carrier: &mut dyn Injector);

    /// Takes out of `carrier` what [`inject`](Self::inject) writes, and leaves the entries of others.
    fn strip(&self, carrier: &mut dyn Injector);

    /// Reads what the carrier says, as far as the trust policy allows.
    fn extract(&self, carrier: &dyn Extractor) -> Extracted;

    /// Names the entries of a carrier that this propagator writes and reads.
    fn fields(&self) -> &'static [&'static str];
}
