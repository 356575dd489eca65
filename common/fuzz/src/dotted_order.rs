//! The dotted order: from text and back.

use common::model::{DottedOrder, RunId, Segment};

use crate::memory;

/// Reads the data as a dotted order. What is read is written back to the byte, is where it says it is
/// in its trace, and takes memory in proportion to its text.
pub fn dotted_order(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    // A segment of 58 bytes is an id of 16 in a list, and in a set if there are many.
    let parsed = memory::within(2 * text.len() + 1024, "a dotted order", || {
        text.parse::<DottedOrder>()
    });
    let read: Result<Vec<Segment>, _> = text.split('.').map(str::parse).collect();
    let Ok(order) = parsed else {
        let ids = read.map(|list| list.into_iter().map(|one| one.id).collect::<Vec<RunId>>());
        let repeats = |ids: Vec<RunId>| (1..ids.len()).any(|at| ids[..at].contains(&ids[at]));
        assert!(
            ids.is_err() || ids.is_ok_and(repeats),
            "refused for nothing"
        );
        return;
    };
    let segments = read.expect("each segment of a dotted order is one");
    assert_eq!(order.as_str(), text);
    assert_eq!(order.to_string(), text);
    assert_eq!(order.segments(), segments);
    assert_eq!(order.depth() + 1, segments.len());
    let (first, last) = (segments[0], segments[segments.len() - 1]);
    assert_eq!(order.trace_id(), first.id.into());
    assert_eq!(order.run_id(), last.id);
    assert_eq!(order.start_time(), Some(last.start));
    let parent = segments.len().checked_sub(2).map(|at| segments[at].id);
    assert_eq!(order.parent_run_id(), parent);
    assert!(segments.iter().all(|segment| order.names(segment.id)));

    let json = serde_json::to_string(&order).expect("text");
    assert_eq!(
        serde_json::from_str::<DottedOrder>(&json).expect("itself"),
        order
    );

    // As we would write it ourselves: the same levels, and no further change the second time.
    let own: Vec<String> = segments.iter().map(Segment::to_string).collect();
    let own: DottedOrder = own.join(".").parse().expect("what we write, we read");
    assert_eq!(own.segments(), segments);

    let id = RunId(uuid::Uuid::from_u128(!last.id.0.as_u128()));
    let child = order.child(Segment {
        start: last.start,
        id,
    });
    assert!(child.is_below(&order) && !order.is_below(&child) && child > order);
    assert_eq!(child.parent_run_id(), Some(order.run_id()));
    assert_eq!(child.remote_parent(), Some(order.run_id()));
    for segment in &segments {
        let below = child.below(segment.id).expect("an ancestor");
        assert!(!below.names(segment.id) && below.run_id() == id);
        assert_eq!(below.as_str().parse::<DottedOrder>().expect("whole"), below);
    }
}
