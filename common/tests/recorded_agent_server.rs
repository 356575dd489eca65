//! What lessons draw of LangGraph's Agent Server is what was recorded, and shows its trap and the way out.
#![cfg(feature = "lab")]

use std::collections::BTreeMap;

use common::lab::Recorded;
use common::prelude::*;

fn recording(name: &str) -> Value {
    let path = format!("{}/tests/vectors/{name}.json", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(path).expect("a recording");
    serde_json::from_str(&text).expect("JSON")
}

#[test]
fn the_runs_that_are_drawn_are_those_that_were_recorded() {
    for (recorded, name) in [
        (Recorded::AgentServerPlain, "langgraph_agent_server_wait"),
        (
            Recorded::AgentServerFactory,
            "langgraph_agent_server_factory_nested",
        ),
    ] {
        let place = |run: &Value| {
            let of = |key: &str| run[key].as_str().unwrap_or_default().to_owned();
            let order = of("dotted_order");
            (order, [of("name"), of("run_type"), of("parent_run_id")])
        };
        let vector = recording(name);
        let theirs = vector["runs"].as_array().expect("runs").iter().map(place);
        let tree = recorded.tree();
        let runs = tree.nodes().iter();
        let ours = runs.map(|node| place(&json!(node.run)));
        let theirs: BTreeMap<_, _> = theirs.collect();
        assert_eq!(ours.collect::<BTreeMap<_, _>>(), theirs, "{name}");
        assert_eq!(theirs.len(), 11);
    }
}

#[test]
fn a_plain_graph_on_the_agent_server_starts_a_trace_of_its_own_although_it_knows_the_callers() {
    let tree = Recorded::AgentServerPlain.tree();
    assert_eq!(tree.tops().len(), 2, "{}", text_tree(&tree));
    let caller = tree.find("rust_gateway").expect("the caller");
    let agent = tree.find("docs_agent").expect("the graph");
    assert_eq!(agent.parent_run_id, None);
    assert_ne!(agent.trace_id, caller.trace_id);
    // It was told, and filed it away.
    assert_eq!(
        agent.extra.metadata["langsmith-trace"],
        caller.dotted_order.as_str()
    );
}

#[test]
fn a_factory_on_the_agent_server_makes_it_one_trace() {
    let tree = Recorded::AgentServerFactory.tree();
    assert!(tree.is_whole(), "{}", text_tree(&tree));
    let caller = tree.find("rust_gateway").expect("the caller");
    let agent = tree.find("docs_agent").expect("the graph");
    assert_eq!(agent.parent_run_id, Some(caller.id));
    assert!(!waterfall(&tree).svg().is_empty());
}
