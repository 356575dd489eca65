//! What a batch carries: an operation that is written, or a run that is encoded from where it is.

use uuid::Uuid;

use crate::model::{Attachment, OpView, RunOp, Taken};

/// One operation.
#[derive(Debug)]
pub(in crate::export) enum Carried {
    Op(RunOp),
    Run(Box<dyn Taken>),
}

impl Carried {
    pub(in crate::export) fn id(&self) -> Uuid {
        match self {
            Self::Op(op) => op.id(),
            Self::Run(run) => run.id(),
        }
    }

    /// Returns true if it is about a run; feedback is by itself.
    pub(in crate::export) fn is_of_run(&self) -> bool {
        match self {
            Self::Op(op) => op.run().is_some(),
            Self::Run(_) => true,
        }
    }

    pub(in crate::export) fn view(&self) -> OpView<'_> {
        match self {
            Self::Op(op) => op.view(),
            Self::Run(run) => run.view(),
        }
    }

    pub(in crate::export) fn attachments(&self) -> &[Attachment] {
        match self {
            Self::Op(op) => op.run().map_or(&[], |run| &run.attachments),
            Self::Run(run) => run.attachments(),
        }
    }

    /// Returns it as an operation, for who changes or keeps it.
    pub(in crate::export) fn written(&mut self) -> &mut RunOp {
        loop {
            match *self {
                Self::Op(ref mut op) => return op,
                Self::Run(ref mut run) => *self = Self::Op(run.write()),
            }
        }
    }

    pub(in crate::export) fn into_written(self) -> RunOp {
        match self {
            Self::Op(op) => op,
            Self::Run(mut run) => run.write(),
        }
    }
}
