//! The exercise `01.repair`: as shipped, solved, and solved wrongly in ways that people try.
#![cfg(feature = "lab")]

use axum::{Json, Router, routing::post};
use common::lab::check::Check;
use common::prelude::*;

/// What a learner changes in the exercise's cell.
struct Attempt {
    /// The layer of the retriever, or none.
    layer: fn(&Client) -> Option<TracingLayer>,
    /// Whether the search is a run of its own, or below the current one.
    search_apart: bool,
    /// How the gateway calls.
    call: Calling,
}

enum Calling {
    UnderRoot,
    UnderCall,
    /// With a header that was cut on the way.
    Cut,
    Twice,
    /// Does not call at all, but makes the runs that the check asks for.
    Pretend,
}

fn distrustful(client: &Client) -> Option<TracingLayer> {
    Some(TracingLayer::new(client.tracer()).name(|_| "retriever".into()))
}

fn trusting(client: &Client) -> Option<TracingLayer> {
    distrustful(client).map(|layer| layer.policy(TrustPolicy::Continue))
}

fn router(client: &Client, attempt: &Attempt) -> Router {
    let (own, apart) = (client.clone(), attempt.search_apart);
    let handler = move |Json(body): Json<Value>| async move {
        let run = current().unwrap_or_else(|| own.run("retriever").start());
        let search = match apart {
            true => own.run("search docs").run_type(RunType::Retriever).start(),
            false => run
                .child("search docs")
                .run_type(RunType::Retriever)
                .start(),
        };
        let question = body["question"].as_str().unwrap_or_default().to_owned();
        let documents = story::retrieve(&question).await;
        search.end_with(json!({"documents": documents}));
        run.end();
        Json(json!({"documents": documents}))
    };
    let router = Router::new().route("/retrieve", post(handler));
    match (attempt.layer)(client) {
        Some(layer) => router.layer(layer),
        None => router,
    }
}

async fn attempt(attempt: Attempt) -> Check {
    let lesson = Lesson::start("01-exercises").await;
    let (gateway, retriever) = (lesson.client("gateway"), lesson.client("retriever"));
    let service = lesson.serve("retriever", router(&retriever, &attempt));
    let root = gateway.run("gateway").start();
    let call = root.child("call retriever").run_type(RunType::Tool).start();
    let body = json!({"question": story::QUESTION});
    let request = || http_client().post(service.url("/retrieve")).json(&body);
    let order = call.dotted_order().expect("tracing is on").to_string();
    let requests = match attempt.call {
        Calling::UnderRoot => vec![request().trace(&root)],
        Calling::UnderCall => vec![request().trace(&call)],
        Calling::Cut => vec![request().header("langsmith-trace", &order[..order.len() - 3])],
        Calling::Twice => vec![request().trace(&call), request().trace(&call)],
        Calling::Pretend => {
            let pretended = call.child("retriever").start();
            let search = pretended.child("search docs").run_type(RunType::Retriever);
            search.start().end();
            pretended.end();
            Vec::new()
        }
    };
    for request in requests {
        request.send().await.expect("the retriever answers");
    }
    call.end();
    root.end();
    lesson.check("01.repair").await
}

#[tokio::test(flavor = "multi_thread")]
async fn as_shipped_it_fails_and_tells_the_first_of_its_two_faults() {
    let check = attempt(Attempt {
        layer: distrustful,
        search_apart: false,
        call: Calling::UnderRoot,
    })
    .await;
    assert_eq!(
        check.first_wrong(),
        Some(
            "run `retriever` has no parent: `langsmith-trace` arrived, but the retriever's policy \
             does not trust its caller"
        )
    );
    let text = check.to_string();
    assert!(
        text.contains("as it is") && text.contains("as it should be"),
        "{text}"
    );
    assert!(
        text.contains("retriever (retriever)  ✗ no parent"),
        "{text}"
    );
    assert!(
        text.contains("retriever (retriever)  ← below call retriever"),
        "{text}"
    );
    assert!(
        !text.contains("Continue"),
        "a check never shows the solution: {text}"
    );
    assert_eq!([check.hint().number(), check.hint().number()], [1, 2]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_solution_passes_and_says_why_it_works() {
    let check = attempt(Attempt {
        layer: trusting,
        search_apart: false,
        call: Calling::UnderCall,
    })
    .await;
    assert_eq!(check.first_wrong(), None);
    assert!(
        check
            .to_string()
            .starts_with("✓ 01.repair · Mend the trace\n\nThe header names")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn each_wrong_solution_is_rejected_with_another_first_wrong_fact() {
    let wrong = [
        (
            Attempt {
                layer: trusting,
                search_apart: false,
                call: Calling::UnderRoot,
            },
            "run `retriever` is below `gateway`, not below `call retriever`: the `langsmith-trace` it \
             was sent names `gateway`",
        ),
        (
            Attempt {
                layer: |_| None,
                search_apart: false,
                call: Calling::UnderCall,
            },
            "run `retriever` has no parent: the retriever never read `langsmith-trace`",
        ),
        (
            Attempt {
                layer: trusting,
                search_apart: true,
                call: Calling::UnderCall,
            },
            "run `search docs` has no parent: it was started as a root; begin it with `child` of \
             `retriever`, or carry that run to where it starts",
        ),
        (
            Attempt {
                layer: trusting,
                search_apart: false,
                call: Calling::Cut,
            },
            "run `retriever` has no parent: the `langsmith-trace` that arrived at the retriever is no \
             dotted order",
        ),
        (
            Attempt {
                layer: trusting,
                search_apart: false,
                call: Calling::Pretend,
            },
            "run `retriever` comes from `gateway`, not from the service `retriever`",
        ),
        (
            Attempt {
                layer: trusting,
                search_apart: false,
                call: Calling::Twice,
            },
            "2 runs are named `retriever`, and there should be 1; does the cell begin with \
             `lesson.clear()`?",
        ),
    ];
    for (tried, sentence) in wrong {
        assert_eq!(attempt(tried).await.first_wrong(), Some(sentence));
    }
}
