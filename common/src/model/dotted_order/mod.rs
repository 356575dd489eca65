//! The dotted order: a run's place in its trace, as text that sorts like the tree.
//!
//! ```text
//! 20261122T100538926531Z01a202b7-f0ee-7646-9e7b-a245c1fc89c2 . 20261122T100538931000Z01a202b7-…
//! └ start, UTC, 6 digits ┘└ run id, 36 characters ──────────┘   └ one segment a level, root first
//!
//! header ──parse──► DottedOrder ──append──► a child's ──write──► text, which sorts as the tree does
//! ```
//!
//! Start at [`DottedOrder`].

mod append;
mod order;
mod parse;
mod write;

use std::sync::Arc;

use uuid::Uuid;

pub use parse::ParseDottedOrderError;

use super::clock::Timestamp;
use super::ids::{RunId, TraceId};

/// One level of a dotted order: when a run started, and its id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Segment {
    /// The run's start time.
    pub start: Timestamp,
    /// The run's id.
    pub id: RunId,
}

/// A run's place in its trace: the segments of all its ancestors, root first, and its own.
///
/// The text is kept as it was received, because the server sorts siblings and finds ancestors by
/// comparing text: rewriting a foreign parent's segment would cut the child off.
///
/// ```
/// use common::model::DottedOrder;
///
/// let root: DottedOrder = "20261122T100538926531Z01a202b7-f0ee-7646-9e7b-a245c1fc89c2".parse()?;
/// assert_eq!(root.depth(), 0);
/// assert_eq!(root.trace_id().to_string(), root.run_id().to_string());
/// # Ok::<(), common::model::ParseDottedOrderError>(())
/// ```
#[derive(Clone)]
pub struct DottedOrder {
    text: Arc<str>,
    // Derived from the text once, because every run asks for them.
    trace: TraceId,
    parent: Option<RunId>,
    run: RunId,
    start: Timestamp,
    depth: usize,
    // How much of the text came from elsewhere: where a replica may be rooted anew. No part of what
    // the order is, so it is not compared.
    received: usize,
}

impl DottedOrder {
    /// Returns the text as it goes over the wire.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Returns the id of the trace: the first segment's.
    pub fn trace_id(&self) -> TraceId {
        self.trace
    }

    /// Returns the id of the run: the last segment's.
    pub fn run_id(&self) -> RunId {
        self.run
    }

    /// Returns the id of the parent: the last segment's but one, none for a root.
    pub fn parent_run_id(&self) -> Option<RunId> {
        self.parent
    }

    /// Returns the number of ancestors: 0 for a root.
    pub fn depth(&self) -> usize {
        self.depth
    }

    /// Returns the segments, root first.
    pub fn segments(&self) -> Vec<Segment> {
        self.text
            .split('.')
            .filter_map(|part| part.parse().ok())
            .collect()
    }

    /// Returns the start time of the run: the last segment's.
    pub fn start_time(&self) -> Option<Timestamp> {
        Some(self.start)
    }

    /// Returns true if `id` is the run's own or an ancestor's.
    pub fn names(&self, id: RunId) -> bool {
        let mut buffer = Uuid::encode_buffer();
        let id = id.0.hyphenated().encode_lower(&mut buffer).as_bytes();
        // Whoever wrote a segment may have used capitals.
        self.text.split('.').any(|segment| {
            let own = segment.as_bytes().last_chunk::<36>();
            // Ids of one moment begin alike and end differently.
            own.is_some_and(|own| {
                own[30..].eq_ignore_ascii_case(&id[30..]) && own.eq_ignore_ascii_case(id)
            })
        })
    }

    /// Returns the nearest ancestor in another process: the last one of the text that was received.
    /// None if the whole trace was started here.
    pub fn remote_parent(&self) -> Option<RunId> {
        // An order that was received whole is its own run's, which is nobody's child here.
        let above = self.text.get(..self.received)?;
        let above = self.text[above.len()..].starts_with('.').then_some(above)?;
        above.get(above.len().checked_sub(36)?..)?.parse().ok()
    }

    /// Returns the uppermost run of this process; none if the whole order came from elsewhere.
    pub(crate) fn first_own(&self) -> Option<RunId> {
        if self.received == 0 {
            return Some(self.trace.into());
        }
        let own = self.text.get(self.received..)?.strip_prefix('.')?;
        let segment = own.split('.').next()?;
        segment.get(segment.len().checked_sub(36)?..)?.parse().ok()
    }

    /// Returns true if `ancestor` is a proper prefix of this order, level by level.
    pub fn is_below(&self, ancestor: &Self) -> bool {
        self.text
            .strip_prefix(&*ancestor.text)
            .is_some_and(|rest| rest.starts_with('.'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOT: &str = "20261122T100538926531Z01a202b7-f0ee-7646-9e7b-a245c1fc89c2";
    const CHILD: &str = "20261122T100539000000Z01a202b8-0d54-7f77-a104-7e8dfa69d346";

    #[test]
    fn text_survives_a_round_trip() {
        let text = format!("{ROOT}.{CHILD}");
        let order: DottedOrder = text.parse().expect("valid");
        assert_eq!(order.to_string(), text);
        assert_eq!(order.depth(), 1);
        assert_eq!(order.parent_run_id(), Some(order.trace_id().into()));
        let again = order
            .segments()
            .into_iter()
            .map(|s| s.to_string())
            .collect::<Vec<_>>();
        assert_eq!(again.join("."), text);
    }

    #[test]
    fn a_child_is_below_its_parent_and_not_below_a_sibling_prefix() {
        let root: DottedOrder = ROOT.parse().expect("valid");
        let child = root.child(CHILD.parse().expect("valid"));
        assert!(child.is_below(&root));
        assert!(!root.is_below(&root));
        assert!(child > root, "a child sorts after its parent");
    }
}
