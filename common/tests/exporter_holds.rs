//! What is held while an endpoint takes nothing from us: a refused key, a missing path, a redirect.
#![cfg(feature = "client")]

mod exporting;
mod peer;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, RwLock};
use std::time::Duration;

use common::client::Client;
use common::export::{BatchConfig, Destination, DropReason, FlushError, RetryPolicy};
use common::model::Attachment;
use exporting::{KEY, PATIENCE, accept, builder_to, client_to, held_for, ingest, one_run, patient};
use peer::{Peer, parts_of, status};
use secrecy::SecretString;

const WORKSPACE: &str = r#"{"error":"org_scoped_key_requires_workspace"}"#;

#[test]
fn trouble_that_passes_costs_no_run() {
    for (code, body) in [
        (401, ""),
        (403, ""),
        (403, WORKSPACE),
        (307, ""),
        (404, ""),
        (503, ""),
    ] {
        let peer = ingest(move |count| match count {
            0..5 => (code, Vec::new(), body.to_owned()),
            _ => status(202),
        });
        let client = client_to(&peer, patient());
        for _ in 0..10 {
            one_run(&client);
        }
        client.flush(PATIENCE).expect("delivered in the end");
        let stats = client.stats();
        assert!(stats.balances(), "{stats}");
        assert_eq!((stats.delivered, stats.total_dropped()), (20, 0), "{code}");
    }
}

#[test]
fn a_flush_says_what_keeps_the_runs_and_a_shutdown_drops_them_for_it() {
    for (code, body, reason, words) in [
        (401, "", DropReason::KeyRefused, "the key was refused"),
        (
            403,
            WORKSPACE,
            DropReason::WorkspaceNeeded,
            "set LANGSMITH_WORKSPACE_ID",
        ),
        (302, "", DropReason::Redirected, "redirects"),
        (404, "", DropReason::NotFound, "no ingest path"),
        (503, "", DropReason::Unavailable, "the endpoint fails"),
    ] {
        let peer = ingest(move |_| (code, Vec::new(), body.to_owned()));
        let told = Arc::new(Mutex::new(Vec::new()));
        let list = told.clone();
        let client = builder_to(&peer, patient())
            .on_drop(move |reason, count| list.lock().expect("list").push((reason, count)))
            .build()
            .expect("a client");
        one_run(&client);
        assert_eq!(held_for(&client), reason);
        assert_eq!(client.stats().total_dropped(), 0);
        let error = client.shutdown(Duration::ZERO).expect_err("not sent");
        let said = error.to_string();
        let begins = "time ran out with 2 operations unsent: ";
        assert!(said.starts_with(begins) && said.contains(words), "{said}");
        assert_eq!(client.stats().dropped.get(&reason), Some(&2));
        assert!(client.stats().balances());
        assert_eq!(*told.lock().expect("list"), [(reason, 2)]);
    }
}

#[test]
fn the_budget_of_a_batch_ends_the_holding() {
    for (code, reason) in [
        (401, DropReason::KeyRefused),
        (404, DropReason::NotFound),
        (308, DropReason::Redirected),
        (500, DropReason::RetriesExhausted),
    ] {
        let peer = ingest(move |_| status(code));
        let mut batch = patient();
        batch.retry.budget = Duration::from_millis(30);
        let client = client_to(&peer, batch);
        one_run(&client);
        let lost = client.flush(PATIENCE);
        assert_eq!(lost, Err(FlushError::Dropped { dropped: 2, reason }));
        assert!(client.stats().balances());
    }
}

/// Long waits: what is delivered before they are over was not waited for.
fn hardly_ever() -> BatchConfig {
    BatchConfig {
        retry: RetryPolicy {
            base: Duration::from_secs(3_000),
            cap: Duration::from_secs(3_000),
            ..RetryPolicy::default()
        },
        ..patient()
    }
}

#[test]
fn a_new_key_is_taken_at_once_also_by_what_already_waits() {
    for code in [401, 403] {
        let peer = Peer::start(move |request, _| {
            let is_good = request.header("x-api-key") == Some("the-new-key");
            status(if request.path == "/info" || is_good {
                202
            } else {
                code
            })
        });
        let key = Arc::new(RwLock::new(SecretString::from(KEY)));
        let current = key.clone();
        let mut batch = hardly_ever();
        batch.retry.budget = Duration::from_secs(100_000);
        let client = Client::builder()
            .endpoint(&peer.url)
            .batch(batch)
            .api_key_from(move || current.read().ok().map(|key| key.clone()))
            .build()
            .expect("a client");
        one_run(&client);
        assert_eq!(held_for(&client), DropReason::KeyRefused);
        *key.write().expect("no panic") = SecretString::from(" the-new-key\n");
        client.flush(PATIENCE).expect("taken with the new key");
        assert_eq!(
            (client.stats().delivered, client.stats().total_dropped()),
            (2, 0)
        );
        let last = peer.to("/runs/multipart").pop().expect("requests");
        assert_eq!(last.header("x-api-key"), Some("the-new-key"));
        assert!(!format!("{client:?}").contains("the-new-key"));
    }
}

#[test]
fn a_source_of_keys_that_panics_or_has_none_costs_no_run() {
    type Current = fn() -> Option<SecretString>;
    let sources: [Current; 4] = [
        || None,
        || Some(SecretString::from("")),
        || Some(SecretString::from("with\na line break")),
        || panic!("on purpose"),
    ];
    for bad in sources {
        let peer = Peer::start(|request, _| {
            let is_good = request.header("x-api-key") == Some(KEY);
            status(if request.path == "/info" || is_good {
                202
            } else {
                401
            })
        });
        let mended = Arc::new(AtomicBool::new(false));
        let works = mended.clone();
        let client = builder_to(&peer, patient())
            .header("x-api-key", "of another")
            .api_key_from(move || match works.load(Ordering::SeqCst) {
                true => Some(SecretString::from(KEY)),
                false => bad(),
            })
            .build()
            .expect("a client");
        one_run(&client);
        assert_eq!(held_for(&client), DropReason::KeyRefused);
        mended.store(true, Ordering::SeqCst);
        client.flush(PATIENCE).expect("delivered");
        let first = &peer.to("/runs/multipart")[0];
        assert_eq!(first.header("x-api-key"), None);
    }
}

#[test]
fn both_paths_missing_for_a_while_are_no_reason_to_do_without_multipart() {
    let peer = Peer::start(|request, count| match &*request.path {
        "/runs/multipart" => status(if count < 3 { 404 } else { 202 }),
        "/runs/batch" => status(404),
        _ => status(200),
    });
    let client = client_to(&peer, patient());
    let file = Attachment::new("file", "text/plain", &b"kept"[..]);
    client.run("r").attachment(file).start().end();
    client.flush(PATIENCE).expect("delivered");
    one_run(&client);
    client.flush(PATIENCE).expect("delivered");
    let requests = peer.to("/runs/multipart");
    assert_eq!((requests.len(), peer.to("/runs/batch").len()), (5, 3));
    let parts = parts_of(&requests[3]);
    assert!(
        parts
            .iter()
            .any(|part| part.name.starts_with("attachment."))
    );
    assert!(client.stats().attachments_lost.is_empty());
}

#[test]
fn of_several_destinations_the_one_in_trouble_is_named() {
    let (good, bad) = (accept(), ingest(|_| status(401)));
    let client = builder_to(&good, patient())
        .also_send_to(Destination::new(&bad.url).api_key("another-key"))
        .build()
        .expect("a client");
    one_run(&client);
    loop {
        let error = client.flush(Duration::from_millis(20)).expect_err("held");
        let because = Some(DropReason::KeyRefused);
        if error.what() == &(FlushError::Timeout { left: 2, because }) {
            assert!(error.to_string().starts_with(&bad.url), "{error}");
            break;
        }
    }
    assert_eq!(client.stats_by_destination()[0].1.delivered, 2);
}
