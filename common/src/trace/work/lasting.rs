//! One run, and its one end.

use std::mem::replace;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::trace::current::Layers;
use crate::trace::{RunBuilder, RunTree};

/// What a piece of work is recorded as: a run that has started, or one that starts with the work.
pub trait IntoRun: sealed::IntoRun {}

impl<R: sealed::IntoRun> IntoRun for R {}

mod sealed {
    use super::{RunBuilder, RunTree, Stage};

    pub trait IntoRun {
        fn into_stage(self) -> Stage;
    }

    impl IntoRun for RunTree {
        fn into_stage(self) -> Stage {
            Stage::Open(self)
        }
    }

    impl IntoRun for &RunTree {
        fn into_stage(self) -> Stage {
            Stage::Open(self.clone())
        }
    }

    impl IntoRun for RunBuilder {
        fn into_stage(self) -> Stage {
            Stage::Planned(Box::new(self))
        }
    }
}

#[derive(Debug)]
#[doc(hidden)]
pub enum Stage {
    Planned(Box<RunBuilder>),
    Open(RunTree),
    Ended,
}

/// A run that lasts as long as its work, and what is around the work.
#[derive(Debug)]
pub(crate) struct Lasting {
    stage: Stage,
    layers: Layers,
}

impl Lasting {
    /// Takes up what holds here; the run is inside of it.
    pub(crate) fn new(run: impl IntoRun) -> Self {
        let mut layers = Layers::here();
        let stage = run.into_stage();
        if let Stage::Open(run) = &stage {
            layers.push_run(run.clone());
        }
        Self { stage, layers }
    }

    /// Returns the run if it has started and nobody here has ended it.
    pub(crate) fn run(&self) -> Option<&RunTree> {
        match &self.stage {
            Stage::Open(run) => Some(run),
            Stage::Planned(_) | Stage::Ended => None,
        }
    }

    /// Does a piece of the work, with the run as the current one. If it panics, the run ends as `panicked`
    /// says: a runtime catches the panic, and drops the work later, when nobody is panicking.
    pub(crate) fn call<T>(
        &mut self,
        work: impl FnOnce() -> T,
        panicked: impl FnOnce(&RunTree),
    ) -> T {
        self.start();
        let mut guard = AtLast {
            lasting: self,
            end: Some(panicked),
        };
        let done = guard.lasting.layers.within(work);
        guard.end = None;
        done
    }

    fn start(&mut self) {
        self.stage = match replace(&mut self.stage, Stage::Ended) {
            Stage::Planned(run) => {
                let run = self.layers.within(|| run.start());
                self.layers.push_run(run.clone());
                Stage::Open(run)
            }
            started => started,
        };
    }

    /// Ends the run as `end` says, unless that was done.
    pub(crate) fn end(&mut self, end: impl FnOnce(&RunTree)) {
        if let Stage::Open(run) = replace(&mut self.stage, Stage::Ended) {
            // Gone at the end of this block: what is above ends after what is below.
            let _around = replace(&mut self.layers, Layers::NONE);
            // Code of the program's says how: an error's text, a closure. The work is none the worse for it.
            if catch_unwind(AssertUnwindSafe(|| end(&run))).is_err() {
                run.fail("Panicked: what says how the run ended panicked");
            }
            // It has its end, unless `end` forgot.
            run.end();
        }
    }

    /// Drops the work with what was around it in place, then ends the run that is left, also if the work
    /// panics while it is dropped.
    pub(crate) fn give_up(&mut self, drop_work: impl FnOnce(), end: impl FnOnce(&RunTree)) {
        let guard = AtLast {
            lasting: self,
            end: Some(end),
        };
        guard.lasting.layers.within(drop_work);
    }
}

/// Ends the run when it is dropped.
struct AtLast<'a, E: FnOnce(&RunTree)> {
    lasting: &'a mut Lasting,
    end: Option<E>,
}

impl<E: FnOnce(&RunTree)> Drop for AtLast<'_, E> {
    fn drop(&mut self) {
        if let Some(end) = self.end.take() {
            self.lasting.end(end);
        }
    }
}

/// Says why a run ends whose work was dropped before its end.
pub(crate) fn why_dropped(what: &str) -> String {
    if std::thread::panicking() {
        format!("Panicked: the {what} was dropped by a panic before its end")
    } else {
        format!("Cancelled: the {what} was dropped before its end")
    }
}
