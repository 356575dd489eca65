//! Rows 20 to 23: runs whose end is not sent, or nothing of them.

use std::time::Duration;

use super::naive::Naive;
use super::queue::NaiveQueue;
use super::stage::{PATIENCE, Played, SceneError, Stage, Way};
use crate::analysis::doctor::{Books, Process};
use crate::client::Config;
use crate::export::BatchConfig;

/// Row 20: a task is cancelled between the beginning of its run and the end.
pub(super) async fn cancelled(stage: &Stage, way: Way) -> Played {
    let never = std::future::pending::<()>();
    match way {
        Way::Broken => {
            let naive = Naive::new(stage, "gateway");
            let work = async {
                let mut run = naive.begin("answer", None);
                naive.post(&[&run]);
                never.await;
                naive.end(&mut run);
                naive.patch(&[&run]);
            };
            give_up(work).await;
        }
        Way::Repaired => {
            let client = stage.client("gateway")?;
            let work = async {
                // Ends when it is dropped, with an error that says so.
                let run = client.run("answer").start();
                never.await;
                run.end();
            };
            give_up(work).await;
        }
    }
    Ok(())
}

/// Lets work begin, and drops it: what a caller's timeout does.
async fn give_up(work: impl Future<Output = ()>) {
    tokio::select! {
        biased;
        () = work => {}
        () = tokio::task::yield_now() => {}
    }
}

/// Sends only when it is told to, and nothing at the end.
pub(super) fn unhurried() -> BatchConfig {
    BatchConfig {
        linger: Duration::from_secs(3_600),
        shutdown_timeout: Duration::ZERO,
        ..BatchConfig::default()
    }
}

/// Row 21: the platform stops the process between two requests; what waits then waits on.
pub(super) async fn frozen(stage: &Stage, way: Way) -> Played {
    let config = Config {
        batch: unhurried(),
        ..Config::default()
    };
    let client = stage.frozen("function", config, |builder| builder)?;
    let run = client.run("handle").start();
    // Sent in the background while the model is asked.
    client.flush_async(PATIENCE).await.map_err(SceneError::of)?;
    run.end_with("done");
    if !way.is_broken() {
        client.flush_async(PATIENCE).await.map_err(SceneError::of)?;
    }
    stage.process(&Process {
        process: "function".to_owned(),
        variables: [("AWS_LAMBDA_FUNCTION_NAME".to_owned(), "answer".to_owned())].into(),
        tracing: Some(true),
        has_key: Some(true),
        ..Process::default()
    });
    stage.keep(client);
    Ok(())
}

/// Row 22: a server makes its client, then forks its workers. A fork copies memory, and no thread: the copy has the
/// queue, and nobody who empties it.
pub(super) async fn forked(stage: &Stage, way: Way) -> Played {
    let (server, worker) = (400, 401);
    let naive = Naive::new(stage, "worker");
    let before = NaiveQueue::new(stage, "worker");
    let (mut queue, made_in, has_thread) = match way {
        Way::Broken => (before.forked(), server, false),
        Way::Repaired => (NaiveQueue::new(stage, "worker"), worker, true),
    };
    for _ in 0..3 {
        queue.post(&naive.whole("answer", None));
        if has_thread {
            queue.flush();
        }
    }
    stage.books(&Books {
        pid: Some(worker),
        made_in_pid: Some(made_in),
        ..queue.books()
    });
    Ok(())
}

/// Row 23: a queue's worker sends when it ends, and it does not end.
pub(super) async fn worker_never_ends(stage: &Stage, way: Way) -> Played {
    let naive = Naive::new(stage, "worker");
    let mut queue = NaiveQueue::new(stage, "worker");
    for _ in 0..3 {
        queue.post(&naive.whole("index page", None));
        if !way.is_broken() {
            queue.flush();
        }
        stage.clock.pass(40_000);
    }
    stage.books(&queue.books());
    Ok(())
}
