//! Queues of lessons on real brokers: contexts, attempts, poison, and nothing left behind.
//!
//! Needs `redis-server` and `nats-server`, which `cargo workbook test` installs where it may. Without them a
//! test says so and passes; where the runner has found them (`WORKBOOK_BROKERS`), it fails.
#![cfg(feature = "lab")]
#![allow(clippy::print_stdout, reason = "a skipped test says so")]

use std::process::{Command, Stdio};
use std::time::Duration;

use common::lab::{ATTEMPTS, Handled, QueueKind};
use common::prelude::*;
use common::propagation::{Entries, Extractor as _, Outcome};

/// Says in a copy of this program which broker it is to start, and be killed with.
const PART: &str = "QUEUES_PART";

const KINDS: [QueueKind; 3] = [
    QueueKind::RedisStreams,
    QueueKind::Nats,
    QueueKind::InProcess,
];

fn trusting() -> LangSmithPropagator {
    LangSmithPropagator::new()
        .policy(TrustPolicy::Continue)
        .allow_any_project()
}

fn is_here(kind: QueueKind) -> bool {
    let required = std::env::var_os("WORKBOOK_BROKERS").is_some();
    let missing = kind.missing();
    if let Some(why) = &missing {
        assert!(!required, "the runner has found them all, yet {why}");
        println!("skipped: {why}");
    }
    missing.is_none()
}

async fn start(kind: QueueKind) -> Option<Queue> {
    if !is_here(kind) {
        return None;
    }
    let queue = Queue::start_on(kind, "pages", Duration::from_secs(600)).await;
    Some(queue.expect("it starts"))
}

async fn a_message_carries_the_context_of_its_sender(kind: QueueKind) {
    let Some(queue) = start(kind).await else {
        return;
    };
    assert_eq!(queue.kind(), kind);
    let lesson = Lesson::start("queue").await;
    let run = lesson.client("gateway").run("ask").tag("größe").start();
    let body = json!({"page": 7, "text": "日本 \u{0}\n\""});
    queue.publish(&body, &run).await.expect("sent");
    queue
        .publish_with(&json!("bare"), Entries::new())
        .await
        .expect("sent");

    let delivery = queue.next().await.expect("a message");
    assert_eq!((delivery.body(), delivery.attempt()), (body, 1));
    let read = trusting().extract(delivery.carrier());
    assert_eq!(read.context, run.context(), "{read}");
    delivery.ack().await.expect("settled");
    let bare = queue.next().await.expect("a message");
    assert_eq!(bare.body(), "bare");
    assert_eq!(trusting().extract(bare.carrier()).outcome, Outcome::Absent);
    bare.ack().await.expect("settled");
    run.end();
    lesson.tree(1).await;
}

async fn a_second_attempt_is_a_sibling_of_the_first_and_poison_is_put_aside(kind: QueueKind) {
    let Some(queue) = start(kind).await else {
        return;
    };
    let lesson = Lesson::start("queue").await;
    let gateway = lesson.client("gateway");
    let root = gateway.run("ask").start();
    queue
        .publish(&json!({"page": 7}), &root)
        .await
        .expect("sent");
    queue
        .publish(&json!({"page": "poison"}), &root)
        .await
        .expect("sent");

    let worker =
        Worker::new("index page", &queue, &lesson.client("worker"), trusting()).attempts(2);
    let mut handled = Vec::new();
    for _ in 0..4 {
        let attempt = worker.next(async |attempt, run| {
            run.child("read").start().end();
            // The first attempt of any page fails; poison always does.
            match attempt.body["page"].as_u64() {
                Some(number) if attempt.number > 1 => Ok(json!({"indexed": number})),
                _ => Err("the index is busy".to_owned()),
            }
        });
        handled.push(attempt.await.expect("the broker answers"));
    }
    root.end();
    assert_eq!(
        handled,
        [
            Handled::Retried { attempt: 1 },
            Handled::Retried { attempt: 1 },
            Handled::Done { attempt: 2 },
            Handled::PutAside { attempt: 2 },
        ]
    );
    let aside = queue.put_aside().await.expect("the broker answers");
    assert_eq!(aside, [json!({"page": "poison"})]);

    let tree = lesson.tree(9).await;
    assert!(tree.is_whole(), "{}", text_tree(&tree));
    let runs = lesson.mock().runs();
    let attempts: Vec<&Run> = runs.iter().filter(|run| run.name == "index page").collect();
    assert_eq!(attempts.len(), 4);
    for attempt in attempts {
        assert_eq!(
            attempt.parent_run_id,
            root.id(),
            "each attempt is below the sender"
        );
        assert!(attempt.end_time.is_some());
        let failed = attempt.error.is_some();
        let is_last_of_seven = attempt
            .inputs
            .as_ref()
            .is_some_and(|inputs| inputs["page"] == 7)
            && attempt.extra.metadata["attempt"] == 2;
        assert_eq!(failed, !is_last_of_seven);
    }
}

async fn what_is_dropped_comes_back_and_what_nobody_saw_is_no_attempt(kind: QueueKind) {
    let Some(queue) = start(kind).await else {
        return;
    };
    // Somebody waits, and gives up before there is anything.
    for _ in 0..3 {
        let gave_up = tokio::time::timeout(Duration::from_millis(20), queue.next()).await;
        assert!(gave_up.is_err(), "nothing was sent");
    }
    queue
        .publish_with(&json!(1), Entries::new())
        .await
        .expect("sent");
    for attempt in 1..=3 {
        let delivery = queue.next().await.expect("a message");
        assert_eq!((delivery.body(), delivery.attempt()), (json!(1), attempt));
        let worker = tokio::spawn(async move {
            let _held = delivery;
            std::panic::resume_unwind(Box::new("a worker's bug"));
        });
        assert!(worker.await.is_err(), "it panicked");
    }
    queue
        .next()
        .await
        .expect("a message")
        .ack()
        .await
        .expect("settled");
}

async fn a_message_whose_worker_died_comes_again(kind: QueueKind) {
    if kind == QueueKind::InProcess || !is_here(kind) {
        return;
    }
    let soon = Duration::from_millis(100);
    let queue = Queue::start_on(kind, "pages", soon)
        .await
        .expect("it starts");
    queue
        .publish_with(&json!(1), Entries::from_iter([("x", "y")]))
        .await
        .expect("sent");
    // What a process does that is killed: nothing any more.
    std::mem::forget(queue.next().await.expect("a message"));
    let again = queue.next().await.expect("the broker brings it again");
    assert_eq!(again.body(), 1);
    assert_eq!(again.carrier().first("x"), Some("y"));
    assert!(again.attempt() >= 2, "{again:?}");
}

async fn each_of_many_messages_is_handled_by_one_of_several_workers(kind: QueueKind) {
    let Some(queue) = start(kind).await else {
        return;
    };
    let workers: Vec<_> = (0..4)
        .map(|_| {
            let queue = queue.clone();
            tokio::spawn(async move {
                let mut handled = Vec::new();
                loop {
                    let delivery = queue.next().await.expect("a message");
                    let body = delivery.body();
                    delivery.ack().await.expect("settled");
                    match body.as_u64() {
                        Some(number) => handled.push(number),
                        None => return handled,
                    }
                }
            })
        })
        .collect();
    for number in 0..100 {
        queue
            .publish_with(&json!(number), Entries::new())
            .await
            .expect("sent");
    }
    for _ in &workers {
        queue
            .publish_with(&json!("enough"), Entries::new())
            .await
            .expect("sent");
    }
    let mut handled = Vec::new();
    for worker in workers {
        handled.extend(worker.await.expect("it ended"));
    }
    handled.sort_unstable();
    assert_eq!(handled, (0..100).collect::<Vec<u64>>());
}

async fn what_panics_each_time_is_put_aside_after_its_last_attempt(kind: QueueKind) {
    let Some(queue) = start(kind).await else {
        return;
    };
    let lesson = Lesson::start("queue").await;
    let poison = json!("poison");
    queue
        .publish_with(&poison, Entries::new())
        .await
        .expect("sent");
    let worker = Worker::new("index page", &queue, &lesson.client("worker"), trusting());
    for _ in 0..ATTEMPTS {
        let worker = worker.clone();
        let panics = async move { worker.next(async |_, _| panic!("on purpose")).await };
        assert!(tokio::spawn(panics).await.is_err(), "it panicked");
    }
    let handled = worker.next(async |_, _| panic!("nobody tries it again"));
    let handled = handled.await.expect("the broker answers");
    assert_eq!(handled, Handled::PutAside { attempt: ATTEMPTS });
    assert_eq!(queue.put_aside().await.expect("it answers"), [poison]);
    let tree = lesson.tree(ATTEMPTS as usize).await;
    assert_eq!(tree.trace_ids().len(), ATTEMPTS as usize);
}

async fn what_no_broker_can_hold_is_an_error_and_no_panic(kind: QueueKind) {
    let Some(queue) = start(kind).await else {
        return;
    };
    for (name, value) in [("x", "a\r\nb"), ("größe", "1"), ("a:b", "1")] {
        let entries = Entries::from_iter([(name, value)]);
        let sent = queue.publish_with(&json!(1), entries).await;
        assert_eq!(sent.is_err(), kind == QueueKind::Nats, "{name}: {sent:?}");
    }
}

macro_rules! of_each_kind {
    ($($test:ident)*) => {
        of_each_kind! { @kinds redis_streams RedisStreams, nats Nats, in_process InProcess => [$($test)*] }
    };
    (@kinds $($kind:ident $variant:ident),* => $tests:tt) => {
        $(mod $kind {
            of_each_kind! { @tests $variant $tests }
        })*
    };
    (@tests $variant:ident [$($test:ident)*]) => {
        $(#[tokio::test(flavor = "multi_thread")]
        async fn $test() {
            super::$test(super::QueueKind::$variant).await;
        })*
    };
}

of_each_kind! {
    a_message_carries_the_context_of_its_sender
    a_second_attempt_is_a_sibling_of_the_first_and_poison_is_put_aside
    what_is_dropped_comes_back_and_what_nobody_saw_is_no_attempt
    a_message_whose_worker_died_comes_again
    each_of_many_messages_is_handled_by_one_of_several_workers
    what_panics_each_time_is_put_aside_after_its_last_attempt
    what_no_broker_can_hold_is_an_error_and_no_panic
}

#[tokio::test]
async fn what_handles_a_message_works_below_its_sender_whatever_is_around_the_worker() {
    let lesson = Lesson::start("queue").await;
    let queue = Queue::start_on(QueueKind::InProcess, "pages", Duration::from_secs(600)).await;
    let queue = queue.expect("it starts");
    let root = lesson.client("gateway").run("ask").start();
    queue.publish(&json!(7), &root).await.expect("sent");
    let client = lesson.client("worker");
    let worker = Worker::new("index page", &queue, &client, trusting());
    let around = client.run("loop").start();
    let handled = worker.next(|_, _| {
        child("before").start().end();
        async {
            child("read").start().end();
            Ok(json!("done"))
        }
    });
    handled.in_run(&around).await.expect("handled");
    around.end();
    root.end();
    let tree = lesson.tree(5).await;
    let attempt = tree.find("index page").expect("the attempt").id;
    for name in ["before", "read"] {
        let run = tree.find(name).expect(name);
        assert_eq!(run.parent_run_id, Some(attempt), "{name}");
    }
    assert_eq!(tree.trace_ids().len(), 2);
}

#[tokio::test]
async fn a_queue_takes_the_first_broker_that_is_here_and_says_which() {
    let queue = Queue::start("pages").await.expect("it starts");
    let first = KINDS.into_iter().find(|kind| kind.missing().is_none());
    assert_eq!(Some(queue.kind()), first);
    let said = queue.to_string();
    let expected = match queue.kind() {
        QueueKind::RedisStreams => "queue `pages` on Redis Streams (redis-server ",
        QueueKind::Nats => "queue `pages` on NATS JetStream (nats-server ",
        QueueKind::InProcess => "queue `pages` in this process, without a broker",
    };
    assert!(
        said.starts_with(expected) && !said.contains("unknown"),
        "{said}"
    );
}

#[tokio::test]
async fn a_name_that_not_every_broker_takes_is_refused() {
    for name in ["", "a b", "a.b", "../a", "größe", "a\r\nFLUSHALL"] {
        let refused = Queue::start(name).await.expect_err(name);
        assert!(refused.to_string().contains("letters, digits"), "{refused}");
    }
}

/// No test of its own: the process that starts a broker and is killed with it.
#[tokio::test]
async fn starts_a_broker_and_waits() {
    let Ok(part) = std::env::var(PART) else {
        return;
    };
    let kind = KINDS.into_iter().find(|kind| format!("{kind:?}") == part);
    let queue = Queue::start_on(kind.expect("a kind"), "pages", Duration::from_secs(600)).await;
    let queue = queue.expect("it starts");
    println!("started: {queue}");
    std::future::pending::<()>().await;
}

#[cfg(unix)]
#[test]
fn a_broker_ends_with_the_process_that_started_it_and_leaves_nothing_behind() {
    use std::io::BufRead as _;
    for kind in [QueueKind::RedisStreams, QueueKind::Nats] {
        if !is_here(kind) {
            continue;
        }
        let folder = tempfile::Builder::new()
            .prefix("q")
            .tempdir_in("/tmp")
            .expect("a folder");
        let left = || -> Vec<_> {
            let files = std::fs::read_dir(folder.path()).expect("a folder");
            files.flatten().map(|file| file.file_name()).collect()
        };
        let mut child = Command::new(std::env::current_exe().expect("this program"))
            .args(["--exact", "starts_a_broker_and_waits", "--nocapture"])
            .env(PART, format!("{kind:?}"))
            .env("TMPDIR", folder.path())
            .stdout(Stdio::piped())
            .spawn()
            .expect("it runs");
        let said = std::io::BufReader::new(child.stdout.take().expect("piped")).lines();
        let mut said = said
            .map_while(Result::ok)
            .inspect(|line| println!("{line}"));
        assert!(said.any(|line| line.contains("started: ")), "it says so");
        assert_eq!(left().len(), 1, "the broker has its folder: {:?}", left());
        child.kill().expect("killed");
        child.wait().expect("ended");
        // The keeper removes the folder when the server has ended, however long that takes.
        let deadline = std::time::Instant::now() + Duration::from_secs(120);
        while !left().is_empty() {
            assert!(
                std::time::Instant::now() < deadline,
                "it is still there: {:?}",
                left()
            );
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}
