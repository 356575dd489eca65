//! The attribute `#[traceable]` of the crate `common`, which re-exports it.
//!
//! ```text
//! attribute ──options──► Options ─┐
//!                                 ├──expand──► the function, with its body inside of a run
//! function ──function──► Function ┘              (by way of `common::__private`)
//! ```

use proc_macro::TokenStream;

mod expand;
mod function;
mod options;

/// Makes a run of every call of a function: its arguments are the inputs, its result the outputs.
///
/// It goes on functions and methods, `async` or not, generic or not, in traits too. The run is below the
/// current one, and is the current one inside the function; so traced functions that call each other
/// make a tree. Nothing else changes: what the function returns, borrows and drops, and when. A future
/// is `Send` if the function's is without the attribute.
///
/// ```
/// use std::sync::Arc;
/// use common::trace::{MemorySink, Scope, Tracer, with_scope};
/// use common::traceable;
///
/// #[traceable(run_type = "retriever")]
/// fn retrieve(query: &str) -> Vec<String> {
///     vec![format!("a page about {query}")]
/// }
///
/// #[traceable(tags("docs"), metadata(length = question.len()))]
/// fn answer(question: &str) -> Result<String, std::num::ParseIntError> {
///     let pages = retrieve(question);
///     "12".parse::<u32>().map(|pages_read| format!("{} in {pages_read}", pages[0]))
/// }
///
/// let sink = Arc::new(MemorySink::new());
/// let tracer = Tracer::builder(sink.clone()).build();
/// with_scope(&Scope::new().tracer(&tracer), || answer("sharks")).expect("a number");
///
/// let runs = sink.runs();
/// assert_eq!(runs[0].inputs.as_ref().expect("inputs")["question"], "sharks");
/// assert_eq!(runs[1].parent_run_id, Some(runs[0].id));
/// ```
///
/// # Where the runs go
///
/// To the tracer named by `tracer = …`; else to that of the nearest current run or
/// `Scope`; else to the process's default, which a program installs with
/// `Client::install_default`. Where there is none of these, and where a scope or the tracer is off, the
/// function costs what it costs without the attribute, but for that question.
///
/// # What is recorded
///
/// - **Arguments** by `serde::Serialize`, under their names, when the function begins; of a pattern, what it
///   binds. `self` never. An argument that does not implement `Serialize` is an error of the compiler, so
///   that nothing is missing by accident: leave it out with `skip(…)`.
/// - **The result** by `Serialize`; what is no object, as `{"output": …}`. Leave it out with `skip_output`.
/// - **`Err`** fails the run with the error's `Display`; with its `Debug` by `err(Debug)`. `?` and `return`
///   work as ever.
/// - **A panic, and a future that is dropped** before it is done, end the run with an error that says so.
///
/// If a value cannot be serialized after all, a marker stands in its place.
///
/// # Options
///
/// | Option | Meaning |
/// |---|---|
/// | `name = "…"` | the run's name; the function's by default |
/// | `run_type = "llm"` | the kind of work; `chain` by default |
/// | `tags("a", "b")` | tags |
/// | `metadata(key = value, "dotted.key" = value)` | metadata; any `Serialize` value |
/// | `project = "…"` | the project |
/// | `skip(a, b)`, `skip_all` | arguments that are not recorded |
/// | `skip_output` | the result is not recorded, errors are |
/// | `err(Debug)` | an error is recorded by its `Debug` |
/// | `process_inputs = hook` | what is recorded of the arguments: `fn(JsonMap) -> JsonMap` |
/// | `process_outputs = hook` | what is recorded of the result, likewise |
/// | `enabled = condition` | true records also in a scope that is off; false records nothing, nested calls included |
/// | `parent = run` | a `RunTree`, a `RunContext`, a `Parent`, or an `Option` of one: what the run is below |
/// | `tracer = tracer` | a `Tracer` or a reference to one |
/// | `crate = path` | where the crate `common` is, if it is not a dependency |
///
/// Values are expressions; they may use the arguments that are plain names, and are evaluated when the function begins, only if
/// the call is recorded (`enabled`, `parent` and `tracer` always).
///
/// A hook may also give back a `serde_json::Value`, or a `Result`. If it fails or panics, the payload is
/// replaced by a marker that names the error's type and nothing of its text; a panic does not reach the
/// caller.
///
/// # Futures
///
/// The run of an `async fn` begins when it is first polled, as that of a Python coroutine does. A function
/// that is not `async` and consists of `async move { … }` or `Box::pin(async move { … })` is traced like an `async fn`;
/// so the attribute may stand below `#[async_trait]`.
///
/// # What it does not do
///
/// `const fn` cannot be traced. With `#[track_caller]` the body sees its own place. Parameters with
/// `#[cfg]` are not supported.
#[proc_macro_attribute]
pub fn traceable(options: TokenStream, item: TokenStream) -> TokenStream {
    expand::expand(options.into(), &item.into()).into()
}
