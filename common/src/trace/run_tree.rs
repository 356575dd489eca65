//! The handle of a run that has started.

use std::fmt::{self, Write as _};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::Value;

use super::builder::{RunBuilder, into_object};
use super::tracer::Tracer;
use crate::model::{
    Attachment, Baggage, DottedOrder, JsonMap, NEW_TOKEN, Run, RunContext, RunEvent, RunId, RunOp,
    RunType, TraceId, USAGE_METADATA, Usage,
};

/// A run that has started: the handle to describe it, end it, and start runs below it.
///
/// Clones are handles of the same run. The run ends with the first [`end`](Self::end) or
/// [`fail`](Self::fail); if nobody calls one, it ends with an error when its last handle is dropped, so
/// a cancelled task or a panic leaves no run that is pending for ever. A parent keeps no children, and
/// a child outlives its parent's handle without harm.
///
/// No method blocks, fails or panics of itself. What a method is given is converted before the run is
/// locked, so a `Display` or an `Into` may use the run, and a panic of theirs leaves it as it was.
#[derive(Clone)]
pub struct RunTree {
    // None when tracing is off: every method is then a no-op.
    inner: Option<Arc<Inner>>,
    tracer: Tracer,
}

struct Inner {
    tracer: Tracer,
    // Outside of the lock, because children and headers ask for it all the time and it never changes.
    dotted_order: DottedOrder,
    // False if the trace is not in the sample: the run is a place in its trace and nothing else.
    sampled: bool,
    state: Mutex<State>,
}

struct State {
    // Everything of the run but its inputs, which left with the post, unless the patch repeats them.
    run: Run,
    ended: bool,
}

impl RunTree {
    pub(super) fn disabled(tracer: Tracer) -> Self {
        Self {
            inner: None,
            tracer,
        }
    }

    pub(super) fn remote(tracer: Tracer, context: RunContext) -> Self {
        let start = context.dotted_order.start_time();
        let start = start.unwrap_or_else(|| tracer.clock().now());
        let dotted_order = context.dotted_order;
        let mut run = Run::begin(dotted_order.clone(), "parent", RunType::default(), start);
        run.extra.metadata = context.baggage.metadata;
        run.tags = context.baggage.tags;
        run.project = context.baggage.project;
        // It is ended from the first, for this process: nothing changes it and nothing is sent.
        let inner = Inner {
            tracer: tracer.clone(),
            sampled: tracer.keeps(dotted_order.trace_id()),
            dotted_order,
            state: Mutex::new(State { run, ended: true }),
        };
        Self {
            inner: Some(Arc::new(inner)),
            tracer,
        }
    }

    pub(super) fn begin(tracer: Tracer, mut run: Run) -> Self {
        let sampled = tracer.admits(run.trace_id);
        let (inputs, attachments) = (run.inputs.take(), std::mem::take(&mut run.attachments));
        if sampled && tracer.inputs_on_patch() {
            run.inputs.clone_from(&inputs);
        }
        if sampled {
            let mut post = run.clone();
            post.inputs = inputs;
            post.attachments = attachments;
            tracer.submit(RunOp::Post(Box::new(post)));
        }
        let inner = Inner {
            tracer: tracer.clone(),
            dotted_order: run.dotted_order.clone(),
            sampled,
            state: Mutex::new(State { run, ended: false }),
        };
        Self {
            inner: Some(Arc::new(inner)),
            tracer,
        }
    }

    /// Begins a run below this one.
    pub fn child(&self, name: impl Into<String>) -> RunBuilder {
        self.tracer.run(name).below(self)
    }

    /// Returns the tracer that started the run.
    pub fn tracer(&self) -> &Tracer {
        &self.tracer
    }

    /// Returns what another process needs to continue below this run; none when tracing is off.
    ///
    /// Metadata and tags are masked as in the run itself. A run that is not in the sample has a context
    /// too: the others, with the same rate, come to the same decision.
    pub fn context(&self) -> Option<RunContext> {
        // Masked outside of the lock: a function of the user's may look at this very run.
        Some(self.tracer.masked(self.inherited()?))
    }

    /// Returns what runs below inherit in this process, where it is masked when it leaves.
    pub(super) fn inherited(&self) -> Option<RunContext> {
        let inner = self.inner.as_ref()?;
        let state = inner.lock();
        let mut metadata = state.run.extra.metadata.clone();
        if metadata.contains_key(USAGE_METADATA) {
            // A run's usage is its own: inherited, it would be counted again for each child.
            Arc::make_mut(&mut metadata).shift_remove(USAGE_METADATA);
        }
        Some(RunContext {
            dotted_order: inner.dotted_order.clone(),
            baggage: Baggage {
                metadata,
                tags: state.run.tags.clone(),
                project: state.run.project.clone(),
            },
        })
    }

    /// Returns the run's place in its trace; none when tracing is off.
    pub fn dotted_order(&self) -> Option<&DottedOrder> {
        self.inner.as_ref().map(|inner| &inner.dotted_order)
    }

    /// Returns the run's id; none when tracing is off.
    pub fn id(&self) -> Option<RunId> {
        self.dotted_order().map(DottedOrder::run_id)
    }

    /// Returns the id of the run's trace; none when tracing is off.
    pub fn trace_id(&self) -> Option<TraceId> {
        self.dotted_order().map(DottedOrder::trace_id)
    }

    /// Returns true if the run is recorded: not when tracing is off, nor when its trace is not in the
    /// sample. Then it is not worth the work to describe it.
    pub fn is_recording(&self) -> bool {
        self.inner.as_ref().is_some_and(|inner| inner.sampled)
    }

    /// Returns true if the run has a place in a trace, be it in the sample or not.
    pub(super) fn has_place(&self) -> bool {
        self.inner.is_some()
    }

    /// Adds one key of metadata. Runs started below from now on inherit it.
    pub fn add_metadata(&self, key: impl Into<String>, value: impl Into<Value>) {
        let Some(inner) = self.open() else { return };
        let (key, value) = (key.into(), value.into());
        inner.change(|run| {
            Arc::make_mut(&mut run.extra.metadata).insert(key, value);
        });
    }

    /// Adds a tag. Runs started below from now on inherit it.
    pub fn add_tag(&self, tag: impl Into<String>) {
        let Some(inner) = self.open() else { return };
        let tag = tag.into();
        inner.change(|run| {
            if !run.tags.contains(&tag) {
                run.tags.push(tag);
            }
        });
    }

    /// Records that something happened, in words.
    pub fn add_event(&self, message: impl Into<String>) {
        let Some(inner) = self.recorded() else { return };
        let event = RunEvent {
            name: "event".to_owned(),
            message: Some(message.into()),
            time: inner.tracer.clock().now(),
            kwargs: None,
        };
        inner.change(|run| run.events.push(event));
    }

    /// Records that something with a name happened, with values for programs. An object is best; use
    /// [`Value::Null`] for none.
    pub fn record_event(&self, name: impl Into<String>, kwargs: impl Into<Value>) {
        let Some(inner) = self.recorded() else { return };
        let event = RunEvent {
            name: name.into(),
            message: None,
            kwargs: Some(kwargs.into()).filter(|kwargs| !kwargs.is_null()),
            time: inner.tracer.clock().now(),
        };
        inner.change(|run| run.events.push(event));
    }

    /// Records that a streamed token arrived: the first one, from which LangSmith derives the time to
    /// the first token. Later calls do nothing, and the token's text is not kept.
    pub fn new_token(&self) {
        let streams = |run: &Run| run.events.iter().any(|event| event.name == NEW_TOKEN);
        let Some(inner) = self.recorded().filter(|inner| !streams(&inner.lock().run)) else {
            return;
        };
        let time = inner.tracer.clock().now();
        inner.change(|run| {
            if !streams(run) {
                run.events.push(RunEvent {
                    name: NEW_TOKEN.to_owned(),
                    time,
                    message: None,
                    kwargs: None,
                });
            }
        });
    }

    /// Says what a call of a language model used up. Children do not inherit it.
    pub fn set_usage(&self, usage: Usage) {
        self.add_metadata(USAGE_METADATA, usage);
    }

    /// Adds a file to the run; it leaves when the run ends. One of the same name is replaced.
    pub fn attach(&self, attachment: Attachment) {
        let Some(inner) = self.recorded() else { return };
        inner.change(|run| {
            run.attachments
                .retain(|known| known.name != attachment.name);
            run.attachments.push(attachment);
        });
    }

    /// Adds one key to what the work gives back, and keeps the others.
    pub fn add_output(&self, key: impl Into<String>, value: impl Into<Value>) {
        let Some(inner) = self.recorded() else { return };
        let (key, value) = (key.into(), value.into());
        inner.change(|run| {
            run.outputs.get_or_insert_default().insert(key, value);
        });
    }

    /// Sets what the work gave back, without ending the run. A value that is no object is sent as
    /// `{"output": value}`.
    pub fn set_outputs(&self, outputs: impl Into<Value>) {
        let Some(inner) = self.recorded() else { return };
        let outputs = into_object(outputs.into(), "output");
        inner.change(|run| run.outputs = Some(outputs));
    }

    /// Ends the run.
    pub fn end(&self) {
        if let Some(inner) = self.open() {
            inner.finish(|_| {});
        }
    }

    /// Ends the run with what the work gave back.
    pub fn end_with(&self, outputs: impl Into<Value>) {
        let Some(inner) = self.recorded() else {
            return self.end();
        };
        let outputs = into_object(outputs.into(), "output");
        inner.finish(|run| run.outputs = Some(outputs));
    }

    /// Ends the run with an error. Without outputs set before, `{"output": null}` is sent, as the
    /// Python SDK does.
    pub fn fail(&self, error: impl fmt::Display) {
        let Some(inner) = self.recorded() else {
            return self.end();
        };
        let mut text = String::new();
        // Unlike `to_string`, this keeps what was written when a `Display` returns an error.
        let _ = write!(text, "{error}");
        inner.finish(|run| {
            run.outputs
                .get_or_insert_with(|| into_object(Value::Null, "output"));
            run.error = Some(text);
        });
    }

    /// Returns the run if it is recorded and has not ended.
    ///
    /// Whoever changes it converts the caller's values between this and the lock: conversions,
    /// `Display` and clocks are code of others, which may look at this very run, or panic.
    fn open(&self) -> Option<&Inner> {
        self.inner.as_deref().filter(|inner| !inner.lock().ended)
    }

    /// Returns the run if what it did will be sent; what children inherit is set in any case.
    fn recorded(&self) -> Option<&Inner> {
        self.open().filter(|inner| inner.sampled)
    }
}

impl Inner {
    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic while the lock was held cannot leave the run half-changed in a way that matters.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(&mut Run)) {
        let mut state = self.lock();
        if !state.ended {
            change(&mut state.run);
        }
    }

    fn finish(&self, last: impl FnOnce(&mut Run)) {
        if !self.sampled {
            self.lock().ended = true;
            return;
        }
        let now = self.tracer.clock().now();
        let patch = {
            let mut state = self.lock();
            if state.ended {
                return;
            }
            last(&mut state.run);
            keep_usage(&mut state.run);
            state.run.end_time = Some(now.max(state.run.start_time));
            let patch = state.run.clone();
            state.ended = true;
            patch
        };
        self.tracer.submit(RunOp::Patch(Box::new(patch)));
    }
}

/// Copies the usage of a model's answer to where LangSmith counts it, unless it is there.
///
/// The Python SDK does so for a run of any type; then a chain that returns its model's answer counts
/// the tokens again.
fn keep_usage(run: &mut Run) {
    let told = |map: &JsonMap| {
        map.get(USAGE_METADATA)
            .filter(|usage| usage.is_object())
            .cloned()
    };
    if run.run_type == RunType::Llm
        && !run.extra.metadata.contains_key(USAGE_METADATA)
        && let Some(usage) = run.outputs.as_ref().and_then(told)
    {
        Arc::make_mut(&mut run.extra.metadata).insert(USAGE_METADATA.to_owned(), usage);
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        // The clock is asked only where the answer is used: a stepping one would tell.
        if self.lock().ended {
            return;
        }
        let why = if std::thread::panicking() {
            "Panicked"
        } else {
            "Cancelled"
        };
        self.finish(|run| run.error = Some(format!("{why}: the run was dropped before it ended")));
    }
}

impl fmt::Debug for RunTree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.inner {
            Some(inner) => write!(f, "RunTree({})", inner.dotted_order),
            None => f.write_str("RunTree(not recorded)"),
        }
    }
}

impl RunTree {
    /// Returns the name the run was started with; empty when tracing is off.
    pub fn name(&self) -> String {
        self.inner
            .as_ref()
            .map(|inner| inner.lock().run.name.clone())
            .unwrap_or_default()
    }

    /// Returns the kind of work; the default when tracing is off.
    pub fn run_type(&self) -> RunType {
        self.inner
            .as_ref()
            .map(|inner| inner.lock().run.run_type.clone())
            .unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::model::RunStatus;
    use crate::trace::MemorySink;

    fn tracer() -> (Arc<MemorySink>, Tracer) {
        let sink = Arc::new(MemorySink::new());
        (
            sink.clone(),
            Tracer::builder(sink).project(Some("lesson".into())).build(),
        )
    }

    #[test]
    fn a_child_inherits_metadata_tags_and_project_and_its_own_win() {
        let (sink, tracer) = tracer();
        let root = tracer
            .run("root")
            .metadata("user", "u1")
            .metadata("k", 1)
            .tag("a")
            .start();
        root.child("leaf")
            .metadata("k", 2)
            .tag("b")
            .tag("a")
            .start()
            .end();
        root.end();
        let runs = sink.runs();
        let leaf = &runs[1];
        assert_eq!(
            Value::Object((*leaf.extra.metadata).clone()),
            json!({"user": "u1", "k": 2})
        );
        assert_eq!(leaf.tags, ["a", "b"]);
        assert_eq!(leaf.project.as_deref(), Some("lesson"));
        assert_eq!(leaf.parent_run_id, root.id());
    }

    #[test]
    fn a_service_names_itself_and_does_not_pass_for_its_caller() {
        let sink = Arc::new(MemorySink::new());
        let of = |service: &str| Tracer::builder(sink.clone()).service(service).build();
        let caller = of("gateway").run("call").start();
        of("retriever")
            .run("serve")
            .parent(caller.context())
            .start()
            .child("search")
            .start()
            .end();
        let services: Vec<_> = sink
            .runs()
            .iter()
            .map(|run| run.extra.metadata["service"].clone())
            .collect();
        assert_eq!(services, ["gateway", "retriever", "retriever"]);
    }

    #[test]
    fn the_last_handle_dropped_ends_the_run_with_an_error() {
        let (sink, tracer) = tracer();
        let run = tracer.run("forgotten").start();
        let clone = run.clone();
        drop(run);
        assert_eq!(sink.runs()[0].status(), RunStatus::Pending);
        drop(clone);
        assert!(
            sink.runs()[0]
                .error
                .as_deref()
                .is_some_and(|error| error.starts_with("Cancelled"))
        );
    }

    #[test]
    fn a_panic_ends_the_run_and_says_so() {
        let (sink, tracer) = tracer();
        let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let _run = tracer.run("bad").start();
            panic!("on purpose");
        }));
        assert!(caught.is_err());
        assert!(
            sink.runs()[0]
                .error
                .as_deref()
                .is_some_and(|error| error.starts_with("Panicked"))
        );
    }

    #[test]
    fn only_the_first_end_counts() {
        let (sink, tracer) = tracer();
        let run = tracer.run("once").start();
        run.end_with(json!({"answer": 42}));
        run.fail("too late");
        drop(run);
        assert_eq!(sink.ops().len(), 2);
        assert_eq!(sink.runs()[0].status(), RunStatus::Success);
    }

    #[test]
    fn switched_off_nothing_is_recorded_and_nothing_crosses() {
        let sink = Arc::new(MemorySink::new());
        let tracer = Tracer::builder(sink.clone()).enabled(false).build();
        let run = tracer.run("quiet").start();
        run.child("below").start().end();
        assert!(run.context().is_none());
        drop(run);
        assert!(sink.ops().is_empty());
    }

    #[test]
    fn a_remote_run_has_children_here_and_sends_nothing_itself() {
        let (sink, tracer) = tracer();
        let caller = tracer.run("caller").tag("t").project("theirs").start();
        let sent = sink.ops().len();
        let parent = tracer.remote(caller.context().expect("recorded"));
        parent.add_tag("lost");
        parent.end();
        drop(parent.clone());
        assert_eq!(sink.ops().len(), sent);
        parent.child("here").start().end();
        let runs = sink.runs();
        assert_eq!(runs[1].parent_run_id, caller.id());
        assert_eq!(runs[1].tags, ["t"]);
        assert_eq!(runs[1].project.as_deref(), Some("theirs"));
    }

    #[test]
    fn a_value_that_is_no_object_is_wrapped() {
        let (sink, tracer) = tracer();
        tracer.run("wrap").inputs("text").start().end_with(7);
        let run = &sink.runs()[0];
        assert_eq!(
            run.inputs.clone().map(Value::Object),
            Some(json!({"input": "text"}))
        );
        assert_eq!(
            run.outputs.clone().map(Value::Object),
            Some(json!({"output": 7}))
        );
    }
}
