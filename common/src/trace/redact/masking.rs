//! One operation, field by field.

use std::cell::Cell;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use serde_json::Value;

use super::anonymizer::Anonymizer;
use super::hide::Hide;
use super::marker::{self, Reason};
use super::path::Field;
use super::rules::Hooks;
use super::walk::{Names, Walk, weight};
use super::{Redactor, hide};
use crate::model::{
    Attachment, Extra, Feedback, JsonMap, NEW_TOKEN, Run, RunEvent, RunType, discard,
    withhold_deep_in,
};

thread_local! {
    static MASKING: Cell<bool> = const { Cell::new(false) };
}

/// Returns true if this thread is masking right now: then a function of the user's is running, and what
/// it records itself would be masked by the same function, without end.
pub(in crate::trace) fn is_masking() -> bool {
    MASKING.try_with(Cell::get).unwrap_or(false)
}

/// How many fields of an operation were replaced by markers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::trace) struct Withheld {
    pub(in crate::trace) panicked: u64,
    pub(in crate::trace) over_budget: u64,
    pub(in crate::trace) too_deep: u64,
}

/// The masking of one operation.
pub(super) struct Masking<'a> {
    redactor: &'a Redactor,
    // Bytes of text that may still be read.
    left: usize,
    pub(super) withheld: Withheld,
}

impl<'a> Masking<'a> {
    pub(super) fn new(redactor: &'a Redactor) -> Self {
        Self {
            redactor,
            left: redactor
                .anonymizer
                .as_ref()
                .map_or(0, Anonymizer::max_bytes),
            withheld: Withheld::default(),
        }
    }

    /// Masks a run. The short fields come first, so that a long one does not use up their budget.
    pub(super) fn run(&mut self, run: &mut Run) {
        // Every field is named, so that a new one does not compile until somebody has decided on it.
        let Run {
            id: _,
            trace_id: _,
            parent_run_id: _,
            dotted_order: _,
            name,
            run_type,
            start_time: _,
            end_time: _,
            project: _,
            tags,
            inputs,
            outputs,
            events,
            extra:
                Extra {
                    metadata,
                    runtime: _,
                    other,
                },
            error,
            reference_example_id: _,
            attachments,
        } = run;
        drop_tokens(events);
        self.text(Field::Names, name);
        if let RunType::Other(name) = run_type {
            self.text(Field::Names, name);
        }
        self.tags(tags);
        if let Some(error) = error {
            self.text(Field::Errors, error);
        }
        self.attachments(attachments);
        self.metadata(metadata);
        self.map(Field::Extra, other);
        for event in events {
            self.event(event);
        }
        if let Some(inputs) = inputs {
            self.hideable(Field::Inputs, &self.redactor.inputs, inputs);
        }
        if let Some(outputs) = outputs {
            self.hideable(Field::Outputs, &self.redactor.outputs, outputs);
        }
    }

    pub(super) fn feedback(&mut self, feedback: &mut Feedback) {
        let Feedback {
            id: _,
            run_id: _,
            trace_id: _,
            project: _,
            key,
            score,
            value,
            comment,
            correction,
            feedback_source,
            created_at: _,
            modified_at: _,
            session_id: _,
            start_time: _,
            // Names and bounds of a scale, set by whoever set up the judging.
            feedback_config: _,
            feedback_group_id: _,
            comparative_experiment_id: _,
            extra,
            error: _,
            extend_trace_retention: _,
        } = feedback;
        self.text(Field::Names, key);
        if let Some(comment) = comment {
            self.text(Field::Feedback, comment);
        }
        for value in [score, value, correction].into_iter().flatten() {
            self.value(Field::Feedback, value);
        }
        self.value(Field::Feedback, feedback_source);
        if let Some(extra) = extra {
            self.map(Field::Feedback, extra);
        }
    }

    pub(super) fn tags(&mut self, tags: &mut [String]) {
        for tag in tags {
            self.text(Field::Tags, tag);
        }
    }

    pub(super) fn metadata(&mut self, metadata: &mut Arc<JsonMap>) {
        let hide = &self.redactor.metadata;
        if matches!(hide, Hide::No) && self.anonymizer(Field::Metadata).is_none() {
            return;
        }
        let mut own = (**metadata).clone();
        self.hideable(Field::Metadata, hide, &mut own);
        *metadata = Arc::new(own);
    }

    fn event(&mut self, event: &mut RunEvent) {
        let RunEvent {
            name,
            time: _,
            message,
            kwargs,
        } = event;
        self.text(Field::Events, name);
        if let Some(message) = message {
            self.text(Field::Events, message);
        }
        if let Some(kwargs) = kwargs {
            self.value(Field::Events, kwargs);
        }
    }

    /// Names that look alike afterwards are numbered: a run has each name once.
    fn attachments(&mut self, attachments: &mut [Attachment]) {
        if attachments.is_empty() || self.anonymizer(Field::Attachments).is_none() {
            return;
        }
        let mut names = Names::new(std::iter::empty());
        for attachment in attachments {
            let mut mime_type = attachment.mime_type.clone();
            self.text(Field::Attachments, &mut mime_type);
            if mime_type != attachment.mime_type {
                attachment.mime_type = "application/octet-stream".to_owned();
            }
            self.text(Field::Attachments, &mut attachment.name);
            attachment.name = names.distinct(&attachment.name);
        }
    }

    /// Masks a field that can be hidden: flag, anonymizer, function, in this order.
    fn hideable(&mut self, field: Field, hide: &Hide, map: &mut JsonMap) {
        if matches!(hide, Hide::Yes) {
            discard(Value::Object(mem::take(map)));
            return;
        }
        let masked = self.map(field, map);
        if let (Hide::With(hook), true) = (hide, masked) {
            self.ask(field, &**hook, map);
        }
    }

    fn ask(&mut self, field: Field, hook: &hide::MapHook, map: &mut JsonMap) {
        let spare = self.redactor.allow_unprocessed.then(|| map.clone());
        let given = mem::take(map);
        *map = match guarded(|| hook(given)) {
            Some(mut masked) => {
                // It is the user's, and new.
                self.withheld.too_deep += withhold_deep_in(&mut masked);
                masked
            }
            None => {
                self.count(Reason::Panicked);
                let by = format!("hide_{}", field.word());
                spare.unwrap_or_else(|| marker::map(field, &by, Reason::Panicked))
            }
        };
    }

    fn anonymizer(&self, field: Field) -> Option<&'a Anonymizer> {
        let anonymizer = self.redactor.anonymizer.as_ref();
        anonymizer.filter(|anonymizer| !anonymizer.leaves(field))
    }

    fn text(&mut self, field: Field, text: &mut String) {
        if let Some(anonymizer) = self.anonymizer(field)
            && let Err(reason) = self.masked(anonymizer, field, text.len(), text, |walk, text| {
                walk.text(text);
            })
        {
            *text = marker::text(field, ANONYMIZER, reason);
        }
    }

    fn value(&mut self, field: Field, value: &mut Value) {
        if let Some(anonymizer) = self.anonymizer(field)
            && let Err(reason) =
                self.masked(anonymizer, field, weight(value), value, |walk, value| {
                    walk.value(value);
                })
        {
            let marker = Value::Object(marker::map(field, ANONYMIZER, reason));
            discard(mem::replace(value, marker));
        }
    }

    /// Returns false if the field is a marker now.
    fn map(&mut self, field: Field, map: &mut JsonMap) -> bool {
        if map.is_empty() {
            return true;
        }
        let before = self.withheld;
        let mut value = Value::Object(mem::take(map));
        self.value(field, &mut value);
        if let Value::Object(masked) = value {
            *map = masked;
        }
        before == self.withheld
    }

    /// Masks what `walk` walks through, if the budget allows.
    fn masked<T: Clone>(
        &mut self,
        anonymizer: &Anonymizer,
        field: Field,
        weight: usize,
        subject: &mut T,
        walk: impl Fn(Walk<'_>, &mut T),
    ) -> Result<(), Reason> {
        let Some(left) = self.left.checked_sub(weight) else {
            return Err(self.count(Reason::OverBudget));
        };
        self.left = left;
        let keep = self.redactor.allow_unprocessed && anonymizer.has_hooks();
        let spare = keep.then(|| subject.clone());
        if guarded(|| walk(anonymizer.walk(field, Hooks::Ask), subject)).is_some() {
            return Ok(());
        }
        let reason = self.count(Reason::Panicked);
        let mut spare = spare.ok_or(reason)?;
        // What the patterns make of it; they never panic.
        walk(anonymizer.walk(field, Hooks::Skip), &mut spare);
        *subject = spare;
        Ok(())
    }

    fn count(&mut self, reason: Reason) -> Reason {
        match reason {
            Reason::Panicked => self.withheld.panicked += 1,
            Reason::OverBudget => self.withheld.over_budget += 1,
        }
        reason
    }
}

/// The name of the anonymizer in a marker.
const ANONYMIZER: &str = "anonymizer";

/// Calls code that may be the user's; returns none if it panicked.
fn guarded<T>(work: impl FnOnce() -> T) -> Option<T> {
    struct Masked;
    impl Drop for Masked {
        fn drop(&mut self) {
            let _ = MASKING.try_with(|masking| masking.set(false));
        }
    }
    let _ = MASKING.try_with(|masking| masking.set(true));
    let _masked = Masked;
    // What it leaves half-changed is thrown away.
    catch_unwind(AssertUnwindSafe(work)).ok()
}

/// Drops the values of `new_token` events: they are the streamed text.
pub(in crate::trace) fn drop_tokens(events: &mut [RunEvent]) {
    for event in events {
        if event.name == NEW_TOKEN {
            event.kwargs = None;
        }
    }
}
