//! The layer.

use std::fmt;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::Value;
use tracing::dispatcher::WeakDispatch;
use tracing::span::{Attributes, Id, Record};
use tracing::{Dispatch, Event, Level, Metadata, Subscriber};
use tracing_subscriber::layer::{Context, Layer};
use tracing_subscriber::registry::LookupSpan;

use super::entered;
use super::failure::Failure;
use super::fields::Fields;
use super::reading::read;
use super::start::{Above, Pending, Spanned};
use crate::model::{Clock as _, JsonMap, NEW_TOKEN, SystemClock};
#[cfg(feature = "otel")]
use crate::otel::Identity;
use crate::trace::Tracer;

/// Targets whose spans and events are not recorded: what sends the runs would be recorded as runs, and
/// sent. What this crate says itself is not recorded either, by whatever name it is used.
pub const IGNORED_TARGETS: [&str; 8] = [
    "h2",
    "hyper",
    "hyper_util",
    "opentelemetry",
    "opentelemetry_otlp",
    "opentelemetry_sdk",
    "reqwest",
    "rustls",
];

/// Makes a run of every span: a layer of `tracing_subscriber`.
///
/// ```
/// use std::sync::Arc;
/// use common::trace::{MemorySink, Tracer};
/// use common::tracing_layer::RunLayer;
/// use tracing_subscriber::prelude::*;
///
/// let sink = Arc::new(MemorySink::new());
/// let tracer = Tracer::builder(sink.clone()).build();
/// let subscriber = tracing_subscriber::registry().with(RunLayer::new(&tracer));
/// tracing::subscriber::with_default(subscriber, || {
///     let span = tracing::info_span!("answer", question = "why?");
///     span.in_scope(|| tracing::info_span!("retrieve").in_scope(|| tracing::info!("asked the index")));
/// });
/// let runs = sink.runs();
/// assert_eq!(runs[0].inputs.as_ref().unwrap()["question"], "why?");
/// assert_eq!(runs[1].parent_run_id, Some(runs[0].id));
/// ```
///
/// A span's run is the current one while the span is entered, so native runs and calls to other
/// services nest below it; and a span nests below a native run that is current. Which fields mean what is
/// in the table of [`tracing_layer`](crate::tracing_layer): plain names are inputs, names with dots
/// metadata, and `gen_ai.…` makes a run of type `llm` with its usage.
///
/// Fields hold what people say as well. Where that must not be recorded, filter them at the span
/// (`skip`), or mask them by the tracer's [`Redactor`](crate::trace::Redactor), which sees them as it sees
/// all runs.
///
/// Nothing below [`IGNORED_TARGETS`] is recorded. For less, put a filter on the layer. A span has
/// one run: of several such layers in a registry the first one makes it.
pub struct RunLayer {
    pub(super) tracer: Tracer,
    #[cfg(feature = "otel")]
    pub(super) identity: Option<Identity>,
    pub(super) dispatch: OnceLock<WeakDispatch>,
    // Tells the spans of several such layers in one registry apart.
    pub(super) number: u64,
}

impl RunLayer {
    /// Makes a layer that starts its runs with `tracer`; see
    /// [`Client::tracer`](crate::client::Client::tracer).
    pub fn new(tracer: &Tracer) -> Self {
        Self {
            tracer: tracer.clone(),
            #[cfg(feature = "otel")]
            identity: None,
            dispatch: OnceLock::new(),
            number: LAYERS.fetch_add(1, Ordering::Relaxed),
        }
    }

    /// Gives each run the place that a span of OpenTelemetry has, so that both outputs of one program are
    /// the same tree, id by id, and one that gets both has each run once.
    ///
    /// Register this layer after that of OpenTelemetry, whose tracer is of a provider with the processor of
    /// `identity`. A span that is neither entered nor recorded anything of later, and has no spans below it,
    /// has an id of its own here. A span that is not in OpenTelemetry's sample is no run either.
    #[cfg(feature = "otel")]
    #[must_use]
    pub fn follow(mut self, identity: &Identity) -> Self {
        self.identity = Some(identity.clone());
        self
    }
}

/// The metadata that holds a name which was recorded when the run had begun under another one.
const LATE_NAME: &str = "late_name";
/// The same of its type.
const LATE_TYPE: &str = "late_run_type";

/// How many layers were made.
static LAYERS: AtomicU64 = AtomicU64::new(0);

fn is_ignored(metadata: &Metadata<'_>) -> bool {
    let target = metadata.target();
    let root = target.split("::").next().unwrap_or(target);
    IGNORED_TARGETS.contains(&root) || is_own(metadata)
}

/// Returns true for what this crate says itself, which it may say while it changes the very run that would record
/// it. By its files: other crates may be called as this one is.
fn is_own(metadata: &Metadata<'_>) -> bool {
    const THIS: &str = file!();
    let sources = THIS.strip_suffix("tracing_layer/layer.rs").unwrap_or(THIS);
    let file = metadata.file();
    file.is_some_and(|file| file.starts_with(sources))
}

impl<S> Layer<S> for RunLayer
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn on_register_dispatch(&self, dispatch: &Dispatch) {
        // The first one; a layer is used in one subscriber.
        let _ = self.dispatch.set(dispatch.downgrade());
    }

    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, ctx: Context<'_, S>) {
        if is_ignored(attributes.metadata()) {
            return;
        }
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        let mut told = read(fields.0, true);
        let lazy = self.is_lazy() || told.is_call();
        let above = match attributes.parent() {
            Some(parent) => match self.run_of(parent, &ctx) {
                Some(run) => Above::Run(run),
                None => Above::Current,
            },
            None if attributes.is_root() => Above::Nothing,
            // When it starts later, something else may be current.
            None if lazy => match crate::trace::current() {
                Some(run) => run.context().map_or(Above::Current, Above::Place),
                None => Above::Current,
            },
            None => Above::Current,
        };
        let Some(span) = ctx.span(id) else { return };
        if span.extensions_mut().get_mut::<Spanned>().is_some() {
            // Extensions hold one of a type, and inserting a second one panics.
            return;
        }
        let mut failure = Failure::default();
        failure.absorb(&mut told);
        span.extensions_mut().insert(Spanned {
            layer: self.number,
            run: None,
            usage: std::mem::take(&mut told.usage),
            failure,
            pending: Some(Pending {
                name: attributes.metadata().name(),
                told,
                above,
                begun: lazy.then(|| SystemClock.now()),
                followed: None,
            }),
        });
        drop(span);
        if !lazy {
            self.run_of(id, &ctx);
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, ctx: Context<'_, S>) {
        let mut fields = Fields::default();
        values.record(&mut fields);
        let mut told = read(fields.0, false);
        let Some(span) = ctx.span(id) else { return };
        // Looked up before the span is locked: OpenTelemetry's layer locks it, too.
        let followed = told.asks().then(|| self.followed(id));
        let run = {
            let mut extensions = span.extensions_mut();
            let Some(spanned) = self.own(&mut extensions) else {
                return;
            };
            spanned.usage.absorb(std::mem::take(&mut told.usage));
            if let (Some(followed), Some(pending)) = (followed, &mut spanned.pending) {
                pending.followed = pending.followed.take().or(followed);
                pending.told.absorb(told);
                return;
            }
            spanned.failure.absorb(&mut told);
            if let Some(pending) = &mut spanned.pending {
                pending.told.rename(&mut told);
            }
            spanned.run.clone()
        };
        // What is recorded before it starts is there when it does.
        let Some(run) = run.or_else(|| self.run_of(id, &ctx)) else {
            return;
        };
        if let Some(seconds) = told.first_chunk_seconds {
            run.new_token_after(seconds);
        }
        // genai makes its span without them, and records them at once.
        if let Some(temperature) = told.parameters.get("temperature") {
            run.add_metadata("ls_temperature", temperature.clone());
        }
        let parameters = told.parameters.into_iter();
        let parameters = parameters.map(|(key, value)| (format!("gen_ai.request.{key}"), value));
        for (key, value) in told.metadata.into_iter().chain(parameters) {
            run.add_metadata(key, value);
        }
        for (key, value) in told.outputs.into_iter().chain(told.inputs) {
            run.add_output(key, value);
        }
        for tag in told.tags {
            run.add_tag(tag);
        }
        // The run has begun under another name, as another type.
        if let Some(name) = told.name {
            run.add_metadata(LATE_NAME, name);
        }
        if let Some(run_type) = told.run_type {
            run.add_metadata(LATE_TYPE, run_type.as_str());
        }
    }

    fn on_event(&self, event: &Event<'_>, ctx: Context<'_, S>) {
        if is_ignored(event.metadata()) {
            return;
        }
        let Some(id) = ctx.event_span(event).map(|span| span.id()) else {
            return;
        };
        let Some(run) = self.run_of(&id, &ctx) else {
            return;
        };
        let mut fields = Fields::default();
        event.record(&mut fields);
        let mut fields = fields.0;
        let message = match fields.shift_remove("message") {
            Some(Value::String(message)) => Some(message),
            _ => None,
        };
        if message.as_deref() == Some(NEW_TOKEN) {
            run.new_token();
            return;
        }
        // What `#[instrument(ret)]` and `#[instrument(err)]` say.
        if message.is_none()
            && fields.len() == 1
            && let Some(returned) = fields.get("return")
        {
            run.add_output("output", returned.clone());
            return;
        }
        if *event.metadata().level() == Level::ERROR
            && let Some(span) = ctx.span(&id)
        {
            let why = told_error(message.as_deref(), &fields);
            let mut extensions = span.extensions_mut();
            if let Some(spanned) = self.own(&mut extensions) {
                spanned.failure.by_event(why);
            }
        }
        let level = event.metadata().level().as_str();
        fields.insert("level".to_owned(), level.into());
        let name = message.unwrap_or_else(|| event.metadata().name().to_owned());
        run.record_event(name, fields);
    }

    fn on_enter(&self, id: &Id, ctx: Context<'_, S>) {
        if let Some(run) = self.run_of(id, &ctx) {
            entered::enter(self.number, id, run);
        }
    }

    fn on_exit(&self, id: &Id, _ctx: Context<'_, S>) {
        entered::exit(self.number, id);
    }

    fn on_close(&self, id: Id, ctx: Context<'_, S>) {
        let Some(run) = self.run_of(&id, &ctx) else {
            return;
        };
        let Some(span) = ctx.span(&id) else { return };
        let spanned = span.extensions_mut().remove::<Spanned>();
        let Some(Spanned { usage, failure, .. }) = spanned else {
            return;
        };
        if let Some(usage) = usage.usage() {
            run.set_usage(usage);
        }
        match failure.why() {
            Some(why) => run.fail(why),
            None => run.end(),
        }
    }
}

/// Returns what an event at the level of errors says.
fn told_error(message: Option<&str>, fields: &JsonMap) -> String {
    let told = ["error", "err", "exception.message"].iter();
    let mut told = told.filter_map(|key| fields.get(*key));
    let cause = told.next().map(|value| match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    });
    match (message, cause) {
        (Some(message), Some(cause)) => format!("{message}: {cause}"),
        (Some(message), None) => message.to_owned(),
        (None, Some(cause)) => cause,
        (None, None) => "an event at the level of errors".to_owned(),
    }
}

impl fmt::Debug for RunLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RunLayer")
            .field("tracer", &self.tracer)
            .finish_non_exhaustive()
    }
}
