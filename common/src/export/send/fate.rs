//! What an answer means for what was sent.
//!
//! ```text
//! outcome ──judge──► Verdict ──read──┬─► Fate       the endpoint works; so much for this load
//!                    of any request  └─► Trouble    the endpoint does not; nothing is wrong with the load
//! ```
//!
//! Start at [`read`].

use uuid::Uuid;

use super::breaker::Trouble;
use super::reply::failed;
use super::retry::{Verdict, judge};
use super::route::{Form, Load};
use crate::export::batch::Group;
use crate::export::encode::{EncodedBody, Encoding};
use crate::export::endpoint::{HttpResponse, TransportError};
use crate::export::ledger::DropReason;
use crate::model::OpView;

/// What became of a load.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Fate {
    Delivered,
    /// Delivered but for these.
    Partly(Vec<Uuid>),
    /// The server has it already, or some of it.
    Known,
    Dropped(DropReason),
    /// It may go through in smaller pieces.
    TooLarge,
    /// Something of it is not accepted; the rest may be.
    Refused,
    /// The server has no `/runs/multipart`.
    NoMultipart,
    /// Nor has it `/runs/batch`; both are to be tried again.
    NoPath,
    /// The server does not unpack bodies.
    NoUnpacking,
    /// The server does not know yet what the load is about.
    NotYet,
    /// The server does not know the run that the load updates.
    NoRun,
}

/// Tells what came of a load.
///
/// # Errors
/// What is the matter with the endpoint.
pub(super) fn read(
    outcome: &Result<HttpResponse, TransportError>,
    load: &Load,
    body: &EncodedBody,
) -> Result<Fate, Trouble> {
    let status = outcome.as_ref().map_or(0, |answer| answer.status);
    let sure = |reason| Trouble {
        reason,
        after: None,
        is_sure: true,
    };
    match judge(outcome) {
        Verdict::Delivered => Ok(delivered(outcome, load)),
        Verdict::Known => Ok(Fate::Known),
        Verdict::NotFound => match (load.form, load.only().map(Group::view)) {
            (Form::Multipart, _) => Ok(Fate::NoMultipart),
            (Form::One, Some(OpView::Feedback(_))) => Ok(Fate::NotYet),
            (Form::One, Some(OpView::Patch(_))) => Ok(Fate::NoRun),
            (Form::Json | Form::One, _) => Err(sure(DropReason::NotFound)),
        },
        // RFC 9110: the server cannot read a packed body.
        Verdict::Drop(_) if status == 415 && body.encoding != Encoding::Identity => {
            Ok(Fate::NoUnpacking)
        }
        Verdict::Drop(DropReason::TooLarge) => Ok(Fate::TooLarge),
        Verdict::Drop(_) if matches!(status, 400 | 422) => Ok(Fate::Refused),
        Verdict::Drop(reason) => Ok(Fate::Dropped(reason)),
        Verdict::Hold(reason) => Err(sure(reason)),
        Verdict::Retry(after) => Err(match outcome {
            Ok(_) => Trouble {
                reason: DropReason::Unavailable,
                after,
                is_sure: after.is_some(),
            },
            Err(error) => Trouble {
                reason: DropReason::Unreachable,
                after: None,
                is_sure: matches!(error, TransportError::Connect(_) | TransportError::Tls(_)),
            },
        }),
    }
}

fn delivered(outcome: &Result<HttpResponse, TransportError>, load: &Load) -> Fate {
    let mut named = outcome
        .as_ref()
        .map_or_else(|_| Vec::new(), |answer| failed(&answer.body));
    let sent = |id: &Uuid| {
        let mut groups = load.batch.groups().iter();
        groups.any(|group| group.content.id() == *id)
    };
    // What we did not send is not ours to send again.
    named.retain(sent);
    match named.is_empty() {
        true => Fate::Delivered,
        false => Fate::Partly(named),
    }
}
