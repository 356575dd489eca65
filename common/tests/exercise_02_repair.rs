//! The exercise `02.repair`: as shipped, solved, and solved wrongly in ways that people try.
#![cfg(all(feature = "lab", feature = "otel"))]

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use common::lab::check::Check;
use common::otel::LangSmithExporter;
use common::prelude::*;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::SdkTracerProvider;

/// What the retriever reads with, and what its spans go through.
#[derive(Clone, Copy, PartialEq)]
enum Retriever {
    TraceparentAlone,
    Both,
    /// The pipeline's propagator, which believes nobody unless it is told.
    BothDistrustful,
    /// Both headers are read, by a provider that stamps nothing.
    Unstamped,
}

/// How the gateway sends its headers.
#[derive(Clone, Copy, PartialEq)]
enum Gateway {
    TenantReplaces,
    TenantFirst,
    NoTenant,
    BelowTheRoot,
    /// The user is no longer a matter of the root's metadata.
    NoUser,
}

async fn attempt(retriever: Retriever, gateway: Gateway) -> Check {
    let lesson = Lesson::start("02-exercises").await;
    let spans = lesson.pipeline("retriever");
    let policy = match retriever {
        Retriever::BothDistrustful => TrustPolicy::Restart,
        _ => TrustPolicy::Continue,
    };
    let both = spans.propagator(LangSmithPropagator::new().policy(policy));
    let exporter = LangSmithExporter::new(&lesson.stand_in_config()).expect("an exporter");
    let unstamped = SdkTracerProvider::builder().with_batch_exporter(exporter);
    let unstamped = unstamped.build();
    let docs = spans.tracer("docs");
    let router = match retriever {
        Retriever::TraceparentAlone => {
            story::spanned_retriever(&docs, TraceContextPropagator::new())
        }
        Retriever::Both | Retriever::BothDistrustful => story::spanned_retriever(&docs, both),
        Retriever::Unstamped => story::spanned_retriever(&unstamped.tracer("docs"), both),
    };
    let service = lesson.serve("retriever", router);
    let root = lesson.client("gateway").run("gateway");
    let root = match gateway {
        Gateway::NoUser => root.start(),
        _ => root.metadata("user", "ada").start(),
    };
    let call = root.child("call retriever").run_type(RunType::Tool).start();
    let tenant = HeaderMap::from_iter([(
        HeaderName::from_static("baggage"),
        HeaderValue::from_static("tenant=docs"),
    )]);
    let request = http_client().post(service.url("/retrieve"));
    let request = request.json(&json!({"question": story::QUESTION}));
    let request = match gateway {
        Gateway::TenantReplaces => request.trace(&call).headers(tenant),
        Gateway::NoTenant => request.trace(&call),
        Gateway::BelowTheRoot => request.headers(tenant).trace(&root),
        Gateway::TenantFirst | Gateway::NoUser => request.headers(tenant).trace(&call),
    };
    request.send().await.expect("the retriever answers");
    call.end();
    root.end();
    unstamped.force_flush().expect("answered with 200");
    lesson.check("02.repair").await
}

#[tokio::test(flavor = "multi_thread")]
async fn as_shipped_it_fails_and_tells_the_first_of_its_two_faults() {
    let check = attempt(Retriever::TraceparentAlone, Gateway::TenantReplaces).await;
    assert_eq!(
        check.first_wrong(),
        Some("run `retriever` has no parent: the retriever never read `langsmith-trace`")
    );
    let text = check.to_string();
    assert!(
        text.contains("retriever (retriever)  ✗ no parent"),
        "{text}"
    );
    assert!(!text.contains("propagator"), "it shows no solution: {text}");
    assert_eq!([check.hint().number(), check.hint().number()], [1, 2]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_solution_passes_and_says_why_it_works() {
    let check = attempt(Retriever::Both, Gateway::TenantFirst).await;
    assert_eq!(check.first_wrong(), None);
    let text = check.to_string();
    assert!(
        text.contains("`langsmith-trace` is the only header"),
        "{text}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn each_wrong_solution_is_rejected_with_another_first_wrong_fact() {
    let wrong = [
        (
            Retriever::BothDistrustful,
            Gateway::TenantFirst,
            "run `retriever` has no parent: the retriever never read `langsmith-trace`",
        ),
        (
            Retriever::Unstamped,
            Gateway::TenantFirst,
            "no run is named `retriever`; what arrived is `gateway`, `call retriever`",
        ),
        (
            Retriever::Both,
            Gateway::BelowTheRoot,
            "run `retriever` is below `gateway`, not below `call retriever`: the `langsmith-trace` \
             it was sent names `gateway`",
        ),
        (
            Retriever::Both,
            Gateway::TenantReplaces,
            "run `retriever` has no metadata `user`; it should be \"ada\"",
        ),
        (
            Retriever::Both,
            Gateway::NoTenant,
            "the `baggage` that arrived at `retriever` says nothing of “tenant=docs”",
        ),
    ];
    for (retriever, gateway, sentence) in wrong {
        assert_eq!(
            attempt(retriever, gateway).await.first_wrong(),
            Some(sentence)
        );
    }
    let without = attempt(Retriever::Both, Gateway::NoUser).await;
    assert!(!without.is_passed(), "the user must come from the root");
}
