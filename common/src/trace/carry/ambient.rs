//! What holds at one place, as a value.

use crate::trace::RunTree;
use crate::trace::current::Layers;

/// What holds at one place in the program: the current run, and the scopes around.
///
/// For a closure that is called once there is [`carry`]; this is for one that is called often, by the
/// threads of a pool:
///
/// ```
/// use std::sync::Arc;
/// use std::thread;
/// use common::trace::{Ambient, MemorySink, Tracer, child, with_run};
///
/// let sink = Arc::new(MemorySink::new());
/// let tracer = Tracer::builder(sink.clone()).build();
/// let root = tracer.run("rank").start();
/// with_run(&root, || {
///     let here = Ambient::current();
///     let score = |part: &str| here.call(|| child(part).start().end());
///     // As well: `parts.par_iter().for_each(…)` of rayon.
///     thread::scope(|scope| ["a", "b"].map(|part| scope.spawn(move || score(part))).map(drop));
/// });
/// root.end();
/// assert!(sink.runs()[1..].iter().all(|run| run.parent_run_id == root.id()));
/// ```
///
/// It holds a handle of the current run.
#[derive(Debug, Clone)]
pub struct Ambient(Layers);

impl Ambient {
    /// Takes up what holds here.
    pub fn current() -> Self {
        Self(Layers::here())
    }

    /// Makes one in which nothing holds: for work that does not belong to whoever happens to start it.
    pub const fn none() -> Self {
        Self(Layers::NONE)
    }

    /// Returns the current run in it.
    pub fn run(&self) -> Option<RunTree> {
        self.0.current()
    }

    /// Calls `work` with this around it, in place of what is around the call.
    pub fn call<T>(&self, work: impl FnOnce() -> T) -> T {
        self.0.clone().within(work)
    }
}

/// Wraps a closure: wherever it is called, what holds here and now holds in it.
///
/// For threads and pools: `thread::spawn(carry(…))`, `scope.spawn(carry(…))`, `rayon::spawn(carry(…))`.
/// Python's `ContextThreadPoolExecutor`.
///
/// ```
/// use std::sync::Arc;
/// use std::thread;
/// use common::trace::{MemorySink, Tracer, carry, child, with_run};
///
/// let sink = Arc::new(MemorySink::new());
/// let tracer = Tracer::builder(sink.clone()).build();
/// let root = tracer.run("answer").start();
/// let worker = with_run(&root, || thread::spawn(carry(|| child("retrieve").start().end())));
/// worker.join().expect("no panic");
/// assert_eq!(sink.runs()[1].parent_run_id, root.id());
/// ```
pub fn carry<T>(work: impl FnOnce() -> T) -> impl FnOnce() -> T {
    let mut layers = Layers::here();
    move || layers.within(work)
}
