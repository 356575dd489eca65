//! Which run a span is.
//!
//! ```text
//!                        ┌ the span above ────┐
//! on_start ──above──►    ├ a run in Context ──┼─ the nearest ──► child of it ──► five attributes on the span
//!                        └ the current run ───┘                                  └► known until the span ended
//!             └ none ─────────────────────────────► a root of its own
//! ```
//!
//! A span's eight bytes cannot name a run, so each span is told which run it is, in full, when it
//! starts. Runs below a span, and spans below a run, are then one tree. Start at [`Identity`].

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use opentelemetry::trace::{Span as _, SpanContext, TraceContextExt as _};
use opentelemetry::{Context, KeyValue, SpanId, TraceId as OtelTraceId};
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{Span, SpanData, SpanProcessor};

use super::attributes::langsmith;
use super::ids::{trace_of, whole_micros};
use crate::model::{
    Baggage, DottedOrder, IdGenerator as _, LazyBaggage, RandomIds, RunContext, RunId, Segment,
    Timestamp,
};
use crate::trace::{self, Parent, Sampler, current};

/// How many spans that have ended are still known, for those that start below them later.
const ENDED_SPANS: usize = 4_096;

/// How often the id of a root is drawn: at a rate of one in a hundred, one in 10^17 is drawn in vain.
const MOST_DRAWS: usize = 4_000;

/// The metadata key by which runs name their service, as the native client has it.
const SERVICE: &str = "service";

/// Knows which run each span of a process is. A cheap clone; all clones know the same.
///
/// ```
/// use common::otel::Identity;
/// use common::otel::opentelemetry::{Context, trace::{TraceContextExt as _, Tracer as _, TracerProvider as _}};
/// use common::otel::opentelemetry_sdk::trace::SdkTracerProvider;
///
/// let identity = Identity::new();
/// let provider = SdkTracerProvider::builder().with_span_processor(identity.processor()).build();
/// let span = provider.tracer("docs").start("handle");
/// let cx = Context::new().with_span(span);
/// let run = identity.of(cx.span().span_context()).expect("a recorded span is a run");
/// assert_eq!(run.dotted_order.depth(), 0, "a root");
/// ```
#[derive(Debug, Clone, Default)]
pub struct Identity {
    known: Arc<Mutex<Known>>,
    project: Option<Arc<str>>,
    service: Option<Arc<str>>,
    follows_the_server: bool,
}

type Key = (OtelTraceId, SpanId);

#[derive(Debug, Default)]
struct Known {
    sampler: Option<Sampler>,
    runs: HashMap<Key, RunContext>,
    ended: VecDeque<Key>,
}

/// A run that spans start below, in a [`Context`].
#[derive(Debug, Clone)]
struct Above(RunContext);

/// Puts a run into a context of OpenTelemetry.
pub trait RunContextExt {
    /// Returns a context in which spans start below `run`, here or in another process.
    ///
    /// A run that is [`current`] needs no such thing: spans find it.
    #[must_use]
    fn with_parent_run(&self, run: RunContext) -> Self;

    /// Returns the run that was put into the context.
    fn parent_run(&self) -> Option<&RunContext>;
}

impl RunContextExt for Context {
    fn with_parent_run(&self, run: RunContext) -> Self {
        self.with_value(Above(run))
    }

    fn parent_run(&self) -> Option<&RunContext> {
        self.get::<Above>().map(|above| &above.0)
    }
}

impl Identity {
    /// Makes an identity that knows no span yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Names the project that new traces go to, on each span; without it the exporter's header does.
    #[must_use]
    pub fn project(mut self, project: impl AsRef<str>) -> Self {
        self.project = Some(project.as_ref().into());
        self
    }

    /// Names the service on each span, as metadata `service`, in the place of the caller's that came with the
    /// baggage. A native client does so too.
    #[must_use]
    pub fn service(mut self, service: impl AsRef<str>) -> Self {
        self.service = Some(service.as_ref().into());
        self
    }

    /// Leaves spans that have no run above them as they are: LangSmith then makes their ids, and no run
    /// can be put below them. For programs that only send spans.
    #[must_use]
    pub fn leave_roots_to_the_server(mut self) -> Self {
        self.follows_the_server = true;
        self
    }

    /// Returns the processor that stamps spans. Register it before the one that exports: processors are
    /// called in the order of their registration.
    pub fn processor(&self) -> IdentityProcessor {
        IdentityProcessor(self.clone())
    }

    /// Returns the run that a span of this process is; none if it is not recorded, or ended long ago. To put a
    /// run below a span use [`parent`](Self::parent), which tells these two apart.
    pub fn of(&self, span: &SpanContext) -> Option<RunContext> {
        let key = (span.trace_id(), span.span_id());
        self.with_known(|known| known.runs.get(&key).cloned())
    }

    /// Returns what runs at this place go below: the run of the active span, or one nearer than that. Give it to
    /// [`RunBuilder::parent`](crate::trace::RunBuilder::parent).
    ///
    /// Below a span that is not in the sample, and below a run that is left out, it is [`Parent::LeftOut`].
    pub fn current(&self) -> Parent {
        Context::map_current(|cx| self.parent(cx))
    }

    /// Returns what runs go below that belong to a context, as [`current`](Self::current) does for the active one.
    pub fn parent(&self, cx: &Context) -> Parent {
        match self.above(cx) {
            Some(run) => Parent::Context(run),
            None if is_left_out(cx) || trace::is_left_out() => Parent::LeftOut,
            None => Parent::Root,
        }
    }

    /// Returns the run that a span which starts in `cx` goes below.
    ///
    /// Of several in one line of descent it is the lowest. If they are of different lines, the active
    /// span counts before the context's run, and that before the current run.
    pub fn above(&self, cx: &Context) -> Option<RunContext> {
        let active = cx.has_active_span().then(|| cx.span());
        let active = active.and_then(|span| self.of(span.span_context()));
        let told = cx.parent_run().cloned();
        let around = current().and_then(|run| run.context());
        let mut candidates = [active, told, around].into_iter().flatten();
        let mut nearest = candidates.next()?;
        for other in candidates {
            if is_below(&other.dotted_order, &nearest.dotted_order) {
                nearest = other;
            }
        }
        Some(nearest)
    }

    fn with_known<T>(&self, look: impl FnOnce(&mut Known) -> T) -> T {
        look(&mut self.known.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Says which run a span is that starts in `cx`; none if LangSmith is to say it.
    fn name(&self, trace: OtelTraceId, start: SystemTime, cx: &Context) -> Option<RunContext> {
        let started = whole_micros(start);
        let Some(above) = self.above(cx) else {
            if self.follows_the_server {
                return None;
            }
            let of_trace = trace_of(trace, start).filter(|_| !continues(cx));
            let id = of_trace.map_or_else(|| self.new_root(started), RunId::from);
            let segment = Segment { start: started, id };
            return Some(RunContext {
                dotted_order: DottedOrder::root(segment),
                baggage: self.with_service(LazyBaggage::from(Baggage {
                    project: self.project.as_deref().map(str::to_owned),
                    ..Baggage::default()
                })),
            });
        };
        // LangSmith refuses a child that is older than its parent; clocks of machines differ.
        let earliest = above.dotted_order.start_time();
        let start = earliest.map_or(started, |earliest| earliest.max(started));
        let id = RandomIds.run_id(start);
        Some(RunContext {
            dotted_order: above.dotted_order.child(Segment { start, id }),
            baggage: self.with_service(above.baggage),
        })
    }

    /// Makes the id of a root whose trace is in the sample: who continues it decides by the id of the trace.
    fn new_root(&self, start: Timestamp) -> RunId {
        let sampler = self.with_known(|known| known.sampler);
        // Where none is kept, somebody else has decided that this one is.
        let sampler = sampler.filter(|sampler| *sampler != Sampler::AlwaysOff);
        let keeps = |id: &RunId| sampler.is_none_or(|sampler| sampler.keeps(id.0));
        let ids = std::iter::repeat_with(|| RandomIds.run_id(start));
        let mut ids = ids.take(MOST_DRAWS);
        ids.find(keeps).unwrap_or_else(|| RandomIds.run_id(start))
    }

    /// Remembers by what traces are sampled.
    pub(super) fn sampled_by(&self, sampler: &Sampler) {
        self.with_known(|known| known.sampler = Some(*sampler));
    }

    /// Says again which run a span is, where the SDK's limit of attributes left no room for it.
    pub(super) fn restore(&self, span: &mut SpanData) {
        if span.dropped_attributes_count > 0
            && let Some(run) = self.of(&span.span_context)
        {
            let stamps = stamps(&run, &span.attributes);
            span.attributes.extend(stamps);
        }
    }

    fn with_service(&self, mut baggage: LazyBaggage) -> LazyBaggage {
        if let Some(service) = &self.service {
            let metadata = Arc::make_mut(&mut baggage.metadata);
            metadata.insert(SERVICE.to_owned(), service.as_ref().into());
        }
        baggage
    }
}

/// Returns true if what starts in `cx` goes on with a trace of somebody's, whose id names a root that is his.
fn continues(cx: &Context) -> bool {
    cx.has_active_span() && cx.span().span_context().is_valid()
}

/// Returns true if the active span is not in the sample.
fn is_left_out(cx: &Context) -> bool {
    continues(cx) && !cx.span().span_context().is_sampled()
}

/// Returns true if `lower` is a place below `upper`.
fn is_below(lower: &DottedOrder, upper: &DottedOrder) -> bool {
    let rest = lower.as_str().strip_prefix(upper.as_str());
    rest.is_some_and(|rest| rest.starts_with('.'))
}

/// Stamps each span with the run it is. Made by [`Identity::processor`].
#[derive(Debug, Clone)]
pub struct IdentityProcessor(Identity);

impl SpanProcessor for IdentityProcessor {
    fn on_start(&self, span: &mut Span, cx: &Context) {
        let Some(data) = span.exported_data() else {
            return;
        };
        let context = span.span_context().clone();
        let Some(mut run) = self.0.name(context.trace_id(), data.start_time, cx) else {
            return;
        };
        // What is below goes to the project that the span names, too.
        if let Some(project) = last_text(&data.attributes, langsmith::PROJECT)
            && run.baggage.project.as_deref() != Some(project)
        {
            run.baggage.project = Some(project.to_owned());
        }
        span.set_attributes(stamps(&run, &data.attributes));
        let key = (context.trace_id(), context.span_id());
        self.0.with_known(|known| known.runs.insert(key, run));
    }

    fn on_end(&self, span: SpanData) {
        let key = (span.span_context.trace_id(), span.span_context.span_id());
        self.0.with_known(|known| {
            if known.runs.contains_key(&key) {
                known.ended.push_back(key);
            }
            if known.ended.len() > ENDED_SPANS
                && let Some(oldest) = known.ended.pop_front()
            {
                known.runs.remove(&oldest);
            }
        });
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _timeout: Duration) -> OTelSdkResult {
        Ok(())
    }
}

/// Returns the text that an attribute has; the last one counts.
fn last_text<'a>(attributes: &'a [KeyValue], key: &str) -> Option<&'a str> {
    match &attributes
        .iter()
        .rfind(|one| one.key.as_str() == key)?
        .value
    {
        opentelemetry::Value::String(text) => Some(text.as_str()),
        _ => None,
    }
}

/// Returns the attributes that say which run a span is, and what it inherits: what it says itself stays, as with
/// native runs.
fn stamps(run: &RunContext, own: &[KeyValue]) -> Vec<KeyValue> {
    let is_own = |key: &str| own.iter().any(|one| one.key.as_str() == key);
    let order = &run.dotted_order;
    let mut stamps = vec![
        KeyValue::new(langsmith::TRACE_ID, order.trace_id().to_string()),
        KeyValue::new(langsmith::SPAN_ID, order.run_id().to_string()),
        KeyValue::new(langsmith::DOTTED_ORDER, order.as_str().to_owned()),
    ];
    stamps.push(match order.parent_run_id() {
        Some(parent) => KeyValue::new(langsmith::PARENT_ID, parent.to_string()),
        None => KeyValue::new(langsmith::IS_ROOT, true),
    });
    let Baggage {
        metadata,
        tags,
        project,
    } = &*run.baggage;
    if let Some(project) = project
        && !is_own(langsmith::PROJECT)
    {
        stamps.push(KeyValue::new(langsmith::PROJECT, project.clone()));
    }
    if !tags.is_empty() {
        let mut tags: Vec<&str> = tags.iter().map(String::as_str).collect();
        let said = last_text(own, langsmith::TAGS).unwrap_or_default();
        for tag in said.split(',').map(str::trim) {
            if !tag.is_empty() && !tags.contains(&tag) {
                tags.push(tag);
            }
        }
        stamps.push(KeyValue::new(langsmith::TAGS, tags.join(",")));
    }
    for (key, value) in &**metadata {
        let key = format!("{}{key}", langsmith::METADATA);
        if is_own(&key) {
            continue;
        }
        let value = match value {
            serde_json::Value::String(text) => text.clone().into(),
            serde_json::Value::Bool(flag) => (*flag).into(),
            serde_json::Value::Number(number) => match (number.as_i64(), number.as_f64()) {
                (Some(whole), _) => whole.into(),
                (None, Some(float)) => float.into(),
                (None, None) => number.to_string().into(),
            },
            // LangSmith reads lists and maps of OpenTelemetry otherwise than they were meant.
            other => opentelemetry::Value::from(other.to_string()),
        };
        stamps.push(KeyValue::new(key, value));
    }
    stamps
}
