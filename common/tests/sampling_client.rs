//! Sampling of a client: what a flush and the end decide, what the metrics say.

mod exporting;
mod peer;

use std::collections::BTreeMap;

use common::client::Client;
use common::trace::{
    KeepReason, LeaveReason, Sampler, Sampling, SamplingRule, SamplingStats, TailPolicy,
};
use exporting::{PATIENCE, accept, builder_to, fast};
use peer::Peer;

fn holding_back(peer: &Peer) -> Client {
    let probes = SamplingRule::new("probes", Sampler::AlwaysOff).name("probe");
    let sampling = Sampling::new().sampler(Sampler::AlwaysOff).rules([probes]);
    let sampling = sampling.expect("valid").tail(TailPolicy::new());
    let client = builder_to(peer, fast()).sampling(sampling).build();
    client.expect("a client")
}

fn books(stats: &SamplingStats) -> String {
    assert!(stats.balances(), "{stats:?}");
    stats.to_string()
}

#[test]
fn a_flush_sends_what_failed_and_lets_what_is_open_wait() {
    let peer = accept();
    let client = holding_back(&peer);
    let open = client.run("open").start();
    client.run("fails").start().fail("no answer");
    client.run("probe").start().end();
    client.flush(PATIENCE).expect("delivered");
    assert_eq!(client.stats().delivered, 2);
    assert_eq!(
        books(&client.sampling_stats()),
        "seen 3 = kept 1 (error 1) + left out 1 (rule 1) + waiting 1"
    );
    // A flush for one request took no other's chance.
    open.fail("no answer either");
    client.flush(PATIENCE).expect("delivered");
    assert_eq!(client.stats().delivered, 4);
    assert!(client.stats().balances());
}

#[test]
fn the_shutdown_decides_of_all_and_nothing_is_held_after_it() {
    let peer = accept();
    let client = holding_back(&peer);
    let open = client.run("open").start();
    client.shutdown(PATIENCE).expect("nothing to deliver");
    let late = client.run("late").start();
    late.end();
    open.end();
    let stats = client.sampling_stats();
    assert_eq!(stats.left_out, BTreeMap::from([(LeaveReason::Shutdown, 2)]));
    assert_eq!((stats.waiting, stats.waiting_bytes), (0, 0));
    assert!(stats.balances(), "{stats:?}");
    assert_eq!(client.stats().accepted, 0);
}

#[test]
fn a_rate_of_the_builder_holds_where_sampling_names_none() {
    let peer = accept();
    let client = builder_to(&peer, fast())
        .sampling_rate(0.0)
        .sampling(Sampling::new());
    let client = client.build().expect("a client");
    client.run("left out").start().end();
    assert_eq!(
        client.sampling_stats().left_out,
        BTreeMap::from([(LeaveReason::Rate, 1)])
    );
    let named = Sampling::new().sampler(Sampler::AlwaysOn);
    let client = builder_to(&peer, fast()).sampling_rate(0.0).sampling(named);
    let client = client.build().expect("a client");
    client.run("kept").start().end();
    assert_eq!(
        client.sampling_stats().kept,
        BTreeMap::from([(KeepReason::All, 1)])
    );
}

#[cfg(feature = "prometheus")]
#[test]
fn the_metrics_say_what_the_books_say() {
    use prometheus_client::encoding::text::encode;
    use prometheus_client::registry::Registry;

    let peer = accept();
    let client = holding_back(&peer);
    let mut registry = Registry::default();
    registry.register_collector(Box::new(client.metrics()));
    let open = client.run("open").start();
    client.run("fails").start().fail("no answer");
    client.run("probe").start().end();
    let mut page = String::new();
    encode(&mut page, &registry).expect("written");
    for line in [
        "langsmith_sampling_seen_total 3",
        "langsmith_sampling_joined_total 0",
        "langsmith_sampling_traces_total{outcome=\"kept\",reason=\"error\"} 1",
        "langsmith_sampling_traces_total{outcome=\"kept\",reason=\"slow\"} 0",
        "langsmith_sampling_traces_total{outcome=\"left_out\",reason=\"rule\"} 1",
        "langsmith_sampling_traces_total{outcome=\"left_out\",reason=\"past_bytes\"} 0",
        "langsmith_sampling_rule_traces_total{outcome=\"left_out\",rule=\"probes\"} 1",
        "langsmith_sampling_runs_total{outcome=\"kept\"} 1",
        "langsmith_sampling_waiting 1.0",
        "langsmith_sampling_waiting_runs 1.0",
        "langsmith_sampling_missed_errors_total 0",
    ] {
        assert!(page.lines().any(|it| it == line), "{line} of\n{page}");
    }
    drop(open);
}
