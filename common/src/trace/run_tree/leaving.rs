//! A run on its way out: a part of it is moved out of the run, and read or written from there.
//!
//! ```text
//! Live ──part──► Leaving ──view──► the encoder      nearly always
//!                        └─write─► RunOp            for who changes it, keeps it, or masks it
//! ```
//!
//! Start at [`Leaving`].

use std::fmt;
use std::sync::Arc;

use uuid::Uuid;

use super::live::{Live, More, Record};
use super::{Fields, Inherited};
use crate::model::{
    Attachment, DottedOrder, EndedRun, Extra, Glance, OpView, OrderView, Part, Run, RunId, RunOp,
    RunView, Taken, Unwritten,
};

/// A part of a run, and all that is said with it.
pub(super) struct Leaving {
    live: Arc<Live>,
    said: Said,
}

/// What is moved out of the run.
struct Said {
    part: Part,
    inherited: Inherited,
    record: Record,
}

impl Unwritten for Live {
    fn run_id(&self) -> RunId {
        self.segment.id
    }

    fn size_again(&self) -> usize {
        let state = self.lock();
        let inputs = match self.own.inputs_on_patch {
            true => state.record.inputs.size(),
            false => 0,
        };
        self.size_of_name() + inputs + state.record.size_of_other()
    }

    fn glance(&self) -> Glance {
        let id = self.segment.id;
        let top = self.above.as_ref().map(|above| above.first_own());
        let state = self.lock();
        let more = state.record.more.as_ref();
        Glance {
            run_id: id,
            trace_id: self.trace_id(),
            // Below nothing, or below a run of another process, it is the uppermost one here.
            top: top.flatten().unwrap_or(id),
            start: self.segment.start,
            end: state.record.end,
            failed: more.is_some_and(|more| more.error.is_some()),
            kept: {
                let verdict = self.own.gate.head.decided(&state.inherited);
                verdict.map(|verdict| verdict.is_kept())
            },
        }
    }

    fn ended(&self) -> EndedRun {
        let state = self.lock();
        let more = state.record.more.as_ref();
        EndedRun {
            name: self.name.to_string(),
            run_type: self.run_type.clone(),
            start_time: self.segment.start,
            end_time: state.record.end.unwrap_or(self.segment.start),
            error: more.and_then(|more| more.error.clone()),
            metadata: state.inherited.metadata.clone(),
            tags: state.inherited.tags.clone(),
            project: state.inherited.project.as_deref().map(Into::into),
        }
    }

    fn write(&self, part: Part) -> RunOp {
        Said::by(self, part).write(self)
    }

    fn take(self: Arc<Self>, part: Part) -> Box<dyn Taken> {
        let said = Said::by(&self, part);
        Box::new(Leaving { live: self, said })
    }

    fn forget(&self, part: Part) {
        let forgotten = self.lock().record.part(part, self.own.inputs_on_patch);
        // Not under the lock: the bytes of a file may be of a type of the caller's.
        drop(forgotten);
    }
}

impl Live {
    /// Writes what is known so far as an update that ends nothing. All of it is said again at the end.
    pub(super) fn write_so_far(&self) -> RunOp {
        let (inherited, record) = {
            let state = self.lock();
            let record = state.record.so_far(self.own.inputs_on_patch);
            (Inherited::clone(&state.inherited), record)
        };
        Said::of(self, Part::End, inherited, record).write(self)
    }
}

impl Taken for Leaving {
    fn id(&self) -> Uuid {
        self.live.segment.id.0
    }

    fn view(&self) -> OpView<'_> {
        let Self { live, said } = self;
        let Said {
            inherited, record, ..
        } = said;
        let more = record.more.as_deref();
        let above = live.above.as_deref();
        let run = RunView {
            id: live.segment.id,
            trace_id: live.trace_id(),
            parent_run_id: above.map(DottedOrder::run_id),
            order: match live.order.get() {
                Some(order) => OrderView::Whole(order),
                // Nobody has asked for it, so it is put together where it is sent.
                None => OrderView::Below(above, live.segment),
            },
            name: &live.name,
            run_type: &live.run_type,
            start_time: live.segment.start,
            end_time: record.end,
            project: inherited.project.as_deref(),
            tags: &inherited.tags,
            inputs: record.inputs.view(),
            outputs: record.outputs.view(),
            events: record.events(),
            metadata: &inherited.metadata,
            runtime: live.own.runtime.as_deref(),
            other: more.map(|more| &more.other),
            error: more.and_then(|more| more.error.as_deref()),
            reference_example_id: more.and_then(|more| more.reference_example_id),
            attachments: self.attachments(),
        };
        match said.part {
            Part::Begin | Part::Whole => OpView::Post(run),
            Part::End => OpView::Patch(run),
        }
    }

    fn attachments(&self) -> &[Attachment] {
        let more = self.said.record.more.as_deref();
        more.map_or(&[], |more| &more.given)
    }

    fn write(&mut self) -> RunOp {
        let said = Said {
            part: self.said.part,
            inherited: std::mem::take(&mut self.said.inherited),
            record: std::mem::take(&mut self.said.record),
        };
        said.write(&self.live)
    }
}

impl Said {
    fn by(live: &Live, part: Part) -> Self {
        let (inherited, record) = {
            let mut state = live.lock();
            let record = state.record.part(part, live.own.inputs_on_patch);
            (Inherited::clone(&state.inherited), record)
        };
        Self::of(live, part, inherited, record)
    }

    fn of(live: &Live, part: Part, mut inherited: Inherited, mut record: Record) -> Self {
        if let Some(more) = &mut record.more {
            more.join_attachments();
        }
        live.own.describe(&mut inherited.metadata);
        let events = record.more.as_mut().map(|more| &mut more.events[..]);
        let gate = &live.own.gate;
        let verdict = gate.head.decided(&inherited);
        let verdict = verdict.unwrap_or_else(|| gate.head.by_id(live.trace_id().0));
        gate.mark(&mut inherited.metadata, events.unwrap_or_default(), verdict);
        Self {
            part,
            inherited,
            record,
        }
    }

    fn write(self, live: &Live) -> RunOp {
        let Self {
            part,
            inherited,
            record,
        } = self;
        let order = match live.order.get() {
            Some(order) => DottedOrder::clone(order),
            // It need not be kept: nobody asks a run for it that has ended, as a rule.
            None => live.make_order(),
        };
        let name = String::from(live.name.clone());
        let run = Run::begin(order, name, live.run_type.clone(), live.segment.start);
        let mut run = Box::new(run);
        run.project = inherited.project.as_deref().map(Into::into);
        run.tags = inherited.tags;
        run.extra = Extra {
            metadata: inherited.metadata,
            runtime: live.own.runtime.clone(),
            ..Extra::default()
        };
        run.inputs = record.inputs.into();
        run.outputs = record.outputs.into();
        run.end_time = record.end;
        if let Some(more) = record.more {
            run.reference_example_id = more.reference_example_id;
            run.extra.other = more.other;
            run.events = more.events;
            run.error = more.error;
            run.attachments = more.given;
        }
        match part {
            Part::Begin | Part::Whole => RunOp::Post(run),
            Part::End => RunOp::Patch(run),
        }
    }
}

impl Record {
    /// Moves a part out, and copies what the other part says too.
    fn part(&mut self, part: Part, inputs_again: bool) -> Self {
        if part == Part::Whole {
            return std::mem::take(self);
        }
        let more = self.more.as_mut();
        let more = more.map(|more| Box::new(more.part(part)));
        // The end may be written before the beginning, by another thread.
        let inputs = match (part, inputs_again) {
            (_, true) => self.inputs.clone(),
            (Part::End, false) => Fields::Unsaid,
            (Part::Begin | Part::Whole, false) => std::mem::take(&mut self.inputs),
        };
        match part {
            Part::End => Self {
                inputs,
                outputs: std::mem::take(&mut self.outputs),
                end: self.end,
                more,
            },
            Part::Begin | Part::Whole => Self {
                inputs,
                more,
                ..Self::default()
            },
        }
    }

    /// Copies what an end would say now, but for the end itself and for files, which leave once.
    fn so_far(&self, inputs_again: bool) -> Self {
        let more = self.more.as_ref().map(|more| {
            Box::new(More {
                events: more.events.clone(),
                other: more.other.clone(),
                reference_example_id: more.reference_example_id,
                ..More::default()
            })
        });
        Self {
            inputs: match inputs_again {
                true => self.inputs.clone(),
                false => Fields::Unsaid,
            },
            outputs: self.outputs.clone(),
            end: None,
            more,
        }
    }
}

impl More {
    fn part(&mut self, part: Part) -> Self {
        let both = Self {
            other: self.other.clone(),
            reference_example_id: self.reference_example_id,
            ..Self::default()
        };
        match part {
            Part::End => Self {
                events: std::mem::take(&mut self.events),
                error: self.error.take(),
                added: std::mem::take(&mut self.added),
                ..both
            },
            Part::Begin | Part::Whole => Self {
                given: std::mem::take(&mut self.given),
                ..both
            },
        }
    }

    /// Puts the files that were added later behind the others; one of the same name is replaced.
    fn join_attachments(&mut self) {
        for added in std::mem::take(&mut self.added) {
            self.given.retain(|known| known.name != added.name);
            self.given.push(added);
        }
    }
}

// What people trace is not for a log.
impl fmt::Debug for Leaving {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Leaving({:?}, {:?})", self.live, self.said.part)
    }
}
