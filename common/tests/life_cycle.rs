//! A client outlives, and is outlived by, whatever runtime, thread or future uses it.
#![cfg(feature = "client")]

mod again;
mod captured;
mod exporting;
mod peer;
mod scripted;

use std::future::Future;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Barrier};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;

use again::{part, say, start};
use common::client::Client;
use common::export::{BatchConfig, FlushError, RefuseReason};
use common::model::{RunOp, RunStatus};
use common::trace::{MemorySink, Tracer};
use exporting::{KEY, PATIENCE, accept, client_to, fast, one_run, patient};
use peer::{Peer, parts_of, unpacked};
use scripted::exporter;
use tokio::runtime::{Builder, Runtime};

/// Not a test by itself: what the programs of the tests below do.
#[test]
fn the_program() {
    let Some((part, url)) = part() else { return };
    let client = || {
        let builder = Client::builder()
            .endpoint(&url)
            .api_key(KEY)
            .project("test");
        let batch = BatchConfig {
            shutdown_timeout: PATIENCE,
            ..patient()
        };
        builder.batch(batch).build().expect("a client")
    };
    match &*part {
        "guard" => {
            let client = client();
            let _guard = client.flush_guard(PATIENCE);
            one_run(&client);
        }
        "termination guard" => {
            let client = client();
            let _guard = client.flush_on_termination(PATIENCE).expect("watched");
            one_run(&client);
        }
        "no guard" => one_run(&client()),
        "panic" => {
            let client = client();
            let _guard = client.flush_guard(PATIENCE);
            let _run = client.run("r").start();
            panic!("on purpose");
        }
        "exit" => {
            let client = client();
            one_run(&client);
            std::process::exit(7);
        }
        "exit after a flush" => {
            let client = client();
            one_run(&client);
            client.flush(PATIENCE).expect("delivered");
            std::process::exit(7);
        }
        "many" => {
            let threads = || std::fs::read_dir("/proc/self/task").map_or(0, Iterator::count);
            drop(client());
            let before = threads();
            for _ in 0..100 {
                let client = client();
                one_run(&client);
                // Of the same configuration, while the other lives.
                drop(self::Client::clone(&client));
            }
            say(threads() - before);
        }
        other => panic!("no such part: {other}"),
    }
}

fn posts(peer: &Peer) -> usize {
    let requests = peer.to("/runs/multipart");
    let parts = requests.iter().flat_map(parts_of);
    parts
        .filter(|part| part.name.starts_with("post.") && part.name.matches('.').count() == 1)
        .count()
}

#[test]
fn when_main_returns_what_is_held_is_sent_with_a_guard_and_without() {
    for part in ["guard", "termination guard", "no guard"] {
        let peer = accept();
        let (status, _) = start(part, &peer.url).wait(PATIENCE);
        assert!(status.success(), "{part}");
        assert_eq!(posts(&peer), 1, "{part}");
    }
}

#[test]
fn when_main_panics_its_open_runs_end_and_are_sent() {
    let peer = accept();
    let (status, _) = start("panic", &peer.url).wait(PATIENCE);
    assert!(!status.success());
    let request = peer.to("/runs/multipart").remove(0);
    let sent = String::from_utf8(unpacked(&request)).expect("text");
    assert!(sent.contains("Panicked: "), "{sent}");
}

#[test]
fn process_exit_waits_for_nothing_so_a_flush_comes_before_it() {
    let peer = accept();
    let (status, _) = start("exit", &peer.url).wait(PATIENCE);
    assert_eq!(status.code(), Some(7));
    assert_eq!(
        posts(&peer),
        0,
        "nothing runs after it; a durable spool is for that"
    );
    let (status, _) = start("exit after a flush", &peer.url).wait(PATIENCE);
    assert_eq!(status.code(), Some(7));
    assert_eq!(posts(&peer), 1);
}

#[cfg(target_os = "linux")]
#[test]
fn a_hundred_clients_that_come_and_go_leave_no_thread_behind() {
    let peer = accept();
    let (status, said) = start("many", &peer.url).wait(PATIENCE);
    assert!(status.success());
    assert_eq!(said, ["0"]);
    assert_eq!(posts(&peer), 100);
}

fn current_thread() -> Runtime {
    // Without a clock and without sockets of its own.
    Builder::new_current_thread().build().expect("a runtime")
}

fn multi_thread() -> Runtime {
    Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime")
}

fn held(peer: &Peer) -> Client {
    let batch = BatchConfig {
        shutdown_timeout: PATIENCE,
        ..patient()
    };
    client_to(peer, batch)
}

#[test]
fn a_client_is_dropped_before_or_after_its_runtime_inside_or_outside_of_one() {
    let endings: [fn(Runtime, Client); 5] = [
        |runtime, client| {
            drop(runtime);
            drop(client);
        },
        |runtime, client| {
            drop(client);
            drop(runtime);
        },
        |runtime, client| {
            runtime.shutdown_background();
            drop(client);
        },
        |runtime, client| runtime.block_on(async move { drop(client) }),
        |runtime, client| {
            let other = current_thread();
            drop(runtime);
            other.block_on(async move { drop(client) });
        },
    ];
    for (number, end) in endings.into_iter().enumerate() {
        for runtime in [current_thread, multi_thread] {
            let peer = accept();
            let runtime = runtime();
            let client = runtime.block_on(async { held(&peer) });
            runtime.block_on(async { one_run(&client) });
            end(runtime, client);
            assert_eq!(posts(&peer), 1, "ending {number}");
        }
    }
}

#[test]
fn a_client_made_without_a_runtime_serves_two() {
    let peer = accept();
    let client = held(&peer);
    let (one, other) = (current_thread(), multi_thread());
    one_run(&client);
    one.block_on(async {
        one_run(&client);
        client.flush_async(PATIENCE).await.expect("delivered");
    });
    other.block_on(async {
        let task = client.clone();
        other
            .spawn(async move { one_run(&task) })
            .await
            .expect("no panic");
        client.flush_async(PATIENCE).await.expect("delivered");
        // To block here is unwise, and no deadlock: the exporter's thread is nobody's worker.
        one_run(&client);
        client.flush(PATIENCE).expect("delivered");
    });
    assert_eq!(client.stats().delivered, 8);
}

#[test]
fn a_blocking_call_inside_of_async_code_inside_of_a_blocking_call_comes_back() {
    let peer = accept();
    let client = held(&peer);
    let runtime = multi_thread();
    runtime.block_on(async {
        let (client, handle) = (client.clone(), runtime.handle().clone());
        let blocking = runtime.spawn_blocking(move || {
            handle.block_on(async {
                one_run(&client);
                client.flush_async(PATIENCE).await.expect("delivered");
                one_run(&client);
                client.flush(PATIENCE).expect("delivered");
            });
        });
        blocking.await.expect("no panic");
    });
    assert_eq!(client.stats().delivered, 4);
}

/// Work with fifty places to be aborted at.
async fn work(tracer: Tracer) {
    let run = tracer.run("work").start();
    for _ in 0..50 {
        let child = run.child("step").start();
        let mut polled = false;
        std::future::poll_fn(|_| {
            if std::mem::replace(&mut polled, true) {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        })
        .await;
        child.end();
    }
    run.end();
}

#[test]
fn a_future_that_is_aborted_at_any_of_its_poll_points_leaves_no_run_pending() {
    let mut context = Context::from_waker(Waker::noop());
    for polls in 0..=51 {
        let sink = Arc::new(MemorySink::new());
        let tracer = Tracer::builder(sink.clone()).build();
        {
            let mut work = pin!(work(tracer));
            for _ in 0..polls {
                if work.as_mut().poll(&mut context).is_ready() {
                    break;
                }
            }
        }
        let runs = sink.runs();
        let expected = match polls {
            0 => 0,
            51 => 51,
            _ => polls + 1,
        };
        assert_eq!(runs.len(), expected, "{polls} polls");
        assert!(runs.iter().all(|run| run.status() != RunStatus::Pending));
        let cancelled = runs.iter().filter(|run| {
            run.error
                .as_deref()
                .is_some_and(|error| error.starts_with("Cancelled"))
        });
        assert_eq!(
            cancelled.count(),
            if matches!(polls, 0 | 51) { 0 } else { 2 }
        );
    }
}

#[test]
fn a_hundred_threads_flush_at_once_and_each_hears_of_what_came_before() {
    let (_scripted, exporter) = exporter(fast());
    let (numbers, begin) = (AtomicU64::new(0), Barrier::new(100));
    thread::scope(|scope| {
        for _ in 0..100 {
            scope.spawn(|| {
                begin.wait();
                for _ in 0..5 {
                    let number = numbers.fetch_add(1, Ordering::Relaxed);
                    let run = captured::run(number.into(), None, "r", "chain", 0, 5);
                    exporter.submit(RunOp::Post(Box::new(run)));
                    let before = exporter.stats().accepted;
                    exporter.flush(PATIENCE).expect("delivered");
                    let stats = exporter.stats();
                    assert!(stats.delivered >= before, "{stats}");
                }
            });
        }
    });
    let stats = exporter.stats();
    assert_eq!((stats.accepted, stats.delivered), (500, 500), "{stats}");
}

#[test]
fn a_flush_without_time_says_what_is_left_and_one_during_a_shutdown_ends_with_it() {
    let peer = accept();
    let client = held(&peer);
    one_run(&client);
    let error = client.flush(Duration::ZERO).expect_err("no time");
    assert!(
        matches!(error, FlushError::Timeout { left: 2, .. }),
        "{error}"
    );
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| client.flush(PATIENCE).expect("delivered"));
            scope.spawn(|| client.shutdown(PATIENCE).expect("delivered"));
        }
    });
    client.flush(Duration::ZERO).expect("nothing is left");
    client
        .shutdown(Duration::ZERO)
        .expect("once more is as good as once");
    assert_eq!(client.stats().delivered, 2);
}

#[test]
fn what_races_with_the_close_is_taken_in_and_sent_or_refused_and_counted() {
    for _ in 0..50 {
        let (scripted, exporter) = exporter(fast());
        let (numbers, closed) = (AtomicU64::new(0), AtomicBool::new(false));
        let begin = Barrier::new(5);
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    begin.wait();
                    // Some of it before, some after.
                    let mut after = 0;
                    while after < 5 {
                        after += u32::from(closed.load(Ordering::Relaxed));
                        let number = numbers.fetch_add(1, Ordering::Relaxed);
                        let run = captured::run(number.into(), None, "r", "chain", 0, 5);
                        exporter.submit(RunOp::Post(Box::new(run)));
                    }
                });
            }
            begin.wait();
            let _ = exporter.shutdown(PATIENCE);
            closed.store(true, Ordering::Relaxed);
        });
        let stats = exporter.stats();
        let submitted = numbers.load(Ordering::Relaxed);
        assert_eq!(stats.accepted + stats.total_refused(), submitted, "{stats}");
        assert_eq!(
            (stats.queued, stats.delivered),
            (0, stats.accepted),
            "{stats}"
        );
        assert_eq!(stats.delivered, scripted.taken());
        assert!(
            stats
                .refused
                .get(&RefuseReason::Closed)
                .is_some_and(|count| *count >= 20)
        );
    }
}
