//! Which services end up in one trace, measured with the real SDKs.
//!
//! Needs the workbook's Python environment (`WORKBOOK_PYTHON`, which `cargo workbook test` sets). Without
//! it a test says so and passes on a learner's machine; in CI it fails.
#![cfg(all(feature = "lab", feature = "otel"))]
#![allow(
    clippy::print_stdout,
    reason = "the pictures explain a row that changed"
)]

mod python_here;

use common::lab::joins::{Joins, Row};
use common::prelude::*;
use python_here::python_is_here;

/// The table as it was measured with langsmith 0.15.0, FastAPI 0.165 and OpenTelemetry 1.45: who calls whom,
/// what is sent along, what became of the callee; how often the caller's and the callee's work is there; how many
/// spans were dropped.
const TABLE: &str = "\
Python SDK, runs → Rust, runs, langsmith-trace: joined
Python SDK, runs → Rust, spans, langsmith-trace: joined
Python SDK, spans (otel) → Rust, runs, langsmith-trace: orphan
Python SDK, spans (otel) → Rust, spans, langsmith-trace: orphan
Python SDK, spans (otel) → Rust, spans, traceparent: apart
Python SDK, spans (otel) → Rust, spans, both: orphan
Python SDK, both (hybrid) → Rust, runs, langsmith-trace: joined; the caller 2 times
Python SDK, both (hybrid) → Rust, spans, langsmith-trace: joined; the caller 2 times
Python SDK, both (hybrid) → Rust, spans, traceparent: apart; the caller 2 times
Python SDK, both (hybrid) → Rust, spans, both: joined; the caller 2 times
Rust, runs → Python SDK, runs, langsmith-trace: joined
Rust, spans → Python SDK, runs, both: joined
Rust, runs → Python SDK, spans (otel), langsmith-trace: apart
Rust, spans → Python SDK, spans (otel), both: dropped; nothing of the callee; 2 spans dropped
Rust, runs → Python SDK, both (hybrid), langsmith-trace: joined; the callee 2 times
Rust, spans → Python SDK, both (hybrid), both: joined; 2 spans dropped
Rust, spans → Python, OpenTelemetry alone, both: dropped; nothing of the callee; 2 spans dropped
Rust, spans → OpenTelemetry alone → Rust, spans, both: apart; 2 spans dropped
Rust, spans → OpenTelemetry alone → Rust, spans, both, and in baggage: joined; 2 spans dropped
Python, OpenTelemetry alone → Rust, runs, traceparent: apart
";

#[tokio::test(flavor = "multi_thread")]
async fn which_services_end_up_in_one_trace_is_what_the_table_says() {
    if !python_is_here() {
        return;
    }
    let lesson = Lesson::start("joins").await;
    let joins = Joins::start(&lesson).await.expect("they start");
    let mut table = String::new();
    for row in Row::all() {
        let met = joins
            .run(row)
            .await
            .unwrap_or_else(|error| panic!("{row}: {error}"));
        println!("{met}\n{}", met.drawn);
        table.push_str(&format!("{met}\n"));
    }
    assert_eq!(table, TABLE);
}
