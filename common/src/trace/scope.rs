//! Settings for everything that starts inside a block or a future.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;
use serde_json::Value;

use super::current::Entered;
use super::inherited::{Above, Inherited};
use super::run_tree::RunTree;
use super::tracer::Tracer;
use crate::model::{JsonMap, RunContext, withhold_deep};

/// What runs take over that start inside it: project, tags, metadata, parent, and whether they are
/// recorded at all. Python's `tracing_context`.
///
/// A scope is a value; it takes effect in [`with_scope`] and
/// [`TraceFutureExt::in_scope`](super::TraceFutureExt::in_scope). Scopes nest
/// with each other and with runs that are current, and **the innermost that says something wins**. From
/// weak to strong:
///
/// | | project | metadata, key by key | tags |
/// |---|---|---|---|
/// | 1 | the tracer's | | |
/// | 2 | the process's, by [`configure`](super::configure) | the process's | all, in this |
/// | 3 | scopes around the current run, or around the scope that names the parent | as left | order, |
/// | 4 | what the run inherits from its parent | as left | each |
/// | 5 | scopes inside of that | as left | once |
/// | 6 | the run's own builder | as left | |
///
/// So a scope entered inside of a run wins over what that run hands down, and a run wins over the scopes
/// around it. Mind that LangSmith keeps a trace in one project: set it around the root.
///
/// Whether a run is recorded is decided in this order, as the Python SDK 0.15 does:
///
/// 1. The innermost scope that says [`enabled`](Self::enabled).
/// 2. A run above it: below a handle that is recorded runs are recorded, below one that is not they
///    are not.
/// 3. The process, by [`configure`](super::configure).
/// 4. The tracer, which has it from its builder, or from the environment by way of the client.
///
/// What comes in a request's header never switches recording on.
///
/// ```
/// use std::sync::Arc;
/// use common::trace::{MemorySink, Scope, Tracer, with_scope};
///
/// let sink = Arc::new(MemorySink::new());
/// let tracer = Tracer::builder(sink.clone()).build();
/// let tenant = Scope::new().project("docs-assistant").metadata("tenant", "t1").tag("beta");
/// with_scope(&tenant, || tracer.run("answer").start().end());
/// with_scope(&Scope::off(), || tracer.run("health check").start().end());
///
/// let runs = sink.runs();
/// assert_eq!(runs.len(), 1);
/// assert_eq!(runs[0].project.as_deref(), Some("docs-assistant"));
/// assert_eq!(runs[0].extra.metadata["tenant"], "t1");
/// ```
#[derive(Debug, Clone, Default)]
pub struct Scope {
    // Shared, because a future enters its scope at every poll.
    says: Arc<Says>,
}

#[derive(Debug, Clone, Default)]
pub(super) struct Says {
    pub(super) tracer: Option<Tracer>,
    pub(super) project: Option<Arc<str>>,
    pub(super) tags: Vec<String>,
    pub(super) metadata: JsonMap,
    pub(super) enabled: Option<bool>,
    pub(super) parent: Option<Parent>,
}

impl Says {
    /// Adds what is said here to what is said further out.
    pub(super) fn add_to(&self, further_out: &mut Inherited) {
        if !self.metadata.is_empty() {
            let own = self.metadata.clone();
            Arc::make_mut(&mut further_out.metadata).extend(own);
        }
        for tag in &self.tags {
            if !further_out.tags.contains(tag) {
                further_out.tags.push(tag.clone());
            }
        }
        if self.project.is_some() {
            further_out.project.clone_from(&self.project);
        }
    }
}

impl Scope {
    /// Makes a scope that says nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes a scope in which nothing is recorded, nested calls included.
    pub fn off() -> Self {
        Self::new().enabled(false)
    }

    fn with(mut self, change: impl FnOnce(&mut Says)) -> Self {
        change(Arc::make_mut(&mut self.says));
        self
    }

    /// Sets the project.
    #[must_use]
    pub fn project(self, project: impl Into<String>) -> Self {
        let project = Arc::from(project.into());
        self.with(|says| says.project = Some(project))
    }

    /// Adds a tag.
    #[must_use]
    pub fn tag(self, tag: impl Into<String>) -> Self {
        let tag = tag.into();
        self.with(|says| says.tags.push(tag))
    }

    /// Adds one key of metadata.
    #[must_use]
    pub fn metadata(self, key: impl Into<String>, value: impl Into<Value>) -> Self {
        let (key, mut value) = (key.into(), value.into());
        withhold_deep(&mut value);
        self.with(|says| {
            says.metadata.insert(key, value);
        })
    }

    /// Switches recording on or off. Off, there is no current run either, so a run that starts in a
    /// scope that switches on again is a root.
    #[must_use]
    pub fn enabled(self, enabled: bool) -> Self {
        self.with(|says| says.enabled = Some(enabled))
    }

    /// Sets the run that others start below, here or in another process; [`Parent::Root`] for none.
    ///
    /// Unlike a current run it also counts for [`Tracer::run`]. A run's handle is the
    /// [`current`](super::current) run as well; so is a context, if there is a tracer to make a handle
    /// with: the scope's, or that of a run or a scope around it, or the process's.
    #[must_use]
    pub fn parent(self, parent: impl Into<Parent>) -> Self {
        let parent = parent.into();
        self.with(|says| says.parent = Some(parent))
    }

    /// Sets the tracer that [`#[traceable]`](macro@crate::traceable) functions use which name none.
    #[must_use]
    pub fn tracer(self, tracer: &Tracer) -> Self {
        self.with(|says| says.tracer = Some(tracer.clone()))
    }

    pub(super) fn says(&self) -> &Says {
        &self.says
    }
}

/// What runs start below.
#[derive(Debug, Clone)]
pub enum Parent {
    /// Nothing: they are roots.
    Root,
    /// A run of this process.
    Run(RunTree),
    /// A run of any process.
    Context(RunContext),
    /// Nothing that is recorded: the trace is left out, and so are they.
    LeftOut,
}

/// What [`RunBuilder::parent`](super::RunBuilder::parent) takes: a [`RunContext`], none or one of them, or a
/// [`Parent`].
pub trait IntoParent {
    /// Returns what the run starts below.
    fn into_parent(self) -> Parent;
}

impl IntoParent for RunContext {
    fn into_parent(self) -> Parent {
        Parent::Context(self)
    }
}

impl IntoParent for Option<RunContext> {
    fn into_parent(self) -> Parent {
        self.into()
    }
}

impl IntoParent for Parent {
    fn into_parent(self) -> Parent {
        self
    }
}

impl Parent {
    /// Returns the place of the parent; none for a root, and for a run that is not recorded.
    pub fn context(&self) -> Option<RunContext> {
        match self {
            Self::Root | Self::LeftOut => None,
            Self::Run(run) => run.context(),
            Self::Context(context) => Some(context.clone()),
        }
    }

    /// Returns what runs below inherit in this process, where it is masked when it leaves.
    pub(super) fn inherited(&self) -> Option<Above> {
        match self {
            Self::Root | Self::LeftOut => None,
            Self::Run(run) => run.inherited(),
            Self::Context(context) => Some(context.clone().into()),
        }
    }

    /// Says whether the run is recorded, if it is a handle of one of `tracer`'s.
    pub(super) fn below(&self, tracer: &Tracer) -> Option<bool> {
        match self {
            Self::Run(run) => run.tracer().is(tracer).then(|| run.has_place()),
            Self::LeftOut => Some(false),
            Self::Root | Self::Context(_) => None,
        }
    }
}

impl From<RunTree> for Parent {
    fn from(run: RunTree) -> Self {
        Self::Run(run)
    }
}

impl From<&RunTree> for Parent {
    fn from(run: &RunTree) -> Self {
        Self::Run(run.clone())
    }
}

impl From<RunContext> for Parent {
    fn from(context: RunContext) -> Self {
        Self::Context(context)
    }
}

impl<P: Into<Self>> From<Option<P>> for Parent {
    fn from(parent: Option<P>) -> Self {
        parent.map_or(Self::Root, Into::into)
    }
}

/// Calls `work` inside of a scope, and leaves it again, also by a panic.
pub fn with_scope<T>(scope: &Scope, work: impl FnOnce() -> T) -> T {
    let _entered = Entered::scope(scope.clone());
    work()
}

pin_project! {
    /// A future inside of a scope. Made by [`TraceFutureExt::in_scope`](super::TraceFutureExt::in_scope).
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct InScope<F> {
        // None once it is being dropped: what it does then is done in the scope as well.
        #[pin]
        future: Option<F>,
        scope: Scope,
    }

    impl<F> PinnedDrop for InScope<F> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            let _entered = Entered::scope(this.scope.clone());
            this.future.set(None);
        }
    }
}

impl<F> InScope<F> {
    pub(super) fn new(future: F, scope: Scope) -> Self {
        Self {
            future: Some(future),
            scope,
        }
    }
}

impl<F: Future> Future for InScope<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        // Only a pinned drop takes the future out, and nobody polls after that.
        let Some(future) = this.future.as_pin_mut() else {
            return Poll::Pending;
        };
        let _entered = Entered::scope(this.scope.clone());
        future.poll(cx)
    }
}
