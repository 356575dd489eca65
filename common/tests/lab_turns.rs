//! Requests taken in turns: each way as often as the others, and what fails is left out.
#![cfg(feature = "lab")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;
use common::prelude::*;

fn counting(status: StatusCode) -> (Service, Arc<AtomicUsize>) {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = asked.clone();
    let handler = get(move || async move {
        count.fetch_add(1, Ordering::Relaxed);
        status
    });
    let router = Router::new().route("/", handler);
    (Service::start("counting", router), asked)
}

#[tokio::test(flavor = "multi_thread")]
async fn each_way_is_asked_as_often_as_the_others_and_a_failing_one_has_no_time() {
    let (good, asked_good) = counting(StatusCode::OK);
    let (bad, asked_bad) = counting(StatusCode::BAD_GATEWAY);
    let ways = [
        ("good", http_client().get(good.url("/"))),
        ("bad", http_client().get(bad.url("/"))),
    ];
    let took = in_turns(5, ways).await;
    assert_eq!(
        asked_good.load(Ordering::Relaxed),
        asked_bad.load(Ordering::Relaxed)
    );
    assert!(asked_good.load(Ordering::Relaxed) >= 5);
    assert_eq!((took[0].0.as_str(), took[1].0.as_str()), ("good", "bad"));
    assert!(took[0].1 > Duration::ZERO);
    assert_eq!(took[1].1, Duration::ZERO);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_no_ways_and_of_no_rounds_nothing_comes() {
    let none: [(&str, reqwest::RequestBuilder); 0] = [];
    assert_eq!(in_turns(3, none).await, []);
    let (good, _) = counting(StatusCode::OK);
    let took = in_turns(0, [("good", http_client().get(good.url("/")))]).await;
    assert_eq!(took, [("good".to_owned(), Duration::ZERO)]);
}
