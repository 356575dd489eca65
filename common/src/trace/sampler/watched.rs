//! The books, for who looks at them from outside and must not keep alive what is behind them.

use std::sync::{Arc, Weak};

use super::books::SamplingStats;
use super::head::Head;
use super::tail::TailBuffer;

/// The books of a sampler. What waits in its tail holds the way to the server, so that is not held.
#[derive(Debug, Clone)]
pub(crate) struct SamplingBooks {
    head: Arc<Head>,
    tail: Option<Weak<TailBuffer>>,
}

impl SamplingBooks {
    pub(in crate::trace) fn new(head: Arc<Head>, tail: Option<&Arc<TailBuffer>>) -> Self {
        Self {
            head,
            tail: tail.map(Arc::downgrade),
        }
    }

    /// Returns what the books say now.
    pub(crate) fn stats(&self) -> SamplingStats {
        let mut stats = self.head.books().stats();
        if let Some(tail) = self.tail.as_ref().and_then(Weak::upgrade) {
            tail.add_to(&mut stats);
        }
        stats
    }
}
