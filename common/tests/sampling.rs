//! Which traces are kept: the same as by the official SDKs, and by every service.

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::DateTime;
use common::model::{Feedback, RunOp, Segment, TraceId};
use common::propagation::{LangSmithPropagator, Propagator as _};
use common::trace::{
    GateCounts, InvalidSamplingRate, MemorySink, RunTree, SAMPLE_RATE, Sampler, SamplingRate,
    Tracer,
};
use http::HeaderMap;
use proptest::prelude::*;
use serde_json::{Value, json};
use uuid::Uuid;

fn at(rate: f64) -> Sampler {
    Sampler::TraceIdRatio(SamplingRate::new(rate).expect("a rate"))
}

fn id(text: &str) -> Uuid {
    text.parse().expect("an id")
}

fn sampling(sampler: Sampler) -> (Arc<MemorySink>, Tracer) {
    let sink = Arc::new(MemorySink::new());
    let tracer = Tracer::builder(sink.clone()).sampler(sampler).build();
    (sink, tracer)
}

fn root(tracer: &Tracer, trace_id: Uuid) -> RunTree {
    tracer.run("root").id(trace_id.into()).start()
}

fn recording(text: &str) -> Value {
    serde_json::from_str(text).expect("a recording")
}

fn stdout(recording: &Value) -> Value {
    serde_json::from_str(recording["program_stdout"].as_str().expect("text")).expect("JSON")
}

const KEPT: &str = "01990000-0000-7000-8000-000000000000";
const DROPPED: &str = "01990000-0000-7000-8000-000000001111";

#[test]
fn the_documented_ids_fall_where_python_and_javascript_see_them() {
    for (text, bucket) in [
        ("11111111-1111-4111-8111-111111111111", 463_343),
        ("01a202b9-c0fa-79c4-b129-936ed20f9bf4", 975_303),
        ("00000000-0000-0000-0000-000000000000", 440_104),
        ("ffffffff-ffff-4fff-bfff-ffffffffffff", 578_341),
    ] {
        let (here, next) = (f64::from(bucket) / 1e6, f64::from(bucket + 1) / 1e6);
        assert!(!at(here).keeps(id(text)), "{text}");
        assert!(at(next).keeps(id(text)), "{text}");
        assert_eq!(at(0.5).keeps(id(text)), bucket < 500_000, "{text}");
        assert!(at(0.5).keeps(id(text)) == at(0.5).keeps(id(&text.to_uppercase())));
    }
}

#[test]
fn the_sixteen_recorded_traces_are_kept_or_dropped_as_the_python_sdk_did() {
    let vector = recording(include_str!("vectors/09_sampling_half.json"));
    let rows = stdout(&vector);
    let rows = rows.as_array().expect("rows");
    assert_eq!(rows.len(), 16);
    for row in rows {
        let trace_id = id(row["trace_id"].as_str().expect("an id"));
        for (rate, kept) in [(0.5, "kept_at_0.5"), (0.1, "kept_at_0.1")] {
            assert_eq!(Value::from(at(rate).keeps(trace_id)), row[kept], "{row}");
        }
        let bucket = row["bucket"].as_f64().expect("a bucket");
        assert!(!at(bucket / 1e6).keeps(trace_id) && at((bucket + 1.0) / 1e6).keeps(trace_id));
    }
    // The whole program: a root with a child each.
    let (sink, tracer) = sampling(at(0.5));
    for row in rows {
        let root = root(&tracer, id(row["trace_id"].as_str().expect("an id")));
        root.child("c").start().end();
        root.end();
    }
    let ours: BTreeSet<TraceId> = sink.runs().iter().map(|run| run.trace_id).collect();
    let parts = vector["requests"][1]["parts"].as_array().expect("parts");
    let theirs: BTreeSet<TraceId> = parts
        .iter()
        .filter_map(|part| part["json"]["trace_id"].as_str()?.parse().ok())
        .collect();
    assert_eq!(ours, theirs);
    assert_eq!(sink.runs().len(), 12);
    assert_eq!(tracer.gate_counts().sampled_out_runs, 20);
}

#[test]
fn the_javascript_sdk_keeps_the_same_traces() {
    let vector = recording(include_str!("vectors/js_07_sampling_parity.json"));
    let kept: BTreeSet<Uuid> = serde_json::from_value(stdout(&vector)).expect("ids");
    let ours: BTreeSet<Uuid> = (0..16_u128)
        .map(|n| Uuid::from_u128(0x0199_0000_0000_7000_8000_0000_0000_0000 | (n * 0x1111)))
        .filter(|trace_id| at(0.5).keeps(*trace_id))
        .collect();
    assert_eq!(ours, kept);
    assert_eq!(kept.len(), 6);
}

proptest! {
    #[test]
    fn a_smaller_sample_is_part_of_a_larger_one(
        ids in prop::collection::vec(any::<u128>(), 1..50),
        one in 0.0..=1.0_f64,
        other in 0.0..=1.0_f64,
    ) {
        let (smaller, larger) = (at(one.min(other)), at(one.max(other)));
        for id in ids.into_iter().map(Uuid::from_u128) {
            prop_assert!(!smaller.keeps(id) || larger.keeps(id));
            prop_assert!(!at(0.0).keeps(id) && at(1.0).keeps(id));
            prop_assert!(Sampler::AlwaysOn.keeps(id) && !Sampler::AlwaysOff.keeps(id));
        }
    }
}

#[test]
fn a_sample_holds_about_the_part_it_is_meant_to_hold() {
    let ids = (0..10_000_u128).map(|n| Uuid::from_u128(n.wrapping_mul(0x9E37_79B9_7F4A_7C15)));
    let kept = ids.filter(|id| at(0.25).keeps(*id)).count();
    assert!((2_300..2_700).contains(&kept), "{kept}");
}

#[test]
fn a_kept_run_says_at_which_rate_and_its_headers_do_not() {
    let (sink, tracer) = sampling(at(0.5));
    let run = root(&tracer, id(KEPT));
    assert!(run.is_recording());
    let child = run.child("c").metadata("k", 1).start();
    let context = child.context().expect("a place");
    assert_eq!(
        *context.baggage.metadata,
        *json!({"k": 1}).as_object().expect("a map")
    );
    child.end();
    run.end();
    // As in vector 09: on creation and on update, of roots and of children.
    assert_eq!(sink.ops().len(), 4);
    for op in sink.ops() {
        let metadata = &op.run().expect("a run").extra.metadata;
        assert_eq!(metadata[SAMPLE_RATE], json!(0.5));
    }
    let vector = recording(include_str!("vectors/09_sampling_half.json"));
    let parts = vector["requests"][1]["parts"].as_array().expect("parts");
    let metadata = parts.iter().filter_map(|part| part["json"].get("metadata"));
    let rates: Vec<&Value> = metadata.map(|metadata| &metadata[SAMPLE_RATE]).collect();
    assert!(!rates.is_empty() && rates.iter().all(|rate| **rate == json!(0.5)));
}

#[test]
fn without_a_rate_nothing_is_said_of_one() {
    let (sink, tracer) = sampling(Sampler::AlwaysOn);
    root(&tracer, id(DROPPED)).end();
    assert_eq!(sink.ops().len(), 2);
    assert!(sink.runs()[0].extra.metadata.is_empty());
    let (sink, tracer) = sampling(at(1.0));
    root(&tracer, id(DROPPED)).end();
    assert_eq!(sink.runs()[0].extra.metadata[SAMPLE_RATE], json!(1.0));
}

#[test]
fn a_sampled_out_run_sends_nothing_and_still_leads_the_way() {
    let (sink, tracer) = sampling(at(0.5));
    let run = root(&tracer, id(DROPPED));
    assert!(!run.is_recording());
    run.add_metadata("user", "u1");
    run.add_tag("t");
    run.add_event("nobody hears it");
    run.set_outputs(json!({"lost": true}));
    let child = run.child("below").inputs(json!({"q": 1})).start();
    assert!(!child.is_recording());
    let (above, below) = (run.dotted_order(), child.dotted_order());
    assert!(
        below
            .expect("a place")
            .as_str()
            .starts_with(above.expect("a place").as_str())
    );

    let mut headers = HeaderMap::new();
    let context = child.context().expect("a place");
    LangSmithPropagator::new().inject(&context, &mut headers);
    assert_eq!(headers["langsmith-trace"], context.dotted_order.as_str());
    assert_eq!(context.trace_id().0, id(DROPPED));
    assert_eq!(context.baggage.metadata["user"], "u1");
    assert_eq!(context.baggage.tags, ["t"]);

    // A service with the same rate comes to the same decision; one without a rate keeps all.
    let elsewhere = |sampler| {
        let (sink, tracer) = sampling(sampler);
        tracer.run("serve").parent(context.clone()).start().end();
        tracer.remote(context.clone()).child("serve").start().end();
        assert_eq!(
            tracer.remote(context.clone()).is_recording(),
            sampler == Sampler::AlwaysOn
        );
        sink.runs().len()
    };
    assert_eq!(elsewhere(at(0.5)), 0);
    assert_eq!(elsewhere(Sampler::AlwaysOn), 2);

    child.fail("nobody hears it");
    run.end_with(json!({"lost": true}));
    drop((run, child));
    assert!(sink.ops().is_empty());
    assert_eq!(tracer.gate_counts().sampled_out_runs, 2);
    assert_eq!(tracer.gate_counts().to_string(), "sampled_out_runs 2");
}

#[test]
fn feedback_shares_the_fate_of_its_trace_and_else_of_its_run() {
    let (_, tracer) = sampling(at(0.5));
    let now = DateTime::UNIX_EPOCH;
    let on = |run: &str| Feedback::on(id(run).into(), "rating", now);
    let leaves = |feedback: Feedback| tracer.admit(RunOp::Feedback(Box::new(feedback))).is_some();
    assert!(leaves(on(DROPPED).trace_id(id(KEPT).into())));
    assert!(!leaves(on(KEPT).trace_id(id(DROPPED).into())));
    assert!(leaves(on(KEPT)));
    assert!(!leaves(on(DROPPED)));
    let counts = GateCounts {
        sampled_out_feedback: 2,
        ..GateCounts::default()
    };
    assert_eq!(tracer.gate_counts(), counts);
}

#[test]
fn an_operation_from_elsewhere_is_sampled_at_the_way_out_too() {
    let (_, tracer) = sampling(at(0.5));
    let of = |trace: &str| {
        let start = DateTime::UNIX_EPOCH;
        let segment = Segment {
            start,
            id: id(trace).into(),
        };
        let order = common::model::DottedOrder::root(segment);
        let run = common::model::Run::begin(order, "r", "chain".into(), start);
        tracer.admit(RunOp::Patch(Box::new(run)))
    };
    assert!(of(KEPT).is_some());
    assert!(of(DROPPED).is_none());
}

#[test]
fn a_rate_is_a_number_from_zero_to_one() {
    for rate in [0.0, 0.1, 1.0] {
        assert_eq!(SamplingRate::new(rate).map(SamplingRate::get), Ok(rate));
    }
    for rate in [-0.1, 1.1, f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        assert_eq!(SamplingRate::new(rate), Err(InvalidSamplingRate));
    }
}
