//! What the propagator logs, and how often.
//!
//! Whether an event is heard at all is remembered for the process, so this file has one test.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use common::model::{DottedOrder, RunContext};
use common::propagation::{LangSmithPropagator, Propagator as _};
use serde_json::json;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

const A: &str = "20260101T000000000000Z01990000-0000-7000-8000-00000000000a";

/// Makes the context of a run at a depth.
fn deep(levels: u128) -> RunContext {
    let segment = |n: u128| {
        let id = uuid::Uuid::from_u128(n + 1);
        format!("20260101T000000000000Z{id}")
    };
    let order: Vec<String> = (0..levels).map(segment).collect();
    let order: DottedOrder = order.join(".").parse().expect("valid");
    RunContext::new(order)
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
        let mut large = deep(2);
        let metadata = Arc::make_mut(&mut large.baggage.metadata);
        metadata.insert("text".to_owned(), json!("x".repeat(8200)));
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
