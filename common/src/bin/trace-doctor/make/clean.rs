//! A whole request through three services, with what happens in healthy systems too.

use serde_json::{Value, json};

use super::{Dice, Made};

/// When the first request begins, in microseconds since 1970: 2026-10-01.
const BEGIN: i64 = 1_790_812_800_000_000;

/// Writes a UUIDv7 of a moment.
pub(super) fn id_at(dice: &mut Dice, micros: i64) -> String {
    let millis = (micros / 1_000) as u64;
    let (a, b) = (dice.next(), dice.next());
    format!(
        "{:08x}-{:04x}-7{:03x}-{:04x}-{:012x}",
        millis >> 16,
        millis & 0xffff,
        a & 0xfff,
        0x8000 | (b & 0x3fff),
        (a >> 16) & 0xffff_ffff_ffff
    )
}

/// Writes the id that a span of OpenTelemetry gets.
pub(super) fn span_id(dice: &mut Dice) -> String {
    let bits = dice.next();
    format!(
        "00000000-0000-0000-{:04x}-{:012x}",
        bits >> 48,
        bits & 0xffff_ffff_ffff
    )
}

fn civil(micros: i64) -> (String, String) {
    let time = chrono::DateTime::from_timestamp_micros(micros).unwrap_or_default();
    let segment = time.format("%Y%m%dT%H%M%S%6fZ").to_string();
    (time.format("%Y-%m-%dT%H:%M:%S%.6fZ").to_string(), segment)
}

pub(super) fn time(micros: i64) -> String {
    civil(micros).0
}

pub(super) fn segment(micros: i64, id: &str) -> String {
    format!("{}{id}", civil(micros).1)
}

/// How a run is described: where, what, when.
pub(super) struct Sketch<'a> {
    pub(super) service: &'a str,
    pub(super) name: &'a str,
    pub(super) kind: &'a str,
    pub(super) from: i64,
    pub(super) to: i64,
}

/// Adds a run below another; returns its place.
pub(super) fn add(
    dice: &mut Dice,
    made: &mut Made,
    above: Option<usize>,
    sketch: &Sketch<'_>,
) -> usize {
    let id = id_at(dice, sketch.from);
    let own = segment(sketch.from, &id);
    let (order, trace) = match above.map(|above| &made.runs[above]) {
        Some(above) => (
            format!(
                "{}.{own}",
                above["dotted_order"].as_str().unwrap_or_default()
            ),
            above["trace_id"].clone(),
        ),
        None => (own, json!(id)),
    };
    let language = match sketch.service {
        "gateway" => ("rust", "1.90.0"),
        "retriever" => ("python", "3.12.4"),
        _ => ("javascript", "v22.1.0"),
    };
    let mut run = json!({
        "id": id,
        "trace_id": trace,
        "dotted_order": order,
        "name": sketch.name,
        "run_type": sketch.kind,
        "start_time": time(sketch.from),
        "end_time": time(sketch.to),
        "session_name": "docs-assistant",
        "inputs": { "question": format!("{} {}", sketch.name, dice.below(1_000_000)) },
        "outputs": { "answer": "yes" },
        "extra": {
            "metadata": {
                "service": sketch.service,
                "request_id": format!("request-{}", made.number),
                "thread_id": format!("thread-{}", made.number / 7),
            },
            "runtime": { "runtime": language.0, "runtime_version": language.1 },
        },
    });
    if made.bare {
        run["extra"]["metadata"] = json!({ "thread_id": format!("thread-{}", made.number / 7) });
    }
    if let Some(above) = above {
        run["parent_run_id"] = made.runs[above]["id"].clone();
    }
    made.runs.push(run);
    made.runs.len() - 1
}

/// Places of the runs of a clean request.
pub(super) const ROOT: usize = 0;
pub(super) const CALL_RETRIEVER: usize = 1;
pub(super) const SEARCH: usize = 2;
pub(super) const EMBED: usize = 3;
pub(super) const CALL_GENERATOR: usize = 4;
pub(super) const GENERATE: usize = 5;
pub(super) const MODEL: usize = 6;
pub(super) const TOOL: usize = 7;

/// Makes a whole request: gateway → retriever, gateway → generator → model, tools.
pub(super) fn request(dice: &mut Dice, number: u64) -> Made {
    let mut made = Made {
        number,
        bare: dice.chance(30),
        ..Made::default()
    };
    let at = BEGIN + number as i64 * 3_000_000 + dice.below(1_000_000) as i64;
    let jitter = dice.below(40_000) as i64;
    let ms = |millis: i64| at + millis * 1_000 + if millis > 0 { jitter } else { 0 };
    let sketch = |service, name, kind, from, to| Sketch {
        service,
        name,
        kind,
        from: ms(from),
        to: ms(to),
    };
    let m = &mut made;
    let root = add(dice, m, None, &sketch("gateway", "chat", "chain", 0, 900));
    let call = add(
        dice,
        m,
        Some(root),
        &sketch("gateway", "call retriever", "chain", 10, 200),
    );
    let search = add(
        dice,
        m,
        Some(call),
        &sketch("retriever", "search", "retriever", 20, 190),
    );
    add(
        dice,
        m,
        Some(search),
        &sketch("retriever", "embed", "embedding", 30, 80),
    );
    let call = add(
        dice,
        m,
        Some(root),
        &sketch("gateway", "call generator", "chain", 210, 890),
    );
    let generate = add(
        dice,
        m,
        Some(call),
        &sketch("generator", "generate", "chain", 220, 880),
    );
    let model = add(
        dice,
        m,
        Some(generate),
        &sketch("generator", "ask model", "llm", 230, 600),
    );
    m.runs[model]["events"] = json!([{ "name": "new_token", "time": time(ms(320)) }]);
    let tokens = 100 + dice.below(900);
    m.runs[model]["outputs"]["usage_metadata"] = json!({ "total_tokens": tokens });
    for tool in 0..=dice.below(3) {
        let from = 610 + 20 * tool as i64;
        add(
            dice,
            m,
            Some(generate),
            &sketch("generator", "lookup", "tool", from, from + 200),
        );
    }
    hops(m);
    request_line(m);
    quirks(dice, m, ms(0));
    made
}

/// What crosses between services, as both sides saw it.
fn hops(made: &mut Made) {
    for (from, to, service) in [
        (CALL_RETRIEVER, SEARCH, "retriever"),
        (CALL_GENERATOR, GENERATE, "generator"),
    ] {
        let headers = json!([
            ["langsmith-trace", made.runs[from]["dotted_order"]],
            [
                "baggage",
                format!(
                    "langsmith-metadata=%7B%22request_id%22%3A%22request-{}%22%7D,langsmith-project=docs-assistant",
                    made.number
                )
            ],
        ]);
        let call = format!("call-{}-{service}", made.number);
        made.beside.push(json!({ "headers": {
            "call": call, "direction": "out", "service": "gateway", "peer": service,
            "carrier": "http", "method": "POST", "headers": headers, "status": 200,
        }}));
        made.beside.push(json!({ "headers": {
            "call": call, "direction": "in", "service": service, "peer": "gateway",
            "carrier": "http", "method": "POST", "headers": headers, "status": 200,
            "run": made.runs[to]["id"],
        }}));
    }
}

fn request_line(made: &mut Made) {
    let number = made.number;
    made.beside.push(json!({ "request": {
        "number": number, "method": "POST", "path": "/runs/multipart", "status": 202, "body_bytes": 4_000,
    }}));
    let operations: Vec<Value> = made
        .runs
        .iter()
        .map(|run| {
            json!({ "operation": {
                "request": number, "kind": "post", "id": run["id"], "outcome": "created",
            }})
        })
        .collect();
    made.beside.extend(operations);
}

/// Looks odd, and is no fault.
fn quirks(dice: &mut Dice, made: &mut Made, at: i64) {
    if dice.chance(5) {
        made.runs[TOOL]["error"] = json!("KeyError: 'page'");
    }
    if dice.chance(5) {
        // A caller tried again.
        let again = Sketch {
            service: "gateway",
            name: "chat",
            kind: "chain",
            from: at + 950_000,
            to: at + 990_000,
        };
        add(dice, made, None, &again);
    }
    if dice.chance(5) {
        // A public edge restarted the trace of a stranger.
        made.runs[ROOT]["extra"]["metadata"]["incoming_trace_id"] = json!(id_at(dice, at));
    }
    if dice.chance(5) {
        made.runs[TOOL]["error"] = json!("GraphInterrupt(Interrupt(value='ok?'))");
        made.runs[TOOL]["extra"]["metadata"]["ls_is_error_interrupt"] = json!(true);
    }
    let process = format!("worker-{}", made.number);
    if dice.chance(20) {
        made.beside.push(json!({ "ledger": {
            "process": process, "accepted": 40, "delivered": 38, "queued": 2, "queued_bytes": 900, "requests": 3,
        }}));
        made.beside.push(json!({ "ledger": {
            "process": process, "accepted": 60, "delivered": 60, "requests": 5, "ended": true, "caller_micros": 240,
        }}));
        made.beside.push(json!({ "environment": {
            "process": process, "variables": { "LANGSMITH_TRACING": "true" }, "tracing": true,
            "has_key": true, "sampling_rate": 1.0, "endpoint": "https://api.smith.langchain.com",
        }}));
    }
}
