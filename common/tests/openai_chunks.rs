//! The chunks of a streamed chat completion, added up as OpenAI would have answered at once.

use std::convert::Infallible;
use std::sync::Arc;

use common::model::{Run, RunStatus};
use common::trace::{MemorySink, OpenAi, OpenAiChat, TraceStreamExt as _, Tracer};
use futures_util::{StreamExt as _, stream};
use serde::Serialize;
use serde_json::{Value, json};

/// Streams chunks, reads so many of them, and returns the run.
async fn streamed<T: Serialize + Clone + 'static>(
    chunks: &[T],
    read: usize,
    reducer: OpenAiChat,
) -> Run {
    let sink = Arc::new(MemorySink::new());
    let tracer = Tracer::builder(sink.clone()).build();
    let request = json!({"model": "gpt-4o-mini", "stream": true, "messages": []});
    let run = tracer.run("chat").llm_request(&OpenAi, &request);
    let chunks = stream::iter(chunks.to_vec()).map(Ok::<_, Infallible>);
    let mut chunks = chunks.traced_by(run, reducer);
    for _ in 0..read {
        chunks.next().await;
    }
    drop(chunks);
    let [run]: [Run; 1] = sink.runs().try_into().expect("one run");
    run
}

fn chunk(choices: impl Into<Value>) -> Value {
    let choices = choices.into();
    json!({
        "id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 7, "model": "gpt-4o-mini-2024",
        "system_fingerprint": "fp", "choices": choices,
    })
}

fn delta(delta: impl Into<Value>) -> Value {
    let delta = delta.into();
    chunk(json!([{"index": 0, "delta": delta, "finish_reason": null}]))
}

fn outputs(run: &Run) -> Value {
    run.outputs.clone().map(Value::from).unwrap_or_default()
}

#[tokio::test]
async fn text_is_joined_and_the_usage_is_that_of_the_last_chunk() {
    let mut last = chunk(json!([]));
    last["usage"] = json!({"prompt_tokens": 9, "completion_tokens": 2, "total_tokens": 11,
        "prompt_tokens_details": {"cached_tokens": 4}});
    let chunks = [
        delta(json!({"role": "assistant", "content": ""})),
        delta(json!({"content": "Be"})),
        delta(json!({"content": "cause."})),
        chunk(json!([{"index": 0, "delta": {}, "finish_reason": "stop"}])),
        last,
    ];
    let run = streamed(&chunks, 6, OpenAiChat::new()).await;
    let expected = json!({
        "id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 7, "model": "gpt-4o-mini-2024",
        "system_fingerprint": "fp",
        "choices": [{
            "index": 0, "finish_reason": "stop",
            "message": {"role": "assistant", "content": "Because."},
        }],
        "usage_metadata": {"input_tokens": 9, "output_tokens": 2, "total_tokens": 11,
            "input_token_details": {"cache_read": 4}},
    });
    assert_eq!(outputs(&run), expected);
    assert_eq!(run.usage().expect("a usage").total_tokens, 11);
    assert_eq!(run.extra.metadata["usage_metadata"]["total_tokens"], 11);
    assert_eq!((run.status(), run.events.len()), (RunStatus::Success, 1));
}

#[tokio::test]
async fn tool_calls_are_put_together_from_their_pieces() {
    let call = |piece: Value| delta(json!({"tool_calls": [piece]}));
    let chunks = [
        delta(json!({"role": "assistant", "content": null})),
        call(json!({"index": 0, "id": "call_a", "type": "function",
            "function": {"name": "search", "arguments": ""}})),
        call(json!({"index": 0, "function": {"arguments": "{\"que"}})),
        call(json!({"index": 1, "id": "call_b", "type": "function",
            "function": {"name": "clock", "arguments": "{}"}})),
        call(json!({"index": 0, "function": {"arguments": "ry\":1}"}})),
        chunk(json!([{"index": 0, "delta": {}, "finish_reason": "tool_calls"}])),
    ];
    let run = streamed(&chunks, 7, OpenAiChat::new()).await;
    let choice = &outputs(&run)["choices"][0];
    assert_eq!(choice["finish_reason"], "tool_calls");
    let expected = json!({"role": "assistant", "content": "", "tool_calls": [
        {"index": 0, "id": "call_a", "type": "function",
            "function": {"name": "search", "arguments": "{\"query\":1}"}},
        {"index": 1, "id": "call_b", "type": "function",
            "function": {"name": "clock", "arguments": "{}"}},
    ]});
    assert_eq!(choice["message"], expected);
    assert_eq!(run.usage(), None, "nobody asked for it");
}

#[tokio::test]
async fn choices_are_kept_apart_and_refusals_are_kept() {
    let of = |index, delta: Value| chunk(json!([{"index": index, "delta": delta}]));
    let chunks = [
        of(1, json!({"content": "two"})),
        of(0, json!({"refusal": "I can"})),
        of(0, json!({"refusal": "not."})),
        of(
            0,
            json!({"function_call": {"name": "old", "arguments": "{"}}),
        ),
        of(0, json!({"function_call": {"arguments": "}"}})),
    ];
    let run = streamed(&chunks, 6, OpenAiChat::new()).await;
    let choices = &outputs(&run)["choices"];
    assert_eq!(choices[0]["message"]["refusal"], "I cannot.");
    assert_eq!(
        choices[0]["message"]["function_call"],
        json!({"name": "old", "arguments": "{}"})
    );
    assert_eq!(choices[1]["message"]["content"], "two");
}

#[tokio::test]
async fn what_has_its_finish_reason_is_whole_and_what_has_not_was_broken_off() {
    let chunks = [
        delta(json!({"content": "Be"})),
        chunk(json!([{"index": 0, "delta": {"content": "cause"}, "finish_reason": "stop"}])),
    ];
    let whole = streamed(&chunks, 2, OpenAiChat::new()).await;
    assert_eq!((whole.status(), whole.error), (RunStatus::Success, None));
    let cut = streamed(&chunks, 1, OpenAiChat::new()).await;
    assert_eq!(outputs(&cut)["choices"][0]["message"]["content"], "Be");
    assert!(cut.error.expect("an error").starts_with("Cancelled: "));
}

#[tokio::test]
async fn types_of_a_client_crate_read_as_their_json_does() {
    #[derive(Serialize, Clone)]
    struct Chunk {
        choices: Vec<Choice>,
    }
    #[derive(Serialize, Clone)]
    struct Choice {
        index: u32,
        delta: Delta,
    }
    #[derive(Serialize, Clone)]
    struct Delta {
        content: Option<String>,
    }
    let content = Some("typed".to_owned());
    let chunks = [Chunk {
        choices: vec![Choice {
            index: 0,
            delta: Delta { content },
        }],
    }];
    let run = streamed(&chunks, 2, OpenAiChat::new()).await;
    assert_eq!(outputs(&run)["choices"][0]["message"]["content"], "typed");
}

#[tokio::test]
async fn what_is_no_chunk_and_what_is_too_much_does_no_harm() {
    let wild = [
        json!(null),
        json!([1]),
        json!({"choices": [7, {"delta": {"tool_calls": "?"}}]}),
    ];
    let run = streamed(&wild, 4, OpenAiChat::new()).await;
    assert_eq!(run.status(), RunStatus::Success);

    let many: Vec<Value> = (0..1_000_u64)
        .map(|at| {
            let mut one = chunk(json!([{"index": at, "delta": {"content": "word "}}]));
            one[format!("key {at}")] = at.into();
            one
        })
        .collect();
    let run = streamed(&many, 1_001, OpenAiChat::keep(100)).await;
    let answer = outputs(&run);
    assert_eq!(answer["choices"].as_array().map(Vec::len), Some(128));
    assert_eq!(
        answer["ls_left_out"],
        "[left out: 540 more bytes in 108 chunks]"
    );
    assert!(answer.as_object().expect("an object").len() < 200);
}
