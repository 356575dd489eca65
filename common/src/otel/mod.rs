//! OpenTelemetry to LangSmith: spans and runs in one tree.
//!
//! ```text
//! tracer ──► WholeTraces ──► Identity: which run is it? ──► LangSmithExporter ──► …/otel/v1/traces
//!             (sampled?)          ▲           │              complete · mask · OTLP
//!        current run, headers ────┘           └──► runs below spans, spans below runs
//! Context ◄──ContextPropagator──► traceparent · langsmith-trace · one baggage
//! Call · Answer ──► attributes in both GenAI vocabularies
//! ```
//!
//! An OpenTelemetry span has eight bytes for its parent and a run has sixteen, so a span cannot point at a
//! run; LangSmith answers 200 and drops what it cannot place. Here every span is told which run it is, in
//! full, when it starts, so native runs and spans of one program, and of several, are one tree. Start at
//! [`Pipeline`].
//!
//! # What goes wrong with OpenTelemetry and LangSmith, and why not here
//!
//! A test holds each row that is not impossible by construction: `otel_pipeline`, `otel_genai`,
//! `otel_propagation` and `otel_identity`.
//!
//! | # | what goes wrong | here |
//! |---|---|---|
//! | 1 | `/v1/traces` is appended to an address from the environment, and not to one in code | [`traces_url`] makes the whole address, and nothing is appended |
//! | 2 | a feature of any crate in the tree switches to the asynchronous client, whose spans are lost without a word | impossible: the client is our own, on a thread of its own |
//! | 3 | a blocking client panics when it is made or dropped in a runtime | impossible: there is none |
//! | 4 | flushing hangs on a runtime of one thread | impossible: the thread that sends has its own |
//! | 5 | with both features, JSON becomes the default protocol | fixed to protobuf |
//! | 6 | zstd is answered with 415 by LangSmith's proxy | fixed to gzip |
//! | 7 | spans are lost that nobody flushes | [`Pipeline::flush_guard`], [`Pipeline::flush_on_termination`] |
//! | 8 | headers of the environment replace those in code | they are not sent: they may be another backend's credentials |
//! | 9 | 500 and a refused connection are given up at once | a refused connection is tried again; every loss is counted |
//! | 10 | an error of `tracing` is no event named `exception`, so no error shows | [`complete`] adds one; [`fail`] and [`fail_in`] make one |
//! | 11 | the layer for `tracing` adds a dozen attributes | LangSmith ignores them; switch them off at the layer |
//! | 12 | names with dots, 32 fields | [`Call`] and [`Answer`] know the names, and set any number |
//! | 13 | nobody can choose the id of a span | not needed: identity is in attributes |
//! | 14 | a parent that is set too late is refused | not needed: [`Identity`] finds the run; put it into the context before |
//! | 15 | spans about sending spans are sent | impossible: the thread that sends traces nothing |
//! | 16 | large metadata is cut in baggage | the budget of the native propagator holds, and says what it left out |
//! | 17 | what comes after 128 attributes of a span is dropped, and an attribute that is set again is sent twice | [`DEFAULT_SPAN_ATTRIBUTES`], identity in any case, and the last value alone |
//! | 18 | 512 spans with long prompts are too large for one request | several requests |
//!
//! What LangSmith reads of any span, and what it loses, says the stand-in: `langsmith_mock::read_spans`.

mod address;
pub mod attributes;
mod carrier;
mod dialect;
mod exporter;
mod failure;
mod genai;
mod http;
mod identity;
mod ids;
mod masking;
mod pipeline;
mod propagator;
mod relay;
mod requests;
mod sampling;

pub use address::traces_url;
pub use carrier::{CarrierReader, CarrierWriter};
pub use dialect::complete;
pub use exporter::{DEFAULT_SPAN_TIMEOUT, LangSmithExporter, OtelError, SpanCounts, SpanStats};
pub use failure::{fail, fail_in};
pub use genai::{Answer, Call, ContentCapture, ContentHook, ContentSide, Message, Operation, Part};
pub use identity::{Identity, IdentityProcessor, RunContextExt};
pub use ids::{TraceIds, run_id_of_span};
pub use pipeline::{DEFAULT_SPAN_ATTRIBUTES, Pipeline, PipelineBuilder, SpanFlushError, SpanGuard};
pub use propagator::ContextPropagator;
pub use relay::{DEFAULT_RELAY_BYTES, DEFAULT_RELAY_WINDOW, Relay, RelayBuilder, RelayCounts};
pub use sampling::WholeTraces;

// A program that takes these cannot have a second version of them, in which nothing would fit.
pub use {opentelemetry, opentelemetry_otlp, opentelemetry_sdk, tracing_opentelemetry};
