//! Where operations go.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use crate::model::{Part, Place, Run, RunOp, Unwritten, merge_ops};

/// Takes the operations of a tracer.
///
/// `submit` is called on the traced program's own threads, so it must not block, wait or panic.
pub trait RunSink: Send + Sync + fmt::Debug {
    /// Takes one operation. What becomes of it is the sink's to count.
    fn submit(&self, op: RunOp);

    /// Takes an operation that no sampler may hold back; returns false if it was not taken in, as far as the
    /// sink can tell.
    ///
    /// By default it is [`submit`](Self::submit)ted, and taken for taken in.
    fn offer(&self, op: RunOp) -> bool {
        self.submit(op);
        true
    }

    /// Takes a run that has begun; `bytes` is what that takes, by estimate.
    ///
    /// By default it is written here and now, and submitted. A sink that passes operations on later may
    /// hold the run instead, and return where, to be told of its end there.
    fn begin(&self, run: Arc<dyn Unwritten>, bytes: usize) -> Option<Place> {
        let _ = bytes;
        self.submit(run.write(Part::Begin));
        None
    }

    /// Takes a run that has ended; `bytes` is what that takes besides its beginning, and `place` what
    /// [`begin`](Self::begin) returned.
    ///
    /// By default it is written here and now, and submitted.
    fn end(&self, run: Arc<dyn Unwritten>, place: Option<Place>, bytes: usize) {
        let _ = (place, bytes);
        self.submit(run.write(Part::End));
    }
}

/// Keeps operations in memory: LangSmith's "local" mode, and the sink for unit tests.
///
/// It grows without bound; never use it in a service.
#[derive(Debug, Default)]
pub struct MemorySink(Mutex<Vec<RunOp>>);

impl MemorySink {
    /// Makes an empty sink.
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns the operations so far, in order of submission.
    pub fn ops(&self) -> Vec<RunOp> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Returns the runs that the operations so far add up to.
    pub fn runs(&self) -> Vec<Run> {
        merge_ops(self.ops())
    }
}

impl RunSink for MemorySink {
    fn submit(&self, op: RunOp) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(op);
    }
}

/// Forgets every operation.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoSink;

impl RunSink for NoSink {
    fn submit(&self, _op: RunOp) {}

    fn offer(&self, _op: RunOp) -> bool {
        false
    }
}

/// Gives every operation to two sinks.
#[derive(Debug, Clone)]
pub struct TeeSink {
    first: Arc<dyn RunSink>,
    second: Arc<dyn RunSink>,
}

impl TeeSink {
    /// Joins two sinks.
    pub fn new(first: Arc<dyn RunSink>, second: Arc<dyn RunSink>) -> Self {
        Self { first, second }
    }
}

impl RunSink for TeeSink {
    fn submit(&self, op: RunOp) {
        self.first.submit(op.clone());
        self.second.submit(op);
    }

    fn offer(&self, op: RunOp) -> bool {
        let first = self.first.offer(op.clone());
        self.second.offer(op) && first
    }
}
