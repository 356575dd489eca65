//! What an exporter promises of taking runs in and sending them, against peers on loopback.
#![cfg(feature = "client")]

mod exporting;
mod peer;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use common::client::{CheckError, Client};
use common::export::{BatchConfig, Destination, DropReason, FlushError, RefuseReason};
use common::trace::Tracer;
use exporting::{KEY, PATIENCE, To, accept, client_to, fast, one_run, patient};
use peer::{Peer, closed_port, parts_of, status};
use serde_json::json;

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
    assert_eq!(
        client.flush(PATIENCE),
        Err(FlushError::Refused {
            refused: 2,
            reason: RefuseReason::QueueFull
        })
    );
    client.flush(PATIENCE).expect("a loss is reported once");
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
    let text = json!({"text": "x".repeat(6_000)});
    let first = client.run("first").inputs(text.clone()).start();
    let second = client.run("second").inputs(text).start();
    assert_eq!(client.stats().accepted, 1);
    assert_eq!(
        client.stats().refused.get(&RefuseReason::QueueFull),
        Some(&1)
    );
    client.flush(PATIENCE).expect_err("one was refused");
    let third = client.run("third").start();
    client.flush(PATIENCE).expect("there is room again");
    assert!(client.stats().balances());
    drop((first, second, third));
}

#[test]
fn what_no_queue_would_hold_is_refused_in_words_of_its_own() {
    let peer = accept();
    let client = client_to(
        &peer,
        BatchConfig {
            queue_bytes: 10_000,
            ..patient()
        },
    );
    let text = json!({"text": "x".repeat(20_000)});
    let big = client.run("big").inputs(text).start();
    let error = client
        .flush(PATIENCE)
        .expect_err("an empty queue refuses it");
    assert_eq!(
        error,
        FlushError::Refused {
            refused: 1,
            reason: RefuseReason::TooLarge
        }
    );
    assert!(error.to_string().contains("queue_bytes"), "{error}");
    drop(big);
    client.flush(PATIENCE).expect("its end is small");
    assert_eq!(client.stats().delivered, 1);
}

#[test]
fn a_batch_keeps_the_limits_that_the_server_states() {
    for ours in [None, Some(0)] {
        let info = json!({"batch_ingest_config": {"size_limit": 4, "size_limit_bytes": 10_000}});
        let peer = Peer::start(move |request, _| match &*request.path {
            "/info" => (200, Vec::new(), info.to_string()),
            _ => status(202),
        });
        let client = client_to(
            &peer,
            // A limit of nothing is no limit, and no word against the server's.
            BatchConfig {
                max_ops: ours,
                max_bytes: ours,
                ..patient()
            },
        );
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
                <= 4
        }));
        assert_eq!(client.stats().delivered, 20);
    }
}

#[test]
fn a_full_batch_leaves_without_being_flushed() {
    let peer = accept();
    let client = client_to(
        &peer,
        BatchConfig {
            max_ops: Some(2),
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
fn a_transport_that_panics_on_info_is_asked_once_and_still_used() {
    use common::export::{BatchExporter, Exchange, HttpRequest, HttpResponse, Transport};

    #[derive(Debug, Default)]
    struct Uninformed(AtomicUsize);
    impl Transport for Uninformed {
        fn exchange(&self, request: HttpRequest) -> Exchange<'_> {
            Box::pin(async move {
                if request.body.is_none() {
                    self.0.fetch_add(1, Ordering::SeqCst);
                    panic!("on purpose");
                }
                Ok(HttpResponse {
                    status: 202,
                    ..HttpResponse::default()
                })
            })
        }
    }
    let transport = Arc::new(Uninformed::default());
    let exporter = BatchExporter::with_transport(transport.clone(), patient()).expect("a thread");
    let exporter = Arc::new(exporter);
    let tracer = Tracer::builder(Arc::new(To(exporter.clone()))).build();
    for _ in 0..3 {
        tracer.run("r").start().end();
        exporter.flush(PATIENCE).expect("delivered");
    }
    assert_eq!(exporter.stats().delivered, 6);
    assert_eq!(transport.0.load(Ordering::SeqCst), 1);
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
