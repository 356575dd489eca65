//! What it takes to write a run for the wire, beside `serde_json` alone and a plain copy of its bytes.
//!
//! `cargo bench -p common --bench encode`. A batch is a hundred finished runs, their text half in the
//! inputs and half in the outputs; figures are per run. The text is like prose: a few hundred words in
//! changing order, with line breaks and quotes.
#![allow(
    clippy::print_stdout,
    reason = "a benchmark's result is what it prints"
)]

mod rounds;

use std::hint::black_box;
use std::time::Instant;

use common::export::{Batch, Encoder};
use common::model::{
    Attachment, DottedOrder, IdGenerator as _, JsonMap, Run, RunOp, RunType, SeededIds, Segment,
};
use rand::rngs::SmallRng;
use rand::{RngExt as _, SeedableRng as _};
use rounds::{Row, compare, nanos, row};
use serde_json::json;

const RUNS: usize = 100;

/// Writes text that packs about as well as what people say.
struct Writer {
    words: Vec<String>,
    random: SmallRng,
}

impl Writer {
    fn new() -> Self {
        let mut random = SmallRng::seed_from_u64(7);
        let syllables = [
            "ra", "ten", "lo", "mi", "ser", "va", "tion", "er", "qua", "ing",
        ];
        let words = (0..600).map(|_| {
            let count = random.random_range(1..4);
            let mut pick = || syllables[random.random_range(0..syllables.len())];
            (0..count).map(|_| pick()).collect()
        });
        let words = words.collect();
        Self { words, random }
    }

    fn text(&mut self, bytes: usize) -> String {
        let mut text = String::with_capacity(bytes + 16);
        while text.len() < bytes {
            // Few words are frequent, and most are rare.
            let rank = self.random.random_range(0.0..1.0_f64).powi(3);
            text.push_str(&self.words[(rank * self.words.len() as f64) as usize]);
            text.push_str(match self.random.random_range(0..40) {
                0 => ".\n",
                1 => "\", \"",
                _ => " ",
            });
        }
        text
    }
}

fn batch(bytes: usize, attachment: usize) -> Batch {
    let mut writer = Writer::new();
    let ids = SeededIds::new(1);
    let start = chrono::DateTime::from_timestamp_micros(1_790_000_000_123_456).expect("a time");
    let map = |key: &str, text: String| JsonMap::from_iter([(key.to_owned(), json!(text))]);
    let ops = (0..RUNS).map(|number| {
        let id = ids.run_id(start);
        let order = DottedOrder::root(Segment { start, id });
        let mut run = Run::begin(order, format!("answer {number}"), RunType::Llm, start);
        run.inputs = Some(map("question", writer.text(bytes / 2)));
        run.outputs = Some(map("answer", writer.text(bytes / 2)));
        run.end_time = Some(start);
        run.project = Some("docs-assistant".into());
        if attachment > 0 {
            let data = vec![0x5a_u8; attachment];
            run.attachments = vec![Attachment::new("image", "image/png", data)];
        }
        RunOp::Post(Box::new(run))
    });
    Batch::merge(ops)
}

/// Times work on a whole batch; the figure is a run's.
fn per_run<'a>(name: &'a str, mut work: impl FnMut() -> usize + 'a) -> Row<'a> {
    row(name, move || {
        let begun = Instant::now();
        black_box(work());
        nanos(begun.elapsed()) / RUNS as f64
    })
}

fn main() {
    for (what, bytes, attachment) in [
        ("W3, 200 B", 200, 0),
        ("W1, 1 KB", 1_024, 0),
        ("W2, 64 KB", 65_536, 0),
        ("8 KB and a picture of 64 KB", 8_192, 65_536),
    ] {
        let batch = batch(bytes, attachment);
        let groups = batch.groups().iter();
        let runs: Vec<&Run> = groups.filter_map(|group| group.op()?.run()).collect();
        let (mut plain, mut packing) = (Encoder::new(), Encoder::new());
        let whole = plain.multipart(&batch).expect("plain values");
        let packed = packing.compress(&whole).expect("memory");
        let title = format!(
            "{what}: {} bytes, packed {}",
            whole.len() / RUNS,
            packed.len() / RUNS
        );
        let mut copy = Vec::new();
        compare(
            &title,
            "run",
            vec![
                per_run("serde_json, the runs alone", || {
                    let text = runs.iter().map(serde_json::to_vec);
                    text.map(|text| text.map_or(0, |text| text.len())).sum()
                }),
                per_run("a copy of the body", || {
                    copy.clear();
                    for chunk in &whole.chunks {
                        copy.extend_from_slice(chunk);
                    }
                    copy.len()
                }),
                per_run("multipart", || {
                    plain.multipart(&batch).map_or(0, |body| body.len())
                }),
                per_run("zstd of the body", || {
                    packing.compress(&whole).map_or(0, |body| body.len())
                }),
            ],
        );
    }
}
