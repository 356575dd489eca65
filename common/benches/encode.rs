//! How fast batches become bodies, beside `serde_json` alone on the same runs in the same process.
//!
//! `cargo bench -p common --bench encode`. The ratios carry over from machine to machine, the rates do
//! not. Without `--bench`, as under `cargo test --all-targets`, each way is walked once.
#![allow(
    clippy::print_stdout,
    reason = "a benchmark's result is what it prints"
)]

use std::hint::black_box;
use std::time::{Duration, Instant};

use common::export::{Batch, Encoder};
use common::model::{
    Attachment, DottedOrder, IdGenerator as _, Run, RunOp, RunType, SeededIds, Segment,
};
use serde_json::{Value, json};

/// One hundred runs with a conversation each: what a busy service sends at once.
fn batch(text: usize, attachment: usize) -> Batch {
    let words = "The retriever found three pages about tracing across services. ";
    let text: String = words.chars().cycle().take(text).collect();
    let ids = SeededIds::new(1);
    let start = chrono::DateTime::UNIX_EPOCH;
    let ops = (0..100).map(|number| {
        let id = ids.run_id(start);
        let order = DottedOrder::root(Segment { start, id });
        let mut run = Run::begin(order, format!("answer {number}"), RunType::Llm, start);
        let said = json!({"messages": [{"role": "user", "content": text, "n": number}]});
        run.inputs = as_map(said);
        run.outputs = as_map(json!({"content": text, "usage": {"input_tokens": number}}));
        run.end_time = Some(start);
        run.project = Some("docs-assistant".to_owned());
        if attachment > 0 {
            let data = vec![0x5a_u8; attachment];
            run.attachments = vec![Attachment::new("image", "image/png", data)];
        }
        RunOp::Post(Box::new(run))
    });
    Batch::merge(ops)
}

fn as_map(value: Value) -> Option<serde_json::Map<String, Value>> {
    match value {
        Value::Object(map) => Some(map),
        _ => None,
    }
}

/// Returns the best of many rounds: what the code costs when nothing else disturbs it.
fn time(rounds: u32, mut work: impl FnMut() -> usize) -> (Duration, usize) {
    let mut best = Duration::MAX;
    let mut size = 0;
    for _ in 0..rounds {
        let begun = Instant::now();
        size = black_box(work());
        best = best.min(begun.elapsed());
    }
    (best, size)
}

fn main() {
    let rounds = if std::env::args().any(|arg| arg == "--bench") {
        200
    } else {
        1
    };
    println!(
        "{:<34} {:>12} {:>9} {:>8} {:>8}",
        "", "bytes", "µs", "MB/s", "ratio"
    );
    for (what, text, attachment) in [
        ("small runs (0.2 kB of text)", 100, 0),
        ("conversations (8 kB of text)", 4_000, 0),
        ("with a picture (64 kB each)", 4_000, 65_536),
    ] {
        let batch = batch(text, attachment);
        let runs: Vec<&Run> = batch
            .groups()
            .iter()
            .filter_map(|group| group.op.run())
            .collect();
        let (baseline, json) = time(rounds, || {
            runs.iter()
                .map(|run| serde_json::to_vec(run).map_or(0, |text| text.len()))
                .sum()
        });
        let mut encoder = Encoder::new();
        let (multipart, plain) = time(rounds, || {
            encoder.multipart(&batch).map_or(0, |body| body.len())
        });
        let (packing, packed) = time(rounds, || {
            let body = encoder.multipart(&batch).ok();
            let packed = body.and_then(|body| encoder.compress(&body).ok());
            packed.map_or(0, |body| body.len())
        });
        println!("{what}");
        for (way, size, took, of) in [
            ("  serde_json, the runs alone", json, baseline, json),
            ("  multipart", plain, multipart, plain),
            ("  multipart and zstd", packed, packing, plain),
        ] {
            let micros = took.as_secs_f64() * 1e6;
            let ratio = took.as_secs_f64() / baseline.as_secs_f64();
            let rate = of as f64 / micros;
            println!("{way:<34} {size:>12} {micros:>9.0} {rate:>8.0} {ratio:>7.2}x");
        }
    }
}
