//! Rows 10 to 12: the current run is there, and is another request's.

use std::sync::Mutex;

use futures_util::{StreamExt as _, stream};

use super::stage::{Played, REQUEST, Stage, Way};
use crate::client::Client;
use crate::trace::{RunTree, child, with_run};

/// A worker that keeps the run it works for in a place of its own, as a variable of the thread would be.
#[derive(Default)]
struct Worker(Mutex<Option<RunTree>>);

impl Worker {
    fn set(&self, run: Option<RunTree>) {
        *self
            .0
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner) = run;
    }

    fn get(&self) -> Option<RunTree> {
        self.0
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .clone()
    }
}

fn begin(client: &Client, request: &str) -> RunTree {
    client.run("answer").metadata(REQUEST.0, request).start()
}

/// Writes a chunk of the answer to `request`, below whatever run is said to be the current one.
fn chunk(below: &RunTree, request: &str) {
    with_run(below, || {
        let run = child("write").metadata(REQUEST.0, request).start();
        run.end_with("a chunk");
    });
}

/// Row 10: the body is pumped after its handler has ended, in the context of whoever was there before.
pub(super) async fn pumped_later(stage: &Stage, way: Way) -> Played {
    let (client, worker) = (stage.client("gateway")?, Worker::default());
    let first = begin(&client, "r-1");
    worker.set(Some(first.clone()));
    chunk(&first, "r-1");
    first.end();
    let second = begin(&client, "r-2");
    let below = way.pick(worker.get(), Some(second.clone()));
    let below = below.unwrap_or_else(|| second.clone());
    let mut body = stream::iter(["Be", "cause"]);
    while body.next().await.is_some() {
        chunk(&below, "r-2");
    }
    second.end();
    Ok(())
}

/// Row 11: a stream that nobody reads to its end leaves its run behind as the current one.
pub(super) async fn abandoned_stream(stage: &Stage, way: Way) -> Played {
    let (client, worker) = (stage.client("gateway")?, Worker::default());
    let first = begin(&client, "r-1");
    {
        worker.set(Some(first.clone()));
        let reset = (!way.is_broken()).then(|| Reset(&worker));
        let mut body = stream::iter(["Be", "cause"]);
        body.next().await;
        chunk(&first, "r-1");
        // The reader goes away here. After the last chunk the worker would have been told; it never comes.
        drop((body, reset));
    }
    let second = begin(&client, "r-2");
    let below = worker.get().unwrap_or_else(|| second.clone());
    chunk(&below, "r-2");
    second.end();
    first.end();
    Ok(())
}

/// Puts the worker's place in order, however its stream ends.
struct Reset<'a>(&'a Worker);

impl Drop for Reset<'_> {
    fn drop(&mut self) {
        self.0.set(None);
    }
}

/// Row 12: two calls at the same time share one handler, which remembers the latest run.
pub(super) async fn shared_handler(stage: &Stage, way: Way) -> Played {
    let (client, handler) = (stage.client("gateway")?, Worker::default());
    let calls = ["r-1", "r-2"].map(|request| {
        let (client, handler) = (&client, &handler);
        async move {
            let own = begin(client, request);
            handler.set(Some(own.clone()));
            // The other call begins meanwhile.
            tokio::task::yield_now().await;
            let below = way.pick(handler.get(), Some(own.clone()));
            chunk(&below.unwrap_or_else(|| own.clone()), request);
            own.end();
        }
    });
    futures_util::future::join_all(calls).await;
    Ok(())
}
