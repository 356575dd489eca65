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
use std::time::Duration;

use http::Method;
use tokio::time::Instant;
use uuid::Uuid;

use super::retry::RetryPolicy;
use crate::export::batch::{Group, Held};
use crate::export::encode::is_usable_name;
use crate::export::ledger::AttachmentLoss;
use crate::model::{OpView, Run};

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
    /// How often it was sent.
    pub(super) attempts: u32,
    /// Whether it goes as JSON because there seems to be no multipart.
    pub(super) is_fallback: bool,
    // Since when it is to be sent.
    begun: Option<Instant>,
}

/// No setting is waited out for longer, so that none can overflow the clock.
const MAX_BUDGET: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// Divides a batch into what each request carries; the first is last, to be popped from the end.
///
/// Runs go before what is said of them, as a server answers 404 to feedback on a run that it does not
/// know.
pub(super) fn divide(batch: Held, form: Form, feedback_as_part: bool) -> Vec<Load> {
    let (together, alone) = batch.partition(|group| match form {
        Form::One => false,
        Form::Multipart | Form::Json if group.content.is_of_run() => true,
        Form::Multipart => feedback_as_part && goes_along(group),
        Form::Json => false,
    });
    let one = |batch| Load::new(Form::One, batch);
    let mut loads: Vec<Load> = alone.into_singles().into_iter().map(one).collect();
    loads.reverse();
    if !together.groups().is_empty() {
        loads.push(Load::new(form, together));
    }
    loads
}

/// Returns true if a judgement can be a part: one that names its trace. A part always has the trace kept longer.
fn goes_along(group: &Group) -> bool {
    matches!(group.view(), OpView::Feedback(said) if said.trace_id.is_some() && said.extend_trace_retention)
}

impl Load {
    fn new(form: Form, batch: Held) -> Self {
        Self {
            form,
            batch,
            attempts: 0,
            is_fallback: false,
            begun: None,
        }
    }

    /// Returns until when it is tried; the time begins with the first call.
    pub(super) fn deadline(&mut self, policy: &RetryPolicy) -> Instant {
        *self.begun.get_or_insert_with(Instant::now) + policy.budget.min(MAX_BUDGET)
    }

    /// Returns the operation of a load that has only one.
    pub(super) fn only(&self) -> Option<&Group> {
        match self.batch.groups() {
            [group] => Some(group),
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
        [second, first].map(|batch| Self::new(form, batch))
    }

    /// Makes a load of each group; the first is last, as in [`divide`].
    pub(super) fn singles(self) -> impl Iterator<Item = Self> {
        let form = self.form;
        let singles = self.batch.into_singles().into_iter().rev();
        singles.map(move |batch| Self::new(form, batch))
    }

    /// Makes of multipart what goes elsewhere, as in [`divide`]; time runs on.
    pub(super) fn into_json(self) -> impl Iterator<Item = Self> {
        // The other path is no repetition.
        let (attempts, begun) = (self.attempts.saturating_sub(1), self.begun);
        let loads = divide(self.batch, Form::Json, false).into_iter();
        loads.map(move |load| match load.form {
            Form::Json => Self {
                attempts,
                begun,
                is_fallback: true,
                ..load
            },
            Form::Multipart | Form::One => load,
        })
    }

    /// Takes it for new: it goes in another shape, and time runs on.
    pub(super) fn changed(self) -> Self {
        Self {
            attempts: 0,
            ..self
        }
    }

    /// Makes multipart of what was JSON for want of it; time runs on.
    pub(super) fn back_to_multipart(self) -> Self {
        Self {
            form: Form::Multipart,
            is_fallback: false,
            ..self
        }
    }

    /// Returns method and path of the request.
    pub(super) fn request_line(&self) -> (Method, Cow<'static, str>) {
        match (self.form, self.only().map(Group::view)) {
            (Form::Multipart, _) => (Method::POST, "/runs/multipart".into()),
            (Form::Json, _) => (Method::POST, "/runs/batch".into()),
            (Form::One, Some(OpView::Patch(run))) => {
                (Method::PATCH, format!("/runs/{}", run.id).into())
            }
            (Form::One, Some(OpView::Feedback(_))) => (Method::POST, "/feedback".into()),
            (Form::One, _) => (Method::POST, "/runs".into()),
        }
    }

    /// Makes a run that is too large smaller by one step, of which the first takes the attachments out;
    /// false if there is none left.
    pub(super) fn lighten(&mut self, shorten: impl Fn(&mut Run) -> bool) -> bool {
        let form = self.form;
        let lightened = self.batch.change(|batch| {
            let strips = form == Form::Multipart;
            (strips && batch.strip_attachments(is_usable_name) > 0) || batch.shorten(shorten)
        });
        lightened == Some(true)
    }

    /// Returns how many runs arrive truncated.
    pub(super) fn truncated(&self) -> u64 {
        let groups = self.batch.groups().iter();
        groups.filter(|group| group.truncated).count() as u64
    }

    /// Parts what is named from the rest, which is done; time runs on for the first.
    pub(super) fn part(self, named: &[Uuid]) -> (Self, Self) {
        let (failed, done) = self
            .batch
            .partition(|group| named.contains(&group.content.id()));
        let done = Self::new(self.form, done);
        let failed = Self {
            batch: failed,
            ..self
        };
        (failed, done)
    }

    /// Tells which attachments the runs arrive without.
    pub(super) fn attachments_lost(&self) -> impl Iterator<Item = (AttachmentLoss, u64)> {
        let count = |reason| {
            let lost = |name: &str| match self.form {
                Form::Multipart => reason == AttachmentLoss::Name && !is_usable_name(name),
                Form::Json | Form::One => reason == AttachmentLoss::NoMultipart,
            };
            let groups = self.batch.groups().iter();
            let here = groups
                .clone()
                .flat_map(|group| group.content.attachments())
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
