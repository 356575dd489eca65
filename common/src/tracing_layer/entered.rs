//! The spans that a thread is in, each with its run as the current one.

use std::cell::RefCell;

use tracing::span::Id;

use crate::trace::{Entered, RunTree};

struct Level {
    layer: u64,
    span: Id,
    // Left out of order; it goes when those inside of it are gone.
    left: bool,
    // None for a span without a run.
    _current: Entered,
}

thread_local! {
    static LEVELS: RefCell<Vec<Level>> = const { RefCell::new(Vec::new()) };
}

/// Makes a span's run the current one of this thread.
pub(super) fn enter(layer: u64, span: &Id, run: RunTree) {
    let level = Level {
        layer,
        span: span.clone(),
        left: false,
        _current: crate::trace::enter(run),
    };
    // A thread whose values are being dropped has no current run.
    let _ = LEVELS.try_with(|levels| levels.borrow_mut().push(level));
}

/// Takes a span's run off again.
pub(super) fn exit(layer: u64, span: &Id) {
    let gone = LEVELS.try_with(|levels| {
        let mut levels = levels.borrow_mut();
        let innermost = levels.iter_mut().rev();
        if let Some(level) = innermost
            .filter(|level| !level.left)
            .find(|level| level.layer == layer && level.span == *span)
        {
            level.left = true;
        }
        let kept = levels
            .iter()
            .rposition(|level| !level.left)
            .map_or(0, |at| at + 1);
        let mut gone = levels.split_off(kept);
        gone.reverse();
        gone
    });
    // Dropped outside of the borrow, the innermost first: the end of a run may look at the current one.
    drop(gone);
}
