//! Tokio's set of tasks, with what holds where a task is added.

use std::future::Future;
use std::ops::{Deref, DerefMut};

use tokio::runtime::Handle;
use tokio::task::{AbortHandle, JoinSet as Tasks, LocalSet};

use super::ambient::carry;
use super::future::TraceFutureExt as _;

/// `tokio::task::JoinSet` whose tasks keep the parent. All else is Tokio's.
///
/// ```
/// use common::trace::{JoinSet, TraceFutureExt as _, child};
///
/// # async fn ask(part: u32) -> u32 { part }
/// # async fn answer() {
/// let mut parts = JoinSet::new();
/// for part in 0..3 {
///     parts.spawn(ask(part).traced_value(child("ask")));
/// }
/// while let Some(answer) = parts.join_next().await {
///     // …
/// }
/// # }
/// ```
#[derive(Debug)]
pub struct JoinSet<T>(Tasks<T>);

impl<T: Send + 'static> JoinSet<T> {
    /// Spawns a task that has along what holds here.
    #[track_caller]
    pub fn spawn(&mut self, task: impl Future<Output = T> + Send + 'static) -> AbortHandle {
        self.0.spawn(task.in_current_run())
    }

    /// Spawns a task on the runtime of `handle`, likewise.
    #[track_caller]
    pub fn spawn_on(
        &mut self,
        task: impl Future<Output = T> + Send + 'static,
        handle: &Handle,
    ) -> AbortHandle {
        self.0.spawn_on(task.in_current_run(), handle)
    }

    /// Runs a closure that may block, likewise.
    #[track_caller]
    pub fn spawn_blocking(&mut self, work: impl FnOnce() -> T + Send + 'static) -> AbortHandle {
        self.0.spawn_blocking(carry(work))
    }

    /// Runs a closure that may block on the runtime of `handle`, likewise.
    #[track_caller]
    pub fn spawn_blocking_on(
        &mut self,
        work: impl FnOnce() -> T + Send + 'static,
        handle: &Handle,
    ) -> AbortHandle {
        self.0.spawn_blocking_on(carry(work), handle)
    }

    /// Waits for all tasks, and returns what they gave back, in the order of their ends.
    ///
    /// # Panics
    /// If a task did, as Tokio's does.
    pub async fn join_all(self) -> Vec<T> {
        self.0.join_all().await
    }
}

impl<T: 'static> JoinSet<T> {
    /// Makes an empty set.
    pub fn new() -> Self {
        Self(Tasks::new())
    }

    /// Spawns a task on the present `LocalSet`, with what holds here.
    #[track_caller]
    pub fn spawn_local(&mut self, task: impl Future<Output = T> + 'static) -> AbortHandle {
        self.0.spawn_local(task.in_current_run())
    }

    /// Spawns a task on a `LocalSet`, likewise.
    #[track_caller]
    pub fn spawn_local_on(
        &mut self,
        task: impl Future<Output = T> + 'static,
        local_set: &LocalSet,
    ) -> AbortHandle {
        self.0.spawn_local_on(task.in_current_run(), local_set)
    }
}

impl<T: 'static> Default for JoinSet<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> Deref for JoinSet<T> {
    type Target = Tasks<T>;

    fn deref(&self) -> &Tasks<T> {
        &self.0
    }
}

impl<T> DerefMut for JoinSet<T> {
    fn deref_mut(&mut self) -> &mut Tasks<T> {
        &mut self.0
    }
}
