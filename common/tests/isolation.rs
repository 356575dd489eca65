//! However work is handed on, and however many requests are at it at once, no run gets a wrong parent.
#![cfg(feature = "middleware")]

use std::collections::HashMap;
use std::convert::Infallible;
use std::future::{Future, pending};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::thread;

use bytes::Bytes;
use common::middleware::TracingLayer;
use common::model::{Run, RunId, RunOp};
use common::trace::{
    JoinSet, MemorySink, TraceFutureExt as _, TraceStreamExt as _, Tracer, carry, child, spawn,
    spawn_blocking, with_run,
};
use futures_util::{StreamExt as _, stream};
use http::{Request, Response};
use http_body::Frame;
use http_body_util::{BodyExt as _, StreamBody};
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::{Config, TestRunner};
use tokio::task::{JoinHandle, yield_now};
use tower::{Layer as _, ServiceExt as _, service_fn};

/// How a piece of work hands on another.
#[derive(Debug, Clone, Copy)]
enum Way {
    Await,
    Join,
    Select,
    Spawn,
    Forget,
    JoinSet,
    Stream,
    Blocking,
    Thread,
}

const WAYS: [Way; 9] = [
    Way::Await,
    Way::Join,
    Way::Select,
    Way::Spawn,
    Way::Forget,
    Way::JoinSet,
    Way::Stream,
    Way::Blocking,
    Way::Thread,
];

/// A piece of work: one run, and the pieces below it.
#[derive(Debug)]
struct Piece {
    yields: u8,
    below: Vec<(Way, Piece)>,
}

fn piece() -> impl Strategy<Value = Arc<Piece>> {
    let leaf = (0..4_u8).prop_map(|yields| {
        Arc::new(Piece {
            yields,
            below: Vec::new(),
        })
    });
    leaf.prop_recursive(4, 12, 3, |inner| {
        let way = prop::sample::select(&WAYS[..]);
        let below = prop::collection::vec((way, inner), 1..4);
        (0..4_u8, below).prop_map(|(yields, below)| {
            let below = below
                .into_iter()
                .map(|(way, piece)| (way, copy(&piece)))
                .collect();
            Arc::new(Piece { yields, below })
        })
    })
}

fn copy(piece: &Piece) -> Piece {
    let below = piece
        .below
        .iter()
        .map(|(way, piece)| (*way, copy(piece)))
        .collect();
    Piece { below, ..*piece }
}

/// How many runs a piece makes.
fn runs_of(piece: &Piece) -> usize {
    let below = piece.below.iter().map(|(way, piece)| {
        let more = match way {
            Way::Select | Way::Stream | Way::JoinSet | Way::Join => 1,
            _ => 0,
        };
        more + runs_of(piece)
    });
    1 + below.sum::<usize>()
}

/// Tasks that nobody waits for where they are started.
type Forgotten = Arc<Mutex<Vec<JoinHandle<()>>>>;

/// Does a piece of work in a run below the current one. Each run is named by its path.
fn work(
    path: String,
    piece: Arc<Piece>,
    late: Forgotten,
) -> Pin<Box<dyn Future<Output = ()> + Send>> {
    let run = child(path.clone());
    Box::pin(
        async move {
            for (at, (way, below)) in piece.below.iter().enumerate() {
                for _ in 0..piece.yields {
                    yield_now().await;
                }
                let (name, other) = (format!("{path}/{at}"), format!("{path}/{at}+"));
                let below = Arc::new(copy(below));
                // The run's parent is the one that is current where it is made: here, or where the work is.
                let there = {
                    let (name, below, late) = (name.clone(), below.clone(), late.clone());
                    async move { work(name, below, late).await }
                };
                let beside = async { child(other.clone()).start().end() };
                match way {
                    Way::Await => there.await,
                    Way::Join => drop(tokio::join!(there, beside)),
                    Way::Select => tokio::select! {
                        () = there => {}
                        () = pending().traced_value(child(other.clone()).start()) => {}
                    },
                    Way::Spawn => spawn(there).await.expect("done"),
                    Way::Forget => late.lock().expect("not poisoned").push(spawn(there)),
                    Way::JoinSet => {
                        let mut tasks = JoinSet::new();
                        tasks.spawn(there);
                        tasks.spawn(async move { child(other).start().end() });
                        tasks.join_all().await;
                    }
                    Way::Stream => {
                        // A stream whose items do the work, read by a task that knows nothing.
                        let (path, late) = (format!("{name}/0"), late.clone());
                        let items = stream::once(async move { work(path, below, late).await });
                        let items = items.traced_values(child(name));
                        tokio::spawn(items.count()).await.expect("read");
                        continue;
                    }
                    Way::Blocking => {
                        spawn_blocking(move || sync_work(&name, &below))
                            .await
                            .expect("done");
                    }
                    Way::Thread => {
                        let worker = thread::spawn(carry(move || sync_work(&name, &below)));
                        tokio::task::spawn_blocking(|| worker.join())
                            .await
                            .expect("done")
                            .expect("done");
                    }
                }
            }
        }
        .traced_value(run),
    )
}

/// The same without a runtime: each piece calls those below it.
fn sync_work(path: &str, piece: &Piece) {
    let run = child(path).start();
    with_run(&run, || {
        for (at, (way, below)) in piece.below.iter().enumerate() {
            let path = format!("{path}/{at}");
            match way {
                Way::Select | Way::JoinSet | Way::Join => {
                    child(format!("{path}+")).start().end();
                    sync_work(&path, below);
                }
                Way::Stream => {
                    let run = child(&*path).start();
                    with_run(&run, || sync_work(&format!("{path}/0"), below));
                    run.end();
                }
                _ => sync_work(&path, below),
            }
        }
    });
    run.end();
}

/// Serves one request whose handler does a piece of work, and whose body another, in a stream.
async fn request(layer: TracingLayer, name: String, piece: Arc<Piece>, late: Forgotten) {
    let service = layer.layer(service_fn(move |request: Request<()>| {
        let path = request.uri().path()[1..].to_owned();
        let (piece, late) = (piece.clone(), late.clone());
        async move {
            work(format!("{path}/0"), piece.clone(), late.clone()).await;
            let frames = stream::iter(1..3).then(move |at| {
                let done = work(format!("{path}/{at}"), piece.clone(), late.clone());
                async move {
                    done.await;
                    Ok::<_, Infallible>(Frame::data(Bytes::from_static(b"token")))
                }
            });
            Ok::<_, Infallible>(Response::new(StreamBody::new(frames.boxed())))
        }
    }));
    let request = Request::get(format!("/{name}"))
        .body(())
        .expect("a request");
    let response = service.oneshot(request).await.expect("an answer");
    // Where a server sends a body, nothing of the request is current any more.
    let sent = tokio::spawn(response.into_body().collect());
    sent.await.expect("sent").expect("whole");
}

/// Serves all requests at once, and looks at every run.
fn check(pieces: &[Arc<Piece>], workers: usize) {
    let sink = Arc::new(MemorySink::new());
    let tracer = Tracer::builder(sink.clone()).build();
    let layer = TracingLayer::new(&tracer).name(|request| request.uri.path()[1..].to_owned());
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(workers)
        .build();
    runtime.expect("a runtime").block_on(async {
        let late = Forgotten::default();
        let requests = pieces.iter().enumerate().map(|(at, piece)| {
            tokio::spawn(request(
                layer.clone(),
                format!("r{at}"),
                piece.clone(),
                late.clone(),
            ))
        });
        for request in requests.collect::<Vec<_>>() {
            request.await.expect("served");
        }
        loop {
            let Some(task) = late.lock().expect("not poisoned").pop() else {
                break;
            };
            task.await.expect("done");
        }
    });
    let expected: usize = pieces.iter().map(|piece| 1 + 3 * runs_of(piece)).sum();
    look_at(&sink, expected);
}

fn look_at(sink: &MemorySink, expected: usize) {
    let runs = sink.runs();
    assert_eq!(runs.len(), expected);
    let ends = sink
        .ops()
        .iter()
        .filter(|op| matches!(op, RunOp::Patch(_)))
        .count();
    assert_eq!(ends, expected, "one end each");
    let by_id: HashMap<RunId, &Run> = runs.iter().map(|run| (run.id, run)).collect();
    for run in &runs {
        let parent = run.parent_run_id.map(|id| &*by_id[&id].name);
        let above = run.name.rsplit_once('/').map(|(above, _)| above);
        assert_eq!(parent, above, "the parent of {}", run.name);
        let root = &*by_id[&RunId(run.trace_id.0)].name;
        assert_eq!(
            Some(root),
            run.name.split('/').next(),
            "the trace of {}",
            run.name
        );
    }
}

#[test]
fn of_a_thousand_requests_at_once_no_run_is_under_the_wrong_parent() {
    let mut random = TestRunner::deterministic();
    let pieces = (0..1_000).map(|_| piece().new_tree(&mut random).expect("a piece").current());
    check(&pieces.collect::<Vec<_>>(), 4);
}

proptest! {
    #![proptest_config(Config { cases: 32, ..Config::default() })]

    #[test]
    fn whatever_the_work_and_its_schedule_every_run_is_under_its_own_parent(
        pieces in prop::collection::vec(piece(), 1..24),
        workers in 1..5_usize,
    ) {
        check(&pieces, workers);
    }
}
