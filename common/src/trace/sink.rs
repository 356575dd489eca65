//! Where operations go.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use crate::model::{FIXED_SIZE, Part, Place, Run, RunId, RunOp, Unwritten, merge_ops, size_of_op};

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

    /// Takes what was held back of a trace, in the order in which it happened. `places` is where this sink holds runs
    /// that came so and have not ended; it is kept up to date.
    ///
    /// By default each is taken as if it happened here and now. A sink that waits for a disk waits once for all.
    fn release(&self, held: Vec<HeldOp>, places: &mut HashMap<RunId, Place>) {
        one_by_one(self, held, places);
    }
}

/// An operation that was held back, with its size by estimate.
#[derive(Debug)]
pub enum HeldOp {
    /// A run has begun.
    Begin(Arc<dyn Unwritten>, usize),
    /// A run has ended.
    End(Arc<dyn Unwritten>, usize),
    /// Something that is written already.
    Op(RunOp, usize),
}

impl HeldOp {
    /// Makes one of an operation that is written already.
    pub fn op(op: RunOp) -> Self {
        let bytes = size_of_op(&op).unwrap_or(FIXED_SIZE);
        Self::Op(op, bytes)
    }

    /// Returns its size by estimate; that of an end is what it takes besides the beginning.
    pub fn bytes(&self) -> usize {
        let (Self::Begin(_, bytes) | Self::End(_, bytes) | Self::Op(_, bytes)) = self;
        *bytes
    }

    /// Writes it.
    pub fn write(self) -> RunOp {
        match self {
            Self::Begin(run, _) => run.write(Part::Begin),
            Self::End(run, _) => run.write(Part::End),
            Self::Op(op, _) => op,
        }
    }

    /// Drops it: nobody will write it.
    pub fn forget(self) {
        match self {
            Self::Begin(run, _) => run.forget(Part::Begin),
            Self::End(run, _) => run.forget(Part::End),
            Self::Op(..) => {}
        }
    }
}

/// Gives a sink what was held back, as if it happened here and now.
pub(crate) fn one_by_one<S: RunSink + ?Sized>(
    sink: &S,
    held: Vec<HeldOp>,
    places: &mut HashMap<RunId, Place>,
) {
    for held in held {
        match held {
            HeldOp::Begin(run, bytes) => {
                let id = run.run_id();
                if let Some(place) = sink.begin(run, bytes) {
                    places.insert(id, place);
                }
            }
            HeldOp::End(run, bytes) => {
                let place = places.remove(&run.run_id());
                sink.end(run, place, bytes);
            }
            HeldOp::Op(op, _) => {
                // An end that joins the beginning after this would leave before it.
                if let Some(run) = op.run() {
                    places.remove(&run.id);
                }
                sink.submit(op);
            }
        }
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

    fn release(&self, held: Vec<HeldOp>, places: &mut HashMap<RunId, Place>) {
        let ops: Vec<RunOp> = held.into_iter().map(HeldOp::write).collect();
        let copies = ops.iter().cloned().map(HeldOp::op).collect();
        // What is written has no place in either.
        self.first.release(copies, places);
        let ops = ops.into_iter().map(HeldOp::op).collect();
        self.second.release(ops, places);
    }
}
