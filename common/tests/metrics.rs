//! The books as metrics: what a page for Prometheus says.
#![cfg(feature = "prometheus")]

mod exporting;
mod peer;

use std::time::Duration;

use common::client::Client;
use common::export::{BatchConfig, Destination};
use exporting::{KEY, PATIENCE, accept, builder_to, client_to, ingest, one_run, patient};
use peer::{silent_port, status};
use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;

fn registered(client: &Client) -> Registry {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(client.metrics()));
    registry
}

fn page(registry: &Registry) -> String {
    let mut page = String::new();
    encode(&mut page, registry).expect("written");
    page
}

/// The value of a metric with these labels.
fn value(page: &str, metric: &str) -> Option<f64> {
    let line = page.lines().find_map(|line| line.strip_prefix(metric))?;
    line.trim().parse().ok()
}

#[test]
fn each_destination_has_its_books_and_no_page_has_a_key() {
    let peer = accept();
    let (away, _listener) = silent_port();
    let client = builder_to(&peer, patient())
        .also_send_to(Destination::new(&away).api_key("another-key"))
        .build()
        .expect("a client");
    let registry = registered(&client);
    one_run(&client);
    let _ = client.flush(Duration::from_millis(1));
    peer.wait_until(|requests| requests.iter().any(|r| r.path == "/runs/multipart"));
    let first = format!("destination=\"{}\"", peer.url);
    let second = format!("destination=\"{away}\"");
    let mut page = page(&registry);
    // The answer may still be on its way.
    while value(&page, &format!("langsmith_export_queued{{{first}}}")) != Some(0.0) {
        page = self::page(&registry);
    }
    let has = |metric: &str, labels: &str, number: f64| {
        let metric = format!("langsmith_export_{metric}{{{labels}}}");
        assert_eq!(value(&page, &metric), Some(number), "{metric} of\n{page}");
    };
    has("accepted_total", &first, 2.0);
    has(
        "operations_total",
        &format!("{first},outcome=\"delivered\""),
        2.0,
    );
    has("stalled_seconds", &first, 0.0);
    has("queue_bytes", &first, 0.0);
    has("accepted_total", &second, 2.0);
    has(
        "operations_total",
        &format!("{second},outcome=\"delivered\""),
        0.0,
    );
    has("queued", &second, 2.0);
    has("spooled", &second, 0.0);
    let bytes = value(&page, &format!("langsmith_export_queue_bytes{{{second}}}"));
    assert!(bytes.is_some_and(|bytes| bytes > 1_000.0));
    let stalled = format!("langsmith_export_stalled_seconds{{{second}}}");
    assert!(value(&page, &stalled).is_some_and(|seconds| seconds > 0.0));
    assert!(page.contains("# TYPE langsmith_export_operations counter"));
    assert!(page.ends_with("# EOF\n"));
    assert!(!page.contains(KEY) && !page.contains("another-key"));
}

#[test]
fn every_loss_has_its_reason() {
    let peer = ingest(|_| status(400));
    let batch = BatchConfig {
        queue_ops: 2,
        ..patient()
    };
    let client = client_to(&peer, batch);
    let registry = registered(&client);
    let before = page(&registry);
    one_run(&client);
    client.run("refused").start();
    client.flush(PATIENCE).expect_err("rejected");
    let page = page(&registry);
    let to = &peer.url;
    for (outcome, reason, count) in [("dropped", "rejected", 2.0), ("refused", "queue_full", 2.0)] {
        let metric = format!(
            "langsmith_export_operations_total{{destination=\"{to}\",outcome=\"{outcome}\",reason=\"{reason}\"}}"
        );
        assert_eq!(value(&page, &metric), Some(count), "{page}");
        assert_eq!(value(&before, &metric), Some(0.0), "it can grow");
    }
}

#[test]
fn what_a_label_must_not_hold_is_escaped() {
    let peer = accept();
    let odd = Destination::new(&peer.url).api_key(KEY);
    let odd = Destination {
        workspace_id: Some("a\"b\\c".to_owned()),
        ..odd
    };
    let client = builder_to(&peer, patient()).also_send_to(odd).build();
    let page = page(&registered(&client.expect("a client")));
    let label = format!("destination=\"{} (workspace a\\\"b\\\\c)\"", peer.url);
    let metric = format!("langsmith_export_accepted_total{{{label}}}");
    assert_eq!(value(&page, &metric), Some(0.0), "{page}");
}

#[test]
fn metrics_keep_no_client_alive() {
    let peer = accept();
    let client = client_to(
        &peer,
        BatchConfig {
            shutdown_timeout: PATIENCE,
            ..patient()
        },
    );
    let registry = registered(&client);
    one_run(&client);
    drop(client);
    assert_eq!(peer.to("/runs/multipart").len(), 1, "it sent what it held");
    assert_eq!(page(&registry), "# EOF\n");
}
