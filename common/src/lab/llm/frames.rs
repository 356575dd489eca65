//! An answer as the parts that go over the connection, each with the time before it.

use std::time::Duration;

use serde_json::{Value, json};

use super::answer::{Answer, End, Says};
use super::request::Request;
use super::timing::TokenTiming;
use super::tokens::tokens;
use super::wire::{ApiError, Counted, Head};

/// One part of an answer.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Frame {
    /// A piece of the body, after a delay; true if it is a token.
    Send {
        after: Duration,
        body: String,
        token: bool,
    },
    /// The connection breaks.
    Cut,
    /// Nothing comes any more.
    Stall,
}

/// Plans an answer that is no error.
pub(super) fn plan(
    answer: &Answer,
    request: &Request,
    head: &Head,
    timing: TokenTiming,
    seed: u64,
) -> Vec<Frame> {
    let mut deltas = deltas(&answer.says, seed);
    let limit = request.most_tokens.unwrap_or(usize::MAX);
    let limited = deltas.len() > limit;
    deltas.truncate(limit);
    let counted = Counted {
        prompt: request.prompt_tokens,
        completion: deltas.len() as u64,
    };
    let reason = answer.reason(limited);
    let delays = timing.delays(seed, deltas.len());
    if request.stream {
        streamed(answer, &deltas, &delays, head, (reason, counted))
    } else {
        let message = message(&answer.says, &deltas, seed);
        let body = head.whole(&message, reason, counted).to_string();
        whole(answer.end, body, delays.iter().sum())
    }
}

fn streamed(
    answer: &Answer,
    deltas: &[Value],
    delays: &[Duration],
    head: &Head,
    (reason, counted): (&str, Counted),
) -> Vec<Frame> {
    let at_once = |chunk: &Value| event(chunk, Duration::ZERO, false);
    let mut frames = Vec::with_capacity(deltas.len() + 4);
    let role = match answer.says {
        Says::Calls(_) => json!({"role": "assistant", "content": null, "refusal": null}),
        Says::Refusal(_) => json!({"role": "assistant", "content": null, "refusal": ""}),
        Says::Text(_) | Says::Error(_) => {
            json!({"role": "assistant", "content": "", "refusal": null})
        }
    };
    // The role comes with the first token, not before it: the service thinks before it says anything.
    let mut opening = Some(event(&head.chunk(&role, None), Duration::ZERO, false));
    let (before, end) = match answer.end {
        End::Whole => (usize::MAX, None),
        End::Cut(tokens) => (tokens, Some(Frame::Cut)),
        End::Stall(tokens) => (tokens, Some(Frame::Stall)),
        End::Fail(tokens) => (tokens, Some(at_once(&ApiError::server_error().json()))),
        End::Short(tokens) => (tokens, None),
    };
    for (delta, delay) in deltas.iter().zip(delays).take(before) {
        let mut delay = *delay;
        if let Some(Frame::Send { body, token, .. }) = opening.take() {
            let after = std::mem::take(&mut delay);
            frames.push(Frame::Send { after, body, token });
        }
        frames.push(event(&head.chunk(delta, None), delay, true));
    }
    frames.extend(opening);
    if answer.end != End::Whole {
        frames.extend(end);
        return frames;
    }
    frames.push(at_once(&head.chunk(&json!({}), Some(reason))));
    if head.include_usage {
        frames.push(at_once(&head.usage(counted)));
    }
    frames.push(Frame::Send {
        after: Duration::ZERO,
        body: "data: [DONE]\n\n".to_owned(),
        token: false,
    });
    frames
}

fn event(data: &Value, after: Duration, token: bool) -> Frame {
    let body = format!("data: {data}\n\n");
    Frame::Send { after, body, token }
}

fn whole(end: End, body: String, after: Duration) -> Vec<Frame> {
    let send = |body| Frame::Send {
        after,
        body,
        token: false,
    };
    match end {
        End::Whole => vec![send(body)],
        End::Stall(_) => vec![Frame::Stall],
        End::Cut(_) | End::Fail(_) | End::Short(_) => {
            // All of it is ASCII but what the script says: the half is cut at a whole letter.
            let mut half = body.len() / 2;
            while !body.is_char_boundary(half) {
                half -= 1;
            }
            vec![send(body[..half].to_owned()), Frame::Cut]
        }
    }
}

/// Cuts what is said into deltas, a token each.
fn deltas(says: &Says, seed: u64) -> Vec<Value> {
    let each = |field: &'static str, text: &str| -> Vec<Value> {
        let pieces = tokens(text).into_iter();
        pieces.map(|piece| json!({field: piece})).collect()
    };
    match says {
        Says::Text(text) => each("content", text),
        Says::Refusal(text) => each("refusal", text),
        Says::Calls(calls) => calls
            .iter()
            .enumerate()
            .flat_map(|(index, (name, arguments))| call(index, name, arguments, seed))
            .collect(),
        Says::Error(_) => Vec::new(),
    }
}

/// The first delta of a call has its id and name, the others only pieces of the arguments.
fn call(index: usize, name: &str, arguments: &Value, seed: u64) -> Vec<Value> {
    let first = json!({"tool_calls": [{
        "index": index, "id": call_id(index, seed), "type": "function",
        "function": {"name": name, "arguments": ""},
    }]});
    let piece = |piece| {
        let function = json!({"arguments": piece});
        json!({"tool_calls": [{"index": index, "function": function}]})
    };
    let rest = tokens(&arguments.to_string()).into_iter().map(piece);
    std::iter::once(first).chain(rest).collect()
}

fn call_id(index: usize, seed: u64) -> String {
    format!("call_{:016x}{index:02}", seed)
}

/// Puts the deltas together again, as far as they go.
fn message(says: &Says, deltas: &[Value], seed: u64) -> Value {
    let joined = |field: &str| -> String {
        let pieces = deltas.iter().filter_map(|delta| delta[field].as_str());
        pieces.collect()
    };
    let mut message =
        json!({"role": "assistant", "content": null, "refusal": null, "annotations": []});
    match says {
        Says::Text(_) => message["content"] = joined("content").into(),
        Says::Refusal(_) => message["refusal"] = joined("refusal").into(),
        Says::Calls(calls) => {
            let call = |(index, (name, arguments)): (usize, &(String, Value))| {
                let function = json!({"name": name, "arguments": arguments.to_string()});
                json!({"id": call_id(index, seed), "type": "function", "function": function})
            };
            message["tool_calls"] = calls.iter().enumerate().map(call).collect();
        }
        Says::Error(_) => {}
    }
    message
}
