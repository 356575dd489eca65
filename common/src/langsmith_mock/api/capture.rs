//! Everything that arrived, as lines of JSON that the trace doctor reads.

use serde_json::{Value, json};

use crate::langsmith_mock::keys::Keys;
use crate::langsmith_mock::store::{IngestOutcome, Store};
use crate::model::{Run, Timestamp};

/// Returns the capture: one value a line; `docs/trace_doctor.md` describes them. No key stands in it.
pub(in crate::langsmith_mock) fn capture(store: &Store, keys: &Keys, at: Timestamp) -> String {
    let mut lines = vec![json!({ "capture": {
        "version": 1,
        "source": "langsmith-mock",
        "at": at,
        "evidence": ["trace", "ingest log"],
        "forgotten": store.forgotten,
    }})];
    let merged = |run: Run| {
        let stored = store.get(run.id.0)?;
        let mut fields = stored.merged();
        // What only the place in the trace tells is said as well.
        for (key, value) in [
            ("id", json!(run.id)),
            ("trace_id", json!(run.trace_id)),
            ("dotted_order", json!(run.dotted_order)),
            ("start_time", json!(run.start_time)),
        ] {
            fields.entry(key).or_insert(value);
        }
        Some(json!({ "run": fields }))
    };
    lines.extend(store.runs().filter_map(merged));
    let first = store.request_count - store.requests.len() as u64;
    lines.extend(
        (first..)
            .zip(store.requests.iter())
            .map(|(number, request)| {
                json!({ "request": {
                    "number": number,
                    "at": request.at,
                    "method": request.method.as_str(),
                    "path": request.path,
                    "status": request.status,
                    "body_bytes": request.body_bytes,
                    "decoded_bytes": request.decoded_bytes,
                    "workspace": request.header("x-tenant-id").unwrap_or_default(),
                }})
            }),
    );
    lines.extend(store.log.iter().map(|entry| {
        json!({ "operation": {
            "request": entry.request,
            "kind": entry.kind.to_string(),
            "id": entry.id,
            "outcome": outcome(entry.outcome),
        }})
    }));
    lines.extend(store.violations.iter().map(|violation| {
        json!({ "violation": {
            "code": violation.code.as_str(),
            "severity": violation.severity().to_string(),
            "run": violation.run,
            "message": violation.message,
        }})
    }));
    let write = |line: &Value| keys.scrub(&line.to_string()) + "\n";
    lines.iter().map(write).collect()
}

fn outcome(outcome: IngestOutcome) -> &'static str {
    match outcome {
        IngestOutcome::Created => "created",
        IngestOutcome::Merged => "merged",
        IngestOutcome::Repeated => "repeated",
        IngestOutcome::Rejected => "rejected",
        IngestOutcome::Waiting => "waiting",
        IngestOutcome::Dropped => "dropped",
    }
}
