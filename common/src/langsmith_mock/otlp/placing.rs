//! Where a span stands in its trace, and what becomes of those that wait for it.

use serde_json::{Value, json};
use uuid::Uuid;

use super::decode::{ReadSpan, SpanId};
use super::orphans::{Parent, Placeless};
use crate::langsmith_mock::core::State;
use crate::langsmith_mock::decode::{OpKind, ReceivedOp, read_id, weight};
use crate::langsmith_mock::store::{IngestOutcome, Sender};
use crate::langsmith_mock::violation::{Violation, ViolationCode};
use crate::model::{DottedOrder, RunId, Segment, Timestamp};

/// Most levels of a trace of spans. Each level makes the dotted orders below it longer, so that a chain without
/// a bound would take memory by the square of its length; agents nest some dozens deep.
const MOST_LEVELS: usize = 512;

/// Where a span stands.
pub(super) enum Place {
    Known(DottedOrder),
    Below(Parent),
}

impl State {
    /// Finds a span's run id, and where it stands.
    ///
    /// A span's id becomes a UUID with zeros before it, and a root's is the trace's too: so the JavaScript
    /// SDK 0.12 computes both. `langsmith.trace.id`, `langsmith.span.id`, `langsmith.span.parent_id` and
    /// `langsmith.span.dotted_order` say otherwise.
    pub(super) fn place(&self, span: &ReadSpan) -> (RunId, Place) {
        let given = |key: &str| {
            let text = span.attributes.get(key).and_then(Value::as_str);
            text.and_then(read_id)
        };
        let order = span.attributes.get("langsmith.span.dotted_order");
        let order: Option<DottedOrder> = order.and_then(|text| text.as_str()?.parse().ok());
        let own = given("langsmith.span.id");
        if let Some(order) = order {
            return (own.map_or(order.run_id(), RunId), Place::Known(order));
        }
        let detached = span.attributes.get("langsmith.is_root") == Some(&Value::Bool(true));
        let parent = given("langsmith.span.parent_id")
            .map(Parent::Run)
            .or(span.parent.map(Parent::Span))
            .filter(|_| !detached);
        let Some(parent) = parent else {
            let given = own.or(given("langsmith.trace.id"));
            let id = RunId(given.unwrap_or_else(|| padded(span.id.span)));
            let start = span.start;
            return (id, Place::Known(DottedOrder::root(Segment { start, id })));
        };
        let id = RunId(own.unwrap_or_else(|| padded(span.id.span)));
        let above = match parent {
            Parent::Span(span) => self.waiting.place_of(span).cloned(),
            Parent::Run(run) => self.place_of_run(run),
        };
        let start = span.start;
        let place = match above {
            Some(above) => Place::Known(above.child(Segment { start, id })),
            None => Place::Below(parent),
        };
        (id, place)
    }

    /// Finds the same as the collector-proxy does. Its times are those of arrival, and of what a span says
    /// of its place it keeps the ids of runs below others.
    pub(super) fn place_by_proxy(&mut self, span: &ReadSpan, at: Timestamp) -> (RunId, Place) {
        let given = |key: &str| {
            let text = span.attributes.get(key).and_then(Value::as_str);
            text.and_then(read_id)
        };
        let start = self.waiting.next_arrival(at);
        let detached = span.attributes.get("langsmith.is_root") == Some(&Value::Bool(true));
        let otel_trace = Uuid::from_bytes(span.id.trace);
        let named = given("langsmith.span.parent_id").map(Parent::Run);
        if named.is_none() && (detached || span.parent.is_none()) {
            let id = RunId(otel_trace);
            let order = DottedOrder::root(Segment { start, id });
            return (id, Place::Known(order));
        }
        let own = match span.parent {
            Some(_) => given("langsmith.span.id").unwrap_or_else(|| padded(span.id.span)),
            None => otel_trace,
        };
        let id = RunId(own);
        let Some(parent) = named.or(span.parent.map(Parent::Span)) else {
            return (id, Place::Known(DottedOrder::root(Segment { start, id })));
        };
        let above = match parent {
            Parent::Span(span) => self.waiting.place_of(span).cloned(),
            // It knows the runs of its own making alone.
            Parent::Run(_) => None,
        };
        match above {
            Some(above) => (id, Place::Known(above.child(Segment { start, id }))),
            None => (id, Place::Below(parent)),
        }
    }

    fn place_of_run(&self, id: Uuid) -> Option<DottedOrder> {
        Some(self.store.get(id)?.run()?.dotted_order)
    }

    /// Stores a run whose place is known, and all that waited for it.
    pub(super) fn settle(&mut self, run: Placeless, order: DottedOrder, at: Timestamp) {
        let mut ready = vec![(run, order)];
        while let Some((run, order)) = ready.pop() {
            if order.depth() >= MOST_LEVELS {
                self.drop_orphan(&run, &format!("it is more than {MOST_LEVELS} levels deep"));
                continue;
            }
            let (span, id, rehung) = (run.span, run.id, run.rehung);
            // What was not taken in is nobody's parent, though a run of another trace have its id; and of two
            // that were taken in the first one's place counts.
            let outcome = self.store_span(run, &order, at);
            let Some(order) = self
                .place_of_run(id.0)
                .filter(|_| outcome != IngestOutcome::Rejected)
            else {
                continue;
            };
            let by_span = is_found_by_span(span, id, rehung).then_some(Parent::Span(span));
            if by_span.is_some() {
                self.waiting.place(span, order.clone());
            }
            for parent in by_span.into_iter().chain([Parent::Run(id.0)]) {
                for below in self.waiting.released_by(parent) {
                    // The proxy's times are those of arrival.
                    let start = match below.rehung {
                        Some(_) => self.waiting.next_arrival(at),
                        None => below.start,
                    };
                    let segment = Segment {
                        start,
                        id: below.id,
                    };
                    let place = order.child(segment);
                    ready.push((below, place));
                }
            }
        }
    }

    fn store_span(&mut self, run: Placeless, order: &DottedOrder, at: Timestamp) -> IngestOutcome {
        let mut fields = run.fields;
        fields.insert("id".to_owned(), json!(run.id));
        fields.insert("trace_id".to_owned(), json!(order.trace_id()));
        fields.insert("dotted_order".to_owned(), json!(order.as_str()));
        if let Some(parent) = order.parent_run_id() {
            fields.insert("parent_run_id".to_owned(), json!(parent));
        }
        let op = ReceivedOp {
            kind: OpKind::Post,
            id: run.id.to_string(),
            bytes: fields.values().map(weight).sum(),
            fields,
            violations: Vec::new(),
        };
        let sender = Sender {
            batched: true,
            spans: true,
            tenant: run.tenant,
            at,
        };
        let (outcome, _) = self.store.apply(op, &sender, run.request, &self.keys);
        outcome
    }

    /// Stores the spans whose parents came by another way.
    pub(in crate::langsmith_mock) fn release_spans(&mut self, at: Timestamp) {
        for id in self.waiting.awaited_runs() {
            let Some(above) = self.place_of_run(id) else {
                continue;
            };
            for run in self.waiting.released_by(Parent::Run(id)) {
                let segment = Segment {
                    start: run.start,
                    id: run.id,
                };
                let place = above.child(segment);
                self.settle(run, place, at);
            }
        }
    }

    /// Drops the spans that have waited too long by `now`; without it, all that wait.
    pub(in crate::langsmith_mock) fn expire_orphans(&mut self, now: Option<Timestamp>) -> usize {
        let expired = self.waiting.expired(now);
        let count = expired.len();
        for run in expired {
            match (run.rehung, now) {
                (Some(trace), at) => self.hang_below_trace(run, trace, at),
                (None, _) => self.drop_orphan(&run, "its parent never came"),
            }
        }
        count
    }

    /// Stores a run below the id of its trace, whether such a run is there or not: what the proxy does
    /// after its five minutes.
    fn hang_below_trace(&mut self, run: Placeless, trace: Uuid, at: Option<Timestamp>) {
        let at = at.unwrap_or(run.start);
        let start = self.waiting.next_arrival(at);
        let root = DottedOrder::root(Segment {
            start,
            id: RunId(trace),
        });
        let start = self.waiting.next_arrival(at);
        let order = root.child(Segment { start, id: run.id });
        self.settle(run, order, at);
    }

    pub(super) fn drop_orphan(&mut self, run: &Placeless, why: &str) {
        let name = run.fields.get("name").unwrap_or(&Value::Null);
        let message = format!("the span {name} was dropped after its 200: {why}");
        let violation = Violation::new(ViolationCode::SpanOrphan, Some(run.id), message);
        self.store.object(violation.tidied(&self.keys));
        self.store.log_drop(run.id.to_string(), run.request);
    }
}

/// Returns true if a run is found by those that name its span as their parent: LangSmith makes a run id of the
/// parent's eight bytes, and a span that says itself which run it is has another. The proxy looks at the id of
/// the trace as well, which it gives to roots.
fn is_found_by_span(span: SpanId, id: RunId, rehung: Option<Uuid>) -> bool {
    let of_root = rehung.is_some() && id.0 == Uuid::from_bytes(span.trace);
    id.0 == padded(span.span) || of_root
}

/// The UUID that the official SDKs name a span's run by: eight zero bytes, then the span's id.
pub(super) fn padded(span: [u8; 8]) -> Uuid {
    let mut bytes = [0; 16];
    bytes[8..].copy_from_slice(&span);
    Uuid::from_bytes(bytes)
}

/// Says in words where a span stands by what it says itself.
pub(super) fn where_it_stands(span: &ReadSpan) -> &'static str {
    let text = |key: &str| span.attributes.get(key).and_then(Value::as_str);
    let has = |key: &str| match key {
        "langsmith.span.dotted_order" => {
            text(key).is_some_and(|text| text.parse::<DottedOrder>().is_ok())
        }
        key => text(key).and_then(read_id).is_some(),
    };
    let detached = span.attributes.get("langsmith.is_root") == Some(&Value::Bool(true));
    if has("langsmith.span.dotted_order") {
        "in the place that its dotted order names"
    } else if detached || span.parent.is_none() && !has("langsmith.span.parent_id") {
        "a root"
    } else if has("langsmith.span.parent_id") {
        "below the run that it names"
    } else {
        "below a span: if that never comes, the run never does"
    }
}
