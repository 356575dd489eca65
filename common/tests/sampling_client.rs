//! Sampling of a client: what a flush and the end decide, what the metrics say.

mod exporting;
mod peer;

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::DateTime;
use common::client::Client;
use common::model::Feedback;
use common::trace::{
    KeepReason, LeaveReason, MemorySink, Parent, RunTree, Sampler, Sampling, SamplingRule,
    SamplingStats, TailPolicy, Tracer,
};
use exporting::{PATIENCE, accept, builder_to, fast};
use peer::{Peer, Received, status};

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

#[test]
fn the_sampler_that_sampling_names_wins_whichever_was_said_first() {
    let off = || Sampling::new().sampler(Sampler::AlwaysOff);
    let none = || Sampling::new().tail(TailPolicy::new().errors(false));
    for (sampling, kept) in [(off(), 0), (none(), 2)] {
        let before = Arc::new(MemorySink::new());
        let tracer = Tracer::builder(before.clone()).sampler(Sampler::AlwaysOn);
        tracer
            .sampling(sampling.clone())
            .build()
            .run("r")
            .start()
            .end();
        let behind = Arc::new(MemorySink::new());
        let tracer = Tracer::builder(behind.clone()).sampling(sampling);
        tracer
            .sampler(Sampler::AlwaysOn)
            .build()
            .run("r")
            .start()
            .end();
        assert_eq!((before.ops().len(), behind.ops().len()), (kept, kept));
    }
}

#[test]
fn what_one_client_decided_of_a_trace_binds_no_other() {
    let keeping = |sampler, label| {
        let sink = Arc::new(MemorySink::new());
        let rule = SamplingRule::new(label, sampler);
        let sampling = Sampling::new().rules([rule]).expect("valid");
        let tracer = Tracer::builder(sink.clone()).sampling(sampling).build();
        (sink, tracer)
    };
    let (all, kept_here) = keeping(Sampler::AlwaysOn, "all");
    let (none, left_out_here) = keeping(Sampler::AlwaysOff, "none");
    let above = left_out_here.run("above").start();
    let below = kept_here.run("below").parent(Parent::from(&above)).start();
    assert!(
        below.is_recording(),
        "its id is kept, and no rule is for what began elsewhere"
    );
    below.child("deep").start().end();
    below.end();
    above.end();
    assert_eq!((all.runs().len(), none.runs().len()), (2, 0));
}

fn comment_on(run: &RunTree, number: usize) -> Feedback {
    let id = run.id().expect("an id");
    let judged = Feedback::on(id, number.to_string(), DateTime::UNIX_EPOCH);
    let judged = judged.trace_id(run.trace_id().expect("a trace"));
    judged.comment("x".repeat(10_000))
}

#[test]
fn judgements_wait_within_the_bound_and_none_costs_its_trace() {
    let peer = accept();
    let sampling = Sampling::new().sampler(Sampler::AlwaysOff);
    let sampling = sampling.tail(TailPolicy::new().max_bytes(50_000));
    let client = builder_to(&peer, fast()).sampling(sampling).build();
    let client = client.expect("a client");
    let root = client.run("root").start();
    for number in 0..10 {
        let said = client.create_feedback_blocking(comment_on(&root, number));
        said.expect("it waits, or is left out");
    }
    let stats = client.sampling_stats();
    assert!(stats.waiting_bytes <= 50_000, "{stats:?}");
    assert_eq!((stats.waiting, stats.left_out_feedback), (1, 6));
    root.fail("no answer");
    client.flush(PATIENCE).expect("delivered");
    assert_eq!(client.stats().delivered, 2 + 4);
}

#[test]
fn a_judgement_that_waited_is_a_request_of_its_own_if_it_must_not_extend_retention() {
    let takes_parts = serde_json::json!({
        "version": "0.18.5",
        "batch_ingest_config": {"use_multipart_endpoint": true},
    });
    let peer = Peer::start(move |request, _| match &*request.path {
        "/info" => (200, Vec::new(), takes_parts.to_string()),
        _ => status(202),
    });
    let client = holding_back(&peer);
    let root = client.run("root").start();
    for (number, extends) in [(0, true), (1, false)] {
        let judged = comment_on(&root, number);
        let judged = if extends {
            judged
        } else {
            judged.keep_retention()
        };
        client.create_feedback_blocking(judged).expect("it waits");
    }
    root.fail("no answer");
    client.flush(PATIENCE).expect("delivered");
    let requests = peer.requests();
    let alone = requests.iter().filter(|it| it.path == "/feedback");
    let body =
        |it: &Received| -> serde_json::Value { serde_json::from_slice(&it.body).expect("JSON") };
    // The other goes along with the runs, if the server has said by then that it takes it there.
    let told: Vec<_> = alone.map(body).filter(|it| it["key"] == "1").collect();
    assert_eq!(told.len(), 1);
    assert_eq!(told[0]["extend_trace_retention"], false);
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
        "langsmith_sampling_seen_total{DESTINATION} 3",
        "langsmith_sampling_joined_total{DESTINATION} 0",
        "langsmith_sampling_traces_total{DESTINATION,outcome=\"kept\",reason=\"error\"} 1",
        "langsmith_sampling_traces_total{DESTINATION,outcome=\"kept\",reason=\"slow\"} 0",
        "langsmith_sampling_traces_total{DESTINATION,outcome=\"left_out\",reason=\"rule\"} 1",
        "langsmith_sampling_traces_total{DESTINATION,outcome=\"left_out\",reason=\"past_bytes\"} 0",
        "langsmith_sampling_rule_traces_total{DESTINATION,outcome=\"left_out\",rule=\"probes\"} 1",
        "langsmith_sampling_runs_total{DESTINATION,outcome=\"kept\"} 1",
        "langsmith_sampling_waiting{DESTINATION} 1.0",
        "langsmith_sampling_waiting_runs{DESTINATION} 1.0",
        "langsmith_sampling_missed_errors_total{DESTINATION} 0",
    ] {
        let destination = format!("destination=\"{}\"", peer.url);
        let line = line.replace("DESTINATION", &destination);
        assert!(page.lines().any(|it| it == line), "{line} of\n{page}");
    }
    drop(open);
}
