//! The short way to a run below the current one.

use std::sync::LazyLock;

use crate::trace::current::tracer_here;
use crate::trace::{RunBuilder, Tracer};

/// Begins a run below the current one of this task or thread; a root, if there is none.
///
/// Its tracer is that of the current run, of a [`Scope`](crate::trace::Scope) around, or the process's
/// [default](crate::trace::default_tracer), as for [`#[traceable]`](macro@crate::traceable). Where there is no tracer, nothing
/// is recorded.
///
/// ```
/// use std::sync::Arc;
/// use common::trace::{MemorySink, Tracer, child, with_run};
///
/// let sink = Arc::new(MemorySink::new());
/// let root = Tracer::builder(sink.clone()).build().run("answer").start();
/// with_run(&root, || child("retrieve").run_type("retriever").start().end());
/// assert_eq!(sink.runs()[1].parent_run_id, root.id());
/// ```
pub fn child(name: impl Into<String>) -> RunBuilder {
    static NEVER: LazyLock<Tracer> = LazyLock::new(Tracer::never);
    match tracer_here() {
        Some(tracer) => tracer.run(name).parent_from_current(),
        None => NEVER.run(name),
    }
}
