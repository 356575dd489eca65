//! Traces decided where they begin: by rule, within a limit, and as a caller says.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use chrono::DateTime;
use common::model::{Clock, Feedback, RunContext, RunOp, Timestamp};
use common::propagation::{LangSmithPropagator, Propagator as _};
use common::trace::{
    CARRIED_DECISION, InvalidSampling, KeepReason, LeaveReason, MAX_SAMPLING_RULES, MemorySink,
    RuleTally, SAMPLE_RATE, Sampler, Sampling, SamplingRate, SamplingRule, Scope, TraceLimit,
    Tracer, with_scope,
};
use http::HeaderMap;
use serde_json::json;
use uuid::Uuid;

fn tracing(sampling: Sampling) -> (Arc<MemorySink>, Tracer) {
    let sink = Arc::new(MemorySink::new());
    let tracer = Tracer::builder(sink.clone()).sampling(sampling).build();
    (sink, tracer)
}

fn rate(rate: f64) -> SamplingRate {
    SamplingRate::new(rate).expect("a rate")
}

fn ruled(rules: impl IntoIterator<Item = SamplingRule>) -> Sampling {
    Sampling::new().rules(rules).expect("valid rules")
}

fn names(sink: &MemorySink) -> Vec<String> {
    sink.runs().into_iter().map(|run| run.name).collect()
}

/// A clock that stands still until it is moved.
#[derive(Debug, Default)]
struct Still(AtomicI64);

impl Clock for Still {
    fn now(&self) -> Timestamp {
        let micros = 1_795_342_674_000_000 + self.0.load(Ordering::Relaxed);
        DateTime::from_timestamp_micros(micros).expect("a time")
    }
}

#[test]
fn the_first_rule_that_fits_decides_and_the_rest_goes_by_rate() {
    let (sink, tracer) = tracing(
        ruled([
            SamplingRule::new("probes", Sampler::AlwaysOff).name("GET /health*"),
            SamplingRule::new("paying", Sampler::AlwaysOn).metadata("tier", "paid"),
            SamplingRule::new("audit", Sampler::AlwaysOn)
                .project("audit")
                .tag("legal"),
            SamplingRule::new("one name", Sampler::AlwaysOn).name("GET /answer"),
        ])
        .sampler(Sampler::AlwaysOff),
    );
    tracer
        .run("GET /healthz")
        .metadata("tier", "paid")
        .start()
        .end();
    tracer
        .run("GET /free")
        .metadata("tier", "free")
        .start()
        .end();
    with_scope(&Scope::new().metadata("tier", "paid"), || {
        tracer.run("GET /paid").start().end();
    });
    tracer.run("half of it").project("audit").start().end();
    tracer
        .run("all of it")
        .project("audit")
        .tag("legal")
        .start()
        .end();
    tracer.run("GET /answer").start().end();
    tracer.run("GET /answers").start().end();
    assert_eq!(names(&sink), ["GET /paid", "all of it", "GET /answer"]);
    let stats = tracer.sampling_stats();
    assert_eq!(stats.kept, BTreeMap::from([(KeepReason::Rule, 3)]));
    let left_out = [(LeaveReason::Rate, 3), (LeaveReason::Rule, 1)];
    assert_eq!(stats.left_out, BTreeMap::from(left_out));
    let tally = |kept, left_out| RuleTally { kept, left_out };
    let by_rule = [
        ("audit", 1, 0),
        ("one name", 1, 0),
        ("paying", 1, 0),
        ("probes", 0, 1),
    ];
    let by_rule = by_rule.map(|(label, kept, left)| (label.to_owned(), tally(kept, left)));
    assert_eq!(stats.by_rule, BTreeMap::from(by_rule));
    assert!(stats.balances());
    assert_eq!(
        stats.to_string(),
        "seen 7 = kept 3 (rule 3) + left out 4 (rate 3, rule 1) + waiting 0"
    );
}

#[test]
fn all_runs_below_follow_their_root_whatever_a_rule_says_of_them() {
    let (sink, tracer) = tracing(ruled([
        SamplingRule::new("tools", Sampler::AlwaysOff).name("tool"),
        SamplingRule::new("hidden", Sampler::AlwaysOff).name("hidden"),
    ]));
    let kept = tracer.run("kept").start();
    kept.child("tool").start().child("below").start().end();
    kept.end();
    let hidden = tracer.run("hidden").start();
    assert!(!hidden.is_recording() && !hidden.child("below").start().is_recording());
    // A scope between them changes what is inherited, and not the decision.
    let below = with_scope(&Scope::new().metadata("k", 1), || {
        hidden.child("scoped").start()
    });
    assert!(!below.is_recording());
    drop((hidden, below));
    assert_eq!(names(&sink), ["kept", "tool", "below"]);
}

#[test]
fn a_rule_keeps_a_rate_of_its_own_and_its_runs_say_it() {
    let (sink, tracer) = tracing(
        ruled([SamplingRule::new("some", Sampler::TraceIdRatio(rate(0.5))).name("some")])
            .rate(rate(1.0)),
    );
    // As vector 09 has them: the first is below one half, the second is not.
    for id in [
        "01990000-0000-7000-8000-000000000000",
        "01990000-0000-7000-8000-000000001111",
    ] {
        let id: Uuid = id.parse().expect("an id");
        for name in ["some", "other"] {
            tracer.run(name).id(id.into()).start().end();
        }
    }
    let told: Vec<_> = sink
        .runs()
        .into_iter()
        .map(|run| run.extra.metadata[SAMPLE_RATE].clone())
        .collect();
    // Runs of one id are one run to the sink, so the last to be written tells.
    assert_eq!(told, [json!(1.0), json!(1.0)]);
    let posts = sink
        .ops()
        .into_iter()
        .filter(|op| matches!(op, RunOp::Post(_)));
    let said: Vec<_> = posts
        .filter_map(|op| {
            op.run()
                .map(|run| (run.name.clone(), run.extra.metadata[SAMPLE_RATE].clone()))
        })
        .collect();
    let expected = [("some", 0.5), ("other", 1.0), ("other", 1.0)];
    assert_eq!(
        said,
        expected.map(|(name, rate)| (name.to_owned(), json!(rate)))
    );
}

#[test]
fn a_limit_counts_traces_by_the_clock_and_only_those_that_would_be_kept() {
    let clock = Arc::new(Still::default());
    let sink = Arc::new(MemorySink::new());
    let sampling = ruled([
        SamplingRule::new("never", Sampler::AlwaysOff).name("never"),
        SamplingRule::new("few", Sampler::AlwaysOn)
            .name("few")
            .limit(TraceLimit::every(Duration::from_secs(10), 1)),
    ])
    .limit(TraceLimit::per_second(2).burst(3));
    let tracer = Tracer::builder(sink.clone())
        .clock(clock.clone())
        .sampling(sampling)
        .build();
    let round = || {
        for name in ["never", "few", "few", "any", "any", "any"] {
            let run = tracer.run(name).start();
            run.child("below").start().end();
            run.end();
        }
        let kept: Vec<String> = names(&sink)
            .into_iter()
            .filter(|name| name != "below")
            .collect();
        kept
    };
    // A place each for `few`, whose second is one too many for its rule, and for two others.
    assert_eq!(round(), ["few", "any", "any"]);
    clock.0.store(1_000_000, Ordering::Relaxed);
    assert_eq!(round(), ["few", "any", "any", "any", "any"]);
    let stats = tracer.sampling_stats();
    assert_eq!(
        stats.left_out,
        BTreeMap::from([(LeaveReason::Rule, 2), (LeaveReason::Limit, 5)])
    );
    assert_eq!(stats.total_kept(), 5);
    assert!(stats.balances(), "{stats}");
}

fn sent(context: &RunContext) -> RunContext {
    let mut headers = HeaderMap::new();
    LangSmithPropagator::new().inject(context, &mut headers);
    let extracted = LangSmithPropagator::new()
        .policy(common::propagation::TrustPolicy::Continue)
        .extract(&headers);
    extracted.context.expect("a context")
}

#[test]
fn a_decision_is_carried_to_a_callee_that_asks_for_it_and_to_no_other() {
    let hidden = || ruled([SamplingRule::new("hidden", Sampler::AlwaysOff).name("hidden")]);
    let (_, caller) = tracing(hidden().carry_decision(true));
    let (_, silent) = tracing(hidden());
    let callee = |from: &Tracer, sampling: Sampling, name: &str| {
        let (sink, tracer) = tracing(sampling);
        let above = from.run(name).start().context().expect("a place");
        tracer.run("serve").parent(sent(&above)).start().end();
        let recording = tracer.remote(sent(&above)).is_recording();
        assert_eq!(recording, !sink.runs().is_empty());
        (sink.runs().len(), tracer.sampling_stats())
    };
    let follows = || Sampling::new().carry_decision(true);
    let (runs, stats) = callee(&caller, follows(), "hidden");
    assert_eq!((runs, stats.joined), (0, 1));
    assert_eq!(stats.left_out, BTreeMap::from([(LeaveReason::Caller, 1)]));
    // Against its own rate as well.
    let (runs, stats) = callee(&caller, follows().sampler(Sampler::AlwaysOff), "kept");
    assert_eq!(
        (runs, stats.kept),
        (1, BTreeMap::from([(KeepReason::Caller, 1)]))
    );
    // Whom nothing is told, and who does not listen, goes by the id of the trace; rules are for what begins here.
    assert_eq!(callee(&silent, follows(), "hidden").0, 1);
    let serve = SamplingRule::new("serve", Sampler::AlwaysOff).name("serve");
    assert_eq!(callee(&caller, ruled([serve]), "hidden").0, 1);
    let above = caller.run("hidden").start().context().expect("a place");
    assert_eq!(above.baggage.metadata[CARRIED_DECISION], json!(false));
    let above = silent.run("hidden").start().context().expect("a place");
    assert!(above.baggage.metadata.is_empty());
}

#[test]
fn feedback_follows_a_decision_that_the_id_does_not_tell() {
    let (_, tracer) = tracing(ruled([
        SamplingRule::new("hidden", Sampler::AlwaysOff).name("hidden")
    ]));
    let leaves = |name: &str| {
        let run = tracer.run(name).start();
        let trace = run.trace_id().expect("a trace");
        let feedback = Feedback::on(run.id().expect("an id"), "rating", DateTime::UNIX_EPOCH);
        tracer
            .admit(RunOp::Feedback(Box::new(feedback.trace_id(trace))))
            .is_some()
    };
    assert!(leaves("kept"));
    assert!(!leaves("hidden"));
    assert_eq!(tracer.gate_counts().sampled_out_feedback, 1);
}

#[test]
fn rules_that_cannot_be_told_apart_are_refused() {
    let rule = |label: String| SamplingRule::new(label, Sampler::AlwaysOn);
    let of = |labels: Vec<String>| Sampling::new().rules(labels.into_iter().map(rule)).err();
    assert_eq!(of(vec!["a".to_owned(), "b".to_owned()]), None);
    assert_eq!(
        of(vec!["a".to_owned(), "a".to_owned()]),
        Some(InvalidSampling::RepeatedLabel("a".to_owned()))
    );
    assert_eq!(
        of(vec![String::new()]),
        Some(InvalidSampling::Label(String::new()))
    );
    let long = "x".repeat(65);
    assert_eq!(of(vec![long.clone()]), Some(InvalidSampling::Label(long)));
    let many = (0..=MAX_SAMPLING_RULES)
        .map(|number| number.to_string())
        .collect();
    assert_eq!(of(many), Some(InvalidSampling::TooManyRules));
}
