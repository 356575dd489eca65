//! Every recorded header, valid and broken, under every policy, over raw sockets: the reply is the normal
//! one, and the trace is what the policy says.

mod wire;

use common::langsmith_mock::LangSmithMock;
use common::model::Run;
use common::propagation::{INCOMING_TRACE_ID, PropagationCounters};
use fastapi_middleware::service::{app, layer};
use fastapi_middleware::trust::{Policy, SECRET_HEADER};
use wire::{ENOUGH, client, header, recorded};

const SECRET: &str = "correct horse";
/// Recorded headers that can be read; the other 14 are broken.
const READABLE: usize = 45;

/// Sends every case, wants the normal reply, and returns the runs and what was counted.
async fn replies(policy: Policy, shown: Option<&str>) -> (Vec<Run>, PropagationCounters) {
    let mock = LangSmithMock::start().await;
    let client = client(&mock);
    let layer = policy.apply(layer(client.tracer(), "ours"), Some(SECRET.into()));
    let service = wire::start(app("axum", layer.clone(), None)).await;
    let (status, normal) = wire::get(service, "/", &[]).await;
    assert!(
        status == 200 && normal.contains("axum answers"),
        "{status} {normal}"
    );
    let cases = recorded::cases();
    for case in &cases {
        let mut headers = recorded::headers(case);
        headers.extend(shown.map(|secret| header(SECRET_HEADER, secret)));
        let reply = wire::get(service, "/", &headers).await;
        assert_eq!(reply, (200, normal.clone()), "{policy:?}: {case}");
    }
    client.flush_async(ENOUGH).await.expect("delivered");
    assert!(mock.errors().is_empty(), "{:?}", mock.errors());
    let runs = mock.runs();
    assert_eq!(runs.len(), 1 + cases.len(), "each request is one run");
    for run in &runs {
        assert_eq!(
            run.project.as_deref(),
            Some("ours"),
            "a header chose the project"
        );
    }
    (runs, layer.counters())
}

fn below_a_caller(runs: &[Run]) -> usize {
    runs.iter().filter(|run| !run.is_root()).count()
}

fn that_remember_a_caller(runs: &[Run]) -> usize {
    let remembers = |run: &&Run| run.extra.metadata.contains_key(INCOMING_TRACE_ID);
    runs.iter().filter(remembers).count()
}

#[tokio::test]
async fn under_continue_each_readable_header_is_continued_and_each_broken_one_counted() {
    let (runs, counted) = replies(Policy::Continue, None).await;
    assert_eq!(below_a_caller(&runs), READABLE);
    assert_eq!(counted.continued, READABLE as u64);
    // The request without headers, and the one whose header is empty.
    assert_eq!(counted.absent, 2);
    assert_eq!(
        counted.malformed + counted.ambiguous + counted.oversize,
        13,
        "{counted}"
    );
}

#[tokio::test]
async fn under_restart_no_header_is_continued_and_each_readable_one_is_remembered() {
    let (runs, counted) = replies(Policy::Restart, None).await;
    assert_eq!(
        (below_a_caller(&runs), that_remember_a_caller(&runs)),
        (0, READABLE)
    );
    assert_eq!(counted.untrusted, READABLE as u64);
}

#[tokio::test]
async fn under_ignore_no_header_is_looked_at() {
    let (runs, counted) = replies(Policy::Ignore, Some(SECRET)).await;
    assert_eq!(
        (below_a_caller(&runs), that_remember_a_caller(&runs)),
        (0, 0)
    );
    assert_eq!(counted.not_read as usize, runs.len(), "{counted}");
}

#[tokio::test]
async fn under_trust_the_secret_decides_between_continue_and_restart() {
    let (runs, _) = replies(Policy::Trust, Some(SECRET)).await;
    assert_eq!(below_a_caller(&runs), READABLE);
    for wrong in [None, Some(""), Some("correct hors"), Some("correct horsf")] {
        let (runs, _) = replies(Policy::Trust, wrong).await;
        assert_eq!(below_a_caller(&runs), 0, "{wrong:?}");
    }
}
