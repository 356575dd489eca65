//! The current run of a task or a thread, and the scopes around it.

use std::cell::RefCell;
use std::mem::swap;

use super::process::is_configured;
use super::run_tree::RunTree;
use super::scope::Scope;
use super::surroundings::Surroundings;
use super::tracer::Tracer;

/// Something that was entered and not left: a run or a scope.
#[derive(Debug, Clone)]
pub(super) enum Layer {
    Run(RunTree),
    Scope(Scope),
}

/// Layers, the outermost first: those of a thread, or of work that takes its own with it.
#[derive(Debug, Clone)]
pub(super) struct Layers {
    layers: Vec<Layer>,
    // How many of them are scopes.
    scopes: usize,
}

thread_local! {
    static ENTERED: RefCell<Layers> = const { RefCell::new(Layers::NONE) };
}

impl Layers {
    pub(super) const NONE: Self = Self {
        layers: Vec::new(),
        scopes: 0,
    };

    /// Copies what counts of this thread's layers: all scopes, and of the runs the innermost.
    pub(super) fn here() -> Self {
        let copied = ENTERED.try_with(|entered| {
            let Self { layers, scopes } = &*entered.borrow();
            let innermost = layers.iter().rposition(|it| matches!(it, Layer::Run(_)));
            let counts = |(at, layer): (usize, &Layer)| {
                let kept = Some(at) == innermost || matches!(layer, Layer::Scope(_));
                kept.then(|| layer.clone())
            };
            Self {
                // Deep recursion makes many runs: without scopes there is no need to go through them.
                layers: match (scopes, innermost) {
                    (0, at) => at
                        .and_then(|at| layers.get(at))
                        .cloned()
                        .into_iter()
                        .collect(),
                    _ => layers.iter().enumerate().filter_map(counts).collect(),
                },
                scopes: *scopes,
            }
        });
        copied.unwrap_or(Self::NONE)
    }

    /// Adds a run inside of all others.
    pub(super) fn push_run(&mut self, run: RunTree) {
        self.layers.push(Layer::Run(run));
    }

    /// Returns the current run of work that has these around it.
    pub(super) fn current(&self) -> Option<RunTree> {
        Surroundings::of(&self.layers, self.scopes).current()
    }

    /// Calls `work` with these in place of the thread's own, which come back after it, also after a panic.
    pub(super) fn within<T>(&mut self, work: impl FnOnce() -> T) -> T {
        let _replaced = Replaced::by(self);
        work()
    }
}

/// The thread's own layers, put aside.
struct Replaced<'a>(&'a mut Layers);

impl<'a> Replaced<'a> {
    fn by(layers: &'a mut Layers) -> Self {
        exchange(layers);
        Self(layers)
    }
}

impl Drop for Replaced<'_> {
    fn drop(&mut self) {
        exchange(self.0);
    }
}

fn exchange(layers: &mut Layers) {
    // Layers that are gone stay gone, then nothing is exchanged either time.
    let _ = ENTERED.try_with(|entered| swap(&mut *entered.borrow_mut(), layers));
}

/// Returns the current run: the one whose [`in_run`](super::TraceFutureExt::in_run) or [`with_run`] is being
/// executed, or that a [`Scope`] names as parent.
///
/// A task or thread that is started by other means than [`spawn`](super::spawn()) and [`carry`](super::carry)
/// has none; nor has a scope that is off, nor a thread whose thread-local values are being dropped.
pub fn current() -> Option<RunTree> {
    surroundings().current()
}

/// Returns true in a [`Scope`] that is off.
#[cfg(feature = "otel")]
pub(crate) fn is_switched_off() -> bool {
    surroundings().is_off()
}

/// Returns true below a run that is left out: its tracer records, and the run has no place in any trace.
#[cfg(feature = "otel")]
pub(crate) fn is_left_out() -> bool {
    current().is_some_and(|run| !run.has_place() && run.tracer().is_enabled())
}

/// Calls `work` with `run` as the current run of this thread.
pub fn with_run<T>(run: &RunTree, work: impl FnOnce() -> T) -> T {
    let _entered = Entered::run(run.clone());
    work()
}

/// Makes `run` the current one of this thread until the guard is dropped. Guards are dropped in the reverse
/// order of their making.
#[cfg(feature = "tracing_layer")]
pub(crate) fn enter(run: RunTree) -> Entered {
    Entered::run(run)
}

/// Adds one key of metadata to the current run; does nothing if there is none. Python's
/// `set_run_metadata`.
pub fn add_metadata(key: impl Into<String>, value: impl Into<serde_json::Value>) {
    if let Some(run) = current() {
        run.add_metadata(key, value);
    }
}

/// Returns the tracer that code uses here which was given none: that of the nearest run or scope, else
/// the process's default.
pub(crate) fn tracer_here() -> Option<Tracer> {
    surroundings().tracer()
}

/// Reads what is around this place.
pub(super) fn surroundings() -> Surroundings {
    if nothing_entered() {
        return Surroundings::nothing();
    }
    // `with` would panic in the destructor of another thread-local, and abort the process.
    ENTERED
        .try_with(|entered| {
            let entered = entered.borrow();
            Surroundings::of(&entered.layers, entered.scopes)
        })
        .unwrap_or_else(|_| Surroundings::of(&[], 0))
}

/// Returns true if neither a run nor a scope is around this place, and the process says nothing: then
/// only the tracer itself decides whether something is recorded.
pub(super) fn nothing_entered() -> bool {
    !is_configured() && ENTERED.try_with(|entered| entered.borrow().layers.is_empty()) != Ok(false)
}

/// Returns true if no scope is around this place: then a run does as the run above it.
pub(super) fn no_scope_entered() -> bool {
    ENTERED.try_with(|entered| entered.borrow().scopes == 0) != Ok(false)
}

/// Takes a layer off again, also when the work panics.
pub(crate) struct Entered;

impl Entered {
    pub(super) fn run(run: RunTree) -> Self {
        Self::push(Layer::Run(run), 0)
    }

    pub(super) fn scope(scope: Scope) -> Self {
        Self::push(Layer::Scope(scope), 1)
    }

    fn push(layer: Layer, scopes: usize) -> Self {
        // Layers that are gone stay gone, so `drop` finds none either.
        let _ = ENTERED.try_with(|entered| {
            let mut entered = entered.borrow_mut();
            entered.layers.push(layer);
            entered.scopes += scopes;
        });
        Self
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        // The layer is dropped outside of the borrow: the end of a run may look at the current one.
        let layer = ENTERED.try_with(|entered| {
            let mut entered = entered.borrow_mut();
            let layer = entered.layers.pop();
            if matches!(layer, Some(Layer::Scope(_))) {
                entered.scopes -= 1;
            }
            layer
        });
        drop(layer);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::trace::{MemorySink, Tracer};

    #[test]
    fn runs_nest_and_leave_nothing_behind() {
        let tracer = Tracer::builder(Arc::new(MemorySink::new())).build();
        let (outer, inner) = (tracer.run("outer").start(), tracer.run("inner").start());
        with_run(&outer, || {
            with_run(&inner, || {
                assert_eq!(current().map(|run| run.name()), Some("inner".into()))
            });
            assert_eq!(current().map(|run| run.name()), Some("outer".into()));
        });
        assert!(current().is_none());
    }
}
