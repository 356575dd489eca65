//! The scripted model through the client crate `genai`, as lessons and programs ask it.
#![cfg(feature = "lab")]

use std::time::Duration;

use common::lab::llm::ChatEvents;
use common::prelude::*;
use futures_util::StreamExt as _;
use genai::chat::{ChatOptions, ChatRequest, ChatStreamEvent, StopReason, StreamEnd, Tool};

fn script() -> common::lab::llm::ScriptedLlmBuilder {
    ScriptedLlm::builder().timing(TokenTiming::NONE)
}

/// What came of a stream: the pieces of text, its end if it came, its error if one came.
#[derive(Default)]
struct Came {
    pieces: Vec<String>,
    end: Option<StreamEnd>,
    error: Option<genai::Error>,
}

async fn read(mut stream: ChatEvents) -> Came {
    let mut came = Came::default();
    while let Some(event) = stream.next().await {
        match event {
            Ok(ChatStreamEvent::Chunk(chunk)) => came.pieces.push(chunk.content),
            Ok(ChatStreamEvent::End(end)) => came.end = Some(end),
            Ok(_) => {}
            Err(error) => {
                came.error = Some(error);
                break;
            }
        }
    }
    came
}

/// Returns the status of an answer that is none, and when to come back.
fn refused(error: &genai::Error) -> (u16, Option<String>) {
    let genai::Error::WebModelCall { webc_error, .. } = error else {
        panic!("{error:?}");
    };
    let genai::webc::Error::ResponseFailedStatus {
        status, headers, ..
    } = webc_error
    else {
        panic!("{webc_error:?}");
    };
    let after = headers
        .get("retry-after")
        .and_then(|value| value.to_str().ok());
    (status.as_u16(), after.map(str::to_owned))
}

#[tokio::test]
async fn a_whole_answer_has_text_and_usage() {
    let llm = script().then(Answer::text("In a header.")).start();
    let answer = Model::scripted(&llm)
        .ask("Where?")
        .await
        .expect("an answer");
    assert_eq!(answer.first_text(), Some("In a header."));
    assert_eq!(answer.usage.completion_tokens, Some(4));
    assert!(
        matches!(answer.stop_reason, Some(StopReason::Completed(_))),
        "{:?}",
        answer.stop_reason
    );
}

#[tokio::test]
async fn a_stream_comes_in_tokens_and_ends_with_the_usage_that_was_asked_for() {
    let llm = script().otherwise(Answer::text("In a header.")).start();
    let model = Model::scripted(&llm);
    let came = read(model.stream("Where?").await.expect("a stream")).await;
    assert_eq!(came.pieces, ["In", " a", " header", "."]);
    let end = came.end.expect("an end");
    let usage = end.captured_usage.expect("usage");
    assert_eq!(usage.completion_tokens, Some(4));
    let usage = Usage::from_openai(&json!({"usage": usage})).expect("readable as OpenAI's");
    assert_eq!(usage.output_tokens, 4);
    let request = ChatRequest::from_user("Where?");
    let silent = model
        .stream_with(request, &ChatOptions::default())
        .await
        .expect("a stream");
    assert!(
        read(silent)
            .await
            .end
            .expect("an end")
            .captured_usage
            .is_none()
    );
    let asked: Vec<bool> = llm
        .requests()
        .iter()
        .map(|asked| asked.include_usage)
        .collect();
    assert_eq!(asked, [true, false]);
}

#[tokio::test]
async fn tool_calls_are_put_together_again() {
    let arguments = json!({"query": "header", "limit": 3});
    let llm = script()
        .otherwise(Answer::tool_call("search_docs", arguments.clone()))
        .start();
    let model = Model::scripted(&llm);
    let request = || ChatRequest::from_user("search").append_tool(Tool::new("search_docs"));
    let options = ChatOptions::default().with_capture_tool_calls(true);
    let whole = model
        .ask_with(request(), &options)
        .await
        .expect("an answer");
    assert_eq!(whole.tool_calls()[0].fn_arguments, arguments);
    let stream = model
        .stream_with(request(), &options)
        .await
        .expect("a stream");
    let end = read(stream).await.end.expect("an end");
    let calls = end.captured_into_tool_calls().expect("calls");
    assert_eq!(
        (calls[0].fn_name.as_str(), &calls[0].fn_arguments),
        ("search_docs", &arguments)
    );
    assert_eq!(llm.requests()[0].tools, ["search_docs"]);
}

#[tokio::test]
async fn being_busy_and_failing_are_errors_with_status_and_headers() {
    let llm = script()
        .then(Answer::rate_limited(Duration::from_secs(3)))
        .then(Answer::server_error())
        .start();
    let model = Model::scripted(&llm);
    let busy = refused(&model.ask("Where?").await.expect_err("busy"));
    assert_eq!(busy, (429, Some("3".to_owned())));
    let failed = refused(&model.ask("Where?").await.expect_err("failing"));
    assert_eq!(failed, (500, None));
    assert!(model.ask("Where?").await.is_ok());
}

#[tokio::test]
async fn a_busy_model_does_not_begin_a_stream() {
    let llm = script()
        .then(Answer::rate_limited(Duration::from_secs(3)))
        .start();
    let stream = Model::scripted(&llm).stream("Where?").await;
    let error = match stream {
        Err(error) => error,
        // The crate may open the stream before it knows; then its first event says so.
        Ok(stream) => read(stream).await.error.expect("busy"),
    };
    assert!(error.to_string().contains("429"), "{error}");
}

#[tokio::test]
async fn a_cut_stream_is_an_error_after_its_tokens() {
    let llm = script()
        .otherwise(Answer::text("In a header.").cut_after(2))
        .start();
    let came = read(
        Model::scripted(&llm)
            .stream("Where?")
            .await
            .expect("a stream"),
    )
    .await;
    assert_eq!(came.pieces.concat(), "In a");
    assert!(came.end.is_none());
    assert!(
        matches!(came.error, Some(genai::Error::WebStream { .. })),
        "{:?}",
        came.error
    );
}

#[tokio::test]
async fn a_stream_that_ends_short_ends_without_an_end() {
    let llm = script()
        .otherwise(Answer::text("In a header.").ends_short_after(2))
        .start();
    let came = read(
        Model::scripted(&llm)
            .stream("Where?")
            .await
            .expect("a stream"),
    )
    .await;
    assert_eq!(came.pieces.concat(), "In a");
    assert!(
        came.end.is_none() && came.error.is_none(),
        "nothing says that it is not whole"
    );
}

#[tokio::test]
async fn a_stream_left_alone_tells_the_model() {
    let llm = script()
        .otherwise(Answer::text("In a header.").stalls_after(2))
        .start();
    let mut stream = Model::scripted(&llm)
        .stream("Where?")
        .await
        .expect("a stream");
    while let Some(event) = stream.next().await {
        if matches!(&event, Ok(ChatStreamEvent::Chunk(chunk)) if chunk.content == " a") {
            break;
        }
    }
    drop(stream);
    let asked = llm.settled().await;
    assert_eq!((asked[0].outcome, asked[0].sent), (Outcome::CallerLeft, 2));
}

#[tokio::test]
async fn nothing_of_a_refusal_gets_through_the_client_crate() {
    let llm = script()
        .otherwise(Answer::refusal("I cannot help with that."))
        .start();
    let came = read(
        Model::scripted(&llm)
            .stream("the keys")
            .await
            .expect("a stream"),
    )
    .await;
    assert!(came.pieces.is_empty());
    assert!(came.end.is_some(), "it looks like an answer without words");
}
