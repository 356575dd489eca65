//! Queues of lessons that another process joins: on a broker at its address, else over HTTP.
//!
//! Needs `redis-server` and `nats-server` as `queues.rs` does, and likewise passes without them, saying so.
#![cfg(feature = "lab")]
#![allow(clippy::print_stdout, reason = "a skipped test says so")]

use std::future::{pending, ready};
use std::time::Duration;

use common::lab::{Handled, QueueError, QueueKind};
use common::prelude::*;
use common::propagation::Entries;

const PATIENT: Duration = Duration::from_secs(600);

/// A queue, and the same one as another process has it.
struct Pair {
    here: Queue,
    there: Queue,
    // Serves until the pair is dropped.
    _service: Option<Service>,
}

async fn pair(kind: QueueKind, redeliver_after: Duration) -> Option<Pair> {
    if let Some(why) = kind.missing() {
        let required = std::env::var_os("WORKBOOK_BROKERS").is_some();
        assert!(!required, "the runner has found them all, yet {why}");
        println!("skipped: {why}");
        return None;
    }
    let here = Queue::start_on(kind, "pages", redeliver_after).await;
    let here = here.expect("it starts");
    let service = match here.address() {
        Some(_) => None,
        None => Some(Service::start("queue", here.router(redeliver_after))),
    };
    let address = match &service {
        Some(service) => service.url(""),
        None => here.address().expect("a broker").to_owned(),
    };
    let there = Queue::join(&address, "pages", redeliver_after).await;
    Some(Pair {
        here,
        there: there.expect("it answers"),
        _service: service,
    })
}

async fn what_one_process_sends_another_takes_with_its_context(kind: QueueKind) {
    let Some(pair) = pair(kind, PATIENT).await else {
        return;
    };
    assert_eq!(pair.there.kind(), kind);
    let lesson = Lesson::start("queue").await;
    let run = lesson.client("gateway").run("ask").start();
    pair.here
        .publish(&json!({"page": 7}), &run)
        .await
        .expect("sent");
    assert_eq!(pair.there.outstanding().await.expect("told"), 1);

    let delivery = pair.there.next().await.expect("a message");
    assert_eq!(
        (delivery.body(), delivery.attempt()),
        (json!({"page": 7}), 1)
    );
    let ours = LangSmithPropagator::new()
        .policy(TrustPolicy::Continue)
        .allow_any_project();
    assert_eq!(ours.extract(delivery.carrier()).context, run.context());
    assert_eq!(pair.here.outstanding().await.expect("told"), 1, "in hands");
    delivery.retry().await.expect("settled");
    let again = pair.there.next().await.expect("a message");
    assert_eq!(again.attempt(), 2);
    assert_eq!(pair.here.outstanding().await.expect("told"), 1);
    again.ack().await.expect("settled");
    assert_eq!(pair.here.outstanding().await.expect("told"), 0);

    // And the other way round, to the end that poison comes to.
    pair.there
        .publish_with(&json!("poison"), Entries::new())
        .await
        .expect("sent");
    let delivery = pair.there.next().await.expect("a message");
    delivery.put_aside().await.expect("settled");
    assert_eq!(
        pair.there.put_aside().await.expect("told"),
        [json!("poison")]
    );
    assert_eq!(
        pair.here.put_aside().await.expect("told"),
        [json!("poison")]
    );
    assert_eq!(pair.there.outstanding().await.expect("told"), 0);
    run.end();
    lesson.tree(1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_served_queue_is_shared() {
    what_one_process_sends_another_takes_with_its_context(QueueKind::InProcess).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_queue_is_shared() {
    what_one_process_sends_another_takes_with_its_context(QueueKind::RedisStreams).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_nats_queue_is_shared() {
    what_one_process_sends_another_takes_with_its_context(QueueKind::Nats).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_whose_worker_is_gone_comes_again_as_the_next_attempt() {
    let pair = pair(QueueKind::InProcess, Duration::ZERO)
        .await
        .expect("no broker");
    pair.there
        .publish_with(&json!(1), Entries::new())
        .await
        .expect("sent");
    let lost = pair.there.next().await.expect("a message");
    assert_eq!(lost.attempt(), 1);
    let again = pair.there.next().await.expect("its lease has ended");
    assert_eq!((again.body(), again.attempt()), (json!(1), 2));
    // Whoever is late is told so, and does not settle what somebody else has.
    let late = lost.ack().await.expect_err("late");
    assert!(late.to_string().contains("410"), "{late}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_is_stopped_takes_no_message_and_ends_the_one_it_has() {
    let lesson = Lesson::start("queue").await;
    let queue = Queue::start_on(QueueKind::InProcess, "pages", PATIENT)
        .await
        .expect("a queue");
    queue
        .publish_with(&json!(1), Entries::new())
        .await
        .expect("sent");
    let worker = Worker::new(
        "index page",
        &queue,
        &lesson.client("worker"),
        LangSmithPropagator::new(),
    );
    let stopped = worker
        .next_until(ready(()), async |_, _| Ok(json!(null)))
        .await;
    assert_eq!(stopped.expect("a queue"), None);
    assert_eq!(queue.outstanding().await.expect("told"), 1);

    let (stop, stopping) = tokio::sync::oneshot::channel::<()>();
    let mut stop = Some(stop);
    let until = async move {
        if stopping.await.is_err() {
            pending::<()>().await;
        }
    };
    let handled = worker.next_until(until, async move |_, _| {
        // Told to stop in the middle.
        let _ = stop.take().map(|stop| stop.send(()));
        Ok(json!(null))
    });
    assert_eq!(
        handled.await.expect("a queue"),
        Some(Handled::Done { attempt: 1 })
    );
    assert_eq!(queue.outstanding().await.expect("told"), 0);
    lesson.tree(1).await;
}

#[tokio::test]
async fn what_is_no_address_is_told() {
    let joined = |address: &'static str| Queue::join(address, "pages", PATIENT);
    assert!(matches!(
        joined("amqp://here").await,
        Err(QueueError::Address)
    ));
    assert!(matches!(joined("here").await, Err(QueueError::Address)));
    // Port 9 (discard) is reserved and nothing listens on it.
    let error = joined("http://127.0.0.1:9").await.expect_err("nobody");
    assert!(matches!(error, QueueError::Served(_)), "{error}");
}
