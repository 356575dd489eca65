//! The simulator against hand-made sums, and the visibility matrix as it really happens.
#![cfg(feature = "lab")]

use common::lab::sampling::{
    FailureScenario, InvalidSimulation, MAX_SIMULATED_SERVICES, SampledService, SamplingOutcome,
    SamplingPolicy, SamplingPrices, SdkGeneration, Simulation, visibility_matrix,
};

fn service(name: &str, rate: f64) -> SampledService {
    SampledService::new(name, rate).expect("a rate")
}

fn expected(root: SampledService) -> SamplingOutcome {
    Simulation::of(root).expect("few services").expected()
}

fn near(one: f64, other: f64) {
    assert!((one - other).abs() < 1e-9, "{one} is not {other}");
}

#[test]
fn equal_rates_keep_whole_traces_or_none() {
    let it = expected(service("a", 0.1).calls(service("b", 0.1).calls(service("c", 0.1))));
    near(it.whole, 0.1);
    near(it.absent, 0.9);
    near(it.orphaned, 0.0);
    near(it.truncated, 0.0);
    near(it.runs_per_million, 300_000.0);
    near(it.bytes_per_million, 600e6);
    assert_eq!((it.errors_seen, it.slow_seen), (None, None));
}

#[test]
fn a_callee_with_more_leaves_orphans_and_one_with_less_cuts_short() {
    let it = expected(
        service("a", 0.1)
            .calls(service("more", 0.5))
            .calls(service("less", 0.02)),
    );
    near(it.whole, 0.02);
    near(it.absent, 0.5);
    near(it.orphaned, 0.4);
    near(it.truncated, 0.08);
    near(it.runs_per_million, 620_000.0);
}

#[test]
fn an_older_sdk_at_the_root_rolls_and_below_keeps_all() {
    let old = SdkGeneration::ByLotAtRoot;
    // Independent of each other: a tenth of a tenth is whole.
    let it = expected(
        service("old", 0.1)
            .generation(old)
            .calls(service("new", 0.1)),
    );
    near(it.whole, 0.01);
    near(it.absent, 0.81);
    near(it.orphaned, 0.09);
    near(it.truncated, 0.09);
    // Children of a remote root are always sent.
    let it = expected(service("new", 0.1).calls(service("old", 0.1).generation(old)));
    near(it.whole, 0.1);
    near(it.absent, 0.0);
    near(it.orphaned, 0.9);
}

#[test]
fn errors_are_seen_by_the_rate_unless_they_are_kept() {
    let failing = || {
        service("b", 0.1)
            .errors(0.02)
            .and_then(|it| it.slow(0.5))
            .expect("shares")
    };
    let by_rate = expected(service("a", 0.1).calls(failing()));
    near(by_rate.errors_seen.expect("errors"), 0.1);
    near(by_rate.slow_seen.expect("slow"), 0.1);
    let kept = expected(
        service("a", 0.1)
            .keep_errors()
            .calls(failing().keep_errors()),
    );
    near(kept.errors_seen.expect("errors"), 1.0);
    // The caller did not fail, so the part that failed hangs from nothing: 0.9 × 0.02 of all.
    near(kept.orphaned, 0.018);
    // Of what is slow, what also failed is kept for that.
    near(kept.slow_seen.expect("slow"), 0.1 + 0.9 * 0.02);
    let reaches = service("a", 0.1).keep_errors().fails_with_callee();
    let whole = expected(reaches.calls(failing().keep_errors()));
    near(whole.orphaned, 0.0);
    near(whole.whole, 0.1 + 0.018);
    let slow = expected(service("a", 0.1).calls(failing().keep_slow()));
    near(slow.slow_seen.expect("slow"), 1.0);
}

#[test]
fn a_million_requests_cost_what_the_prices_say() {
    let it = expected(service("a", 0.25).runs(4).bytes_per_run(1_000));
    let prices = SamplingPrices {
        per_thousand_traces: 0.5,
        per_million_runs: 2.0,
        per_gigabyte: 3.0,
    };
    near(it.cost_per_million(&prices), 125.0 + 2.0 + 3.0);
    let table = SamplingOutcome::compared([("a quarter", it)], &prices).to_string();
    let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    let lines: Vec<String> = table.lines().map(words).collect();
    for line in [
        "whole traces 25.00 %",
        "errors seen –",
        "cost per million 130.00",
    ] {
        assert!(lines.iter().any(|it| it == line), "{line} of\n{table}");
    }
}

#[test]
fn what_is_rolled_comes_near_to_what_is_expected_and_repeats() {
    let old = SdkGeneration::ByLotAtRoot;
    let retriever = service("retriever", 0.5)
        .errors(0.2)
        .expect("a share")
        .keep_errors();
    let root = service("gateway", 0.3)
        .generation(old)
        .errors(0.1)
        .expect("a share");
    let simulation = Simulation::of(root.calls(retriever).calls(service("generator", 0.1)));
    let simulation = simulation.expect("few services");
    let (expected, rolled) = (simulation.expected(), simulation.rolled(20_000, 7));
    assert_eq!(rolled, simulation.rolled(20_000, 7));
    let shares = |it: &SamplingOutcome| {
        [
            it.whole,
            it.absent,
            it.orphaned,
            it.truncated,
            it.errors_seen.expect("errors"),
        ]
    };
    for (one, other) in shares(&expected).into_iter().zip(shares(&rolled)) {
        // Six standard errors of the least certain share, of which there are about 6,000.
        assert!((one - other).abs() < 0.04, "{expected:?} {rolled:?}");
    }
}

#[test]
fn what_cannot_be_simulated_is_said() {
    assert_eq!(
        SampledService::new("a", 1.5),
        Err(InvalidSimulation::Share(1.5))
    );
    let many =
        (0..MAX_SIMULATED_SERVICES).fold(service("a", 0.1), |it, _| it.calls(service("b", 0.1)));
    assert_eq!(
        Simulation::of(many).err(),
        Some(InvalidSimulation::TooManyServices(
            MAX_SIMULATED_SERVICES + 1
        ))
    );
}

#[test]
fn the_curve_is_a_light_picture_with_words() {
    let failing = service("b", 0.1).errors(0.02).expect("a share");
    let simulation = Simulation::of(service("a", 0.1).calls(failing)).expect("few services");
    let prices = SamplingPrices {
        per_thousand_traces: 0.5,
        ..SamplingPrices::default()
    };
    let figure = simulation.curve(&prices).expect("valid rates");
    assert!(figure.is_light());
    assert!(figure.alt().contains("errors kept"), "{figure}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_visibility_matrix_is_exactly_this() {
    let matrix = visibility_matrix().await;
    let table = "\
failure            everything         a tenth           a tenth and errors  nothing
─────────────────  ─────────────────  ────────────────  ──────────────────  ───────
timeout                        10/10              1/10               10/10     0/10
5xx                            10/10              1/10               10/10     0/10
refused                        10/10              1/10               10/10     0/10
panic                          10/10              1/10               10/10     0/10
cancelled                      10/10              1/10               10/10     0/10
client gone                    10/10              1/10               10/10     0/10
tool error                     10/10              1/10               10/10     0/10
retries exhausted              10/10              1/10               10/10     0/10
process killed     0/10 (10 pending)  0/10 (1 pending)    0/10 (1 pending)     0/10
not in the sample              10/10              0/10               10/10     0/10
";
    let squeezed = |text: &str| -> Vec<String> {
        let lines = text.lines().filter(|line| !line.starts_with('─'));
        lines
            .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
            .collect()
    };
    assert_eq!(squeezed(&matrix.to_string()), squeezed(table));
    assert_eq!(matrix.total(SamplingPolicy::Tenth), (8, 100));
    assert_eq!(matrix.total(SamplingPolicy::TenthAndErrors), (90, 100));
    let cell = matrix.cell(FailureScenario::ProcessKilled, SamplingPolicy::Tenth);
    assert_eq!((cell.seen, cell.pending, cell.of), (0, 1, 10));
    let figure = matrix.heat_map();
    assert!(figure.is_light());
    assert!(
        figure.alt().contains(
            "panic: everything 100 %, a tenth 10 %, a tenth and errors 100 %, nothing 0 %"
        )
    );
}
