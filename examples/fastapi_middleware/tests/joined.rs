//! One trace over both services, in both directions: what the demonstration shows.

mod wire;

use common::analysis::{Scorecard, text_tree};
use common::lab::NodeService;
use common::model::TraceTree;
use fastapi_middleware::page;
use fastapi_middleware::peers::Peers;
use fastapi_middleware::report::Report;
use fastapi_middleware::stage::Stage;
use fastapi_middleware::traffic::{Amount, Traffic};

const RUST_ONLY: Peers = Peers {
    python: false,
    node: false,
};

async fn shown(peers: Peers) -> (Stage, Report) {
    let stage = Stage::set(peers).await.expect("both services start");
    let amount = Amount {
        rounds: 2,
        pairs: 11,
    };
    let sent = Traffic::new(&stage).send(amount).await.expect("all answer");
    let report = Report::of(&stage, sent).await.expect("all arrives");
    assert_eq!(stage.lesson.mock().errors(), []);
    (stage, report)
}

fn printed(tree: &TraceTree) -> String {
    assert!(tree.is_whole(), "{}", text_tree(tree));
    text_tree(tree).without_times().to_string()
}

fn is_perfect(score: &Scorecard) {
    assert!(score.completeness.complete.is_all(), "{score}");
    assert!(
        score.propagation.edges.is_all() && score.propagation.nodes.is_all(),
        "{score}"
    );
    assert!(score.visibility.visible.is_all(), "{score}");
    assert_eq!(score.completeness.strays, 0, "{score}");
    let timing = score.impact.traced().expect("timed");
    assert_eq!(timing.added.expect("compared").pairs, 10);
}

#[tokio::test(flavor = "multi_thread")]
async fn rust_and_python_are_one_trace_whoever_begins_it() {
    if !wire::python_is_here() {
        return;
    }
    let (stage, report) = shown(Peers {
        python: true,
        node: false,
    })
    .await;
    assert_eq!(
        printed(&report.joined[0].tree),
        "question                 chain      ✓  (gateway)\n\
         └─ call fastapi          tool       ✓  (gateway)\n   \
            └─ ask                chain      ✓  (fastapi)\n      \
               ├─ retrieve        retriever  ✓  (fastapi)\n      \
               └─ call axum       tool       ✓  (fastapi)\n         \
                  └─ POST /ask    chain      ✓  (axum)\n            \
                     └─ retrieve  retriever  ✓  (axum)\n"
    );
    assert_eq!(
        printed(&report.joined[1].tree),
        "ask                      chain      ✓  (fastapi)\n\
         ├─ retrieve              retriever  ✓  (fastapi)\n\
         └─ call axum             tool       ✓  (fastapi)\n   \
            └─ POST /ask          chain      ✓  (axum)\n      \
               ├─ retrieve        retriever  ✓  (axum)\n      \
               └─ call fastapi    tool       ✓  (axum)\n         \
                  └─ ask          chain      ✓  (fastapi)\n            \
                     └─ retrieve  retriever  ✓  (fastapi)\n"
    );
    is_perfect(&report.score);
    for joined in &report.joined {
        for node in joined.tree.nodes() {
            assert_eq!(
                node.run.project,
                Some(stage.lesson.project()),
                "{}",
                node.run.name
            );
            assert!(
                node.run.extra.metadata.contains_key("request_id"),
                "{}",
                node.run.name
            );
        }
    }
    let cause = report.failed.find("retrieve").expect("the step that fails");
    let error = cause.error.as_deref().expect("an error");
    assert!(error.starts_with("LookupError("), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn javascript_joins_the_trace_as_well() {
    if let Some(missing) = NodeService::missing() {
        return wire::skip(&missing);
    }
    let peers = Peers {
        node: true,
        ..RUST_ONLY
    };
    let (_, report) = shown(peers).await;
    assert_eq!(
        printed(&report.joined[2].tree),
        "question                 chain      ✓  (gateway)\n\
         └─ call express          tool       ✓  (gateway)\n   \
            └─ ask                chain      ✓  (express)\n      \
               ├─ retrieve        retriever  ✓  (express)\n      \
               └─ call axum       tool       ✓  (express)\n         \
                  └─ POST /ask    chain      ✓  (axum)\n            \
                     └─ retrieve  retriever  ✓  (axum)\n"
    );
    is_perfect(&report.score);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_python_a_second_axum_service_shows_the_same() {
    let (_, report) = shown(RUST_ONLY).await;
    assert!(printed(&report.joined[0].tree).contains("call axum-2"));
    assert_eq!(
        (report.joined[0].tree.len(), report.joined[1].tree.len()),
        (7, 8)
    );
    is_perfect(&report.score);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_needs_nothing_else_and_runs_nothing() {
    let (_, report) = shown(RUST_ONLY).await;
    let page = page::render(&report);
    for needs in [
        "<script", "<link", "<img", "src=", "href=", "url(", "@import",
    ] {
        assert!(!page.contains(needs), "{needs}");
    }
    let addresses = page.replace("http://www.w3.org/2000/svg", "");
    assert!(!addresses.contains("http://") && !addresses.contains("https://"));
    assert_eq!(page.matches("<svg ").count(), 4);
    assert!(page.contains("prefers-color-scheme: dark") && page.contains("default-src 'none'"));
    assert!(page.contains("trace completeness"));
}
