//! Which hosts see the context of a run: counted there, with and without an egress list.
#![cfg(feature = "lab")]

use std::sync::Arc;

use common::client::Client;
use common::lab::hosts::{HOSTS, HostSaw, Telling, ask_hosts, hosts_table};
use common::propagation::{Egress, EgressCounters};
use common::trace::MemorySink;

fn client() -> Client {
    let sink = Arc::new(MemorySink::new());
    Client::builder()
        .enabled(false)
        .sink(sink)
        .build()
        .expect("a client")
}

fn ours() -> Egress {
    Egress::to(["*.internal"])
}

/// Requests, ids and baggage at each host.
fn counts(saw: &[HostSaw]) -> Vec<(usize, usize, usize)> {
    saw.iter()
        .map(|one| (one.requests, one.traces, one.baggage))
        .collect()
}

async fn asked(telling: Telling) -> Vec<HostSaw> {
    let client = Client::builder()
        .endpoint("http://127.0.0.1:9")
        .sink(Arc::new(MemorySink::new()))
        .build()
        .expect("a client");
    ask_hosts(&client, &telling, 2).await.expect("all answer")
}

#[tokio::test]
async fn who_tells_everyone_tells_strangers_too() {
    let saw = asked(Telling::Everyone).await;
    // The redirected one is the third at the stranger's.
    assert_eq!(counts(&saw), [(3, 3, 3), (2, 2, 2), (2, 2, 2), (3, 3, 3)]);
    assert_eq!(saw.len(), HOSTS.len());
}

#[tokio::test]
async fn a_list_keeps_it_in_the_house_but_for_what_a_host_of_ours_redirects() {
    let egress = ours();
    let saw = asked(Telling::Listed(egress.clone())).await;
    assert_eq!(counts(&saw), [(3, 3, 3), (2, 2, 2), (2, 0, 0), (3, 1, 1)]);
    assert_eq!(
        egress.counters(),
        EgressCounters {
            sent: 5,
            withheld: 4
        }
    );
}

#[tokio::test]
async fn a_list_without_redirects_keeps_all_of_it_in_the_house() {
    let saw = asked(Telling::ListedWithoutRedirects(ours())).await;
    assert_eq!(counts(&saw), [(3, 3, 3), (2, 2, 2), (2, 0, 0), (2, 0, 0)]);
    let table = hosts_table(&saw).to_string();
    assert!(
        table.contains("api.provider.example  a stranger's         2         0             0"),
        "{table}"
    );
}

#[tokio::test]
async fn a_client_that_records_nothing_tells_nobody() {
    let saw = ask_hosts(&client(), &Telling::Everyone, 1)
        .await
        .expect("all answer");
    assert!(
        saw.iter().all(|one| one.traces == 0 && one.requests > 0),
        "{saw:?}"
    );
}
