//! Tokio's ways to start work, with what holds here.

use std::future::Future;

use tokio::task::JoinHandle;

use super::ambient::carry;
use super::future::TraceFutureExt as _;

/// Spawns a task that has along what holds here: `tokio::spawn` that keeps the parent.
///
/// It holds a handle of the current run until it ends, and does not end it.
///
/// ```
/// use common::trace::{child, spawn};
///
/// # async fn answer() {
/// let found = spawn(async {
///     let run = child("retrieve").start();
///     run.end();
/// });
/// # let _ = found.await; }
/// ```
///
/// # Panics
/// Outside of a Tokio runtime, as `tokio::spawn` does.
#[track_caller]
pub fn spawn<F>(future: F) -> JoinHandle<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    tokio::spawn(future.in_current_run())
}

/// Runs a closure that may block, with what holds here: `tokio::task::spawn_blocking` that keeps the parent.
///
/// # Panics
/// Outside of a Tokio runtime, as Tokio's does.
#[track_caller]
pub fn spawn_blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> JoinHandle<T> {
    tokio::task::spawn_blocking(carry(work))
}
