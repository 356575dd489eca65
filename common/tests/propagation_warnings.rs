//! What a propagator says of problems.
//!
//! `tracing` remembers for the whole process whether anybody listens to an event, and other threads that
//! listen to nothing get in the way of that, so this file has one test.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use common::model::{JsonMap, RunContext};
use common::propagation::{LangSmithPropagator, Propagator as _};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

const A: &str = "20260101T000000000000Z01990000-0000-7000-8000-00000000000a";

fn deep(levels: u128) -> RunContext {
    let segment = |n: u128| {
        let id = uuid::Uuid::from_u128(n + 1);
        format!("20260101T000000000000Z{id}")
    };
    let order: Vec<String> = (0..levels).map(segment).collect();
    RunContext::new(order.join(".").parse().expect("valid"))
}

#[test]
fn a_problem_is_logged_once_however_often_it_happens() {
    #[derive(Clone, Default)]
    struct Warnings(Arc<AtomicUsize>);
    impl Subscriber for Warnings {
        fn enabled(&self, _: &Metadata<'_>) -> bool {
            true
        }
        fn new_span(&self, _: &Attributes<'_>) -> Id {
            Id::from_u64(1)
        }
        fn record(&self, _: &Id, _: &Record<'_>) {}
        fn record_follows_from(&self, _: &Id, _: &Id) {}
        fn event(&self, event: &Event<'_>) {
            assert_eq!(*event.metadata().level(), tracing::Level::WARN);
            self.0.fetch_add(1, Ordering::Relaxed);
        }
        fn enter(&self, _: &Id) {}
        fn exit(&self, _: &Id) {}
    }
    let warnings = Warnings::default();
    tracing::subscriber::with_default(warnings.clone(), || {
        let propagator = LangSmithPropagator::new();
        for trace in [A, A, "null", "null", ""] {
            let _ = propagator.clone().extract(&[("langsmith-trace", trace)]);
        }
        let large = {
            let mut large = deep(2);
            let metadata = JsonMap::from_iter([("text".to_owned(), "x".repeat(8200).into())]);
            large.baggage.metadata = Arc::new(metadata);
            large
        };
        propagator.headers(&large);
        propagator.headers(&large);
        propagator.headers(&deep(300));
        propagator.headers(&deep(300));
    });
    assert_eq!(
        warnings.0.load(Ordering::Relaxed),
        4,
        "untrusted, malformed, left out, not injected"
    );
}
