//! The ids of a replica, and the place of a subtree that begins a trace of its own.

use common::model::{Attachment, DottedOrder, Feedback, Run, RunId, RunOp, RunType};

#[test]
fn ids_are_mapped_as_the_official_sdks_map_them() {
    for (id, project, mapped) in [
        (
            "01990000-0000-7000-8000-00000000000a",
            "replica-b",
            "01990000-0000-73d5-a6b6-97c3b2dd7174",
        ),
        (
            "7f1c2a34-5b6d-4e8f-9a0b-1c2d3e4f5a6b",
            "replica-b",
            "47e1fb2e-4a8e-7e6a-b01c-e321be090915",
        ),
        (
            "01990000-0000-7000-8000-00000000000a",
            "Ünï/ =",
            "01990000-0000-78fd-b71a-0a5e8f997a0e",
        ),
    ] {
        let id: RunId = id.parse().expect("an id");
        assert_eq!(id.in_replica(project).to_string(), mapped);
    }
}

const ABOVE: &str = "20261122T100538926531Z01990000-0000-7000-8000-00000000000A.\
                     20261122T100538926Z01990000-0000-7000-8000-00000000000b";
const HERE: &str = "20261122T100539000000Z01a202b8-0d54-7f77-a104-7e8dfa69d346";
const LEAF: &str = "20261122T100539000001Z01a202b8-0d54-7f77-a104-7e8dfa69d347";

#[test]
fn only_the_ids_of_a_place_are_mapped_and_not_the_text_of_its_times() {
    let order: DottedOrder = ABOVE.parse().expect("valid");
    let mapped = order.in_replica("replica-b");
    assert_eq!(
        mapped.as_str(),
        "20261122T100538926531Z01990000-0000-73d5-a6b6-97c3b2dd7174.\
         20261122T100538926Z01990000-0000-71c3-958e-86c9c23871b5"
    );
    assert_eq!(mapped, mapped.as_str().parse().expect("valid"));
    assert_eq!(mapped.parent_run_id(), Some(mapped.trace_id().into()));
}

#[test]
fn a_subtree_below_a_remote_parent_becomes_a_trace_of_its_own() {
    let above: DottedOrder = ABOVE.parse().expect("valid");
    let here = above.child(HERE.parse().expect("valid"));
    let leaf = here.child(LEAF.parse().expect("valid"));
    assert_eq!(above.remote_parent(), None);
    for order in [&here, &leaf] {
        assert_eq!(order.remote_parent(), Some(above.run_id()));
    }
    let here = here.below(above.run_id()).expect("below");
    let leaf = leaf.below(above.run_id()).expect("below");
    assert_eq!(here.as_str(), HERE);
    assert_eq!((here.parent_run_id(), here.remote_parent()), (None, None));
    assert_eq!(leaf.as_str(), format!("{HERE}.{LEAF}"));
    assert_eq!(leaf.parent_run_id(), Some(here.run_id()));
    assert_eq!(leaf.trace_id(), here.trace_id());
    assert_eq!(leaf.below(leaf.run_id()), None);
}

#[test]
fn a_judgement_follows_its_run() {
    let id: RunId = "01990000-0000-7000-8000-00000000000a"
        .parse()
        .expect("an id");
    let judgement = Feedback::on(id, "rating", Default::default()).trace_id(id.into());
    let mut op = RunOp::Feedback(Box::new(judgement.clone()));
    op.replicate("replica-b");
    let RunOp::Feedback(mapped) = &op else {
        panic!("{op:?}")
    };
    assert_eq!(mapped.run_id, Some(id.in_replica("replica-b")));
    assert_eq!(mapped.trace_id, mapped.run_id.map(Into::into));
    assert_ne!(mapped.id, judgement.id);
    assert_eq!(op.reroot_here(), None);
}

#[test]
fn a_run_is_changed_in_its_ids_and_in_nothing_else() {
    let order: DottedOrder = ABOVE.parse().expect("valid");
    let start = order.start_time().expect("a time");
    let mut run = Run::begin(order, "r", RunType::Tool, start);
    run.attachments = vec![Attachment::new("note", "text/plain", "hello")];
    run.tags = vec!["t".to_owned()];
    let mut copy = run.clone();
    copy.replicate("replica-b");
    assert_eq!(copy.id, copy.dotted_order.run_id());
    assert_eq!(copy.trace_id, copy.dotted_order.trace_id());
    assert_eq!(copy.parent_run_id, copy.dotted_order.parent_run_id());
    assert_ne!(copy.id, run.id);
    (copy.id, copy.trace_id, copy.parent_run_id) = (run.id, run.trace_id, run.parent_run_id);
    copy.dotted_order = run.dotted_order.clone();
    assert_eq!(copy, run);
}

#[test]
fn what_was_started_here_is_below_nobody_else() {
    let root = DottedOrder::root(HERE.parse().expect("valid"));
    let leaf = root.child(LEAF.parse().expect("valid"));
    assert_eq!((root.remote_parent(), leaf.remote_parent()), (None, None));
}
