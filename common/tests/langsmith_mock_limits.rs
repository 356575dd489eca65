//! What the stand-in holds has a bound, whatever is sent to it.

#![cfg(feature = "langsmith_mock")]
#![allow(clippy::unwrap_used, reason = "a failed step fails the test")]

mod langsmith_mock_support;

use std::net::SocketAddr;
use std::time::Duration;

use common::langsmith_mock::{LangSmithMock, Limits, ViolationCode as V};
use http::Method;
use langsmith_mock_support::*;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

fn limited(limits: Limits) -> LangSmithMock {
    LangSmithMock::builder().limits(limits).unmounted()
}

#[test]
fn rejected_bodies_and_feedback_count_against_the_total() {
    let mock = limited(Limits {
        total_bytes: 100_000,
        ..Limits::default()
    });
    batch(&mock, &[post(1, &[])], &[]);
    for _ in 0..20 {
        batch(
            &mock,
            &[json!({"id": id(2), "inputs": {"q": "x".repeat(30_000)}})],
            &[],
        );
        let feedback = json!({"key": "k", "run_id": id(1), "comment": "x".repeat(30_000)});
        mock.handle(json_request(Method::POST, "/feedback", &feedback));
    }
    let held: usize = mock
        .rejected()
        .iter()
        .map(|op| op.body.to_string().len())
        .sum();
    let said: usize = mock
        .feedback()
        .iter()
        .map(|value| value.to_string().len())
        .sum();
    assert!(held > 0 && said > 0, "the latest are kept");
    assert!(held + said < 100_000, "{held} and {said} bytes are held");
    assert_eq!(
        mock.runs().len(),
        1,
        "a run is not forgotten for what was refused"
    );
}

#[test]
fn messages_and_ids_of_any_length_are_cut() {
    let mock = limited(Limits::default());
    let order: Vec<String> = (1..=500).map(segment).collect();
    let mut deep = post(1, &[]);
    deep["dotted_order"] = json!(order.join("."));
    let long = "x".repeat(50_000);
    let mut odd = post(2, &[]);
    odd["run_type"] = json!(long);
    odd["parent_run_id"] = json!([long]);
    batch(&mock, &[deep, odd, json!({ "id": long })], &[]);
    let name = format!("attachment.{}.{long}", id(9));
    send_parts(&mock, &[(name, "text/plain".to_owned(), vec![1])]);
    assert!(codes(&mock.violations()).contains(&V::DottedOrderId));
    for violation in mock.violations() {
        assert!(violation.message.len() < 2_000, "{}", violation.code);
    }
    for op in mock.rejected() {
        assert!(op.id.len() < 2_000);
        assert!(
            op.violations
                .iter()
                .all(|violation| violation.message.len() < 2_000)
        );
    }
    assert!(mock.ingest_log().iter().all(|entry| entry.id.len() < 2_000));
    let place = mock
        .violations()
        .into_iter()
        .find(|v| v.code == V::DottedOrderId);
    assert!(place.unwrap().message.ends_with("parent_run_id:None"));
}

#[test]
fn odd_segments_are_reported_once_a_run() {
    let mock = limited(Limits::default());
    let short = |n: u64| segment(n).replace("000Z", "Z");
    let mut run = post(3, &[1, 2]);
    run["dotted_order"] = json!([short(1), short(2), short(3)].join("."));
    batch(&mock, &[run], &[]);
    assert_eq!(codes(&mock.violations()), [V::SegmentLength]);
    assert!(
        mock.violations()[0]
            .message
            .ends_with("3 segments of 3 are so")
    );
}

#[test]
fn the_project_of_a_trace_is_forgotten_with_its_last_run() {
    let mock = limited(Limits {
        runs: 2,
        ..Limits::default()
    });
    let elsewhere = |mut run: Value| {
        run["session_name"] = json!("elsewhere");
        run
    };
    // The root itself never arrives.
    batch(&mock, &[post(2, &[1]), post(3, &[1])], &[]);
    batch(&mock, &[post(10, &[]), elsewhere(post(4, &[1]))], &[]);
    assert_eq!(
        codes(&mock.violations()),
        [V::ProjectChanged],
        "run 3 was still there"
    );
    batch(&mock, &[post(11, &[]), post(12, &[])], &[]);
    batch(&mock, &[elsewhere(post(5, &[1]))], &[]);
    assert_eq!(mock.violations().len(), 1, "nobody remembers");
}

#[test]
fn a_replaced_attachment_counts_once() {
    let mock = limited(Limits {
        total_bytes: 50_000,
        ..Limits::default()
    });
    batch(&mock, &[post(1, &[]), post(2, &[])], &[]);
    let name = format!("attachment.{}.file", id(2));
    for _ in 0..10 {
        send_parts(
            &mock,
            &[(name.clone(), "text/plain".to_owned(), vec![7; 20_000])],
        );
    }
    assert_eq!(mock.forgotten(), 0);
    assert_eq!(mock.runs().len(), 2);
}

#[test]
fn a_page_names_the_runs_below_in_order_of_arrival() {
    let mock = limited(Limits::default());
    let posts = [
        post(1, &[]),
        post(4, &[1]),
        post(3, &[1, 2]),
        post(2, &[1]),
        post(5, &[1, 2, 3]),
        post(9, &[]),
        post(10, &[9]),
    ];
    batch(&mock, &posts, &[]);
    let answer = body_json(&mock.handle(json_request(
        Method::POST,
        "/runs/query",
        &json!({"is_root": true, "order": "asc"}),
    )));
    let ids = |numbers: &[u64]| json!(numbers.iter().map(|n| id(*n)).collect::<Vec<_>>());
    assert_eq!(answer["runs"][0]["child_run_ids"], ids(&[4, 3, 2, 5]));
    assert_eq!(answer["runs"][0]["direct_child_run_ids"], ids(&[4, 2]));
    assert_eq!(answer["runs"][1]["child_run_ids"], ids(&[10]));
    let target = format!("/runs/{}", id(2));
    let middle = body_json(&mock.handle(request(Method::GET, &target, "")));
    assert_eq!(middle["child_run_ids"], ids(&[3, 5]));
    assert_eq!(middle["direct_child_run_ids"], ids(&[3]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_the_client_cut_off_is_not_handled() {
    let mock = LangSmithMock::serve(([127, 0, 0, 1], 0).into())
        .await
        .unwrap();
    let address: SocketAddr = mock.url().strip_prefix("http://").unwrap().parse().unwrap();
    // What arrives is JSON by itself, so that nothing but its length tells that it was cut.
    let body = json!({"post": [post(1, &[])]}).to_string();
    let head = format!(
        "POST /runs/batch HTTP/1.1\r\nhost: {address}\r\nx-api-key: {KEY}\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len() + 10
    );
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(body.as_bytes()).await.unwrap();
    stream.shutdown().await.unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    let recorded = async {
        while mock.requests().is_empty() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), recorded)
        .await
        .unwrap();
    assert_eq!(mock.requests()[0].status, 400);
    assert!(mock.runs().is_empty() && mock.violations().is_empty());
}

#[test]
fn small_values_count_as_what_they_take_whichever_way_they_come() {
    let few = limited(Limits {
        total_bytes: 10_000_000,
        ..Limits::default()
    });
    for n in 1..=20 {
        let mut run = post(n, &[]);
        // 40 kB on the wire, and more than a megabyte in memory.
        let inputs = json!({ "zeros": vec![0; 20_000] });
        if n % 2 == 0 {
            run["inputs"] = inputs;
            batch(&few, &[run], &[]);
        } else {
            let main = json_part(format!("post.{}", id(n)), &run);
            let side = json_part(format!("post.{}.inputs", id(n)), &inputs);
            send_parts(&few, &[main, side]);
        }
    }
    let held = few.runs().len();
    assert!((2..12).contains(&held), "{held}");
}
