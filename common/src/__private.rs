//! What `#[traceable]` expands to.
//!
//! ```text
//! begin(tracer, enabled, parent) ──► Call ──input · tag · metadata · start──► Traced ──call · poll──► value
//!        └── nothing to record: Traced at once                                  └──── end · fail ◄──── Returned
//! ```
//!
//! It is public only because the expansion is the caller's code; it may change with any release. No
//! code of the caller's that runs here for the sake of tracing (serializing, showing an error, hooks)
//! can panic through it. Start at `begin`.

use std::any::type_name;
use std::borrow::Borrow;
use std::fmt::{self, Write as _};
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;
use serde::Serialize;
use serde_json::Value;

use crate::model::{JsonMap, RunType};
use crate::trace::{
    Parent, RunBuilder, RunTree, Scope, Tracer, serialized, tracer_here, with_run, with_scope,
};

/// Decides whether this call is recorded: a call to describe, or else what it then is.
pub fn begin<N: Into<String>>(
    name: impl FnOnce() -> N,
    tracer: Option<Tracer>,
    enabled: Option<bool>,
    parent: Option<Parent>,
) -> Result<Call, Traced> {
    let nothing = |scope| Err(Traced { run: None, scope });
    let scope = enabled.map(|enabled| Scope::new().enabled(enabled));
    if enabled == Some(false) {
        return nothing(scope);
    }
    let Some(tracer) = tracer.or_else(tracer_here) else {
        return nothing(None);
    };
    let run = inside(scope.as_ref(), || {
        if !tracer.records_below(parent.as_ref()) {
            return None;
        }
        let run = tracer.recorded_run(name());
        Some(match parent {
            Some(parent) => run.below_parent(&parent),
            None => run.parent_from_current(),
        })
    });
    match run {
        Some(run) => Ok(Call {
            sampled: run.may_be_sampled(),
            run,
            tracer,
            scope,
            inputs: JsonMap::new(),
        }),
        None => nothing(None),
    }
}

fn inside<T>(scope: Option<&Scope>, work: impl FnOnce() -> T) -> T {
    match scope {
        Some(scope) => with_scope(scope, work),
        None => work(),
    }
}

/// Takes a tracer or a reference to one.
pub fn tracer(tracer: &impl Borrow<Tracer>) -> Tracer {
    tracer.borrow().clone()
}

/// A call that is recorded, before it starts.
#[derive(Debug)]
pub struct Call {
    run: RunBuilder,
    tracer: Tracer,
    scope: Option<Scope>,
    // False if the trace is known not to be in the sample: then nobody reads the inputs.
    sampled: bool,
    inputs: JsonMap,
}

impl Call {
    fn with(mut self, describe: impl FnOnce(RunBuilder) -> RunBuilder) -> Self {
        self.run = describe(self.run);
        self
    }

    #[must_use]
    pub fn run_type(self, run_type: impl Into<RunType>) -> Self {
        self.with(|run| run.run_type(run_type))
    }

    #[must_use]
    pub fn project(self, project: impl Into<String>) -> Self {
        self.with(|run| run.project(project))
    }

    #[must_use]
    pub fn tag(self, tag: impl Into<String>) -> Self {
        self.with(|run| run.tag(tag))
    }

    #[must_use]
    pub fn metadata(self, key: &'static str, value: &(impl RecordInput + ?Sized)) -> Self {
        self.with(|run| run.metadata(key, value.record()))
    }

    #[must_use]
    pub fn input(mut self, name: &'static str, value: &(impl RecordInput + ?Sized)) -> Self {
        if self.sampled {
            self.inputs.insert(name.to_owned(), value.record());
        }
        self
    }

    #[must_use]
    pub fn process_inputs<P: Payload>(mut self, hook: impl FnOnce(JsonMap) -> P) -> Self {
        if !self.sampled {
            return self;
        }
        let inputs = std::mem::take(&mut self.inputs);
        self.inputs = process(&self.tracer, "inputs", inputs, hook);
        self
    }

    pub fn start(self) -> Traced {
        let run = self.run.inputs(self.inputs);
        let run = inside(self.scope.as_ref(), || run.start());
        Traced {
            run: Some(run),
            scope: self.scope,
        }
    }
}

/// A call under way. Dropped before its end, it ends the run with an error, even where others hold
/// handles of the run.
#[derive(Debug)]
pub struct Traced {
    run: Option<RunTree>,
    scope: Option<Scope>,
}

impl Traced {
    /// Calls `work` with the run as the current one.
    pub fn call<T>(&self, work: impl FnOnce() -> T) -> T {
        inside(self.scope.as_ref(), || match &self.run {
            Some(run) => with_run(run, work),
            None => work(),
        })
    }

    /// Wraps a future, so that the run is the current one whenever it is polled.
    pub fn poll<F: Future>(&self, future: F) -> Polled<'_, F> {
        Polled {
            future,
            traced: self,
        }
    }

    /// Says whether what the function gives back is worth looking at.
    pub fn is_recording(&self) -> bool {
        self.run.as_ref().is_some_and(RunTree::is_recording)
    }

    pub fn end(&self) {
        if let Some(run) = &self.run {
            run.end();
        }
    }

    pub fn end_with(&self, outputs: Value) {
        if let Some(run) = &self.run {
            run.end_with(outputs);
        }
    }

    pub fn end_processed<P: Payload>(&self, outputs: Value, hook: impl FnOnce(JsonMap) -> P) {
        if let Some(run) = &self.run {
            let outputs = match outputs {
                Value::Object(outputs) => outputs,
                other => JsonMap::from_iter([("output".to_owned(), other)]),
            };
            run.end_with(process(run.tracer(), "outputs", outputs, hook));
        }
    }

    pub fn fail(&self, error: &str) {
        if let Some(run) = &self.run {
            run.fail(error);
        }
    }
}

impl Drop for Traced {
    fn drop(&mut self) {
        self.fail(if std::thread::panicking() {
            PANICKED
        } else {
            "Cancelled: the future was dropped before it was done"
        });
    }
}

const PANICKED: &str = "Panicked: the function panicked before it returned";

pin_project! {
    /// A future of a call. Made by [`Traced::poll`].
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct Polled<'a, F> {
        #[pin]
        future: F,
        traced: &'a Traced,
    }
}

impl<F: Future> Future for Polled<'_, F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        // A runtime catches the panic and drops the future later, when nobody is panicking.
        let mut guard = EndOnPanic(Some(this.traced));
        let polled = this.traced.call(|| this.future.poll(cx));
        guard.0 = None;
        polled
    }
}

struct EndOnPanic<'a>(Option<&'a Traced>);

impl Drop for EndOnPanic<'_> {
    fn drop(&mut self) {
        if let Some(traced) = self.0 {
            traced.fail(PANICKED);
        }
    }
}

/// A value that can be recorded as an input.
#[diagnostic::on_unimplemented(
    message = "`#[traceable]` cannot record an argument of type `{Self}`",
    label = "this does not implement `serde::Serialize`",
    note = "leave the argument out with `#[traceable(skip(its_name))]`, all of them with `skip_all`, or \
            derive `serde::Serialize` for its type"
)]
pub trait RecordInput {
    fn record(&self) -> Value;
}

#[diagnostic::do_not_recommend]
impl<T: Serialize + ?Sized> RecordInput for T {
    fn record(&self) -> Value {
        serialized(self)
    }
}

/// A value that can be recorded as an output.
#[diagnostic::on_unimplemented(
    message = "`#[traceable]` cannot record a result of type `{Self}`",
    label = "this does not implement `serde::Serialize`",
    note = "leave the result out with `#[traceable(skip_output)]`, or derive `serde::Serialize` for its \
            type"
)]
pub trait RecordOutput {
    fn record(&self) -> Value;
}

#[diagnostic::do_not_recommend]
impl<T: Serialize + ?Sized> RecordOutput for T {
    fn record(&self) -> Value {
        serialized(self)
    }
}

/// An error that can be shown.
#[diagnostic::on_unimplemented(
    message = "`#[traceable]` cannot show an error of type `{Self}`",
    label = "its error does not implement `std::fmt::Display`",
    note = "show its `Debug` form with `#[traceable(err(Debug))]`, or implement `Display`"
)]
pub trait ShowError {
    fn show(&self) -> String;
}

#[diagnostic::do_not_recommend]
impl<E: fmt::Display + ?Sized> ShowError for E {
    fn show(&self) -> String {
        written(format_args!("{self}"))
    }
}

/// Writes what a `Display` gives before it fails, if it does.
fn written(text: fmt::Arguments<'_>) -> String {
    let mut shown = String::new();
    match catch_unwind(AssertUnwindSafe(|| write!(shown, "{text}"))) {
        Ok(_) => shown,
        Err(_) => "an error whose text could not be made".to_owned(),
    }
}

/// What a function returned. Of its two traits the compiler takes [`OfResult`] if it fits.
#[derive(Debug)]
pub struct Returned<'a, T>(pub &'a T);

pub trait OfResult {
    type Value;
    type Error;

    fn outputs(&self) -> Value
    where
        Self::Value: RecordOutput;
    fn error(&self) -> Option<String>
    where
        Self::Error: ShowError;
    fn error_debug(&self) -> Option<String>
    where
        Self::Error: fmt::Debug;
}

impl<T, E> OfResult for Returned<'_, Result<T, E>> {
    type Value = T;
    type Error = E;

    fn outputs(&self) -> Value
    where
        T: RecordOutput,
    {
        self.0.as_ref().map_or(Value::Null, RecordOutput::record)
    }

    fn error(&self) -> Option<String>
    where
        E: ShowError,
    {
        self.0.as_ref().err().map(ShowError::show)
    }

    fn error_debug(&self) -> Option<String>
    where
        E: fmt::Debug,
    {
        let error = self.0.as_ref().err()?;
        Some(written(format_args!("{error:?}")))
    }
}

pub trait OfValue {
    type Value;

    fn outputs(&self) -> Value
    where
        Self::Value: RecordOutput;

    fn error(&self) -> Option<String> {
        None
    }

    fn error_debug(&self) -> Option<String> {
        None
    }
}

impl<T> OfValue for &Returned<'_, T> {
    type Value = T;

    fn outputs(&self) -> Value
    where
        T: RecordOutput,
    {
        self.0.record()
    }
}

/// What a hook may give back: an object, any value, or a `Result` of one.
#[diagnostic::on_unimplemented(
    message = "a hook of `#[traceable]` cannot give back `{Self}`",
    label = "this hook gives back `{Self}`",
    note = "a hook takes a `JsonMap` and gives back a `JsonMap`, a `serde_json::Value`, or a `Result` of one"
)]
pub trait Payload {
    fn payload(self, key: &str) -> Result<JsonMap, &'static str>;
}

impl Payload for JsonMap {
    fn payload(self, _key: &str) -> Result<JsonMap, &'static str> {
        Ok(self)
    }
}

impl Payload for Value {
    fn payload(self, key: &str) -> Result<JsonMap, &'static str> {
        Ok(match self {
            Self::Object(map) => map,
            other => JsonMap::from_iter([(key.to_owned(), other)]),
        })
    }
}

impl<P: Payload, E> Payload for Result<P, E> {
    fn payload(self, key: &str) -> Result<JsonMap, &'static str> {
        match self {
            Ok(payload) => payload.payload(key),
            Err(_) => Err(short_name(type_name::<E>())),
        }
    }
}

/// Returns the last segment of a type's path, without its parameters.
fn short_name(name: &'static str) -> &'static str {
    let path = name.split('<').next().unwrap_or(name);
    path.rsplit("::").next().unwrap_or(path)
}

/// Applies a hook. If it fails, the payload is replaced by a marker that names the error's type and
/// nothing of its text, as the Python SDK 0.15 does.
fn process<P: Payload>(
    tracer: &Tracer,
    what: &str,
    payload: JsonMap,
    hook: impl FnOnce(JsonMap) -> P,
) -> JsonMap {
    let raw = tracer.allows_unprocessed().then(|| payload.clone());
    let key = what.trim_end_matches('s');
    let processed = catch_unwind(AssertUnwindSafe(|| hook(payload).payload(key)));
    let failed = match processed {
        Ok(Ok(processed)) => return processed,
        Ok(Err(error)) => error,
        Err(_) => "Panic",
    };
    raw.unwrap_or_else(|| {
        let text = format!("Processing failed; {what} dropped (process_{what}: {failed})");
        JsonMap::from_iter([("ls_error".to_owned(), text.into())])
    })
}
