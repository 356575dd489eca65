//! The faults that are composed, each on runs of its own, so that several fit into one request.

use serde_json::{Value, json};

use super::clean::{
    CALL_GENERATOR, EMBED, GENERATE, MODEL, ROOT, SEARCH, Sketch, TOOL, add, id_at, segment,
    span_id, time,
};
use super::{Dice, Made, slow};

/// Which part of the request a fault needs for itself.
const TOP: u32 = 1;
const RETRIEVAL: u32 = 1 << 1;
const CALLING: u32 = 1 << 2;
const ASKING: u32 = 1 << 3;
const USING: u32 = 1 << 4;
const HEADERS: u32 = 1 << 5;
const WORKER: u32 = 1 << 6;
const SETTING: u32 = 1 << 7;
/// Needs nothing of what is there.
const NEW: u32 = 0;

/// Faults that nobody could see where runs tell neither request nor service.
const NEED_WORDS: [&str; 6] = ["LT006", "LT007", "LT028", "LT042", "LT045", "LT054"];

type Plant = fn(&mut Dice, &mut Made) -> String;

/// Code, what it needs, how it is planted. A planter returns what the finding is to be about.
const FAULTS: &[(&str, u32, Plant)] = &[
    ("LT001", CALLING, |_, m| {
        m.runs[CALL_GENERATOR] = Value::Null;
        trace(m, ROOT)
    }),
    ("LT002", RETRIEVAL, |_, m| {
        let own = m.runs[EMBED]["id"].clone();
        m.runs[EMBED]["trace_id"] = own.clone();
        m.runs[EMBED]["dotted_order"] = json!(last(&m.runs[EMBED]));
        remove(&mut m.runs[EMBED], "parent_run_id");
        text(&own)
    }),
    ("LT003", RETRIEVAL, |_, m| {
        remove(&mut m.runs[EMBED], "end_time");
        remove(&mut m.runs[EMBED], "outputs");
        trace(m, EMBED)
    }),
    ("LT004", RETRIEVAL, |dice, m| {
        let by = 20_000 + dice.below(400_000) as i64 + 60_000;
        for at in [SEARCH, EMBED] {
            for key in ["start_time", "end_time"] {
                let moved = micros(&m.runs[at][key]) - by;
                m.runs[at][key] = json!(time(moved));
            }
        }
        let above = text(&m.runs[1]["dotted_order"]);
        let search = format!("{above}.{}", anew(&m.runs[SEARCH]));
        m.runs[EMBED]["dotted_order"] = json!(format!("{search}.{}", anew(&m.runs[EMBED])));
        m.runs[SEARCH]["dotted_order"] = json!(search);
        trace(m, ROOT)
    }),
    ("LT005", ASKING, |dice, m| {
        let mut copy = m.runs[MODEL].clone();
        let id = span_id(dice);
        let trace = id_at(dice, 0);
        let own = segment(micros(&copy["start_time"]), &trace);
        (copy["id"], copy["trace_id"]) = (json!(id), json!(trace));
        copy["dotted_order"] = json!(own);
        remove(&mut copy, "parent_run_id");
        m.runs.push(copy);
        trace
    }),
    ("LT006", USING, |dice, m| {
        m.runs[TOOL]["extra"]["metadata"]["request_id"] =
            json!(format!("other-{}", dice.below(1_000)));
        trace(m, ROOT)
    }),
    ("LT007", RETRIEVAL, |_, m| {
        for at in [SEARCH, EMBED] {
            remove(&mut m.runs[at]["extra"]["metadata"], "request_id");
        }
        trace(m, ROOT)
    }),
    ("LT008", ASKING, |dice, m| {
        let (from, to) = (
            micros(&m.runs[MODEL]["start_time"]),
            micros(&m.runs[MODEL]["end_time"]),
        );
        let sketch = Sketch {
            service: "generator",
            name: "ChatModel",
            kind: "llm",
            from: from + 2_000,
            to: to - 2_000,
        };
        let inner = add(dice, m, Some(MODEL), &sketch);
        m.runs[inner]["outputs"]["usage_metadata"] =
            m.runs[MODEL]["outputs"]["usage_metadata"].clone();
        trace(m, ROOT)
    }),
    ("LT009", USING, |_, m| {
        m.runs[TOOL]["session_name"] = json!("team-b");
        trace(m, ROOT)
    }),
    ("LT010", NEW, |_, m| request(m, 1_000_000, 413, "too large")),
    ("LT011", HEADERS, |_, m| {
        arrived(m, |hop| hop["headers"] = json!([["accept", "*/*"]]))
    }),
    ("LT012", NEW, |_, m| {
        let call = format!("preflight-{}", m.number);
        m.beside.push(json!({ "headers": {
            "call": call, "direction": "in", "service": "gateway", "method": "OPTIONS", "status": 204,
            "headers": [["Access-Control-Request-Headers", "content-type, langsmith-trace,baggage"]],
            "response_headers": [["access-control-allow-headers", "content-type"]],
        }}));
        call
    }),
    ("LT013", HEADERS, |_, m| {
        arrived(m, |hop| hop["public"] = json!(true))
    }),
    ("LT014", HEADERS, |_, m| {
        arrived(m, |hop| {
            hop["headers"][0][1] = json!("20261001T000000000000Zno-id-at-all")
        })
    }),
    ("LT015", HEADERS, |_, m| {
        arrived(m, |hop| {
            let long = format!("langsmith-metadata={}", "x".repeat(9_000));
            hop["headers"][1][1] = json!(long);
        })
    }),
    ("LT016", NEW, |dice, m| {
        let from = micros(&m.runs[ROOT]["start_time"]) + 5_000;
        let header = m.runs[ROOT]["dotted_order"].clone();
        let sketch = Sketch {
            service: "socket",
            name: "session",
            kind: "chain",
            from,
            to: from + 9_000,
        };
        let own = add(dice, m, None, &sketch);
        remove(&mut m.runs[own]["extra"]["metadata"], "request_id");
        let call = format!("socket-{}", m.number);
        m.beside.push(json!({ "headers": {
            "call": call, "direction": "in", "service": "socket", "carrier": "websocket", "method": "GET",
            "headers": [["Langsmith-Trace", header]], "status": 101, "run": m.runs[own]["id"],
        }}));
        call
    }),
    ("LT017", NEW, |_, m| {
        let call = format!("tool-{}", m.number);
        m.beside.push(json!({ "headers": {
            "call": call, "direction": "out", "service": "generator", "peer": "mcp server",
            "carrier": "mcp", "method": "tools/call", "headers": [["content-type", "application/json"]],
        }}));
        call
    }),
    ("LT018", RETRIEVAL, |_, m| {
        m.runs[EMBED]["dotted_order"] = json!(last(&m.runs[EMBED]));
        trace(m, ROOT)
    }),
    ("LT019", RETRIEVAL, |_, m| {
        remove(&mut m.runs[EMBED], "parent_run_id");
        trace(m, ROOT)
    }),
    ("LT020", RETRIEVAL, |dice, m| {
        let foreign = id_at(dice, 0);
        m.runs[EMBED]["trace_id"] = json!(foreign);
        foreign
    }),
    ("LT021", USING, |dice, m| {
        let start = micros(&m.runs[TOOL]["start_time"]);
        let id = id_at(dice, start - 2_000_000 - dice_span(start));
        let above = text(&m.runs[GENERATE]["dotted_order"]);
        m.runs[TOOL]["dotted_order"] = json!(format!("{above}.{}", segment(start, &id)));
        m.runs[TOOL]["id"] = json!(id);
        trace(m, ROOT)
    }),
    ("LT022", NEW, |_, m| {
        request(m, 2_000_000, 409, "payload already received")
    }),
    ("LT023", NEW, |dice, m| {
        let id = id_at(dice, 0);
        m.beside.push(json!({ "operation": {
            "request": m.number, "kind": "post", "id": id, "outcome": "rejected",
        }}));
        format!("request {}", m.number)
    }),
    ("LT024", CALLING, |_, m| {
        let end = micros(&m.runs[MODEL]["end_time"]).max(micros(&m.runs[TOOL]["end_time"]));
        m.runs[GENERATE]["end_time"] = json!(time(end - 80_000));
        trace(m, ROOT)
    }),
    ("LT025", ASKING, |_, m| {
        let start = micros(&m.runs[MODEL]["start_time"]);
        m.runs[MODEL]["end_time"] = json!(time(start + 300));
        m.runs[MODEL]["outputs"] = json!({});
        remove(&mut m.runs[MODEL], "events");
        trace(m, ROOT)
    }),
    ("LT026", WORKER, |_, m| {
        books(
            m,
            json!({ "accepted": 30, "delivered": 20, "queued": 10, "requests": 2, "ended": true }),
        )
    }),
    ("LT027", WORKER, |_, m| {
        books(
            m,
            json!({ "accepted": 30, "queued": 30, "pid": 31, "made_in_pid": 7 }),
        )
    }),
    ("LT028", SETTING, |dice, m| {
        let from = micros(&m.runs[ROOT]["start_time"]);
        let process = format!("function-{}", m.number);
        let sketch = Sketch {
            service: &process,
            name: "handle",
            kind: "chain",
            from,
            to: from,
        };
        let own = add(dice, m, None, &sketch);
        remove(&mut m.runs[own], "end_time");
        remove(&mut m.runs[own]["extra"]["metadata"], "request_id");
        let pending = text(&m.runs[own]["trace_id"]);
        m.truth.insert(("LT003".to_owned(), pending));
        environment(
            m,
            "function",
            json!({ "variables": { "AWS_LAMBDA_FUNCTION_NAME": "f" } }),
        )
    }),
    ("LT029", NEW, |_, m| {
        request(m, 3_000_000, 422, "int too big to convert")
    }),
    ("LT031", SETTING, |_, m| {
        environment(
            m,
            "course",
            json!({ "tracing": true, "has_key": false, "endpoint": "https://api.smith.langchain.com" }),
        )
    }),
    ("LT032", SETTING, |_, m| {
        environment(
            m,
            "service",
            json!({ "variables": { "LANGSMITH_TRACING": "True" }, "tracing": false }),
        )
    }),
    ("LT033", NEW, |_, m| {
        request(m, 4_000_000, 429, "hourly limit of events reached")
    }),
    ("LT034", NEW, |dice, m| {
        objection(
            dice,
            m,
            "trace_too_large",
            "the trace has 25000 runs already",
        )
    }),
    ("LT036", WORKER, |_, m| {
        for step in 0..4 {
            books(
                m,
                json!({ "accepted": 30, "delivered": 30, "resident_bytes": 100_000_000 + step * 20_000_000 }),
            );
        }
        books(
            m,
            json!({ "accepted": 30, "delivered": 30, "resident_bytes": 190_000_000 }),
        )
    }),
    ("LT037", WORKER, |_, m| {
        for step in 1..4_u64 {
            books(
                m,
                json!({ "accepted": 10 * step, "queued": 10 * step, "queued_bytes": 9_000 * step }),
            );
        }
        format!("process-{}", m.number)
    }),
    ("LT038", WORKER, |_, m| {
        books(
            m,
            json!({ "accepted": 40, "delivered": 40, "caller_micros": 90_000 }),
        )
    }),
    ("LT040", NEW, |dice, m| {
        objection(dice, m, "feedback_orphan", "no such run")
    }),
    ("LT041", WORKER, |_, m| {
        books(
            m,
            json!({ "accepted": 40, "delivered": 30, "dropped": { "rejected by the server": 10 } }),
        )
    }),
    ("LT042", SETTING, |dice, m| {
        let from = micros(&m.runs[ROOT]["start_time"]);
        let process = format!("callee-{}", m.number);
        let sketch = Sketch {
            service: &process,
            name: "serve",
            kind: "chain",
            from: from + 1_000,
            to: from + 3_000,
        };
        add(dice, m, Some(ROOT), &sketch);
        environment(m, "callee", json!({ "project": "team-b" }))
    }),
    ("LT043", RETRIEVAL, |_, m| {
        m.runs[SEARCH]["session_name"] = json!("team-b");
        trace(m, ROOT)
    }),
    ("LT044", NEW, |dice, m| {
        let (at, trace) = span(dice, m, "db query", "chain");
        m.runs[at]["parent_run_id"] = json!(span_id(dice));
        remove(&mut m.runs[at]["extra"]["metadata"], "request_id");
        trace
    }),
    ("LT045", TOP, |dice, m| {
        span(dice, m, "otel handler", "chain").1
    }),
    ("LT046", NEW, |dice, m| {
        let (at, trace) = span(dice, m, "otel model", "llm");
        for key in ["inputs", "outputs"] {
            remove(&mut m.runs[at], key);
        }
        remove(&mut m.runs[at]["extra"]["metadata"], "request_id");
        trace
    }),
    ("LT047", USING, |_, m| {
        m.runs[TOOL]["error"] = json!("GraphInterrupt((Interrupt(value='send it?'),))");
        remove(
            &mut m.runs[TOOL]["extra"]["metadata"],
            "ls_is_error_interrupt",
        );
        trace(m, ROOT)
    }),
    ("LT048", TOP, |_, m| {
        remove(&mut m.runs[ROOT]["extra"]["metadata"], "thread_id");
        trace(m, ROOT)
    }),
    ("LT049", ASKING, |_, m| {
        remove(&mut m.runs[MODEL]["outputs"], "usage_metadata");
        trace(m, ROOT)
    }),
    ("LT050", NEW, |dice, m| {
        objection(dice, m, "workspace_changed", "came for another workspace")
    }),
    ("LT051", NEW, slow::one_after_the_other),
    ("LT052", NEW, slow::again_and_again),
    ("LT053", NEW, slow::gathered_stream),
    ("LT054", NEW, slow::long_queue),
    ("LT055", NEW, slow::asked_again),
];

/// Plants one to three faults that do not get into each other's way.
pub(super) fn compose(dice: &mut Dice, made: &mut Made) {
    let mut taken = 0;
    for _ in 0..=dice.below(3) {
        let (code, needs, plant) = FAULTS[dice.below(FAULTS.len() as u64) as usize];
        // A second of those that need nothing would be about the same.
        let known = made.truth.iter().any(|(planted, _)| planted == code);
        let unseen = made.bare && NEED_WORDS.contains(&code);
        if taken & needs != 0 || known || unseen {
            continue;
        }
        taken |= needs;
        let about = plant(dice, made);
        made.truth.insert((code.to_owned(), about));
    }
    // One of a pair of conflicting settings is a fault of its own; a removed run leaves no gap.
    made.runs.retain(|run| !run.is_null());
}

fn dice_span(start: i64) -> i64 {
    (start % 7 + 1) * 60_000_000
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

pub(super) fn trace(made: &Made, at: usize) -> String {
    text(&made.runs[at]["trace_id"])
}

pub(super) fn remove(value: &mut Value, key: &str) {
    if let Some(map) = value.as_object_mut() {
        map.shift_remove(key);
    }
}

/// The last segment of a run's dotted order.
fn last(run: &Value) -> String {
    let order = text(&run["dotted_order"]);
    order.rsplit('.').next().unwrap_or_default().to_owned()
}

/// That segment made from the start anew.
fn anew(run: &Value) -> String {
    segment(micros(&run["start_time"]), &text(&run["id"]))
}

pub(super) fn micros(value: &Value) -> i64 {
    let time = chrono::DateTime::parse_from_rfc3339(value.as_str().unwrap_or_default());
    time.map_or(0, |time| time.timestamp_micros())
}

/// Changes how the first call arrived, and returns its name.
fn arrived(made: &mut Made, change: impl Fn(&mut Value)) -> String {
    let is_first = |line: &&mut Value| line["headers"]["direction"] == "in";
    let mut call = String::new();
    if let Some(line) = made.beside.iter_mut().find(is_first) {
        change(&mut line["headers"]);
        call = text(&line["headers"]["call"]);
    }
    call
}

fn request(made: &mut Made, offset: u64, status: u16, answer: &str) -> String {
    let number = offset + made.number;
    made.beside.push(json!({ "request": {
        "number": number, "method": "POST", "path": "/runs/multipart", "status": status,
        "body_bytes": 30_000_000, "answer": answer,
    }}));
    format!("request {number}")
}

fn books(made: &mut Made, mut books: Value) -> String {
    let process = format!("process-{}", made.number);
    books["process"] = json!(process);
    made.beside.push(json!({ "ledger": books }));
    process
}

fn environment(made: &mut Made, name: &str, mut environment: Value) -> String {
    let process = format!("{name}-{}", made.number);
    environment["process"] = json!(process);
    made.beside.push(json!({ "environment": environment }));
    process
}

/// Something listed about a run that was kept out.
fn objection(dice: &mut Dice, made: &mut Made, code: &str, message: &str) -> String {
    let run = id_at(dice, 0);
    made.beside
        .push(json!({ "violation": { "code": code, "run": run, "message": message } }));
    run
}

/// Adds a root that came as a span; returns its place and trace.
fn span(dice: &mut Dice, made: &mut Made, name: &str, kind: &str) -> (usize, String) {
    let from = micros(&made.runs[ROOT]["start_time"]) + 7_000;
    let sketch = Sketch {
        service: "gateway",
        name,
        kind,
        from,
        to: from + 30_000,
    };
    let at = add(dice, made, None, &sketch);
    let trace = id_at(dice, 0);
    made.runs[at]["id"] = json!(span_id(dice));
    made.runs[at]["trace_id"] = json!(trace);
    made.runs[at]["dotted_order"] = json!(segment(from, &trace));
    (at, trace)
}
