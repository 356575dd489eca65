//! What the scorecard says: as text, as a card, as JSON and for Prometheus.
#![cfg(feature = "analysis")]

mod captured;
mod scored;

use std::time::Duration;

use captured::{Change as _, run};
use common::analysis::{Asked, Cut, EdgeScore, Failure, Load, Scorecard};
use scored::{asked, ledger, of, score, share, two_hops};
use serde_json::{Value, json};

fn mixed_score() -> Scorecard {
    let [root, _] = two_hops(20, "half");
    let failed = two_hops(30, "failed").map(|run| run.failed("Timeout: no answer"));
    let runs = two_hops(10, "whole")
        .into_iter()
        .chain([root])
        .chain(failed);
    let failure = Failure::new("timeout", "retriever").masked("hunter22");
    let mut ledger = ledger([
        asked("whole"),
        asked("half"),
        asked("failed").fails(failure),
    ]);
    ledger.note_cut("gateway", "retriever", Cut::Stripped, 1);
    for n in 1..=20 {
        ledger.took(Load::Off, Duration::from_micros(1_000 * n));
        ledger.took(Load::On, Duration::from_micros(1_000 * n + 300));
    }
    score(runs, &ledger)
}

#[test]
fn the_text_says_all_that_the_card_shows() {
    let score = mixed_score();
    let text = score.to_string();
    assert_eq!(
        text,
        "1 of 3 requests lack a complete trace: 1 partial, 0 missing\n\
         \n\
         trace completeness     66.6 %        2 of 3 requests complete, 1 partial, 0 missing\n\
         \u{20}                                    no run of retriever: 1\n\
         context propagation    66.6 %        2 of 3 calls linked · 2 of 2 runs have their parent\n\
         \u{20}                                    gateway → retriever: 2 of 3 (stripped 1)\n\
         performance impact     +300 µs       median of 20 pairs with tracing on (95 %: +300 µs to +300 µs)\n\
         \u{20}                                    p50 +300 µs, p95 +300 µs, p99 +300 µs\n\
         debug time             not measured\n\
         production visibility  100 %         1 of 1 failures can be seen\n\
         \u{20}                                    timeout in retriever: 1 of 1\n"
    );
    let card = score.card();
    assert_eq!(card.to_string(), text, "the card's alternative is the text");
    let svg = card.svg();
    assert!(card.is_light());
    let picture = roxmltree::Document::parse(&svg).expect("XML");
    let drawn: Vec<&str> = picture
        .descendants()
        .filter(|node| node.has_tag_name(("http://www.w3.org/2000/svg", "text")))
        .filter_map(|node| node.text())
        .collect();
    for words in [
        "66.6 %",
        "gateway → retriever: 2 of 3 (stripped 1)",
        "not measured",
    ] {
        assert!(drawn.contains(&words), "{words}: {drawn:?}");
    }
}

#[test]
fn complete_traces_do_not_hide_that_a_failure_cannot_be_seen() {
    let first_line = |requests: &[&str], seen: usize| {
        let runs = requests.iter().enumerate().flat_map(|(at, request)| {
            let runs = two_hops(10 * (at as u128 + 1), request);
            runs.map(|mut run| {
                run.inputs = json!({"question": "why?"}).as_object().cloned();
                run.error = (at < seen).then(|| "Timeout: no answer".into());
                run
            })
        });
        let failing = |id: &&str| asked(id).fails(Failure::new("timeout", "retriever"));
        let score = score(runs, &ledger(requests.iter().map(failing)));
        score
            .to_string()
            .lines()
            .next()
            .unwrap_or_default()
            .to_owned()
    };
    for (requests, seen, words) in [
        (&["a"][..], 1, "The request is one complete trace"),
        (
            &["a"],
            0,
            "The request is a complete trace, but its failure cannot be seen",
        ),
        (&["a", "b"], 2, "Each of 2 requests is one complete trace"),
        (
            &["a", "b"],
            1,
            "All 2 requests are complete traces, but only 1 of 2 failures can be seen",
        ),
        (
            &["a", "b"],
            0,
            "All 2 requests are complete traces, but none of 2 failures can be seen",
        ),
    ] {
        assert_eq!(first_line(requests, seen), words);
    }
}

#[test]
fn what_is_lacking_comes_first_in_a_list_that_is_cut() {
    let mut score = mixed_score();
    let sound = EdgeScore {
        from: "a".into(),
        to: "b".into(),
        linked: share(1, 1),
        cuts: [].into(),
    };
    score.propagation.by_edge.splice(0..0, vec![sound; 20]);
    let text = score.to_string();
    let place = |words: &str| text.find(words).expect("shown");
    assert!(
        place("gateway → retriever: 2 of 3") < place("a → b: 1 of 1"),
        "{text}"
    );
    assert!(text.contains("… 14 more"), "{text}");
}

#[test]
fn json_and_prometheus_tell_the_same_numbers() {
    let score = mixed_score();
    let json = score.to_json();
    assert_eq!(
        json["completeness"]["complete"],
        json!({"got": 2, "of": 3, "ratio": 2.0 / 3.0})
    );
    assert_eq!(json["completeness"]["flaws"], json!({"service_absent": 1}));
    assert_eq!(
        json["propagation"]["by_edge"][0]["cuts"],
        json!({"stripped": 1})
    );
    assert_eq!(json["impact"]["timings"][1]["load"], "on");
    assert_eq!(
        json["visibility"]["by_scenario"][0]["visible"]["ratio"],
        1.0
    );
    let page = score.to_prometheus();
    for line in [
        "# TYPE scorecard_trace_completeness_ratio gauge",
        "scorecard_trace_completeness_ratio 0.6666666666666666",
        "scorecard_requests{trace=\"partial\"} 1",
        "scorecard_flawed_traces{flaw=\"service_absent\"} 1",
        "scorecard_calls{from=\"gateway\",to=\"retriever\",result=\"stripped\"} 1",
        "scorecard_request_duration_seconds{load=\"off\",quantile=\"0.5\"} 0.01",
        "scorecard_error_scenarios{scenario=\"timeout\",service=\"retriever\",result=\"visible\"} 1",
    ] {
        assert!(page.lines().any(|found| found == line), "{line}\n{page}");
    }
    let mut families = page.lines().filter(|line| line.starts_with("# TYPE "));
    let unique: std::collections::HashSet<_> = families.by_ref().collect();
    assert_eq!(
        unique.len(),
        page.matches("# TYPE ").count(),
        "each family once"
    );
}

#[test]
fn a_hostile_name_is_harmless_in_all_forms() {
    const NAME: &str = "</text><script>alert(1)</script>\"} 1\nup{x=\"\\\u{1b}[31m\u{202e}";
    let root = of("r", run(1, None, NAME, "chain", 0, 9).service(NAME));
    let failed = root.clone().failed(NAME);
    let request = Asked::new("r")
        .call(NAME, "b")
        .fails(Failure::new(NAME, NAME).class(NAME));
    let score = score([failed], &ledger([request]));
    let (card, text) = (score.card(), score.to_string());
    let svg = card.svg();
    let picture = roxmltree::Document::parse(&svg).expect("XML");
    assert!(
        !picture
            .descendants()
            .any(|node| node.tag_name().name() == "script")
    );
    for shown in [&svg, &text, &card.to_html()] {
        assert!(!shown.contains(['\u{1b}', '\u{202e}']), "{shown}");
    }
    assert!(text.lines().count() < 20, "no name breaks a line: {text}");
    let page = score.to_prometheus();
    for line in page.lines() {
        assert!(
            line.starts_with("# ") || line.starts_with("scorecard_"),
            "{line}"
        );
    }
    let escaped = "\\\"} 1\\nup{x=\\\"\\\\\u{1b}";
    assert!(page.contains(escaped), "{page}");
    let json = score.to_json().to_string();
    let back: Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(back["propagation"]["by_edge"][0]["from"], NAME);
    assert!(!json.contains('\n') && !json.contains('\u{1b}'));
}
