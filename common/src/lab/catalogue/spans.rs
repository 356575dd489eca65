//! Rows 41 to 45: OpenTelemetry beside runs, or instead of them. Spans are OTLP JSON, as a collector's.

use std::collections::HashMap;

use serde_json::{Value, json};

use super::naive::Naive;
use super::stage::{Played, REQUEST, Stage, Way};
use crate::model::{Clock as _, Timestamp};

/// A span of trace 1. Ids are small numbers, 0 is none.
fn span(name: &str, id: u8, parent: u8, times: [Timestamp; 2], said: &[(&str, Value)]) -> Value {
    let hex = |id: u8| match id {
        0 => String::new(),
        id => format!("{id:016x}"),
    };
    let nanos = |time: Timestamp| (time.timestamp_micros() * 1_000).to_string();
    let attribute = |(key, value): &(&str, Value)| {
        let value = match value {
            Value::String(text) => json!({ "stringValue": text }),
            other => json!({ "stringValue": other.to_string() }),
        };
        json!({ "key": key, "value": value })
    };
    json!({
        "traceId": format!("{:032x}", 0x4bf9_2f35_u64),
        "spanId": hex(id),
        "parentSpanId": hex(parent),
        "name": name,
        "startTimeUnixNano": nanos(times[0]),
        "endTimeUnixNano": nanos(times[1]),
        "attributes": said.iter().map(attribute).collect::<Vec<_>>(),
    })
}

fn send(stage: &Stage, spans: &[Value]) {
    let service = json!({ "key": "service.name", "value": { "stringValue": "gateway" } });
    let body = json!({ "resourceSpans": [{
        "resource": { "attributes": [service] },
        "scopeSpans": [{ "spans": spans }],
    }]});
    stage.post("/otel/v1/traces", body.to_string());
}

/// Row 41: a filter lets the model's span through, and keeps the span above to itself.
pub(super) async fn parent_filtered(stage: &Stage, way: Way) -> Played {
    let now = || stage.clock.now();
    let (began, called, done) = (now(), [now(), now()], now());
    let said = [
        ("langsmith.span.kind", json!("llm")),
        ("gen_ai.prompt", json!("why?")),
        ("gen_ai.completion", json!("because")),
    ];
    let mut spans = vec![
        span("GET /ask", 1, 0, [began, done], &[]),
        span("chat", 2, 1, called, &said),
    ];
    if way.is_broken() {
        spans.remove(0);
    }
    send(stage, &spans);
    // Twelve hours later at LangSmith.
    stage.mock().expire_orphans();
    Ok(())
}

/// Row 42: a run, and a span of the same request that is to be below it.
pub(super) async fn span_below_a_run(stage: &Stage, way: Way) -> Played {
    let naive = Naive::new(stage, "gateway");
    let mut root = naive.begin("answer", None);
    root["extra"]["metadata"][REQUEST.0] = json!(REQUEST.1);
    // What the stamp is made of: the place that a run would have here.
    let place = naive.begin("search", Some(&root));
    let began = place["start_time"]
        .as_str()
        .and_then(|time| time.parse().ok());
    let began: Timestamp = began.unwrap_or_else(|| stage.clock.now());
    let mut said = vec![("langsmith.metadata.request_id", json!(REQUEST.1))];
    if !way.is_broken() {
        said.extend([
            ("langsmith.trace.id", place["trace_id"].clone()),
            ("langsmith.span.id", place["id"].clone()),
            ("langsmith.span.parent_id", place["parent_run_id"].clone()),
            ("langsmith.span.dotted_order", place["dotted_order"].clone()),
        ]);
    }
    let below = span("search", 2, 0, [began, stage.clock.now()], &said);
    naive.end(&mut root);
    naive.post(&[&root]);
    send(stage, &[below]);
    Ok(())
}

/// Row 43: the native exporter is on, and so is an OpenTelemetry exporter to the same place.
pub(super) async fn both_exporters(stage: &Stage, way: Way) -> Played {
    let client = stage.client("gateway")?;
    let began = stage.clock.now();
    let run = client.run("answer").metadata(REQUEST.0, REQUEST.1).start();
    stage.clock.pass(30);
    run.end();
    if way.is_broken() {
        let said = [("langsmith.metadata.request_id", json!(REQUEST.1))];
        let times = [began, stage.clock.now()];
        send(stage, &[span("answer", 1, 0, times, &said)]);
    }
    Ok(())
}

/// Row 44: a model's span speaks a dialect that nobody maps.
pub(super) async fn unknown_dialect(stage: &Stage, way: Way) -> Played {
    let times = [stage.clock.now(), stage.clock.now()];
    let (prompt, answer) = way.pick(
        ("acme.llm.question", "acme.llm.reply"),
        ("gen_ai.prompt", "gen_ai.completion"),
    );
    let said = [
        ("langsmith.span.kind", json!("llm")),
        (prompt, json!("why?")),
        (answer, json!("because")),
    ];
    send(stage, &[span("chat", 1, 0, times, &said)]);
    Ok(())
}

/// Row 45: a bridge from spans to runs, which forgets a span as soon as it has ended.
pub(super) async fn evicted_parent(stage: &Stage, way: Way) -> Played {
    let naive = Naive::new(stage, "gateway");
    let mut bridge = Bridge {
        known: HashMap::new(),
        forgets: way.is_broken(),
    };
    let root = naive.begin("answer", None);
    bridge.began(1, root.clone());
    let mut call = naive.begin("chat", Some(&root));
    bridge.began(2, call.clone());
    naive.end(&mut call);
    bridge.ended(2);
    // The tool that the model asked for comes when its call has ended, and is below it all the same.
    let above = bridge.run_of(&naive, 2);
    let mut tool = naive.begin("search", Some(&above));
    tool["run_type"] = json!("tool");
    naive.end(&mut tool);
    if !way.is_broken() {
        // The call lasts as long as what it asked for.
        naive.end(&mut call);
    }
    let mut root = root;
    naive.end(&mut root);
    naive.post(&[&root, &call, &tool]);
    Ok(())
}

struct Bridge {
    known: HashMap<u8, Value>,
    forgets: bool,
}

impl Bridge {
    fn began(&mut self, span: u8, run: Value) {
        self.known.insert(span, run);
    }

    fn ended(&mut self, span: u8) {
        if self.forgets {
            self.known.remove(&span);
        }
    }

    /// Returns the run that a span is; one that is not known gets an id, as if it were of another process.
    fn run_of(&self, naive: &Naive<'_>, span: u8) -> Value {
        let known = self.known.get(&span).cloned();
        let root = self.known.get(&1);
        known.unwrap_or_else(|| naive.begin("remote", root))
    }
}
