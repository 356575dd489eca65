//! A run that is about to start.
//!
//! ```text
//! Tracer::run · RunTree::child ──► RunBuilder, which is told ──start──► place, time, id, what it inherits ──► RunTree
//! ```
//!
//! Where nothing can come of it, it keeps nothing. Start at [`RunBuilder`].

mod start;

use std::panic::{AssertUnwindSafe, catch_unwind};

use serde::Serialize;
use serde_json::{Value, json};
use uuid::Uuid;

pub use self::start::CLOCK_SKEW;
use self::start::writable;
use super::current::surroundings;
use super::inherited::Above;
use super::run_tree::{Fields, More, RunTree};
use super::scope::{IntoParent, Parent};
use super::tracer::Tracer;
use crate::model::{Attachment, JsonMap, RunId, RunType, Timestamp, to_value};

/// Says what a run is before it starts. Made by [`Tracer::run`] and [`RunTree::child`].
///
/// Where tracing is off it keeps nothing of what it is told, so that it costs nothing.
#[derive(Debug)]
#[must_use = "a run begins with `.start()`"]
pub struct RunBuilder {
    tracer: Tracer,
    // Nothing can come of it: it keeps nothing, and allocates nothing.
    off: bool,
    name: String,
    run_type: RunType,
    // None until somebody names one, or says that there is none.
    parent: Option<Option<Above>>,
    // Whether the handle above is recorded; the run is recorded just so.
    below: Option<bool>,
    id: Option<RunId>,
    start: Option<Timestamp>,
    inputs: Fields,
    // Apart, because most runs are told nothing of it, and what a builder holds is moved at each call.
    told: Option<Box<Told>>,
}

/// What few runs are told before they start.
#[derive(Debug, Default)]
struct Told {
    metadata: JsonMap,
    tags: Vec<String>,
    local_tags: Vec<String>,
    project: Option<String>,
    of_run: Option<Box<More>>,
}

impl RunBuilder {
    pub(super) fn new(tracer: Tracer, name: impl Into<String>, off: bool) -> Self {
        Self {
            tracer,
            off,
            name: if off { String::new() } else { name.into() },
            run_type: RunType::default(),
            parent: None,
            below: None,
            id: None,
            start: None,
            inputs: Fields::default(),
            told: None,
        }
    }

    /// Returns true if nothing can come of it, so that it need not be told anything.
    #[cfg(feature = "middleware")]
    pub(crate) fn is_off(&self) -> bool {
        self.off
    }

    /// Sets the kind of work; [`RunType::Chain`] by default.
    pub fn run_type(self, run_type: impl Into<RunType>) -> Self {
        self.with(|run| run.run_type = run_type.into())
    }

    /// Changes the run to come, unless nothing comes of it.
    fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        if !self.off {
            change(&mut self);
        }
        self
    }

    fn told(self, change: impl FnOnce(&mut Told)) -> Self {
        self.with(|run| change(run.told.get_or_insert_default()))
    }

    fn with_more(self, change: impl FnOnce(&mut More)) -> Self {
        self.told(|told| change(told.of_run.get_or_insert_default()))
    }

    /// Sets what the work was given. A value that is no object is sent as `{"input": value}`.
    pub fn inputs(self, inputs: impl Into<Value>) -> Self {
        self.with(|run| run.inputs = Fields::of(inputs.into(), "input"))
    }

    /// Sets what the work was given, as a value of the program's own type. It is written as JSON here and
    /// now, and not even looked at where tracing is off.
    ///
    /// A value that cannot be written is replaced by a marker, as `#[traceable]` does.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use common::trace::{MemorySink, Tracer};
    ///
    /// #[derive(serde::Serialize)]
    /// struct Question<'a> {
    ///     text: &'a str,
    /// }
    ///
    /// let sink = Arc::new(MemorySink::new());
    /// let tracer = Tracer::builder(sink.clone()).build();
    /// let run = tracer.run("answer").inputs_of(&Question { text: "Why?" }).start();
    /// run.end_of(&["Because."]);
    /// assert_eq!(sink.runs()[0].inputs.as_ref().unwrap()["text"], "Why?");
    /// ```
    pub fn inputs_of(self, inputs: &(impl Serialize + ?Sized)) -> Self {
        self.with(|run| run.inputs = Fields::of(serialized(inputs), "input"))
    }

    /// Adds one key of metadata; it wins over an inherited one. Children inherit it, and it travels
    /// in the `baggage` header to every service called.
    pub fn metadata(self, key: impl Into<String>, value: impl Into<Value>) -> Self {
        self.told(|told| {
            told.metadata.insert(key.into(), value.into());
        })
    }

    /// Adds a tag. Children inherit it.
    pub fn tag(self, tag: impl Into<String>) -> Self {
        self.told(|told| told.tags.push(tag.into()))
    }

    /// Adds a tag to this run alone: children do not inherit it, and it does not travel. LangChain's local
    /// tag. One that is inherited already stays so.
    pub fn local_tag(self, tag: impl Into<String>) -> Self {
        self.told(|told| told.local_tags.push(tag.into()))
    }

    /// Adds several keys of metadata, each as [`metadata`](Self::metadata) does.
    pub fn metadata_from(self, metadata: JsonMap) -> Self {
        self.told(|told| told.metadata.extend(metadata))
    }

    /// Adds several tags, each as [`tag`](Self::tag) does.
    pub fn tags<T: Into<String>>(self, tags: impl IntoIterator<Item = T>) -> Self {
        self.told(|told| told.tags.extend(tags.into_iter().map(Into::into)))
    }

    /// Adds a file that the work was given; one of the same name is replaced. Names with a `.` are not
    /// sent: LangSmith takes none.
    pub fn attachment(self, attachment: Attachment) -> Self {
        self.with_more(|run| {
            run.given.retain(|known| known.name != attachment.name);
            run.given.push(attachment);
        })
    }

    /// Adds one key to what rides along in `extra` beside metadata, such as `invocation_params` or
    /// `tool_call_id`. Children do not inherit it.
    pub fn extra(self, key: impl Into<String>, value: impl Into<Value>) -> Self {
        self.with_more(|run| {
            run.other.insert(key.into(), value.into());
        })
    }

    /// Names the dataset example that an evaluation runs on.
    pub fn reference_example_id(self, example: Uuid) -> Self {
        self.with_more(|run| run.reference_example_id = Some(example))
    }

    /// Sets the project, for this run and those below it.
    pub fn project(self, project: impl Into<String>) -> Self {
        self.told(|told| told.project = Some(project.into()))
    }

    /// Puts the run below another one, here or in another process; `None` makes a root.
    pub fn parent(mut self, parent: impl IntoParent) -> Self {
        let parent = parent.into_parent();
        self.off |= matches!(parent, Parent::LeftOut);
        self.below = parent.below(&self.tracer);
        self.above(parent.inherited())
    }

    fn above(mut self, above: Option<Above>) -> Self {
        self.parent = Some(above);
        self
    }

    /// Puts the run below the current run of this task or thread, if there is one.
    pub fn parent_from_current(mut self) -> Self {
        let around = surroundings();
        self.below = around.below(&self.tracer);
        self.above(around.current_context())
    }

    pub(super) fn put_below(&mut self, run: &RunTree) {
        self.below = Some(run.has_place());
        self.parent = Some(run.inherited());
    }

    /// Returns false if it is known by now that the run's trace is not in the sample.
    #[cfg(feature = "macros")]
    pub(crate) fn may_be_sampled(&self) -> bool {
        match &self.parent {
            Some(Some(parent)) => {
                let inherited = || parent.inherited.clone();
                self.tracer
                    .records_trace(parent.order.trace_id(), inherited)
            }
            // The id of a trace is made when it starts.
            Some(None) | None => true,
        }
    }

    #[cfg(feature = "macros")]
    pub(crate) fn below_parent(mut self, parent: &Parent) -> Self {
        self.below = parent.below(&self.tracer);
        self.above(parent.inherited())
    }

    /// Sets the run's id; without it the tracer's generator makes one. An id that can name no run here,
    /// because it is all zero or an ancestor's, is replaced by a generated one.
    pub fn id(mut self, id: RunId) -> Self {
        self.id = Some(id);
        self
    }

    /// Sets the start time; without it the tracer's clock is asked. What is finer than a microsecond is
    /// cut.
    ///
    /// A time before the start of a parent is moved to the parent's, as the official SDK does: LangSmith
    /// refuses a child that is older than its parent. Where it was the clock that is behind, as that of
    /// another machine may be, the run says by how much under [`CLOCK_SKEW`].
    pub fn start_time(mut self, start: Timestamp) -> Self {
        self.start = Some(writable(start));
        self
    }
}

/// Writes a value of the caller's type as JSON. Neither an error nor a panic of its own gets out; then a
/// marker stands in its place.
pub(crate) fn serialized<T: Serialize + ?Sized>(value: &T) -> Value {
    match catch_unwind(AssertUnwindSafe(|| to_value(value))) {
        Ok(Ok(value)) => value,
        Ok(Err(_)) | Err(_) => json!({ "ls_error": "Serialization failed; value dropped" }),
    }
}
