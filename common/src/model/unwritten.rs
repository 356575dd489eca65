//! A run that is written when it leaves, not when it changes.

use std::fmt;
use std::sync::Arc;

use uuid::Uuid;

use super::attachment::Attachment;
use super::glance::{EndedRun, Glance};
use super::ids::RunId;
use super::op::RunOp;
use super::view::OpView;

/// What of a run an operation says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// That it has begun, and with what: a [`RunOp::Post`].
    Begin,
    /// How it ended: a [`RunOp::Patch`].
    End,
    /// Both: a [`RunOp::Post`] that is never followed by a patch.
    Whole,
}

/// A run of which a sink may hold a reference, to have it written as an operation later, on a thread of
/// its own.
///
/// What a run is given is moved into it and from there to the operation, so each part is written once:
/// either [`Part::Begin`] and [`Part::End`], which two threads may do in any order, or [`Part::Whole`]. A
/// part that a sink does not take in it has forgotten instead, so that it takes no memory.
pub trait Unwritten: Send + Sync + fmt::Debug {
    /// Returns the run's id.
    fn run_id(&self) -> RunId;

    /// Returns what an end takes that is written by itself, besides what it adds, by estimate: it says again
    /// what the run is.
    fn size_again(&self) -> usize;

    /// Returns what of it decides whether its trace is kept.
    fn glance(&self) -> Glance;

    /// Returns what a program may go by that chooses which traces to keep. Asked when it has ended, and before that
    /// was written.
    fn ended(&self) -> EndedRun;

    /// Writes a part as an operation.
    fn write(&self, part: Part) -> RunOp;

    /// Takes a part out, to be encoded from where it is; by default it is written as an operation.
    fn take(self: Arc<Self>, part: Part) -> Box<dyn Taken> {
        Box::new(self.write(part))
    }

    /// Drops what only that part would say, because nobody will write it.
    fn forget(&self, part: Part) {
        drop(self.write(part));
    }
}

/// A part of a run on its way out: all that is said of it, in no particular form.
pub trait Taken: Send + Sync + fmt::Debug {
    /// Returns the run's id.
    fn id(&self) -> Uuid;

    /// Shows it to an encoder.
    fn view(&self) -> OpView<'_>;

    /// Returns the files that leave with it.
    fn attachments(&self) -> &[Attachment];

    /// Writes it as an operation. What it says is moved, so this is done once and the last that is done.
    fn write(&mut self) -> RunOp;
}

/// What is written is taken as it is.
impl Taken for RunOp {
    fn id(&self) -> Uuid {
        Self::id(self)
    }

    fn view(&self) -> OpView<'_> {
        Self::view(self)
    }

    fn attachments(&self) -> &[Attachment] {
        self.run().map_or(&[], |run| &run.attachments)
    }

    fn write(&mut self) -> RunOp {
        self.clone()
    }
}

/// Where a sink holds the beginning of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Which queue: one of another process, or an earlier one, knows nothing of the run.
    pub(crate) queue: u64,
    /// The how-manieth it is of all that came into that queue.
    pub(crate) at: u64,
}
