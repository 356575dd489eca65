//! What tracing adds to each token of a stream.
//!
//! `cargo bench -p common --bench stream`. Every row reads the same stream of a model's answer, of so many
//! chunks; what a row takes more than the first one is tracing's, per chunk. The run's own cost, at its
//! beginning and end, is in it, shared by all chunks.

mod rounds;

use std::hint::black_box;
use std::sync::Arc;

use common::trace::{
    JoinedText, NoSink, OpenAiChat, Reduce, RunBuilder, TraceStreamExt as _, Tracer,
};
use futures_util::{FutureExt as _, Stream, StreamExt as _, stream};
use rounds::{Row, compare, row, typical};
use serde_json::{Value, json};

const TOKENS: u32 = 500;

fn tokens() -> impl Stream<Item = &'static str> {
    stream::iter((0..TOKENS).map(|_| black_box("token ")))
}

fn read<T>(tokens: impl Stream<Item = T>) {
    let read = tokens.for_each(|token| {
        black_box(token);
        std::future::ready(())
    });
    read.now_or_never().expect("at once");
}

/// Measures the reading of a stream, per chunk.
fn each<'a>(name: &'a str, mut work: impl FnMut() + 'a) -> Row<'a> {
    row(name, move || typical(200, &mut work) / f64::from(TOKENS))
}

fn traced<'a>(
    name: &'a str,
    run: impl Fn() -> RunBuilder + 'a,
    reducer: impl Fn() -> Box<dyn Reduce<&'static str>> + 'a,
) -> Row<'a> {
    each(name, move || {
        read(tokens().traced_values_by(run(), Boxed(reducer())))
    })
}

/// Any reducer, so that all rows read the same kind of stream.
struct Boxed(Box<dyn Reduce<&'static str>>);

impl Reduce<&'static str> for Boxed {
    fn take(&mut self, chunk: &&'static str) {
        self.0.take(chunk);
    }

    fn outputs(&self) -> Value {
        self.0.outputs()
    }
}

fn main() {
    let off = Tracer::builder(Arc::new(NoSink)).enabled(false).build();
    let on = Tracer::builder(Arc::new(NoSink)).build();
    let run = || on.run("generate").run_type("llm");
    compare(
        "a stream of 500 tokens",
        "token",
        vec![
            each("bare", || read(tokens())),
            traced(
                "traced, tracing off",
                || off.run("generate"),
                || Box::new(JoinedText::new()),
            ),
            traced("traced, nothing kept", run, || Box::new(())),
            traced("traced, text joined", run, || Box::new(JoinedText::new())),
        ],
    );
    let chunk = json!({"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 7,
        "model": "gpt-4o-mini", "choices": [{"index": 0, "delta": {"content": "token "}}]});
    let chunks = vec![chunk; TOKENS as usize];
    compare(
        "a stream of 500 chat chunks",
        "chunk",
        vec![
            each("bare", || read(stream::iter(&chunks))),
            each("traced, put together", || {
                let reducer = Chat(OpenAiChat::new());
                read(stream::iter(&chunks).traced_values_by(run(), reducer));
            }),
        ],
    );
}

/// Takes chunks by reference.
struct Chat(OpenAiChat);

impl Reduce<&Value> for Chat {
    fn take(&mut self, chunk: &&Value) {
        self.0.take(*chunk);
    }

    fn outputs(&self) -> Value {
        Reduce::<Value>::outputs(&self.0)
    }
}
