//! What an exporter makes of each answer: delivered, sent again, sent otherwise, dropped.
#![cfg(feature = "client")]

mod exporting;
mod peer;

use std::time::Duration;

use common::client::{CheckError, Client};
use common::export::{DropReason, FlushError, ServerInfo};
use exporting::{PATIENCE, accept, client_to, held_for, ingest, one_run, patient};
use peer::{Peer, parts_of, status};
use serde_json::json;

#[test]
fn retryable_answers_are_tried_again_with_the_same_bytes() {
    let codes = [407, 408, 425, 429, 499, 500, 502, 503, 504];
    for code in codes.into_iter().chain(520..=530) {
        for times in [1, 2, 5] {
            let peer = ingest(move |count| status(if count < times { code } else { 202 }));
            let client = client_to(&peer, patient());
            one_run(&client);
            client.flush(PATIENCE).expect("delivered in the end");
            let stats = client.stats();
            let again = times as u64;
            assert_eq!((stats.delivered, stats.requests), (2, again + 1));
            assert_eq!(stats.retries, again);
            let requests = peer.to("/runs/multipart");
            assert!(requests.windows(2).all(|pair| pair[0].body == pair[1].body));
        }
    }
}

#[test]
fn every_success_is_one() {
    for code in [200, 201, 202, 204, 207, 299] {
        let peer = ingest(move |_| (code, Vec::new(), String::new()));
        let client = client_to(&peer, patient());
        one_run(&client);
        client.flush(PATIENCE).expect("delivered");
        assert_eq!((client.stats().delivered, client.stats().requests), (2, 1));
    }
}

#[test]
fn a_retry_after_in_any_form_is_no_reason_to_fail() {
    let twice = vec![
        ("Retry-After", "0".to_owned()),
        ("Retry-After", "x".to_owned()),
    ];
    let past = "Wed, 21 Oct 2015 07:28:00 GMT";
    let forms = [
        "0",
        "0.001",
        "-1",
        "",
        "soon",
        "NaN",
        "99999999999999999999x",
        past,
    ];
    let forms = forms.map(|form| vec![("Retry-After", form.to_owned())]);
    for headers in forms.into_iter().chain([twice]) {
        let peer = ingest(move |count| match count {
            0..3 => (429, headers.clone(), String::new()),
            _ => status(202),
        });
        let client = client_to(&peer, patient());
        one_run(&client);
        client.flush(PATIENCE).expect("delivered");
        assert_eq!(client.stats().requests, 4);
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
    assert!(matches!(error, Err(FlushError::Timeout { left: 2, .. })));
    assert!(peer.to("/runs/multipart").len() <= 1);
    client.flush(PATIENCE).expect("delivered");
    assert_eq!(peer.to("/runs/multipart").len(), 2);
}

#[test]
fn what_would_be_tried_for_longer_than_its_budget_is_dropped() {
    // The fourth answer asks for a wait that the budget does not hold, so nobody waits for it. The
    // second form of asking is as good as the first.
    for wait in ["45", "1e300", "Fri, 31 Dec 9999 23:59:59 GMT"] {
        let peer = ingest(move |count| match count {
            0..=2 => status(503),
            3 => (503, vec![("Retry-After", wait.to_owned())], String::new()),
            _ => status(202),
        });
        let mut batch = patient();
        batch.retry.budget = Duration::from_secs(40);
        let client = client_to(&peer, batch);
        one_run(&client);
        assert_eq!(
            client.flush(PATIENCE),
            Err(FlushError::Dropped {
                dropped: 2,
                reason: DropReason::RetriesExhausted
            })
        );
        assert_eq!((client.stats().requests, client.stats().retries), (4, 3));
        assert_eq!(peer.to("/runs/multipart").len(), 4);
    }
}

#[test]
fn without_a_budget_nothing_is_tried_again() {
    let peer = ingest(|_| status(503));
    let mut batch = patient();
    batch.retry.budget = Duration::ZERO;
    let client = client_to(&peer, batch);
    one_run(&client);
    client.flush(PATIENCE).expect_err("dropped");
    assert_eq!((client.stats().requests, client.stats().retries), (1, 0));
    assert_eq!(peer.to("/runs/multipart").len(), 1);
}

#[test]
fn a_batch_too_large_for_the_server_is_halved_and_only_what_is_too_large_alone_is_dropped() {
    let peer = Peer::start(|request, _| match &*request.path {
        "/runs/multipart" => {
            let parts = parts_of(request);
            let runs = parts.iter().filter(|part| part.json.get("id").is_some());
            let huge = parts.iter().any(|part| part.json["name"] == "huge");
            status(if huge || runs.count() > 2 { 413 } else { 202 })
        }
        _ => status(200),
    });
    let client = client_to(&peer, patient());
    for name in ["a", "b", "huge", "c", "d", "e", "f"] {
        client.run(name).start().end();
    }
    assert_eq!(
        client.flush(PATIENCE),
        Err(FlushError::Dropped {
            dropped: 2,
            reason: DropReason::TooLarge
        })
    );
    let stats = client.stats();
    assert!(stats.balances(), "{stats}");
    assert_eq!(stats.delivered, 12);
    assert_eq!(stats.dropped.get(&DropReason::TooLarge), Some(&2));
    // The answer is about one batch; it is no reason to send the same again.
    assert_eq!(stats.retries, 0);
}

#[test]
fn one_field_of_info_that_cannot_be_read_does_not_cost_the_others() {
    let info = json!({
        "version": 7,
        "batch_ingest_config": {
            "use_multipart_endpoint": false,
            "size_limit": "many",
            "size_limit_bytes": 20_000.0,
        },
    })
    .to_string();
    let read = ServerInfo::parse(info.as_bytes()).expect("an answer");
    assert_eq!(read.version, None);
    let batch = read.batch_ingest_config.expect("a configuration");
    assert_eq!(batch.use_multipart_endpoint, Some(false));
    assert_eq!(
        (batch.size_limit, batch.size_limit_bytes),
        (None, Some(20_000))
    );

    let peer = Peer::start(move |request, _| match &*request.path {
        "/info" => (200, Vec::new(), info.clone()),
        _ => status(202),
    });
    let client = client_to(&peer, patient());
    one_run(&client);
    client.flush(PATIENCE).expect("delivered");
    assert_eq!(peer.to("/runs/multipart").len(), 0);
    assert_eq!(peer.to("/runs/batch").len(), 1);
}

#[test]
fn what_is_no_object_is_no_answer_of_info() {
    for body in ["", "[]", "7", "null", "\"LangSmith\"", "<html>"] {
        assert_eq!(ServerInfo::parse(body.as_bytes()), None, "{body}");
    }
    for body in ["{}", r#"{"batch_ingest_config": []}"#, r#"{"version": {}}"#] {
        let read = ServerInfo::parse(body.as_bytes());
        assert_eq!(read, Some(ServerInfo::default()), "{body}");
    }
    for (number, limit) in [
        ("100", Some(100)),
        ("100.0", Some(100)),
        ("1e2", Some(100)),
        ("100.5", None),
        ("-1", None),
        ("1e300", None),
        ("true", None),
    ] {
        let body = format!(r#"{{"batch_ingest_config": {{"size_limit": {number}}}}}"#);
        let read = ServerInfo::parse(body.as_bytes()).expect("an answer");
        let batch = read.batch_ingest_config.expect("a configuration");
        assert_eq!(batch.size_limit, limit, "{number}");
    }
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
fn refusals_are_dropped_at_once_with_their_reason() {
    for (code, reason) in [
        (400, DropReason::Rejected),
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

/// A client whose runs are sent a hundred at once, and the peer, which answers so to these names.
fn hundred_runs(name: fn(usize) -> &'static str, code: u16) -> (Peer, Client) {
    let peer = Peer::start(move |request, _| match &*request.path {
        "/runs/multipart" => {
            let bad = parts_of(request)
                .iter()
                .any(|part| part.json["name"] == "bad");
            status(if bad { code } else { 202 })
        }
        _ => status(200),
    });
    let mut batch = patient();
    batch.max_ops = Some(200);
    let client = client_to(&peer, batch);
    for number in 0..100 {
        client.run(name(number)).start().end();
    }
    (peer, client)
}

#[test]
fn one_run_that_is_rejected_does_not_cost_those_beside_it() {
    for code in [400, 422] {
        let (peer, client) = hundred_runs(|at| if at == 37 { "bad" } else { "good" }, code);
        let reason = DropReason::Rejected;
        let lost = client.flush(PATIENCE);
        assert_eq!(lost, Err(FlushError::Dropped { dropped: 2, reason }));
        let stats = client.stats();
        assert!(stats.balances(), "{stats}");
        assert_eq!((stats.delivered, stats.retries), (198, 0));
        let requests = peer.to("/runs/multipart").len();
        assert!(requests <= 15, "{requests} requests");
    }
}

#[test]
fn a_server_that_rejects_everything_is_not_asked_for_each_run() {
    let (peer, client) = hundred_runs(|_| "bad", 422);
    let reason = DropReason::Rejected;
    let lost = client.flush(PATIENCE);
    assert_eq!(
        lost,
        Err(FlushError::Dropped {
            dropped: 200,
            reason
        })
    );
    assert!(client.stats().balances(), "{}", client.stats());
    let requests = peer.to("/runs/multipart").len();
    assert!(requests < 50, "{requests} requests");
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
    assert_eq!(held_for(&client), DropReason::NotFound);
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
        assert_eq!(held_for(&client), DropReason::Redirected);
        assert!(matches!(
            client.check_blocking(),
            Err(CheckError::Redirected { .. })
        ));
        client.shutdown(Duration::ZERO).expect_err("not delivered");
        let dropped = client.stats().dropped;
        assert_eq!(dropped.get(&DropReason::Redirected), Some(&2));
        assert!(other.requests().is_empty());
    }
}
