//! What the layers around a place in the program add up to.

use std::sync::Arc;

use serde_json::Value;

use super::current::Layer;
use super::inherited::{Above, Inherited};
use super::process::configured;
use super::run_tree::RunTree;
use super::scope::{Parent, Says, Scope};
use super::tracer::{SERVICE, Tracer};

/// What a run finds that starts here and now.
#[derive(Debug)]
pub(super) struct Surroundings {
    process: Option<Scope>,
    enabled: Option<bool>,
    above: Ancestor,
    // Both with the outermost first: the scopes around what is above, and those inside of it.
    around: Vec<Scope>,
    within: Vec<Scope>,
}

#[derive(Debug)]
enum Ancestor {
    Nothing,
    Current(RunTree),
    Named(Parent),
}

impl Surroundings {
    /// Finds nothing, not even something that the process says.
    pub(super) const fn nothing() -> Self {
        Self {
            process: None,
            enabled: None,
            above: Ancestor::Nothing,
            around: Vec::new(),
            within: Vec::new(),
        }
    }

    /// Reads layers, the outermost first. No code of others runs here.
    pub(super) fn of(layers: &[Layer], scopes: usize) -> Self {
        let mut found = Self {
            process: configured(),
            ..Self::nothing()
        };
        // Deep recursion makes many runs and few scopes: without any, the innermost run says it all.
        let read = if scopes == 0 { 1 } else { layers.len() };
        let mut decided = false;
        for layer in layers.iter().rev().take(read) {
            match layer {
                Layer::Run(run) if !decided => {
                    found.above = Ancestor::Current(run.clone());
                    decided = true;
                }
                Layer::Run(_) => {}
                Layer::Scope(scope) => {
                    let says = scope.says();
                    found.enabled = found.enabled.or(says.enabled);
                    if decided {
                        found.around.push(scope.clone());
                        continue;
                    }
                    found.within.push(scope.clone());
                    let named = match (says.enabled, &says.parent) {
                        (Some(false), _) => Some(Parent::Root),
                        (_, parent) => parent.clone(),
                    };
                    if let Some(parent) = named {
                        found.above = Ancestor::Named(parent);
                        decided = true;
                    }
                }
            }
        }
        found.around.reverse();
        found.within.reverse();
        found
    }

    /// Returns true if the innermost scope that says something of it switches recording off.
    #[cfg(feature = "otel")]
    pub(super) fn is_off(&self) -> bool {
        self.enabled == Some(false)
    }

    /// Returns the current run, or what stands for it.
    pub(super) fn current(&self) -> Option<RunTree> {
        match &self.above {
            Ancestor::Current(run) | Ancestor::Named(Parent::Run(run)) => Some(run.clone()),
            Ancestor::Named(Parent::Context(context)) => {
                Some(self.tracer()?.remote(context.clone()))
            }
            Ancestor::Named(Parent::LeftOut) => Some(RunTree::disabled(self.tracer()?)),
            Ancestor::Named(Parent::Root) | Ancestor::Nothing => None,
        }
    }

    /// Returns where a run below the current one goes; none for a root.
    pub(super) fn current_context(&self) -> Option<Above> {
        match &self.above {
            Ancestor::Current(run) => run.inherited(),
            Ancestor::Named(parent) => parent.inherited(),
            Ancestor::Nothing => None,
        }
    }

    /// Returns where a run goes whose builder names no parent: below what a scope names, else nowhere.
    pub(super) fn named_context(&self) -> Option<Above> {
        match &self.above {
            Ancestor::Named(parent) => parent.inherited(),
            Ancestor::Current(_) | Ancestor::Nothing => None,
        }
    }

    /// Says whether the run is recorded that [`named_context`](Self::named_context) is of, if it is one
    /// of `tracer`'s.
    pub(super) fn named_below(&self, tracer: &Tracer) -> Option<bool> {
        match &self.above {
            Ancestor::Named(_) => self.below(tracer),
            Ancestor::Current(_) | Ancestor::Nothing => None,
        }
    }

    /// Returns the tracer that code uses here which was given none.
    pub(super) fn tracer(&self) -> Option<Tracer> {
        let of = |scopes: &[Scope]| {
            let mut inner = scopes.iter().rev();
            inner.find_map(|scope| scope.says().tracer.clone())
        };
        let of_run = || match &self.above {
            Ancestor::Current(run) | Ancestor::Named(Parent::Run(run)) => {
                Some(run.tracer().clone())
            }
            Ancestor::Named(_) | Ancestor::Nothing => None,
        };
        of(&self.within)
            .or_else(of_run)
            .or_else(|| of(&self.around))
            .or_else(super::process::default_tracer)
    }

    /// Decides whether a run of `tracer` is recorded. `below` is what its parent's handle says.
    pub(super) fn records(&self, tracer: &Tracer, below: Option<bool>) -> bool {
        let process = || self.process.as_ref().and_then(|scope| scope.says().enabled);
        let decided = self.enabled.or(below);
        let decided = decided.or_else(|| self.below(tracer).filter(|recorded| *recorded));
        tracer.can_record() && decided.or_else(process).unwrap_or_else(|| tracer.is_on())
    }

    /// Says whether the run above is recorded, if it is one of `tracer`'s.
    pub(super) fn below(&self, tracer: &Tracer) -> Option<bool> {
        match &self.above {
            Ancestor::Current(run) => run.tracer().is(tracer).then(|| run.has_place()),
            Ancestor::Named(parent) => parent.below(tracer),
            Ancestor::Nothing => None,
        }
    }

    /// Joins what scopes around say, what a run inherits, and what scopes within say.
    ///
    /// `service` is the tracer's own, which replaces an inherited one.
    pub(super) fn join(
        &self,
        inherited: Arc<Inherited>,
        service: Option<&Value>,
    ) -> Arc<Inherited> {
        let has_service = |joined: &Inherited| {
            service.is_none_or(|name| joined.metadata.get(SERVICE) == Some(name))
        };
        // As it is nearly always.
        if self.says_nothing() && has_service(&inherited) {
            return inherited;
        }
        let mut joined = Arc::unwrap_or_clone(inherited);
        let mut outer = Inherited::default();
        for says in self.process.iter().chain(&self.around).map(Scope::says) {
            says.add_to(&mut outer);
        }
        if !outer.is_empty() {
            let Inherited {
                metadata,
                tags,
                project,
                verdict,
                ..
            } = joined;
            joined = Inherited { verdict, ..outer };
            let below = Says {
                metadata: (*metadata).clone(),
                tags,
                project,
                ..Says::default()
            };
            below.add_to(&mut joined);
        }
        if let Some(name) = service.filter(|_| !has_service(&joined)) {
            let metadata = Arc::make_mut(&mut joined.metadata);
            metadata.insert(SERVICE.to_owned(), name.clone());
        }
        for says in self.within.iter().map(Scope::says) {
            says.add_to(&mut joined);
        }
        Arc::new(joined)
    }

    /// Returns true if no scope says anything of what runs are given.
    pub(super) fn says_nothing(&self) -> bool {
        self.process.is_none() && self.around.is_empty() && self.within.is_empty()
    }
}
