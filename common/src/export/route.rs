//! Which request carries what.
//!
//! ```text
//! Batch ──divide──► Load: runs ─────────────────────────► /runs/multipart, or /runs/batch
//!                   Load: feedback that is no part ─────► /feedback, each by itself
//!                   Load: one operation, if unbatched ──► /runs, /runs/{id}, /feedback
//! ```
//!
//! Start at [`divide`].

use std::borrow::Cow;

use http::Method;

use super::encode::is_usable_name;
use super::in_flight::Held;
use super::ledger::AttachmentLoss;
use crate::model::RunOp;

/// The forms that a request has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// Many operations in parts.
    Multipart,
    /// Many operations in lists.
    Json,
    /// One operation, as it is.
    One,
}

/// What one request carries.
pub(super) struct Load {
    pub(super) form: Form,
    pub(super) batch: Held,
}

/// Divides a batch into what each request carries; the first is last, to be popped from the end.
///
/// Runs go before what is said of them, as a server answers 404 to feedback on a run that it does not
/// know.
pub(super) fn divide(batch: Held, form: Form, feedback_as_part: bool) -> Vec<Load> {
    let (together, alone) = batch.partition(|op| match (form, op) {
        (Form::One, _) => false,
        (Form::Multipart, RunOp::Feedback(said)) => feedback_as_part && said.trace_id.is_some(),
        (Form::Json, RunOp::Feedback(_)) => false,
        (Form::Multipart | Form::Json, _) => true,
    });
    let mut loads: Vec<Load> = alone.into_singles().into_iter().map(Load::one).collect();
    loads.reverse();
    if !together.groups().is_empty() {
        loads.push(Load {
            form,
            batch: together,
        });
    }
    loads
}

impl Load {
    fn one(batch: Held) -> Self {
        Self {
            form: Form::One,
            batch,
        }
    }

    /// Returns the operation of a load that has only one.
    pub(super) fn only(&self) -> Option<&RunOp> {
        match self.batch.groups() {
            [group] => Some(&group.op),
            _ => None,
        }
    }

    /// Returns true if there is more than one thing to tell apart.
    pub(super) fn is_divisible(&self) -> bool {
        self.batch.groups().len() > 1
    }

    /// Halves a load; the first half is last, as in [`divide`].
    pub(super) fn halves(self) -> [Self; 2] {
        let form = self.form;
        let [first, second] = self.batch.split();
        [second, first].map(|batch| Self { form, batch })
    }

    /// Returns method and path of the request.
    pub(super) fn request_line(&self) -> (Method, Cow<'static, str>) {
        match (self.form, self.only()) {
            (Form::Multipart, _) => (Method::POST, "/runs/multipart".into()),
            (Form::Json, _) => (Method::POST, "/runs/batch".into()),
            (Form::One, Some(RunOp::Patch(run))) => {
                (Method::PATCH, format!("/runs/{}", run.id).into())
            }
            (Form::One, Some(RunOp::Feedback(_))) => (Method::POST, "/feedback".into()),
            (Form::One, _) => (Method::POST, "/runs".into()),
        }
    }

    /// Takes the attachments out of a run that is too large with them; false if that changes nothing.
    pub(super) fn lighten(&mut self) -> bool {
        if self.form != Form::Multipart {
            return false;
        }
        let stripped = self.batch.change(|it| it.strip_attachments(is_usable_name));
        stripped.is_some_and(|stripped| stripped > 0)
    }

    /// Tells which attachments the runs arrive without.
    pub(super) fn attachments_lost(&self) -> impl Iterator<Item = (AttachmentLoss, u64)> {
        let count = |reason| {
            let lost = |name: &str| match self.form {
                Form::Multipart => reason == AttachmentLoss::Name && !is_usable_name(name),
                Form::Json | Form::One => reason == AttachmentLoss::NoMultipart,
            };
            let groups = self.batch.groups().iter();
            let runs = groups.clone().filter_map(|group| group.op.run());
            let here = runs
                .flat_map(|run| &run.attachments)
                .filter(|attachment| lost(&attachment.name))
                .count() as u64;
            match reason {
                AttachmentLoss::TooLarge => groups.map(|group| group.stripped).sum(),
                AttachmentLoss::Name | AttachmentLoss::NoMultipart => here,
            }
        };
        [
            AttachmentLoss::Name,
            AttachmentLoss::NoMultipart,
            AttachmentLoss::TooLarge,
        ]
        .map(|reason| (reason, count(reason)))
        .into_iter()
        .filter(|(_, count)| *count > 0)
    }
}
