//! What an exporter promises, against peers on loopback.
#![cfg(feature = "client")]

mod peer;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use common::client::{CheckError, Client, ClientBuilder};
use common::export::{BatchConfig, Destination, DropReason, FlushError, RefuseReason, RetryPolicy};
use common::model::{SeededIds, SteppingClock};
use peer::{Answer, Peer, Received, closed_port, parts_of, silent_port, status};
use serde_json::json;

/// Long enough for any machine; no test waits for it unless it fails.
const PATIENCE: Duration = Duration::from_secs(60);

const KEY: &str = "lsv2_pt_not-a-real-key";

fn fast() -> BatchConfig {
    BatchConfig {
        linger: Duration::from_millis(1),
        shutdown_timeout: Duration::ZERO,
        retry: RetryPolicy {
            base: Duration::from_millis(1),
            cap: Duration::from_millis(2),
            ..RetryPolicy::default()
        },
        ..BatchConfig::default()
    }
}

/// Flushed and only flushed: nothing leaves before it is asked for.
fn patient() -> BatchConfig {
    BatchConfig {
        linger: PATIENCE,
        ..fast()
    }
}

fn client_to(peer: &Peer, batch: BatchConfig) -> Client {
    builder_to(peer, batch).build().expect("a client")
}

fn builder_to(peer: &Peer, batch: BatchConfig) -> ClientBuilder {
    Client::builder()
        .endpoint(&peer.url)
        .api_key(KEY)
        .project("test")
        .batch(batch)
}

fn accept() -> Peer {
    Peer::start(|_, _| status(202))
}

fn ingest(answer: impl Fn(usize) -> Answer + Send + Sync + 'static) -> Peer {
    Peer::start(move |request: &Received, count| match &*request.path {
        "/info" => status(200),
        _ => answer(count),
    })
}

fn one_run(client: &Client) {
    let run = client.run("r").inputs(json!({"x": 1})).start();
    run.end_with(json!({"y": 2}));
}

#[test]
fn delivers_from_plain_code_and_merges_a_post_with_its_patch() {
    let peer = accept();
    let client = client_to(&peer, patient());
    one_run(&client);
    client.flush(PATIENCE).expect("delivered");

    let stats = client.stats();
    assert!(stats.balances(), "{stats}");
    assert_eq!((stats.accepted, stats.delivered), (2, 2));
    let requests = peer.to("/runs/multipart");
    assert_eq!(requests.len(), 1);
    let fields: Vec<String> = parts_of(&requests[0])
        .iter()
        .map(|part| part.name.splitn(3, '.').nth(2).unwrap_or("").to_owned())
        .collect();
    assert_eq!(fields, ["", "inputs", "outputs", "events", "extra"]);
    assert!(parts_of(&requests[0])[0].name.starts_with("post."));
    let request = &requests[0];
    assert_eq!(request.header("x-api-key"), Some(KEY));
    let agent = format!("langsmith-rust/{}", env!("CARGO_PKG_VERSION"));
    assert_eq!(request.header("user-agent"), Some(&*agent));
    assert_eq!(request.header("accept"), Some("application/json"));
    assert_eq!(peer.to("/info").len(), 1);
}

#[test]
fn delivers_from_a_current_thread_runtime_without_blocking_it() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime, without a clock of its own");
    let peer = accept();
    runtime.block_on(async {
        let client = client_to(&peer, patient());
        one_run(&client);
        client.flush_async(PATIENCE).await.expect("delivered");
        // Blocking here is unwise, and still no deadlock.
        one_run(&client);
        client.flush(PATIENCE).expect("delivered");
        assert_eq!(client.stats().delivered, 4);
        client.shutdown_async(PATIENCE).await.expect("delivered");
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn delivers_from_many_tasks_of_a_multi_thread_runtime() {
    let peer = accept();
    let client = client_to(&peer, fast());
    let tasks: Vec<_> = (0..20)
        .map(|_| {
            let client = client.clone();
            tokio::spawn(async move {
                for _ in 0..20 {
                    one_run(&client);
                    tokio::task::yield_now().await;
                }
                client.flush_async(PATIENCE).await.expect("delivered");
            })
        })
        .collect();
    for task in tasks {
        task.await.expect("a task");
    }
    let stats = client.stats();
    assert!(stats.balances(), "{stats}");
    assert_eq!(stats.delivered, 800);
}

#[test]
fn a_full_queue_refuses_the_newest_and_counts_it() {
    let peer = accept();
    let client = client_to(
        &peer,
        BatchConfig {
            queue_ops: 3,
            max_ops: Some(100),
            ..patient()
        },
    );
    let runs: Vec<_> = (0..5)
        .map(|n| client.run(format!("run {n}")).start())
        .collect();
    let stats = client.stats();
    assert_eq!((stats.accepted, stats.queued), (3, 3));
    assert_eq!(stats.refused.get(&RefuseReason::QueueFull), Some(&2));
    client.flush(PATIENCE).expect("what was accepted arrives");
    let parts = parts_of(&peer.to("/runs/multipart")[0]);
    let names: Vec<_> = parts
        .iter()
        .filter_map(|part| part.json.get("name"))
        .collect();
    assert_eq!(names, ["run 0", "run 1", "run 2"]);
    drop(runs);
}

#[test]
fn the_queue_is_bounded_in_bytes_too() {
    let peer = accept();
    let client = client_to(
        &peer,
        BatchConfig {
            queue_bytes: 10_000,
            ..patient()
        },
    );
    let big = client
        .run("big")
        .inputs(json!({"text": "x".repeat(20_000)}))
        .start();
    assert_eq!(client.stats().accepted, 0);
    assert_eq!(client.stats().total_refused(), 1);
    drop(big);
    client.flush(PATIENCE).expect("its end is small");
    assert!(client.stats().balances());
}

#[test]
fn a_batch_keeps_the_limits_that_the_server_states() {
    let info = json!({"batch_ingest_config": {"size_limit": 4, "size_limit_bytes": 10_000}});
    let peer = Peer::start(move |request, _| match &*request.path {
        "/info" => (200, Vec::new(), info.to_string()),
        _ => status(202),
    });
    let client = client_to(&peer, patient());
    for _ in 0..8 {
        one_run(&client);
    }
    // Quotes double on the wire, which the estimate does not know.
    for _ in 0..2 {
        client
            .run("quotes")
            .inputs(json!({"text": "\"".repeat(3_000)}))
            .start()
            .end();
    }
    client.flush(PATIENCE).expect("delivered");
    let requests = peer.to("/runs/multipart");
    assert!(requests.iter().all(|request| request.body.len() <= 10_000));
    assert!(requests.iter().all(|request| {
        let runs = parts_of(request);
        runs.iter()
            .filter(|part| part.json.get("id").is_some())
            .count()
            <= 2
    }));
    assert_eq!(client.stats().delivered, 20);
}

#[test]
fn a_full_batch_leaves_without_being_flushed() {
    let peer = accept();
    let client = client_to(
        &peer,
        BatchConfig {
            max_ops: Some(4),
            ..patient()
        },
    );
    one_run(&client);
    one_run(&client);
    peer.wait_until(|requests| requests.iter().any(|r| r.path == "/runs/multipart"));
}

#[test]
fn a_lone_run_leaves_after_the_linger() {
    let peer = accept();
    let client = client_to(&peer, fast());
    one_run(&client);
    peer.wait_until(|requests| requests.iter().any(|r| r.path == "/runs/multipart"));
}

#[test]
fn retryable_answers_are_tried_again_with_the_same_bytes() {
    for code in [408, 425, 429, 500, 502, 503, 504] {
        let peer = ingest(move |count| status(if count < 2 { code } else { 202 }));
        let client = client_to(&peer, patient());
        one_run(&client);
        client.flush(PATIENCE).expect("delivered in the end");
        let stats = client.stats();
        assert_eq!((stats.delivered, stats.requests, stats.retries), (2, 3, 2));
        let requests = peer.to("/runs/multipart");
        assert!(requests.windows(2).all(|pair| pair[0].body == pair[1].body));
    }
}

#[test]
fn refusals_are_dropped_at_once_with_their_reason() {
    for (code, reason) in [
        (400, DropReason::Rejected),
        (401, DropReason::KeyRefused),
        (403, DropReason::KeyRefused),
        (413, DropReason::TooLarge),
        (422, DropReason::Rejected),
    ] {
        let peer = ingest(move |_| status(code));
        let client = client_to(&peer, patient());
        one_run(&client);
        let lost = client.flush(PATIENCE);
        assert_eq!(lost, Err(FlushError::Dropped { dropped: 2, reason }));
        let stats = client.stats();
        assert!(stats.balances(), "{stats}");
        assert_eq!(stats.dropped.get(&reason), Some(&2));
        assert_eq!(stats.requests, 1);
        client.flush(PATIENCE).expect("a loss is reported once");
    }
}

#[test]
fn a_batch_that_the_server_has_already_counts_as_delivered() {
    let peer = ingest(|_| status(409));
    let client = client_to(&peer, patient());
    one_run(&client);
    client.flush(PATIENCE).expect("it is there");
    assert_eq!(client.stats().delivered, 2);
}

#[test]
fn a_server_without_multipart_gets_json_batches_from_then_on() {
    let peer = Peer::start(|request, _| match &*request.path {
        "/runs/multipart" => status(404),
        _ => status(200),
    });
    let client = client_to(&peer, patient());
    let open = client.run("open").start();
    client.flush(PATIENCE).expect("delivered");
    open.end_with(json!({"done": true}));
    one_run(&client);
    client.flush(PATIENCE).expect("delivered");
    assert_eq!(peer.to("/runs/multipart").len(), 1);
    let batches = peer.to("/runs/batch");
    assert_eq!(batches.len(), 2);
    let second: serde_json::Value = serde_json::from_slice(&batches[1].body).expect("JSON");
    assert_eq!(second["patch"][0]["name"], "open");
    assert_eq!(second["patch"][0]["outputs"], json!({"done": true}));
    assert_eq!(second["post"][0]["inputs"], json!({"x": 1}));
    assert_eq!(second["post"][0]["session_name"], "test");
}

#[test]
fn an_endpoint_without_any_ingest_path_is_reported() {
    let peer = Peer::start(|_, _| status(404));
    let client = client_to(&peer, patient());
    one_run(&client);
    assert_eq!(
        client.flush(PATIENCE),
        Err(FlushError::Dropped {
            dropped: 2,
            reason: DropReason::NotFound
        })
    );
    let error = client.check_blocking().expect_err("no LangSmith");
    assert!(
        matches!(error, CheckError::NotLangSmith { status: 404, .. }),
        "{error}"
    );
}

#[test]
fn a_redirect_is_not_followed_and_the_key_goes_nowhere_else() {
    for code in [301, 302, 303, 307, 308] {
        let other = accept();
        let elsewhere = other.url.clone();
        let peer = Peer::start(move |request, _| {
            let there = format!("{elsewhere}{}", request.path);
            (code, vec![("Location", there)], String::new())
        });
        let client = client_to(&peer, patient());
        one_run(&client);
        assert_eq!(
            client.flush(PATIENCE),
            Err(FlushError::Dropped {
                dropped: 2,
                reason: DropReason::Redirected
            })
        );
        assert!(matches!(
            client.check_blocking(),
            Err(CheckError::Redirected { .. })
        ));
        assert!(other.requests().is_empty());
    }
}

#[test]
fn a_flush_to_a_dead_endpoint_ends_and_says_how_much_is_left() {
    let client = Client::builder()
        .endpoint(closed_port())
        .batch(fast())
        .build()
        .expect("a client");
    one_run(&client);
    let error = client.flush(Duration::from_millis(50));
    assert_eq!(error, Err(FlushError::Timeout { left: 2 }));
    assert!(client.stats().balances());
    assert!(matches!(
        client.check_blocking(),
        Err(CheckError::Unreachable { .. })
    ));
    let error = client.shutdown(Duration::ZERO);
    assert_eq!(error, Err(FlushError::Timeout { left: 2 }));
    let stats = client.stats();
    assert!(stats.balances(), "{stats}");
    assert_eq!(stats.dropped.get(&DropReason::Shutdown), Some(&2));
    one_run(&client);
    assert_eq!(client.stats().refused.get(&RefuseReason::Closed), Some(&2));
}

#[test]
fn a_flush_to_a_silent_endpoint_ends() {
    let (url, _listener) = silent_port();
    let client = Client::builder()
        .endpoint(url)
        .batch(fast())
        .build()
        .expect("a client");
    one_run(&client);
    let error = client.flush(Duration::from_millis(50));
    assert_eq!(error, Err(FlushError::Timeout { left: 2 }));
}

#[test]
fn what_is_tried_for_longer_than_its_budget_is_dropped() {
    let peer = ingest(|_| status(503));
    let mut batch = patient();
    batch.retry.budget = Duration::from_millis(20);
    let client = client_to(&peer, batch);
    one_run(&client);
    assert_eq!(
        client.flush(PATIENCE),
        Err(FlushError::Dropped {
            dropped: 2,
            reason: DropReason::RetriesExhausted
        })
    );
    assert!(client.stats().retries > 0 || client.stats().requests == 1);
}

#[test]
fn no_setting_overflows_a_clock() {
    let peer = ingest(|count| status(if count == 0 { 503 } else { 202 }));
    let mut batch = patient();
    batch.linger = Duration::MAX;
    batch.request_timeout = Duration::MAX;
    batch.retry.budget = Duration::MAX;
    let client = client_to(&peer, batch.clone());
    one_run(&client);
    client.flush(Duration::MAX).expect("delivered");
    client.shutdown(Duration::MAX).expect("nothing left");
    assert_eq!(client.stats().delivered, 2);
    batch.retry.base = Duration::MAX;
    batch.retry.cap = Duration::MAX;
    for attempt in [0, 1, u32::MAX] {
        let asked = Some(Duration::from_secs(60));
        assert!(batch.retry.wait(attempt, None) <= Duration::from_secs(3_600));
        assert!(batch.retry.wait(attempt, asked) >= Duration::from_secs(60));
    }
}

#[test]
fn a_retry_after_is_waited_out() {
    // The waits of our own are at most 2 ms; the server asks for two seconds.
    let peer = ingest(|count| match count {
        0 => (429, vec![("Retry-After", "2".to_owned())], String::new()),
        _ => status(202),
    });
    let client = client_to(&peer, patient());
    one_run(&client);
    let error = client.flush(Duration::from_millis(100));
    assert_eq!(error, Err(FlushError::Timeout { left: 2 }));
    assert!(peer.to("/runs/multipart").len() <= 1);
    client.flush(PATIENCE).expect("delivered");
    assert_eq!(peer.to("/runs/multipart").len(), 2);
}

#[test]
fn dropping_the_last_handle_sends_what_is_held() {
    let peer = accept();
    let client = client_to(
        &peer,
        BatchConfig {
            shutdown_timeout: PATIENCE,
            ..patient()
        },
    );
    let other = client.clone();
    one_run(&client);
    drop(client);
    assert!(peer.to("/runs/multipart").is_empty());
    drop(other);
    assert_eq!(peer.to("/runs/multipart").len(), 1);
}

#[test]
fn a_guard_flushes_at_the_end_of_its_scope() {
    let peer = accept();
    let client = client_to(&peer, patient());
    {
        let _guard = client.flush_guard(PATIENCE);
        one_run(&client);
    }
    assert_eq!(client.stats().delivered, 2);
}

#[test]
fn a_second_destination_gets_the_same_runs_under_the_same_ids() {
    let (first, second) = (accept(), accept());
    let client = builder_to(&first, patient())
        .ids(Arc::new(SeededIds::new(1)))
        .clock(Arc::new(SteppingClock::new(
            chrono::DateTime::UNIX_EPOCH,
            Duration::from_millis(1),
        )))
        .header("x-team", "docs")
        .also_send_to(Destination::new(&second.url).api_key("another-key"))
        .build()
        .expect("a client");
    one_run(&client);
    client.flush(PATIENCE).expect("both delivered");
    let (a, b) = (
        &first.to("/runs/multipart")[0],
        &second.to("/runs/multipart")[0],
    );
    assert_eq!(parts_of(a), parts_of(b));
    assert_eq!(a.header("x-api-key"), Some(KEY));
    assert_eq!(a.header("x-team"), Some("docs"));
    assert_eq!(b.header("x-api-key"), Some("another-key"));
    assert_eq!(b.header("x-team"), None);
    let books = client.stats_by_destination();
    assert!(books.iter().all(|(_, stats)| stats.delivered == 2));
}

#[test]
fn a_check_says_what_is_wrong_in_words() {
    let body = r#"{"error":"org_scoped_key_requires_workspace"}"#;
    for (code, body, words) in [
        (401, "{}", "refused the key (status 401)"),
        (403, "{}", "refused the key (status 403)"),
        (403, body, "set LANGSMITH_WORKSPACE_ID"),
        (404, "{}", "is no LangSmith"),
        (503, "{}", "try again later"),
    ] {
        let peer = Peer::start(move |request, _| match &*request.path {
            "/info" => (200, Vec::new(), r#"{"version":"0.18.5"}"#.to_owned()),
            _ => (code, Vec::new(), body.to_owned()),
        });
        let client = client_to(&peer, patient());
        let error = client.check_blocking().expect_err("refused").to_string();
        assert!(error.contains(words), "{error}");
        assert!(!error.contains(KEY));
    }
    let peer = Peer::start(|_, _| (200, Vec::new(), r#"{"version":"0.18.5"}"#.to_owned()));
    let report = client_to(&peer, patient()).check_blocking().expect("fine");
    assert!(report.to_string().starts_with("LangSmith 0.18.5 answers"));
    let off = Client::builder().enabled(false).build().expect("a client");
    assert_eq!(off.check_blocking(), Err(CheckError::NotSending));
}

#[test]
fn a_panic_in_the_transport_costs_one_batch_and_is_counted() {
    use common::export::{BatchExporter, Exchange, HttpRequest, HttpResponse, Transport};
    use common::trace::{RunSink, Tracer};

    #[derive(Debug, Default)]
    struct Fragile(AtomicBool);
    impl Transport for Fragile {
        fn exchange(&self, request: HttpRequest) -> Exchange<'_> {
            let broken = self.0.swap(true, Ordering::SeqCst);
            Box::pin(async move {
                assert!(broken || request.body.is_none(), "on purpose");
                Ok(HttpResponse {
                    status: 202,
                    ..HttpResponse::default()
                })
            })
        }
    }
    #[derive(Debug)]
    struct To(Arc<BatchExporter>);
    impl RunSink for To {
        fn submit(&self, op: common::model::RunOp) {
            self.0.submit(op);
        }
    }
    // Only a body breaks, and only while the flag is down; `/info` raises it first.
    let transport = Arc::new(Fragile::default());
    let exporter = BatchExporter::with_transport(transport.clone(), patient()).expect("a thread");
    let exporter = Arc::new(exporter);
    let tracer = Tracer::builder(Arc::new(To(exporter.clone()))).build();
    tracer.run("first").start().end();
    exporter
        .flush(PATIENCE)
        .expect("info passes, then the batch");
    transport.0.store(false, Ordering::SeqCst);
    tracer.run("second").start().end();
    assert_eq!(
        exporter.flush(PATIENCE),
        Err(FlushError::Dropped {
            dropped: 2,
            reason: DropReason::ExporterFailed
        })
    );
    tracer.run("third").start().end();
    exporter.flush(PATIENCE).expect("a new worker took over");
    let stats = exporter.stats();
    assert!(stats.balances(), "{stats}");
    assert_eq!(stats.delivered, 4);
}

#[test]
fn no_key_shows_in_any_debug_or_error() {
    let client = Client::builder()
        .endpoint(closed_port())
        .api_key(KEY)
        .header("authorization", "Bearer secret-token")
        .also_send_to(Destination::new(closed_port()).api_key(KEY))
        .batch(fast());
    let shown = format!("{client:?}");
    let client = client.build().expect("a client");
    let shown = format!("{shown}{client:?}{:?}", client.check_blocking());
    assert!(!shown.contains(KEY), "{shown}");
    assert!(!shown.contains("secret-token"), "{shown}");
    let error = Client::builder().api_key(format!("{KEY}\nx")).build();
    let error = error.expect_err("a line break in a key");
    assert!(!format!("{error}{error:?}").contains(KEY));
}
