//! Along which edges a graph was walked: joins that fired and that did not, names that begin alike, and
//! graphs with more edges than anybody looks at.
#![cfg(feature = "analysis")]

mod captured;
mod pictured;
mod walked;

use captured::{run, tree};
use common::analysis::{GraphDiagram, GraphShape, START, SpendByAgent};
use common::model::{Run, Usage};
use pictured::{check, drawn_words};
use serde_json::json;
use walked::Graph as _;

fn shape(runs: Vec<Run>) -> String {
    GraphShape::of_trace(&tree(runs)).to_string()
}

#[test]
fn a_join_that_did_not_fire_led_nowhere() {
    let root = run(1, None, "graph", "chain", 0, 90);
    let triggers = json!(["branch:to:end", "join:a+b:end"]);
    let end = |step| {
        let end = run(9, Some(&root), "end", "chain", 50, 5).node(step);
        end.metadata("langgraph_triggers", triggers.clone())
    };
    let gate = run(2, Some(&root), "gate", "chain", 1, 5).node(1);
    let route = run(3, Some(&gate), "route", "chain", 4, 1).tagged("seq:step:3");
    let route = route.within(&gate).gave(json!({"output": "end"}));
    let straight = vec![root.clone(), gate.clone(), route, end(2)];
    assert_eq!(
        shape(straight),
        "__start__ → gate\ngate ⇢ end: route\nend → __end__\n"
    );
    // By an edge without a router.
    assert_eq!(
        shape(vec![root.clone(), gate.clone(), end(2)]),
        "__start__ → gate\ngate → end\nend → __end__\n"
    );
    // With one of two.
    let a = run(4, Some(&root), "a", "chain", 10, 5).node(2);
    let one = vec![root.clone(), gate.clone(), a.clone(), end(3)];
    assert_eq!(
        shape(one),
        "__start__ → gate\ngate → a\na → end\nend → __end__\n"
    );
    // Long after it fired.
    let b = run(5, Some(&root), "b", "chain", 10, 5).node(2);
    let later = run(6, Some(&root), "later", "chain", 20, 5).node(3);
    let late = vec![root.clone(), gate, a, b, later, end(4)];
    assert!(shape(late).contains("\nlater → end\n"));
}

#[test]
fn a_join_may_have_waited_for_a_node_of_an_earlier_trace() {
    let root = run(1, None, "graph", "chain", 0, 90);
    // The thread goes on with its second superstep.
    let b = run(2, Some(&root), "b", "chain", 1, 5).node(2);
    let end = run(3, Some(&root), "end", "chain", 9, 5).node(3);
    let end = end.metadata("langgraph_triggers", json!(["join:a+b:end"]));
    let found = shape(vec![root, b, end]);
    assert!(found.contains("\na → end\nb → end\n"), "{found}");
}

#[test]
fn a_first_node_was_not_led_to_from_one_that_comes_later() {
    let root = run(1, None, "graph", "chain", 0, 90);
    let triggers = json!(["start:agent", "branch:tools:again:agent"]);
    let agent = |number, step| {
        let agent = run(number, Some(&root), "agent", "chain", 10 * step as i64, 5).node(step);
        agent.metadata("langgraph_triggers", triggers.clone())
    };
    let tools = run(3, Some(&root), "tools", "chain", 20, 5).node(2);
    assert_eq!(
        shape(vec![root.clone(), agent(2, 1), tools, agent(4, 3)]),
        "__start__ → agent\nagent → tools\ntools ⇢ agent: again\nagent → __end__\n"
    );
}

#[test]
fn graphs_whose_names_begin_alike_are_told_apart() {
    let (first, second) = (
        format!("{}1", "g".repeat(60)),
        format!("{}2", "g".repeat(60)),
    );
    let root = run(1, None, "service", "chain", 0, 90);
    let one = run(2, Some(&root), &first, "chain", 1, 20);
    let x = run(3, Some(&one), "x", "chain", 2, 5).node(1);
    let two = run(4, Some(&root), &second, "chain", 30, 20);
    let y = run(5, Some(&two), "y", "chain", 31, 5).node(1);
    let z = run(6, Some(&two), "z", "chain", 40, 5).node(2);
    let tree = tree(vec![root, one, x, two, y, z]);
    let shape = GraphShape::new().edge(START, "y").edge("y", "z");
    let figure = GraphDiagram::of(&shape).beside(&tree);
    let words = drawn_words(&check(&figure));
    for number in ["1", "2"] {
        let places = words.iter().filter(|word| *word == number).count();
        assert_eq!(
            places, 2,
            "{number} in the graph and in the tree: {words:?}"
        );
    }
    let said = figure.to_string();
    assert!(
        said.contains(&format!("\n{}… walked: y → z\n", "g".repeat(47))),
        "{said}"
    );
}

/// A graph of two supersteps with so many nodes each, all of other names.
fn two_supersteps(each: u128) -> Vec<Run> {
    let root = run(1, None, "wide", "chain", 0, 90);
    let of = |step: u64, at: u128| {
        let (number, start) = (10 + u128::from(step) * each + at, 20 * step as i64);
        run(
            number,
            Some(&root),
            &format!("n{step}_{at}"),
            "chain",
            start,
            9,
        )
        .node(step)
    };
    let nodes = (0..each).flat_map(|at| [of(1, at), of(2, at)]);
    nodes.chain([root.clone()]).collect()
}

#[test]
fn after_two_thousand_edges_the_rest_is_counted() {
    let tree = tree(two_supersteps(60));
    let shape = GraphShape::of_trace(&tree);
    // From the start, from each to each, to the end.
    let all = 60 + 60 * 60 + 60;
    assert_eq!(
        (shape.edges.len(), shape.edges_left_out),
        (2_000, all - 2_000)
    );
    let (text, mermaid) = (shape.to_string(), shape.to_mermaid());
    assert!(text.ends_with("\n… 3520 more edges\n"), "{text}");
    assert!(mermaid.ends_with("\n    %% … 1720 more edges\n"));
    let json = serde_json::to_value(&shape).expect("JSON");
    assert_eq!(serde_json::from_value::<GraphShape>(json).ok(), Some(shape));
    let figure = GraphDiagram::of_trace(&tree).figure();
    let (words, said) = (drawn_words(&check(&figure)), figure.to_string());
    assert!(
        words.contains(&"wide · 120 nodes · 3720 edges".to_owned()),
        "{words:?}"
    );
    // 40 of them would lead to a node that has other edges here: of a choice those of the graph are taken.
    assert!(said.contains("\n… 1680 more ways\n"), "{said}");
}

// The two take seconds if work grows with the number of runs; no machine has the memory for the first, or the
// patience for the second, if it grows with the square.

#[test]
fn a_hundred_thousand_runs_in_two_supersteps_have_a_picture() {
    let each = 50_000_usize;
    let wide = tree(two_supersteps(each as u128));
    let shape = GraphShape::of_trace(&wide);
    let all = each + each * each + each;
    assert_eq!(shape.edges.len() + shape.edges_left_out, all);
    check(&GraphDiagram::of(&shape).beside(&wide));
    // A shape by hand, as if one node of the first superstep had led to many of the second.
    let hub = (0..2_000).fold(GraphShape::new(), |shape, at| {
        shape.edge("n1_0", format!("n2_{at}"))
    });
    check(&GraphDiagram::of(&hub).walked(&wide).figure());
}

#[test]
fn a_hundred_thousand_runs_in_one_another_have_a_picture() {
    // A graph, its node, a call of a model there, and the next graph.
    let levels = 33_000_u128;
    let mut runs: Vec<Run> = Vec::new();
    for level in 0..levels {
        let number = 10 + 3 * level;
        let mut graph = run(number, None, "inner", "chain", 0, 50);
        graph.parent_run_id = (level > 0).then(|| captured::id(number - 2));
        let mut node = run(number + 1, None, "ask", "chain", 0, 50).node(1);
        node.parent_run_id = Some(graph.id);
        let mut call = run(number + 2, None, "model", "llm", 0, 50).used(Usage::tokens(3, 2));
        call.parent_run_id = Some(node.id);
        runs.extend([graph, node, call]);
    }
    let deep = tree(runs);
    let diagram = GraphDiagram::of_trace(&deep);
    let said = diagram.to_string();
    assert!(said.contains("ask: 33000 visits, 165000 tokens"), "{said}");
    check(&diagram.beside(&deep));
    assert_eq!(SpendByAgent::of(&deep).total.total_tokens, 165_000);
}
