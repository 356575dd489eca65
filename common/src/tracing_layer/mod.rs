//! Spans of `tracing` become runs.
//!
//! ```text
//! #[instrument], genai, your spans ──► RunLayer ──► RunTree ──► RunSink ──► LangSmith
//!    fields   ──► inputs, metadata, usage              ▲
//!    events   ──► events of the run, its error         └─ below the current run, or another span's
//!    entered  ──► the current run: native runs and calls to other services nest below the span
//! ```
//!
//! What is instrumented already needs no second instrumentation. Start at [`RunLayer`].
//!
//! | field | becomes |
//! |---|---|
//! | a plain name, as the arguments of `#[instrument]` have | inputs; outputs if it is recorded later |
//! | a name with dots | metadata |
//! | `otel.name`, `langsmith.trace.name` | the name |
//! | `langsmith.span.kind`, `gen_ai.operation.name`, `gen_ai.tool.name` | the run type |
//! | `langsmith.metadata.…`, `langsmith.span.tags` | metadata, tags |
//! | `langsmith.parent` | the run above: the dotted order of a header that was checked |
//! | `gen_ai.provider.name` or `gen_ai.system`, `gen_ai.request.model` | `ls_provider`, `ls_model_name` |
//! | `gen_ai.request.…` | invocation parameters; metadata if it is recorded after the run has started |
//! | `gen_ai.usage.…`, `langsmith.usage_metadata` | usage |
//! | `gen_ai.input.messages`, `gen_ai.prompt`, `gen_ai.tool.call.arguments` | inputs |
//! | `gen_ai.output.messages`, `gen_ai.completion`, `gen_ai.tool.call.result` | outputs |
//! | `gen_ai.conversation.id` | metadata `thread_id` |
//! | `gen_ai.response.time_to_first_chunk` | the time of the first token, in seconds from the start |
//! | `otel.status_code` `ERROR`, `otel.status_description`, `error.type` | the error |
//!
//! A call, a span that says `gen_ai.operation.name` when it begins, starts its run when something else than what
//! is asked is recorded, when it is entered or has a span below it, or when it ends: clients such as genai make
//! the span first and record parameters and messages right after.
//!
//! An event is an event of the run. Its message `new_token` marks the first token of a stream; one at the
//! level of errors fails the run, as it does in OpenTelemetry; `#[instrument(ret, err)]` sets outputs and
//! error.

mod entered;
mod failure;
mod fields;
mod layer;
mod reading;
mod start;

pub use layer::{IGNORED_TARGETS, RunLayer};
// A program that takes this one cannot have a second version of it, in which the layer would not fit.
pub use tracing_subscriber;
