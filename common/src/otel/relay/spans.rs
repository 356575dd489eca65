//! Spans as they are on the wire, each for itself.

use std::sync::Arc;

use opentelemetry::{SpanId, TraceId as OtelTraceId};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use prost::Message as _;
use twox_hash::XxHash3_128;

use crate::model::{DottedOrder, RunId, Segment, Timestamp};
use crate::otel::attributes::langsmith;
use crate::propagation::TRACE_HEADER;
use crate::propagation::limits::MAX_TRACE_SEGMENTS;
use crate::trace::CLOCK_SKEW;

/// The trace and the span, which is unique within it only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Key {
    pub(super) trace: [u8; 16],
    pub(super) span: [u8; 8],
}

impl Key {
    pub(super) fn of(trace: OtelTraceId, span: SpanId) -> Self {
        Self {
            trace: trace.to_bytes(),
            span: span.to_bytes(),
        }
    }

    fn read(trace: &[u8], span: &[u8]) -> Option<Self> {
        let (trace, span) = (trace.try_into().ok()?, span.try_into().ok()?);
        (trace != [0; 16] && span != [0; 8]).then_some(Self { trace, span })
    }
}

/// What the spans of a request that belong together have in common.
#[derive(Debug)]
struct Group {
    resource: Option<Resource>,
    resource_schema: String,
    scope: Option<InstrumentationScope>,
    scope_schema: String,
    bytes: usize,
}

/// A span, apart from the request that it came in.
#[derive(Debug)]
pub(super) struct Loose {
    group: Arc<Group>,
    span: Span,
}

/// Where a span says that it stands.
pub(super) enum Told {
    /// It names its run.
    Place(DottedOrder, Option<String>),
    /// It says enough for LangSmith.
    Enough,
    /// Its caller sent a header.
    Header(DottedOrder),
    Nothing,
}

/// Takes a request apart.
pub(super) fn loosen(request: ExportTraceServiceRequest) -> Vec<Loose> {
    let mut all = Vec::new();
    for ResourceSpans {
        resource,
        scope_spans,
        schema_url: resource_schema,
    } in request.resource_spans
    {
        for ScopeSpans {
            scope,
            spans,
            schema_url: scope_schema,
        } in scope_spans
        {
            let bytes = resource.as_ref().map_or(0, Resource::encoded_len)
                + scope.as_ref().map_or(0, InstrumentationScope::encoded_len);
            let group = Arc::new(Group {
                resource: resource.clone(),
                resource_schema: resource_schema.clone(),
                scope,
                scope_schema,
                bytes,
            });
            all.extend(spans.into_iter().map(|span| Loose {
                group: group.clone(),
                span,
            }));
        }
    }
    all
}

/// Puts spans into a request, those next to each other that belong together in one group.
pub(super) fn gathered<'a>(
    spans: impl IntoIterator<Item = &'a Loose>,
) -> ExportTraceServiceRequest {
    let mut resource_spans: Vec<ResourceSpans> = Vec::new();
    let mut last: Option<&Arc<Group>> = None;
    for Loose { group, span } in spans {
        let scope = resource_spans
            .last_mut()
            .filter(|_| last.is_some_and(|last| Arc::ptr_eq(last, group)))
            .and_then(|same| same.scope_spans.last_mut());
        match scope {
            Some(scope) => scope.spans.push(span.clone()),
            None => resource_spans.push(ResourceSpans {
                resource: group.resource.clone(),
                schema_url: group.resource_schema.clone(),
                scope_spans: vec![ScopeSpans {
                    scope: group.scope.clone(),
                    spans: vec![span.clone()],
                    schema_url: group.scope_schema.clone(),
                }],
            }),
        }
        last = Some(group);
    }
    ExportTraceServiceRequest { resource_spans }
}

impl Loose {
    /// Returns the span's ids; none if they are no ids.
    pub(super) fn key(&self) -> Option<Key> {
        Key::read(&self.span.trace_id, &self.span.span_id)
    }

    /// Returns the parent's ids; none for a root.
    pub(super) fn parent(&self) -> Option<Key> {
        Key::read(&self.span.trace_id, &self.span.parent_span_id)
    }

    /// Returns true if the parent is in another process.
    fn is_entry(&self) -> bool {
        const KNOWS: u32 = 0x100;
        const REMOTE: u32 = 0x200;
        match self.span.flags & KNOWS {
            // An older SDK, which says it by the kind alone.
            0 => [SpanKind::Server, SpanKind::Consumer].contains(&self.span.kind()),
            _ => self.span.flags & REMOTE != 0,
        }
    }

    /// Returns how many bytes it is, what it shares with others included.
    pub(super) fn bytes(&self) -> usize {
        self.span.encoded_len() + self.group.bytes + size_of::<Self>()
    }

    fn text(&self, key: &str) -> Option<&str> {
        match self.attribute(key)? {
            Value::StringValue(text) => Some(text),
            // As headers are captured: a list, of one.
            Value::ArrayValue(list) => match list.values.as_slice() {
                [one] => match one.value.as_ref()? {
                    Value::StringValue(text) => Some(text),
                    _ => None,
                },
                _ => None,
            },
            _ => None,
        }
    }

    fn attribute(&self, key: &str) -> Option<&Value> {
        let mut attributes = self.span.attributes.iter();
        let found = attributes.find(|attribute| attribute.key == key)?;
        found.value.as_ref()?.value.as_ref()
    }

    /// Returns where the span says that it stands.
    pub(super) fn told(&self, believes_headers: bool) -> Told {
        let place = self.text(langsmith::DOTTED_ORDER);
        if let Some(order) = place.and_then(|text| text.parse().ok()) {
            if is_too_deep(&order) {
                return Told::Enough;
            }
            let project = self.text(langsmith::PROJECT).map(str::to_owned);
            return Told::Place(order, project);
        }
        let is_root = self.attribute(langsmith::IS_ROOT) == Some(&Value::BoolValue(true));
        if is_root || self.attribute(langsmith::PARENT_ID).is_some() {
            return Told::Enough;
        }
        if believes_headers && (self.is_entry() || self.parent().is_none()) {
            let captured = [CAPTURED_HEADER, TRACE_HEADER].into_iter();
            let mut captured = captured.filter_map(|key| self.text(key)?.parse().ok());
            if let Some(order) = captured.find(|order| !is_too_deep(order)) {
                return Told::Header(order);
            }
        }
        Told::Nothing
    }

    /// Tells the span that it is a run below `above`, and returns its place. The same span gets the same
    /// place whenever it comes.
    pub(super) fn stamp(&mut self, above: &DottedOrder, project: &str) -> DottedOrder {
        let micros = i64::try_from(self.span.start_time_unix_nano / 1_000).unwrap_or(0);
        let started = Timestamp::from_timestamp_micros(micros).unwrap_or_default();
        // LangSmith refuses a child that is older than its parent; clocks of machines differ.
        let earliest = above.start_time();
        let start = earliest.map_or(started, |earliest| earliest.max(started));
        let behind = (start - started).num_milliseconds();
        if behind > 1 {
            let key = format!("{}{CLOCK_SKEW}", langsmith::METADATA);
            self.span.attributes.retain(|had| had.key != key);
            self.span
                .attributes
                .push(attribute(&key, behind.to_string()));
        }
        if start > started {
            let nanos = u64::try_from(start.timestamp_micros()).unwrap_or(0) * 1_000;
            self.span.start_time_unix_nano = nanos;
            self.span.end_time_unix_nano = self.span.end_time_unix_nano.max(nanos);
        }
        let id = run_id(start, &self.span.trace_id, &self.span.span_id);
        let order = above.child(Segment { start, id });
        let mut stamp = |key: &str, value: String| {
            self.span.attributes.retain(|had| had.key != key);
            self.span.attributes.push(attribute(key, value));
        };
        stamp(langsmith::TRACE_ID, order.trace_id().to_string());
        stamp(langsmith::SPAN_ID, id.to_string());
        stamp(langsmith::PARENT_ID, above.run_id().to_string());
        stamp(langsmith::DOTTED_ORDER, order.as_str().to_owned());
        // A trace is in one project, that of its root.
        stamp(langsmith::PROJECT, project.to_owned());
        order
    }

    /// Notes which parent never came.
    pub(super) fn miss(&mut self, parent: Key) {
        let hex: String = parent
            .span
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let key = format!("{}{MISSING_PARENT}", langsmith::METADATA);
        self.span.attributes.push(attribute(&key, hex));
    }
}

/// Returns true if a place is deeper than any that is read from a header.
fn is_too_deep(order: &DottedOrder) -> bool {
    order.depth() >= MAX_TRACE_SEGMENTS
}

/// The attribute under which instrumentations of OpenTelemetry record the header, if they are told to.
const CAPTURED_HEADER: &str = "http.request.header.langsmith-trace";
/// The metadata that says which parent a span that was hung below its trace's root had.
pub(super) const MISSING_PARENT: &str = "otel_missing_parent_span_id";

fn attribute(key: &str, value: String) -> KeyValue {
    KeyValue {
        key: key.to_owned(),
        value: Some(AnyValue {
            value: Some(Value::StringValue(value)),
        }),
        ..KeyValue::default()
    }
}

/// Makes the run id of a span: a UUIDv7 of its start, whose other bits are a hash of its ids.
fn run_id(start: Timestamp, trace: &[u8], span: &[u8]) -> RunId {
    let hash = XxHash3_128::oneshot(&[trace, span].concat()).to_be_bytes();
    let mut tail = [0; 10];
    tail.copy_from_slice(&hash[..10]);
    let millis = u64::try_from(start.timestamp_millis()).unwrap_or(0);
    RunId(uuid::Builder::from_unix_timestamp_millis(millis, &tail).into_uuid())
}
