//! A stream takes no more memory for being long, counted in bytes: times differ from machine to machine.

use std::sync::Arc;

use allocation_counter::measure;
use common::trace::{
    CAPTURE_BYTES, Items, JoinedText, NoSink, OpenAiChat, Reduce, TraceStreamExt as _, Tracer,
};
use futures_util::{FutureExt as _, StreamExt as _, stream};
use serde_json::{Value, json};

const TOKENS: usize = 100_000;

/// The most bytes that a stream of so many tokens holds at once.
type Held = fn(usize) -> u64;

/// Returns the most bytes that were held at once while a stream of `tokens` was read.
fn most_bytes(tokens: usize, reducer: impl Reduce<Value>, chunk: &Value) -> u64 {
    let tracer = Tracer::builder(Arc::new(NoSink)).build();
    let held = measure(|| {
        let run = tracer.run("generate").run_type("llm");
        let chunks = stream::repeat_with(|| chunk.clone()).take(tokens);
        let read = chunks.traced_values_by(run, reducer).count();
        assert_eq!(read.now_or_never(), Some(tokens));
    });
    held.bytes_max
}

#[test]
fn a_stream_of_a_hundred_thousand_tokens_keeps_memory_flat() {
    let capture = CAPTURE_BYTES as u64;
    let cases: [(&str, Held); 3] = [
        ("items", |tokens| {
            most_bytes(tokens, Items::new(), &json!("token "))
        }),
        ("text", |tokens| {
            most_bytes(tokens, Text(JoinedText::new()), &json!("token "))
        }),
        ("chat", |tokens| {
            let chunk = json!({"choices": [{"index": 0, "delta": {"content": "token "}}]});
            most_bytes(tokens, OpenAiChat::new(), &chunk)
        }),
    ];
    for (name, held) in cases {
        let (long, longer) = (held(TOKENS), held(TOKENS * 5 / 4));
        // What is kept grows by doubling, and the end copies it for the sink.
        assert!(long < 6 * capture, "{name}: {long} bytes");
        assert!(
            longer <= long + 1_024,
            "{name}: {long} bytes, then {longer}"
        );
    }
}

/// Joins JSON's texts.
struct Text(JoinedText);

impl Reduce<Value> for Text {
    fn take(&mut self, chunk: &Value) {
        self.0.take(chunk.as_str().expect("a text"));
    }

    fn outputs(&self) -> Value {
        Reduce::<str>::outputs(&self.0)
    }
}

#[test]
fn a_token_costs_no_allocation_where_nothing_is_kept_and_none_where_tracing_is_off() {
    let read_once = |tracer: &Tracer, tokens: usize| {
        let taken = measure(|| {
            let chunks = stream::iter(0..tokens).traced_values_by(tracer.run("generate"), ());
            assert_eq!(chunks.count().now_or_never(), Some(tokens));
        });
        taken.count_total
    };
    // What is set up once in a process or thread is in no stream's cost.
    let read = |tracer: &Tracer, tokens: usize| (0..5).map(|_| read_once(tracer, tokens)).min();
    let on = Tracer::builder(Arc::new(NoSink)).build();
    assert_eq!(read(&on, 10), read(&on, 10_000));
    let off = Tracer::never();
    assert_eq!(read(&off, 10), read(&off, 10_000));
}
