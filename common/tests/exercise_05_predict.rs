//! The exercise `05.predict`: as shipped, predicted right, and predicted wrongly in ways that people do.
#![cfg(feature = "lab")]

use common::lab::check::Check;
use common::prelude::*;

/// Does the work of the exercise with a rate for each service.
async fn chosen(rates: [f64; 3], seen: u64) -> Check {
    let lesson = Lesson::start("05-exercises").await;
    let day = Day::of(100, 0);
    let rate = |service: &str| {
        rates[DAY_SERVICES
            .iter()
            .position(|it| *it == service)
            .expect("one of them")]
    };
    let [gateway, retriever, generator] = day.services(&lesson, |client, service| {
        client.sampling_rate(rate(service))
    });
    day.ask([&gateway, &retriever, &generator]);
    let told = lesson.client("prediction").run("prediction");
    told.metadata("seen", seen).start().end();
    lesson.check("05.predict").await
}

#[tokio::test(flavor = "multi_thread")]
async fn as_shipped_it_asks_for_a_prediction_and_does_not_tell_it() {
    let check = chosen([1.0; 3], 0).await;
    assert_eq!(
        check.first_wrong(),
        Some("run `prediction` predicts nothing as `seen` yet: write what you expect")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_right_rate_passes_and_says_why() {
    let check = chosen([0.2; 3], 200).await;
    assert_eq!(check.first_wrong(), None);
    assert!(
        check
            .to_string()
            .contains("decides before anything has failed")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn each_wrong_choice_is_rejected_with_another_first_wrong_fact() {
    let wrong = [
        // Failures are thought to be kept whatever the rate.
        (
            [0.2; 3],
            1000,
            "run `prediction` predicts 1000 as `seen`, and the trace says otherwise",
        ),
        // A step too much.
        (
            [0.25; 3],
            200,
            "149 runs arrived, and the budget has room for 100",
        ),
        // A step too little.
        ([0.15; 3], 200, "17 of 19 runs named `gateway` arrived"),
        // The retriever saves more than its caller does.
        (
            [0.2, 0.1, 0.2],
            200,
            "11 of 19 runs named `retriever` arrived",
        ),
        // The generator saves more than its caller does.
        (
            [0.2, 0.2, 0.1],
            200,
            "10 of 18 runs named `generator` arrived",
        ),
        // Only the gateway saves: everybody else's runs are orphans, and too many.
        (
            [0.2, 1.0, 1.0],
            200,
            "416 runs arrived, and the budget has room for 100",
        ),
        // Only the gateway is kept at all.
        ([0.2, 0.0, 0.0], 200, "no run is named `retriever`"),
    ];
    for (rates, seen, beginning) in wrong {
        let check = chosen(rates, seen).await;
        let sentence = check.first_wrong().expect("it fails");
        assert!(
            sentence.starts_with(beginning),
            "{rates:?} {seen}: {sentence}"
        );
    }
}
