//! Rows 6, 7, 8 and 59: streams whose run does not last as long as they do, or does not say what they said.

use std::convert::Infallible;
use std::pin::pin;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::HeaderMap;
use axum::middleware::{Next, from_fn};
use axum::routing::get;
use futures_util::{Stream, StreamExt as _, stream};
use serde_json::{Value, json};

use super::stage::{Played, REQUEST, SceneError, Stage, StageClock, Way};
use crate::client::Client;
use crate::lab::http_client;
use crate::lab::services::Service;
use crate::middleware::TracingLayer;
use crate::model::Usage;
use crate::trace::{
    JoinedText, OpenAiChat, RunTree, TraceFutureExt as _, TraceStreamExt as _, current,
};

fn tokens() -> impl Stream<Item = Result<String, Infallible>> {
    stream::iter(["Be", "cause"].map(|token| Ok(token.to_owned())))
}

fn model(client: &Client) -> RunTree {
    let run = client.run("model").run_type("llm").metadata("stream", true);
    run.inputs(json!({ "question": "why?" })).start()
}

/// A model whose provider tells the usage before it streams.
fn counted_model(client: &Client) -> RunTree {
    let run = model(client);
    run.set_usage(Usage::tokens(9, 2));
    run
}

/// Row 6: a wrapper around a stream, which gives away what it wraps.
pub(super) async fn unwrapped_stream(stage: &Stage, way: Way) -> Played {
    let run = counted_model(&stage.client("generator")?);
    match way {
        Way::Broken => {
            // `async with` asks the wrapper for a stream, and is given the one inside.
            let wrapper = Wrapper {
                inner: tokens(),
                run,
            };
            let (inner, run) = wrapper.enter();
            pin!(inner).collect::<Vec<_>>().await;
            run.end();
        }
        Way::Repaired => drain(tokens().traced_by(run, JoinedText::new())).await,
    }
    Ok(())
}

struct Wrapper<S> {
    inner: S,
    run: RunTree,
}

impl<S> Wrapper<S> {
    fn enter(self) -> (S, RunTree) {
        (self.inner, self.run)
    }
}

async fn drain(stream: impl Stream) {
    let mut stream = pin!(stream);
    while stream.next().await.is_some() {}
}

/// Row 7: the run ends when the call returns, and the call returns a stream.
pub(super) async fn ended_with_the_call(stage: &Stage, way: Way) -> Played {
    let run = counted_model(&stage.client("generator")?);
    let answer = tokens();
    match way {
        Way::Broken => {
            run.end_with(json!({}));
            drain(answer).await;
        }
        Way::Repaired => drain(answer.traced_by(run, JoinedText::new())).await,
    }
    Ok(())
}

/// Row 8: the request's run ends at the headers, and its body is still to come.
pub(super) async fn ended_at_the_headers(stage: &Stage, way: Way) -> Played {
    let (client, clock) = (stage.client("gateway")?, stage.clock.clone());
    let router = Router::new().route("/ask", get(move || answer(clock.clone())));
    let layer = TracingLayer::new(client.tracer()).name(|_| "answer".into());
    let router = match way {
        Way::Broken => router.layer(from_fn(move |request, next| {
            until_the_headers(client.clone(), request, next)
        })),
        Way::Repaired => router.layer(layer),
    };
    let service = Service::start("gateway", router);
    let response = http_client().get(service.url("/ask")).send().await?;
    let body = response.text().await?;
    match body.as_str() {
        "because" => Ok(()),
        other => Err(SceneError::Other(format!("the body is {other:?}"))),
    }
}

/// The layer that one writes first: it waits for the response, which is its headers.
async fn until_the_headers(
    client: Client,
    request: Request,
    next: Next,
) -> axum::response::Response {
    let run = client.run("answer").metadata(REQUEST.0, REQUEST.1).start();
    let response = next.run(request).in_run(&run).await;
    run.end();
    response
}

async fn answer(clock: StageClock) -> (HeaderMap, Body) {
    let run = current().map(|run| run.child("write answer").run_type("llm").start());
    let chunks = stream::unfold((0, run), move |(at, run)| {
        let clock = clock.clone();
        async move {
            clock.pass(20);
            match ["be", "cause"].get(at) {
                Some(chunk) => Some((Ok::<_, Infallible>(*chunk), (at + 1, run))),
                None => {
                    if let Some(run) = run {
                        run.end_with("because");
                    }
                    None
                }
            }
        }
    });
    (HeaderMap::new(), Body::from_stream(chunks))
}

/// Row 59: the provider tells the usage in its last chunk, if it is asked to.
pub(super) async fn usage_not_asked_for(stage: &Stage, way: Way) -> Played {
    let run = model(&stage.client("generator")?);
    let mut request = json!({ "model": "small", "stream": true });
    if !way.is_broken() {
        request["stream_options"] = json!({ "include_usage": true });
    }
    let chunks = provider(&request).into_iter().map(Ok::<_, Infallible>);
    drain(stream::iter(chunks).traced_by(run, OpenAiChat::new())).await;
    Ok(())
}

/// What a provider of OpenAI's kind streams.
fn provider(request: &Value) -> Vec<Value> {
    let delta = |text: &str| json!({ "choices": [{ "index": 0, "delta": { "content": text } }] });
    let mut chunks = vec![delta("Be"), delta("cause")];
    if request["stream_options"]["include_usage"] == true {
        let usage = json!({ "prompt_tokens": 9, "completion_tokens": 2, "total_tokens": 11 });
        chunks.push(json!({ "choices": [], "usage": usage }));
    }
    chunks
}
