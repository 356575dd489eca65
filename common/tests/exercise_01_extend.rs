//! The exercise `01.extend`: as shipped, solved, and solved wrongly in ways that people try.
#![cfg(feature = "lab")]

use common::lab::check::Check;
use common::prelude::*;

/// How somebody moves the generator out.
#[derive(Clone, Copy, PartialEq)]
enum Attempt {
    /// Not at all.
    AsShipped,
    Solution,
    /// Runs with the right names, all of them the gateway's.
    NamesOnly,
    /// The generator's layer keeps its default policy.
    Distrusted,
    /// The request goes out below the gateway's run.
    BelowTheRoot,
    /// The generator is asked before there are documents.
    TooEarly,
    /// The request asks the question alone, as the one to the retriever does.
    WithoutDocuments,
    /// The header is written by hand, and the baggage forgotten.
    WithoutBaggage,
    /// The same, and the generator writes the user down by itself.
    UserByHand,
    /// The answer is a root of its own.
    AnswerApart,
}

fn layer(client: &Client, name: &'static str) -> TracingLayer {
    TracingLayer::new(client.tracer())
        .policy(TrustPolicy::Continue)
        .name(move |_| name.into())
}

fn generator(client: &Client, attempt: Attempt) -> axum::Router {
    let restarting = TracingLayer::new(client.tracer()).name(|_| "generator".into());
    match attempt {
        Attempt::Distrusted => story::generator(restarting),
        Attempt::AnswerApart => {
            let own = client.clone();
            let handler = axum::routing::post(move || async move {
                own.run("write answer").run_type(RunType::Llm).start().end();
                axum::Json(json!({"text": "…"}))
            });
            let router = axum::Router::new().route("/write", handler);
            router.layer(layer(client, "generator"))
        }
        Attempt::UserByHand => {
            let handler = axum::routing::post(|| async {
                let run = current().expect("the layer has started a run");
                run.add_metadata("user", "ada");
                run.child("write answer")
                    .run_type(RunType::Llm)
                    .start()
                    .end();
                axum::Json(json!({"text": "…"}))
            });
            let router = axum::Router::new().route("/write", handler);
            router.layer(layer(client, "generator"))
        }
        _ => story::generator(layer(client, "generator")),
    }
}

async fn attempt(attempt: Attempt) -> Check {
    let lesson = Lesson::start("01-exercises").await;
    let (gateway, own) = (lesson.client("gateway"), lesson.client("retriever"));
    let near = lesson.serve("retriever", story::retriever(layer(&own, "retriever")));
    let far = generator(&lesson.client("generator"), attempt);
    let far = lesson.serve("generator", far);
    let root = gateway.run("gateway").metadata("user", "ada").start();
    let ask = async {
        let call = root.child("call retriever").run_type(RunType::Tool).start();
        let request = http_client().post(near.url("/retrieve"));
        let request = request.json(&json!({"question": story::QUESTION}));
        let reply = request.trace(&call).send().await.expect("an answer");
        call.end();
        reply.json::<Value>().await.expect("documents")
    };
    let write = async |found: Value| {
        let call = root.child("call generator").run_type(RunType::Tool).start();
        let request = http_client().post(far.url("/write"));
        let request = request.json(&json!({
            "question": story::QUESTION,
            "documents": found["documents"],
        }));
        let order = call.dotted_order().expect("tracing is on").to_string();
        let request = match attempt {
            Attempt::BelowTheRoot => request.trace(&root),
            Attempt::WithoutBaggage | Attempt::UserByHand => {
                request.header("langsmith-trace", order)
            }
            _ => request.trace(&call),
        };
        request.send().await.expect("an answer");
        call.end();
    };
    match attempt {
        Attempt::AsShipped => {
            ask.await;
            root.child("write answer")
                .run_type(RunType::Llm)
                .start()
                .end();
        }
        Attempt::NamesOnly => {
            ask.await;
            let call = root.child("call generator").run_type(RunType::Tool).start();
            let inner = call.child("generator").start();
            let write = inner.child("write answer").run_type(RunType::Llm);
            write.start().end();
            inner.end();
            call.end();
        }
        Attempt::TooEarly => {
            write(Value::Null).await;
            ask.await;
        }
        Attempt::WithoutDocuments => {
            ask.await;
            write(Value::Null).await;
        }
        _ => write(ask.await).await,
    }
    root.end();
    lesson.check("01.extend").await
}

#[tokio::test(flavor = "multi_thread")]
async fn as_shipped_it_fails_for_want_of_the_call() {
    let check = attempt(Attempt::AsShipped).await;
    let wrong = check.first_wrong().expect("it fails");
    assert!(
        wrong.starts_with("no run is named `call generator`; what arrived is `gateway`"),
        "{wrong}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_solution_passes_and_says_why_it_works() {
    let check = attempt(Attempt::Solution).await;
    assert_eq!(check.first_wrong(), None);
    assert!(check.to_string().contains("A service joins by two lines"));
}

#[tokio::test(flavor = "multi_thread")]
async fn each_wrong_solution_is_rejected_with_another_first_wrong_fact() {
    let wrong = [
        (
            Attempt::NamesOnly,
            "run `generator` comes from `gateway`, not from the service `generator`",
        ),
        (
            Attempt::Distrusted,
            "run `generator` has no parent: `langsmith-trace` arrived, but the generator's policy does \
             not trust its caller",
        ),
        (
            Attempt::BelowTheRoot,
            "run `generator` is below `gateway`, not below `call generator`: the `langsmith-trace` it \
             was sent names `gateway`",
        ),
        (
            Attempt::WithoutBaggage,
            "run `generator` has no metadata `user`; it should be \"ada\"",
        ),
        (
            Attempt::UserByHand,
            "no `baggage` arrived at the service `generator`",
        ),
        (
            Attempt::WithoutDocuments,
            "run `write answer` has nothing in its input `documents`: did the one who calls pass it on?",
        ),
        (
            Attempt::AnswerApart,
            "run `write answer` has no parent: it was started as a root; begin it with `child` of \
             `generator`, or carry that run to where it starts",
        ),
    ];
    for (tried, sentence) in wrong {
        assert_eq!(attempt(tried).await.first_wrong(), Some(sentence));
    }
    let check = attempt(Attempt::TooEarly).await;
    let sentence = check.first_wrong().expect("it fails");
    assert!(
        sentence.starts_with("run `generator` began ")
            && sentence.ends_with("before `retriever` had ended"),
        "{sentence}"
    );
}
