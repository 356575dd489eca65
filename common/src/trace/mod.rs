//! The life of a run inside one process.
//!
//! ```text
//!        Scope · configure · current run: what holds here ──spawn · carry──► and there
//!                            ▼
//! Tracer::run(name) ──► RunBuilder ──start()──► RunTree (handle) ──context()──► RunContext ──► (propagation)
//!                                        │          │ child · event · metadata
//!                                        │          └─ end · fail · last handle dropped
//!                                 RunSink::begin              RunSink::end
//!                                        └─ as it is, or masked: ─┘ RunOp::Post · RunOp::Patch
//! ```
//!
//! A run is kept in one place until a sink has it written, which may be on another thread, and once for
//! both its beginning and its end. Where runs are masked, that happens first, on the thread that is traced.
//!
//! Rust loses what is current wherever work is handed on, and drops work without a word. So tasks and
//! threads are started with [`spawn`](spawn()), [`JoinSet`] and [`carry`], and a run that lasts as long as a
//! future or a stream is given to it: [`traced`](TraceFutureExt::traced) ends it, whatever becomes of that.
//!
//! ```text
//! child(name) ─► future.traced(run) · stream.traced_by(run, reducer) ─► one end: outputs · error · Cancelled · Panicked
//! ```
//!
//! This room never sends anything: an operation goes to a [`RunSink`], and whoever built the [`Tracer`]
//! decides what that is. Nothing here returns an error or panics. Start at [`RunTree`].

mod builder;
mod carry;
mod current;
mod gate;
mod inherited;
mod process;
mod provider;
mod redact;
mod run_tree;
mod sampler;
mod scope;
mod secret;
mod sink;
mod surroundings;
mod tracer;
mod updates;
mod work;

#[cfg(feature = "macros")]
pub(crate) use builder::serialized;
pub use builder::{CLOCK_SKEW, RunBuilder};
pub use carry::{Ambient, Carried, InRun, TraceFutureExt, carry};
#[cfg(feature = "client")]
pub use carry::{JoinSet, spawn, spawn_blocking};
#[cfg(feature = "macros")]
pub(crate) use current::tracer_here;
#[cfg(feature = "tracing_layer")]
pub(crate) use current::{Entered, enter};
pub use current::{add_metadata, current, with_run};
#[cfg(feature = "otel")]
pub(crate) use current::{is_left_out, is_switched_off};
pub use gate::GateCounts;
pub use process::{AlreadyInstalled, DefaultGuard, configure, default_tracer, install_default};
pub use provider::{Anthropic, Gemini, OpenAi, Provider};
pub use redact::{
    Anonymizer, AnonymizerBuilder, AnonymizerError, DEFAULT_MASKED_BYTES, Field, PathPart,
    REDACTED, Redactor, SECRET_PLACEHOLDER, TextPath,
};
pub use run_tree::RunTree;
#[cfg(feature = "prometheus")]
pub(crate) use sampler::SamplingBooks;
#[cfg(feature = "client")]
pub(crate) use sampler::TailBuffer;
pub use sampler::{
    CARRIED_DECISION, DEFAULT_TAIL_BYTES, DEFAULT_TAIL_REMEMBERED, DEFAULT_TAIL_RUNS,
    DEFAULT_TAIL_TRACES, DEFAULT_TAIL_WAIT, HeldRuns, InvalidSampling, InvalidSamplingRate,
    KeepReason, LeaveReason, MAX_LABEL_BYTES, MAX_SAMPLING_RULES, RuleTally, SAMPLE_RATE, Sampler,
    Sampling, SamplingRate, SamplingRule, SamplingStats, TailPolicy, TraceLimit,
};
pub use scope::{InScope, IntoParent, Parent, Scope, with_scope};
pub use secret::{SECRET_MASK, Secret};
#[cfg(feature = "client")]
pub(crate) use sink::one_by_one;
pub use sink::{HeldOp, MemorySink, NoSink, RunSink, TeeSink};
pub use tracer::{SERVICE, Tracer, TracerBuilder};
pub use updates::{UPDATES_PER_SECOND, Updates};
pub use work::{
    CAPTURE_BYTES, CHUNK_COUNT, End, Fold, IntoRun, Items, JoinedText, OpenAiChat, Reduce,
    TraceStreamExt, Traced, TracedStream, child, fold,
};
#[cfg(feature = "middleware")]
pub(crate) use work::{Lasting, why_dropped};
#[cfg(feature = "client")]
pub use work::{TimedOut, WithTimeout};
