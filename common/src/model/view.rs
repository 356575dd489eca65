//! An operation as an encoder sees it, wherever its parts are.
//!
//! ```text
//! RunOp ────────────────────────┐
//! a run on its way out (Taken) ─┴─► OpView ──► bytes
//! ```
//!
//! A run that leaves has its texts and maps in places of its own; to move them into a [`Run`] first would
//! cost a dozen allocations, for nothing but to be read once. Start at [`OpView`].

use uuid::Uuid;

use super::JsonMap;
use super::attachment::Attachment;
use super::clock::Timestamp;
use super::dotted_order::{DottedOrder, Segment};
use super::feedback::Feedback;
use super::ids::{RunId, TraceId};
use super::op::RunOp;
use super::run::{Run, RunEvent, RunType};

/// One operation, borrowed.
#[derive(Debug)]
pub enum OpView<'a> {
    /// Create the run.
    Post(RunView<'a>),
    /// Update the run.
    Patch(RunView<'a>),
    /// Record what somebody says of a run.
    Feedback(&'a Feedback),
}

/// A run, borrowed: the fields of [`Run`] that are sent.
#[derive(Debug)]
#[expect(
    missing_docs,
    reason = "each is what the field of that name is in `Run`"
)]
pub struct RunView<'a> {
    pub id: RunId,
    pub trace_id: TraceId,
    pub parent_run_id: Option<RunId>,
    pub order: OrderView<'a>,
    pub name: &'a str,
    pub run_type: &'a RunType,
    pub start_time: Timestamp,
    pub end_time: Option<Timestamp>,
    pub project: Option<&'a str>,
    pub tags: &'a [String],
    pub inputs: Option<FieldsView<'a>>,
    pub outputs: Option<FieldsView<'a>>,
    pub events: &'a [RunEvent],
    pub metadata: &'a JsonMap,
    pub runtime: Option<&'a JsonMap>,
    pub other: Option<&'a JsonMap>,
    pub error: Option<&'a str>,
    pub reference_example_id: Option<Uuid>,
    pub attachments: &'a [Attachment],
}

/// A run's place in its trace, put together or not.
#[derive(Debug, Clone, Copy)]
pub enum OrderView<'a> {
    /// All of it.
    Whole(&'a DottedOrder),
    /// That of the run above, and the run's own level.
    Below(Option<&'a DottedOrder>, Segment),
}

/// An object of JSON.
#[derive(Debug, Clone, Copy)]
pub enum FieldsView<'a> {
    /// Any.
    Map(&'a JsonMap),
    /// One text under a key.
    Text(&'a str, &'a str),
}

impl RunOp {
    /// Shows the operation to an encoder.
    pub fn view(&self) -> OpView<'_> {
        match self {
            Self::Post(run) => OpView::Post(run.view()),
            Self::Patch(run) => OpView::Patch(run.view()),
            Self::Feedback(feedback) => OpView::Feedback(feedback),
        }
    }
}

impl Run {
    fn view(&self) -> RunView<'_> {
        RunView {
            id: self.id,
            trace_id: self.trace_id,
            parent_run_id: self.parent_run_id,
            order: OrderView::Whole(&self.dotted_order),
            name: &self.name,
            run_type: &self.run_type,
            start_time: self.start_time,
            end_time: self.end_time,
            project: self.project.as_deref(),
            tags: &self.tags,
            inputs: self.inputs.as_ref().map(FieldsView::Map),
            outputs: self.outputs.as_ref().map(FieldsView::Map),
            events: &self.events,
            metadata: &self.extra.metadata,
            runtime: self.extra.runtime.as_deref(),
            other: Some(&self.extra.other),
            error: self.error.as_deref(),
            reference_example_id: self.reference_example_id,
            attachments: &self.attachments,
        }
    }
}
