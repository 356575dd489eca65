//! Graphs of agents: their shape, what a trace did in them, loops, and the runs beside them.
#![cfg(feature = "analysis")]

mod captured;
mod pictured;
mod walked;

use captured::{HOSTILE, tree};
use common::analysis::{
    GraphDiagram, GraphNodeKind, GraphShape, Loops, RUNS_PER_TRACE, TraceSize, Waterfall,
};
use common::model::{TraceId, TraceTree};
use pictured::{check, drawn_words};
use walked::{looping, recorded, team};

#[test]
fn looks() {
    let dir = std::env::var("FIGURES").expect("dir");
    let mut html = String::new();
    for name in [
        "langgraph_react_nested",
        "langgraph_send_fanout",
        "langgraph_interrupt_resume",
        "langgraph_error",
    ] {
        let tree = recorded(name);
        let shape = GraphShape::of_trace(&tree);
        html += &format!(
            "<h3>{name}</h3><pre>{}</pre><pre>{}</pre><pre>{}</pre>",
            shape,
            shape.to_mermaid(),
            Loops::of(&tree)
        );
        html += &GraphDiagram::of_trace(&tree).to_html();
        html += &GraphDiagram::of(&shape).beside(&tree).to_html();
        html += &Waterfall::of(&tree).supersteps().to_html();
        html += &format!("<pre>{}</pre>", GraphDiagram::of_trace(&tree));
    }
    for runs in [team(), looping(14)] {
        let tree = tree(runs);
        let shape = GraphShape::of_trace(&tree);
        html += &format!("<pre>{}</pre><pre>{}</pre>", shape, Loops::of(&tree));
        html += &GraphDiagram::of(&shape).to_html();
        html += &GraphDiagram::of_trace(&tree).to_html();
        html += &GraphDiagram::of(&shape).beside(&tree).to_html();
        html += &Waterfall::of(&tree).supersteps().to_html();
        let spend = common::analysis::SpendByAgent::of(&tree);
        html += &format!("<pre>{}</pre>{}", spend, spend.chart().to_html());
    }
    let _ = (
        check,
        drawn_words,
        HOSTILE,
        RUNS_PER_TRACE,
        GraphNodeKind::Node,
        TraceTree::default(),
    );
    let _: Option<(TraceId, TraceSize)> = None;
    std::fs::write(
        format!("{dir}/a.html"),
        format!("<meta charset=utf-8>{html}"),
    )
    .expect("x");
}
