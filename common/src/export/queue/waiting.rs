//! What waits in the queue: an operation, or a run that is written when it leaves.

use std::sync::Arc;

use super::{Queued, Ticket};
use crate::export::batch::{Carried, Group};
use crate::model::{Part, RunOp, Unwritten};

/// Something that waits, with what it counts against the bounds.
#[derive(Debug)]
pub(in crate::export) struct Waiting {
    pub(super) content: Content,
    pub(in crate::export) bytes: usize,
    /// How many operations it stands for.
    pub(in crate::export) ops: u64,
    /// Which flushes wait for it.
    pub(in crate::export) epoch: u32,
    /// Its record, if it is or will be on disk as well.
    pub(in crate::export) record: Option<Ticket>,
    // Whether the program's transform has seen it.
    changed: bool,
    // Whether the endpoint may have it already.
    known: bool,
}

#[derive(Debug)]
pub(super) enum Content {
    Op(RunOp),
    Run(Arc<dyn Unwritten>, Part),
}

impl Content {
    /// Drops what is not taken in. The program may hold the run on, and its code may be called, so nobody
    /// does so under the queue's lock.
    pub(super) fn forget(self) {
        if let Self::Run(run, part) = self {
            run.forget(part);
        }
    }
}

impl Waiting {
    pub(super) fn new(content: Content, bytes: usize, epoch: u32) -> Self {
        Self {
            content,
            bytes,
            ops: 1,
            epoch,
            record: None,
            changed: false,
            known: false,
        }
    }

    /// Writes what is not written yet. It takes a while, so nobody does so under the queue's lock.
    pub(in crate::export) fn write(self) -> Queued {
        Queued {
            op: match self.content {
                Content::Op(op) => op,
                Content::Run(run, part) => run.write(part),
            },
            bytes: self.bytes,
            ops: self.ops,
            epoch: self.epoch,
            record: self.record,
            changed: self.changed,
            known: self.known,
        }
    }
}

impl Waiting {
    /// Hands it to a batch as it is.
    pub(in crate::export) fn carry(self) -> Group {
        let content = match self.content {
            Content::Op(op) => Carried::Op(op),
            Content::Run(run, part) => Carried::Run(run.take(part)),
        };
        Group {
            known: self.known,
            ..Group::carrying(content, self.bytes, self.ops, self.epoch, self.record)
        }
    }
}

impl From<Queued> for Waiting {
    fn from(queued: Queued) -> Self {
        Self {
            content: Content::Op(queued.op),
            bytes: queued.bytes,
            ops: queued.ops,
            epoch: queued.epoch,
            record: queued.record,
            changed: queued.changed,
            known: queued.known,
        }
    }
}
