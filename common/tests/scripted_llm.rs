//! The scripted model over plain HTTP: what is on the wire is what OpenAI's reference says.
#![cfg(feature = "lab")]

use std::time::Duration;

use common::prelude::*;

fn script() -> common::lab::llm::ScriptedLlmBuilder {
    ScriptedLlm::builder().timing(TokenTiming::NONE)
}

fn body(prompt: &str) -> Value {
    json!({"model": "gpt-4o-mini", "messages": [{"role": "user", "content": prompt}]})
}

fn request(llm: &ScriptedLlm, body: &Value) -> reqwest::RequestBuilder {
    let address = format!("{}/chat/completions", llm.url());
    http_client().post(address).bearer_auth("any").json(body)
}

async fn ask(llm: &ScriptedLlm, body: &Value) -> (u16, Value) {
    let response = request(llm, body).send().await.expect("an answer");
    let status = response.status().as_u16();
    (status, response.json().await.expect("JSON"))
}

/// Returns the events of a stream, and whether the connection ended in order.
async fn stream(llm: &ScriptedLlm, body: &Value) -> (Vec<String>, bool) {
    let mut response = request(llm, body).send().await.expect("an answer");
    assert_eq!(
        response.headers()["content-type"],
        "text/event-stream; charset=utf-8"
    );
    let (mut text, mut whole) = (String::new(), true);
    loop {
        match response.chunk().await {
            Ok(Some(bytes)) => text.push_str(std::str::from_utf8(&bytes).expect("text")),
            Ok(None) => break,
            Err(_) => {
                whole = false;
                break;
            }
        }
    }
    let events = text.split("\n\n").filter(|event| !event.is_empty());
    let data = |event: &str| event.strip_prefix("data: ").expect("data").to_owned();
    (events.map(data).collect(), whole)
}

fn streaming(prompt: &str) -> Value {
    let mut body = body(prompt);
    body["stream"] = true.into();
    body
}

fn chunks(events: &[String]) -> Vec<Value> {
    let data = events.iter().filter(|event| *event != "[DONE]");
    data.map(|event| serde_json::from_str(event).expect("JSON"))
        .collect()
}

fn joined(chunks: &[Value], field: &str) -> String {
    let pieces = chunks
        .iter()
        .filter_map(|chunk| chunk["choices"][0]["delta"][field].as_str());
    pieces.collect()
}

#[tokio::test]
async fn a_whole_answer_has_its_message_finish_reason_and_usage() {
    let llm = script().then(Answer::text("In a header.")).start();
    let (status, answer) = ask(&llm, &body("Where is the parent?")).await;
    assert_eq!(status, 200);
    assert_eq!(answer["object"], "chat.completion");
    assert_eq!(answer["model"], "gpt-4o-mini-2024-07-18");
    let choice = &answer["choices"][0];
    assert_eq!(choice["message"]["content"], "In a header.");
    assert_eq!(choice["message"]["refusal"], Value::Null);
    assert_eq!(choice["finish_reason"], "stop");
    // `In`, ` a`, ` header`, `.`; three around the message of five, three before the answer.
    let usage = Usage::from_openai(&answer).expect("usage");
    assert_eq!((usage.input_tokens, usage.output_tokens), (11, 4));
    assert_eq!(answer["usage"]["total_tokens"], 15);
}

#[tokio::test]
async fn without_a_script_it_knows_the_documentation() {
    let llm = script().start();
    let (_, answer) = ask(&llm, &body(story::QUESTION)).await;
    let text = answer["choices"][0]["message"]["content"]
        .as_str()
        .expect("text");
    assert!(
        text.contains("langsmith-trace") && text.contains("reads the header"),
        "{text}"
    );
    let (_, nothing) = ask(&llm, &body("zzz?")).await;
    assert_eq!(
        nothing["choices"][0]["message"]["content"],
        "I found nothing on: zzz?"
    );
}

#[tokio::test]
async fn a_streamed_answer_is_a_role_tokens_a_finish_reason_and_done() {
    let llm = script().then(Answer::text("In a header.")).start();
    let (events, whole) = stream(&llm, &streaming("Where?")).await;
    assert!(whole);
    assert_eq!(events.last().map(String::as_str), Some("[DONE]"));
    let chunks = chunks(&events);
    assert_eq!(chunks[0]["choices"][0]["delta"]["role"], "assistant");
    assert_eq!(joined(&chunks, "content"), "In a header.");
    let last = chunks.last().expect("a chunk");
    assert_eq!(last["choices"][0]["finish_reason"], "stop");
    assert_eq!(last["choices"][0]["delta"], json!({}));
    assert_eq!(chunks.len(), 6, "a role, four tokens, an end");
    let id = &chunks[0]["id"];
    assert!(chunks.iter().all(|chunk| chunk["id"] == *id));
    assert!(
        chunks
            .iter()
            .all(|chunk| chunk["object"] == "chat.completion.chunk")
    );
}

#[tokio::test]
async fn the_usage_of_a_stream_comes_only_when_asked_for_and_last() {
    let llm = script().start();
    let (events, _) = stream(&llm, &streaming("baggage?")).await;
    assert!(
        chunks(&events)
            .iter()
            .all(|chunk| chunk.get("usage").is_none())
    );
    let mut body = streaming("baggage?");
    body["stream_options"] = json!({"include_usage": true});
    let (events, _) = stream(&llm, &body).await;
    let mut chunks = chunks(&events);
    let last = chunks.pop().expect("a chunk");
    assert_eq!(last["choices"], json!([]));
    let tokens = joined(&chunks, "content");
    assert!(!tokens.is_empty());
    assert_eq!(last["usage"]["completion_tokens"], chunks.len() - 2);
    assert!(chunks.iter().all(|chunk| chunk["usage"].is_null()));
    let asked: Vec<bool> = llm
        .requests()
        .iter()
        .map(|asked| asked.include_usage)
        .collect();
    assert_eq!(asked, [false, true]);
}

#[tokio::test]
async fn tool_calls_come_in_pieces_that_make_json_together() {
    let arguments = [
        json!({"query": "header", "limit": 3}),
        json!({"query": "baggage"}),
    ];
    let answer = Answer::tool_call("search_docs", arguments[0].clone())
        .and_tool_call("read_page", arguments[1].clone());
    let llm = script().otherwise(answer).start();
    let (events, _) = stream(&llm, &streaming("search")).await;
    let chunks = chunks(&events);
    let finish = &chunks.last().expect("a chunk")["choices"][0]["finish_reason"];
    assert_eq!(finish, "tool_calls");
    for (index, name) in ["search_docs", "read_page"].into_iter().enumerate() {
        let of_call = chunks
            .iter()
            .map(|chunk| &chunk["choices"][0]["delta"]["tool_calls"][0]);
        let pieces: Vec<&Value> = of_call.filter(|call| call["index"] == index).collect();
        assert_eq!(pieces[0]["function"]["name"], name);
        assert!(
            pieces[0]["id"]
                .as_str()
                .expect("an id")
                .starts_with("call_")
        );
        assert!(pieces.len() > 3, "arguments in {} pieces", pieces.len());
        assert!(pieces[1..].iter().all(|piece| piece.get("id").is_none()));
        let text: String = pieces
            .iter()
            .filter_map(|piece| piece["function"]["arguments"].as_str())
            .collect();
        assert_eq!(
            serde_json::from_str::<Value>(&text).expect("JSON"),
            arguments[index]
        );
    }
    let (_, whole) = ask(&llm, &body("search")).await;
    let message = &whole["choices"][0]["message"];
    assert_eq!(message["content"], Value::Null);
    assert_eq!(
        message["tool_calls"][1]["function"]["arguments"],
        arguments[1].to_string()
    );
    assert_eq!(whole["choices"][0]["finish_reason"], "tool_calls");
}

#[tokio::test]
async fn a_refusal_is_in_its_own_field() {
    let llm = script()
        .otherwise(Answer::refusal("I cannot help with that."))
        .start();
    let (_, whole) = ask(&llm, &body("the keys, please")).await;
    let message = &whole["choices"][0]["message"];
    assert_eq!(
        (&message["content"], message["refusal"].as_str()),
        (&Value::Null, Some("I cannot help with that."))
    );
    let (events, _) = stream(&llm, &streaming("the keys, please")).await;
    let chunks = chunks(&events);
    assert_eq!(joined(&chunks, "refusal"), "I cannot help with that.");
    assert_eq!(joined(&chunks, "content"), "");
}

#[tokio::test]
async fn a_limit_of_tokens_and_a_filter_are_finish_reasons() {
    let llm = script()
        .when(
            "filter",
            Answer::text("No.").finish_reason("content_filter"),
        )
        .start();
    let mut limited = body("baggage?");
    limited["max_completion_tokens"] = 2.into();
    let (_, answer) = ask(&llm, &limited).await;
    assert_eq!(answer["choices"][0]["finish_reason"], "length");
    assert_eq!(answer["usage"]["completion_tokens"], 2);
    let (_, filtered) = ask(&llm, &body("filter me")).await;
    assert_eq!(filtered["choices"][0]["finish_reason"], "content_filter");
}

#[tokio::test]
async fn being_busy_says_when_to_come_back_and_the_next_request_is_answered() {
    let busy = Answer::rate_limited(Duration::from_millis(1_200));
    let llm = script().then(busy).then(Answer::server_error()).start();
    let response = request(&llm, &body("baggage?"))
        .send()
        .await
        .expect("an answer");
    assert_eq!(response.status(), 429);
    assert_eq!(response.headers()["retry-after"], "2");
    assert_eq!(response.headers()["retry-after-ms"], "1200");
    assert_eq!(response.headers()["x-ratelimit-remaining-requests"], "0");
    let error: Value = response.json().await.expect("JSON");
    assert_eq!(error["error"]["code"], "rate_limit_exceeded");
    assert_eq!(error["error"]["type"], "requests");
    let (status, error) = ask(&llm, &body("baggage?")).await;
    assert_eq!(
        (status, error["error"]["type"].as_str()),
        (500, Some("server_error"))
    );
    let (status, _) = ask(&llm, &body("baggage?")).await;
    assert_eq!(status, 200);
    let ends: Vec<Outcome> = llm
        .settled()
        .await
        .iter()
        .map(|asked| asked.outcome)
        .collect();
    assert_eq!(
        ends,
        [
            Outcome::Failed(429),
            Outcome::Failed(500),
            Outcome::Answered
        ]
    );
    let before: Vec<usize> = llm.requests().iter().map(|asked| asked.before).collect();
    assert_eq!(before, [0, 1, 2]);
}

#[tokio::test]
async fn a_cut_stream_breaks_without_an_end() {
    let llm = script()
        .otherwise(Answer::text("In a header, as text.").cut_after(2))
        .start();
    let (events, whole) = stream(&llm, &streaming("Where?")).await;
    assert!(!whole, "the connection breaks");
    assert_eq!(joined(&chunks(&events), "content"), "In a");
    let broken = request(&llm, &body("Where?"))
        .send()
        .await
        .expect("a status")
        .json::<Value>();
    assert!(broken.await.is_err(), "half of the JSON is none");
    let ends = llm.settled().await;
    assert_eq!((ends[0].outcome, ends[0].sent), (Outcome::BrokenOff, 2));
}

#[tokio::test]
async fn a_stream_may_end_short_or_with_an_error_event() {
    let llm = script()
        .then(Answer::text("In a header.").ends_short_after(2))
        .then(Answer::text("In a header.").fails_after(2))
        .start();
    let (events, whole) = stream(&llm, &streaming("Where?")).await;
    assert!(whole);
    let short = chunks(&events);
    assert_eq!(
        (short.len(), joined(&short, "content").as_str()),
        (3, "In a")
    );
    let (events, _) = stream(&llm, &streaming("Where?")).await;
    let failed = chunks(&events);
    assert_eq!(
        failed.last().expect("a chunk")["error"]["type"],
        "server_error"
    );
    assert!(!events.contains(&"[DONE]".to_owned()));
}

#[tokio::test]
async fn it_notices_that_the_caller_has_left() {
    let llm = script()
        .otherwise(Answer::text("In a header, as text.").stalls_after(3))
        .start();
    let mut response = request(&llm, &streaming("Where?"))
        .send()
        .await
        .expect("an answer");
    let mut text = String::new();
    while !text.contains("header") {
        let bytes = response.chunk().await.expect("connected").expect("more");
        text.push_str(std::str::from_utf8(&bytes).expect("text"));
    }
    assert_eq!(llm.requests()[0].outcome, Outcome::Answering);
    drop(response);
    let asked = llm.settled().await;
    assert_eq!((asked[0].outcome, asked[0].sent), (Outcome::CallerLeft, 3));
}

#[tokio::test]
async fn a_model_that_ends_lets_go_of_a_stalled_answer() {
    let llm = script()
        .otherwise(Answer::text("In a header.").stalls_after(1))
        .start();
    let mut response = request(&llm, &streaming("Where?"))
        .send()
        .await
        .expect("an answer");
    assert!(response.chunk().await.expect("connected").is_some());
    drop(llm);
    while let Ok(Some(_)) = response.chunk().await {}
}

#[tokio::test]
async fn what_the_service_refuses_is_refused_in_its_words() {
    let llm = script().model("gpt-4o").start();
    let address = format!("{}/chat/completions", llm.url());
    let no_key = http_client()
        .post(address)
        .json(&body("?"))
        .send()
        .await
        .expect("an answer");
    assert_eq!(no_key.status(), 401);
    let no_json = request(&llm, &Value::Null)
        .body("{")
        .send()
        .await
        .expect("an answer");
    assert_eq!(no_json.status(), 400);
    let cases = [
        (
            json!({"messages": []}),
            400,
            "you must provide a model parameter",
            Value::Null,
        ),
        (
            json!({"model": "gpt-4o"}),
            400,
            "Missing required parameter: 'messages'.",
            "missing_required_parameter".into(),
        ),
        (
            json!({"model": "gpt-9", "messages": []}),
            404,
            "The model `gpt-9` does not exist or you do not have access to it.",
            "model_not_found".into(),
        ),
        (
            json!({"model": "gpt-4o", "messages": [], "stream_options": {"include_usage": true}}),
            400,
            "The 'stream_options' parameter is only allowed when 'stream' is enabled.",
            Value::Null,
        ),
    ];
    for (body, expected, message, code) in cases {
        let (status, error) = ask(&llm, &body).await;
        assert_eq!(
            (status, error["error"]["message"].as_str()),
            (expected, Some(message))
        );
        assert_eq!(error["error"]["type"], "invalid_request_error");
        assert_eq!(error["error"]["code"], code);
        assert!(error["error"].get("param").is_some());
    }
    let elsewhere = http_client()
        .get(format!("{}/nowhere", llm.url()))
        .send()
        .await;
    assert_eq!(elsewhere.expect("an answer").status(), 404);
    assert!(llm.requests().is_empty(), "what is refused was not asked");
}

#[tokio::test]
async fn the_models_are_listed_and_looked_up() {
    let llm = script().model("gpt-4o").start();
    let get = |path: &str| http_client().get(format!("{}{path}", llm.url())).send();
    let list: Value = get("/models")
        .await
        .expect("an answer")
        .json()
        .await
        .expect("JSON");
    assert_eq!(list["object"], "list");
    let names: Vec<&str> = list["data"]
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|it| it["id"].as_str())
        .collect();
    assert_eq!(names, ["gpt-4o-mini", "gpt-4o"]);
    let one: Value = get("/models/gpt-4o")
        .await
        .expect("an answer")
        .json()
        .await
        .expect("JSON");
    assert_eq!(one["object"], "model");
    assert_eq!(get("/models/none").await.expect("an answer").status(), 404);
}

#[tokio::test]
async fn it_records_what_it_was_asked_and_no_key() {
    let llm = script().start();
    let mut body = streaming("baggage?");
    body["tools"] = json!([{"type": "function", "function": {"name": "search_docs"}}]);
    body["messages"][0]["content"] = json!([{"type": "text", "text": "baggage?"}]);
    let sent = request(&llm, &body)
        .header("langsmith-trace", "here")
        .send()
        .await;
    sent.expect("an answer").bytes().await.expect("the answer");
    let asked = &llm.settled().await[0];
    assert_eq!((asked.prompt.as_str(), asked.stream), ("baggage?", true));
    assert_eq!(asked.tools, ["search_docs"]);
    assert_eq!(
        asked.headers,
        [("langsmith-trace".to_owned(), "here".to_owned())]
    );
    assert_eq!(asked.body, body);
    assert_eq!(asked.outcome, Outcome::Answered);
    assert!(!format!("{asked:?}").contains("any"), "no key is kept");
    llm.forget();
    assert!(llm.requests().is_empty());
}

#[tokio::test]
async fn tokens_wait_for_their_time() {
    let every = Duration::from_millis(5);
    let llm = ScriptedLlm::builder()
        .timing(TokenTiming::every(every))
        .otherwise(Answer::text("one two three four"))
        .start();
    let start = std::time::Instant::now();
    stream(&llm, &streaming("count")).await;
    assert!(start.elapsed() >= every * 4, "{:?}", start.elapsed());
}
