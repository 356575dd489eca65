//! The gateway alone: whom it believes, what it refuses, and what it says when nobody is behind it.

use axum::body::Body;
use axum::http::{Request, StatusCode};
use axum::response::Response;
use common::lab::Lesson;
use common::model::RunStatus;
use http_body_util::BodyExt as _;
use multi_service_app::gateway::{LONGEST, app};
use multi_service_app::service::Stop;
use serde_json::json;
use tower::ServiceExt as _;

/// Port 9 (discard) is reserved and nothing listens on it.
const NOBODY: &str = "http://127.0.0.1:9";
/// A header as anybody can make one up.
const FOREIGN: &str = "20260101T000000000000Z01990000-0000-7000-8000-00000000000a";

async fn ask(lesson: &Lesson, question: &str) -> Response {
    let app = app(NOBODY, &lesson.client("gateway"), &Stop::listen(false));
    let request = Request::post("/ask")
        .header("content-type", "application/json")
        .header("langsmith-trace", FOREIGN)
        .body(Body::from(json!({"question": question}).to_string()));
    app.oneshot(request.expect("a request"))
        .await
        .expect("infallible")
}

#[tokio::test]
async fn a_question_with_nobody_behind_the_gateway_is_a_trace_and_a_problem_in_words() {
    let lesson = Lesson::start("gateway").await;
    let answer = ask(&lesson, "who is there?").await;
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(answer.headers()["content-type"], "text/event-stream");
    let body = answer
        .into_body()
        .collect()
        .await
        .expect("a body")
        .to_bytes();
    let said = String::from_utf8(body.to_vec()).expect("text");
    let frames: Vec<_> = said.split_terminator("\n\n").collect();
    assert_eq!(frames.len(), 2, "{said}");
    assert!(
        frames[0].starts_with(r#"data: {"kind":"trace","id":""#),
        "{said}"
    );
    let problem = r#"data: {"kind":"problem","message":"CallFailed: nobody listens there"}"#;
    assert_eq!(frames[1], problem);

    let tree = lesson.tree(1).await;
    let [node] = tree.nodes() else {
        panic!("{tree:?}")
    };
    assert_eq!(node.run.name, "question");
    assert_eq!(node.run.status(), RunStatus::Error);
    assert_eq!(node.run.parent_run_id, None, "nobody out there is believed");
    assert!(
        !frames[0].contains("01990000-0000-7000-8000-00000000000a"),
        "{said}"
    );
}

#[tokio::test]
async fn a_question_that_is_none_is_refused_and_leaves_no_run() {
    let lesson = Lesson::start("gateway").await;
    for question in ["", "  ", &"x".repeat(LONGEST + 1)] {
        let answer = ask(&lesson, question).await;
        assert_eq!(answer.status(), StatusCode::BAD_REQUEST);
    }
    assert_eq!(lesson.tree(0).await.len(), 0);
}
