//! Graphs of agents: their shape, what a trace did in them, loops, and the runs beside them.
#![cfg(feature = "analysis")]

mod captured;
mod pictured;
mod walked;

use captured::{HOSTILE, hostile, many, run, tree, whole};
use common::analysis::{
    END, Figure, GraphDiagram, GraphNodeKind, GraphShape, Loops, RUNS_PER_TRACE, START, Waterfall,
    waterfall,
};
use common::model::{Run, TraceTree};
use pictured::{check, drawn_words};
use roxmltree::Document;
use serde_json::json;
use walked::{Graph as _, looping, recorded, team};

/// What `get_graph().to_json()` of LangGraph 1.2 gives for an agent with tools.
const OF_LANGGRAPH: &str = r#"{"nodes": [
    {"id": "__start__", "type": "runnable", "data": {"id": ["langgraph"], "name": "__start__"}},
    {"id": "agent", "type": "runnable", "data": {"id": ["langgraph"], "name": "agent"}},
    {"id": "tools", "type": "runnable", "data": {"id": ["langgraph"], "name": "tools"}},
    {"id": "__end__"}], "edges": [
    {"source": "__start__", "target": "agent"},
    {"source": "agent", "target": "__end__", "data": "done", "conditional": true},
    {"source": "agent", "target": "tools", "data": "more", "conditional": true},
    {"source": "tools", "target": "agent"}]}"#;

fn of_langgraph() -> GraphShape {
    serde_json::from_str(OF_LANGGRAPH).expect("LangGraph's form")
}

#[test]
fn the_shape_of_a_recorded_graph_is_read_from_its_trace() {
    for (name, shape) in [
        (
            "langgraph_react_nested",
            "__start__ → agent\nagent ⇢ tools: tools_condition\ntools → agent\n\
             agent ⇢ __end__: tools_condition\ntools: tools\n",
        ),
        (
            "langgraph_stream_react",
            "__start__ → agent\nagent ⇢ tools: tools_condition\ntools → agent\n\
             agent ⇢ __end__: tools_condition\ntools: tools\n",
        ),
        (
            "langgraph_send_fanout",
            "__start__ → plan\nplan ⇢ research: fan\nresearch → write\nwrite → __end__\n",
        ),
        // The second call resumes where the first one paused: nothing leads there from the start.
        (
            "langgraph_interrupt_resume",
            "__start__ → draft\ndraft → approve\napprove ⇢ send: route\nsend → __end__\n\
             approve: human\n",
        ),
        // It failed, so it never came to its end.
        ("langgraph_error", "__start__ → ok\nok → boom\n"),
    ] {
        let found = GraphShape::of_trace(&recorded(name));
        assert_eq!(found.to_string(), shape, "{name}");
        let json = serde_json::to_value(&found).expect("JSON");
        assert_eq!(serde_json::from_value::<GraphShape>(json).ok(), Some(found));
    }
}

#[test]
fn a_subgraph_has_a_shape_of_its_own() {
    let tree = tree(team());
    assert_eq!(
        GraphShape::of_trace(&tree).to_string(),
        "__start__ → router\nrouter ⇢ search_docs: where_to\nrouter ⇢ search_code: where_to\n\
         search_docs → writer\nsearch_code → writer\nwriter → reviewer\n\
         reviewer ⇢ writer: verdict\nreviewer ⇢ __end__: verdict\n\
         search_code: tools\nwriter: subgraph\n"
    );
    assert_eq!(
        GraphShape::of_graph(&tree, "writer_agent").to_string(),
        "__start__ → agent\nagent ⇢ tools: tools_condition\ntools → agent\n\
         agent ⇢ __end__: tools_condition\ntools: tools\n"
    );
    assert_eq!(GraphShape::of_graph(&tree, "nobody"), GraphShape::new());
}

#[test]
fn a_graph_that_another_service_runs_is_remote() {
    let mut runs = team();
    for run in &mut runs {
        let service = if run.name == "writer_agent" {
            "python"
        } else {
            "rust"
        };
        *run = run.clone().metadata("service", json!(service));
    }
    let shape = GraphShape::of_trace(&tree(runs));
    let writer = shape.nodes.iter().find(|node| node.name == "writer");
    assert_eq!(writer.map(|node| node.kind), Some(GraphNodeKind::Remote));
}

#[test]
fn what_inherited_the_metadata_of_a_node_is_no_node() {
    // A service below a tool has all of it by baggage, and may even be named like the node.
    let root = run(1, None, "docs_agent", "chain", 0, 90);
    let tools = run(2, Some(&root), "tools", "chain", 4, 60).node(1);
    let search = run(3, Some(&tools), "search", "tool", 8, 50).within(&tools);
    let below = run(4, Some(&search), "tools", "chain", 10, 40).within(&tools);
    let shape = GraphShape::of_trace(&tree(vec![root, tools, search, below]));
    assert_eq!(
        shape.to_string(),
        "__start__ → tools\ntools → __end__\ntools: tools\n"
    );
}

#[test]
fn triggers_say_who_a_join_waited_for() {
    let root = run(1, None, "graph", "chain", 0, 90);
    let a = run(2, Some(&root), "a", "chain", 1, 5).node(1);
    let b = run(3, Some(&root), "b", "chain", 1, 5).node(1);
    let late = run(4, Some(&root), "late", "chain", 7, 5).node(2);
    let join = run(5, Some(&root), "join", "chain", 14, 5).node(3);
    let join = join.metadata("langgraph_triggers", json!(["join:a+late:join"]));
    let shape = GraphShape::of_trace(&tree(vec![root, a, b, late, join])).to_string();
    assert!(shape.contains("\na → join\nlate → join\n"), "{shape}");
    assert!(!shape.contains("b → join"), "{shape}");
}

#[test]
fn the_graph_that_langgraph_draws_is_read_as_it_is() {
    let shape = of_langgraph();
    assert_eq!(
        shape.to_string(),
        "__start__ → agent\nagent ⇢ __end__: done\nagent ⇢ tools: more\ntools → agent\n"
    );
    assert_eq!(
        shape.to_mermaid(),
        "graph TD;\n    __start__([\"__start__\"])\n    agent(\"agent\")\n    tools(\"tools\")\n    \
         __end__([\"__end__\"])\n    __start__ --> agent\n    agent -. done .-> __end__\n    \
         agent -. more .-> tools\n    tools --> agent\n"
    );
}

#[test]
fn a_diagram_is_said_in_words() {
    let figure = GraphDiagram::of_trace(&tree(team())).figure();
    assert_eq!(
        figure.to_string(),
        "writer ran twice, reviewer twice, router once and 2 other nodes\n\n\
         __start__ → router\nrouter ⇢ search_docs: where_to\nrouter ⇢ search_code: where_to\n\
         search_docs → writer\nsearch_code → writer\nwriter → reviewer\n\
         reviewer ⇢ writer: verdict\nreviewer ⇢ __end__: verdict\n\
         search_code: tools\nwriter: subgraph\n\n\
         docs_team walked: router → search_code + search_docs → (writer → reviewer) ×2\n\
         1 router: 1 visit, 222 tokens\n2 search_docs: 1 visit\n3 search_code: 1 visit\n\
         4 writer: 2 visits, 8160 tokens\n5 reviewer: 2 visits, 1460 tokens\n"
    );
    let svg = check(&figure);
    let words = drawn_words(&svg);
    for expected in [
        "writer",
        "2× · 8,160 tokens",
        "verdict",
        "something chooses",
        "__end__",
    ] {
        assert!(
            words.contains(&expected.to_owned()),
            "{expected}: {words:?}"
        );
    }
    let dashed = svg.matches("stroke-dasharray=\"5 4\"").count();
    assert_eq!(
        dashed,
        4 + 1,
        "the four chosen edges, and the line that explains them"
    );
}

#[test]
fn what_was_not_walked_and_what_should_not_have_been_is_seen() {
    let shape = of_langgraph()
        .edge("reviewer", END)
        .node("human", GraphNodeKind::Human);
    let mut runs = looping(2);
    let stray = run(90, Some(&runs[0]), "human", "chain", 200, 5).node(9);
    runs.push(stray);
    let figure = GraphDiagram::of(&shape).walked(&tree(runs)).figure();
    let words = figure.to_string();
    assert!(
        words.starts_with("agent ran twice, tools twice and human once; 1 node not at all\n"),
        "{words}"
    );
    assert!(
        words.contains("⚠ walked, but no edge of the graph: tools → human"),
        "{words}"
    );
    assert!(words.contains("reviewer: 0 visits"), "{words}");
    assert!(drawn_words(&check(&figure)).contains(&"not visited".to_owned()));
    let other = GraphDiagram::of(&GraphShape::new().edge("x", "y")).walked(&tree(team()));
    assert!(other.to_string().starts_with("No node of this graph ran\n"));
}

/// Returns the fill of each numbered place, by number.
fn numbered(svg: &str, number: &str) -> Vec<String> {
    let document = Document::parse(svg).expect("checked");
    let texts = document
        .descendants()
        .filter(|node| node.has_tag_name(("http://www.w3.org/2000/svg", "text")));
    texts
        .filter(|node| node.text() == Some(number))
        .filter_map(|node| {
            node.prev_sibling_element()?
                .attribute("fill")
                .map(str::to_owned)
        })
        .collect()
}

#[test]
fn a_node_and_its_runs_have_the_same_number_and_color() {
    let tree = tree(team());
    let figure = GraphDiagram::of(&GraphShape::of_trace(&tree)).beside(&tree);
    let svg = check(&figure);
    // Once in the graph, and once for each visit; its inner graph's nodes are part of it.
    for (number, places) in [("1", 2), ("2", 2), ("3", 2), ("4", 3), ("5", 3)] {
        let fills = numbered(&svg, number);
        assert_eq!(fills.len(), places, "{number}: {fills:?}");
        assert!(fills.iter().all(|fill| *fill == fills[0]), "{fills:?}");
    }
    let words = drawn_words(&svg);
    let count = |words: &[String], of: &str| words.iter().filter(|word| *word == of).count();
    assert_eq!(count(&words, "inner step 3"), 2, "{words:?}");
    assert_eq!(
        count(&words, "step 2"),
        2,
        "parallel nodes share a superstep"
    );
    let said = figure.to_string();
    assert!(
        said.contains("\n4 writer: 2 visits, 8160 tokens\n"),
        "{said}"
    );
    assert!(said.contains("├─ writer"), "{said}");
}

#[test]
fn parallel_nodes_lie_in_one_band() {
    let tree = recorded("langgraph_send_fanout");
    let figure = Waterfall::of(&tree).supersteps().figure();
    let said = figure.to_string();
    assert!(
        said.ends_with(
            "\n\nsuperstep 1 of research_team: plan\nsuperstep 2 of research_team: research ×3\n\
             superstep 3 of research_team: write\n"
        ),
        "{said}"
    );
    let svg = check(&figure);
    let bands = |svg: &str| {
        svg.matches("fill-opacity=\"0.09\"").count() + svg.matches("fill-opacity=\"0.2\"").count()
    };
    assert_eq!(bands(&svg), 3);
    assert!(drawn_words(&svg).contains(&"superstep".to_owned()));
    // Each call of a subgraph has bands of its own: 6 of the team, 3 in each call of the writer.
    let team = captured::tree(team());
    assert_eq!(
        bands(&check(&Waterfall::of(&team).supersteps().figure())),
        12
    );
    assert_eq!(
        Waterfall::of(&team).figure(),
        waterfall(&team),
        "the option is off by default"
    );
}

#[test]
fn loops_are_counted_and_held_against_the_limit() {
    let loops = Loops::of(&tree(looping(14)));
    assert_eq!(
        loops.to_string(),
        "graph       node   visits  at once\n──────────  ─────  ──────  ───────\n\
         docs_agent  agent      14        1\ndocs_agent  tools      14        1\n\n\
         docs_agent: (agent → tools) ×14\n\
         trace 01990000…0001: 29 runs of 25,000 that LangSmith keeps (0.1 %)\n  \
         room for 24,109 supersteps like these; full in 8 min 3 s at this rate\n"
    );
    assert_eq!(
        (loops.cycles[0].path.join(" "), loops.cycles[0].times),
        ("agent tools".into(), 14)
    );
    let same = Loops::of(&tree(looping(14))).without_times().to_string();
    assert!(
        same.contains("the trace: 29 runs") && !same.contains("at this rate"),
        "{same}"
    );
    let laps = Loops::of(&tree(team()));
    let found: Vec<String> = laps
        .cycles
        .iter()
        .map(|cycle| cycle.path.join(" → "))
        .collect();
    assert_eq!(found, ["writer → reviewer"]);
    let fan = Loops::of(&recorded("langgraph_send_fanout"));
    let research = fan.visits.iter().find(|node| node.node == "research");
    assert_eq!(
        research.map(|node| (node.visits, node.at_once)),
        Some((3, 3))
    );
}

#[test]
fn a_full_trace_says_that_nothing_more_is_recorded() {
    let root = run(1, None, "loop", "chain", 0, 9);
    let below =
        (2..=RUNS_PER_TRACE as u128).map(|number| run(number, Some(&root), "turn", "chain", 1, 1));
    let loops = Loops::of(&tree(below.chain([root.clone()]).collect()));
    assert_eq!(
        (
            loops.traces[0].runs_left(),
            loops.traces[0].supersteps_left()
        ),
        (0, None)
    );
    assert!(
        loops
            .to_string()
            .ends_with("(100.0 %)\n  it is full: nothing more is recorded\n")
    );
    #[cfg(feature = "langsmith_mock")]
    assert_eq!(
        common::langsmith_mock::Limits::default().runs_per_trace,
        RUNS_PER_TRACE,
        "the stand-in has the same limit"
    );
}

/// All pictures of a capture and of its graph.
fn pictures(runs: Vec<Run>) -> Vec<Figure> {
    let tree = tree(runs);
    let shape = GraphShape::of_trace(&tree);
    vec![
        GraphDiagram::of(&shape).figure(),
        GraphDiagram::of_trace(&tree).figure(),
        GraphDiagram::of(&of_langgraph()).walked(&tree).figure(),
        GraphDiagram::of(&shape).beside(&tree),
        Waterfall::of(&tree).supersteps().figure(),
    ]
}

#[test]
fn captures_without_a_graph_and_without_runs_have_pictures() {
    for runs in [vec![], whole(), hostile(), many(80)] {
        for figure in pictures(runs) {
            check(&figure);
        }
    }
    assert_eq!(
        GraphDiagram::of_trace(&TraceTree::default())
            .figure()
            .to_string(),
        "No node of this graph ran\n\n(no graph)\n"
    );
    assert_eq!(
        GraphDiagram::of(&GraphShape::new()).to_string(),
        "There is no graph\n\n(no graph)\n"
    );
    assert_eq!(GraphShape::new().to_string(), "(no graph)\n");
    assert_eq!(Loops::of(&TraceTree::default()).to_string(), "(no runs)\n");
    check(&GraphDiagram::of(&GraphShape::new().edge("a", "a")).figure());
}

#[test]
fn hostile_names_are_shown_as_text_and_do_nothing() {
    let root = run(1, None, HOSTILE[0], "chain", 0, 900);
    let mut runs = vec![root.clone()];
    for (at, name) in HOSTILE.into_iter().enumerate() {
        let number = 10 + 2 * (at as u128);
        let node =
            run(number, Some(&root), name, "chain", 10 * (at as i64), 9).node(at as u64 / 2 + 1);
        let router = run(
            number + 1,
            Some(&node),
            HOSTILE[1],
            "chain",
            10 * (at as i64) + 2,
            2,
        );
        let router = router
            .within(&node)
            .tagged("seq:step:3")
            .gave(json!({"output": [END, HOSTILE[4], "Send(node='"]}));
        runs.extend([node, router]);
    }
    for figure in pictures(runs.clone()) {
        let svg = check(&figure);
        assert!(!svg.contains("<script"));
    }
    let tree = tree(runs);
    let shape = GraphShape::of_trace(&tree);
    let mermaid = shape.to_mermaid();
    for line in mermaid.lines().skip(1) {
        assert!(
            line.starts_with("    ") && !line.contains('<') && !line.contains('\u{1b}'),
            "{line}"
        );
        assert_eq!(line.matches('"').count() % 2, 0, "{line}");
    }
    let loops = Loops::of(&tree);
    assert!(!loops.to_html().contains("<script") && !loops.to_string().contains('\u{1b}'));
}

#[test]
fn five_hundred_nodes_stay_light_and_the_rest_is_counted() {
    let name = |at: usize| format!("node & <{at}> {}", "\"wide\"".repeat(30));
    let mut chain = GraphShape::new().edge(START, name(0));
    let mut star = GraphShape::new();
    let mut dense = GraphShape::new();
    for at in 0..499 {
        chain = chain.edge(name(at), name(at + 1));
        star = star
            .conditional_edge(START, name(at), "&".repeat(300))
            .edge(name(at), END);
        for to in 0..4 {
            let to = (at * 7 + to * 131) % 499;
            dense = dense.conditional_edge(name(at), name(to), "<".repeat(90));
        }
    }
    for (shape, left_out) in [
        (chain, "… 492 nodes, 492 edges more"),
        (star, "… 492 nodes, 984 edges more"),
        (dense, "edges more"),
    ] {
        let figure = GraphDiagram::of(&shape).figure();
        let words = drawn_words(&check(&figure));
        assert!(
            words.iter().any(|word| word.contains(left_out)),
            "{left_out}: {words:?}"
        );
        assert!(figure.to_string().contains(left_out));
    }
    let root = run(1, None, "wide", "chain", 0, 5_000);
    let mut runs = vec![root.clone()];
    for at in 0..500_u64 {
        let number = 10 + u128::from(at);
        runs.push(
            run(
                number,
                Some(&root),
                &name(at as usize),
                "chain",
                10 * (at as i64),
                9,
            )
            .node(at + 1),
        );
    }
    for figure in pictures(runs.clone()) {
        check(&figure);
    }
    let said = Waterfall::of(&tree(runs.clone())).supersteps().to_string();
    assert!(said.contains("more supersteps"), "{said}");
    assert!(
        Loops::of(&tree(runs))
            .to_string()
            .contains("… 470 more nodes")
    );
}

#[test]
fn begin_and_end_are_no_nodes_of_the_count() {
    let words = drawn_words(&check(&GraphDiagram::of(&of_langgraph()).figure()));
    let subtitle = "2 nodes · 4 edges · 2 of them chosen".to_owned();
    assert!(words.contains(&subtitle), "{words:?}");
}

#[test]
fn an_edge_that_was_never_taken_is_in_the_legend() {
    let tree = recorded("langgraph_stream_react");
    let never = |shape: &GraphShape| {
        let figures = [
            GraphDiagram::of(shape).walked(&tree).figure(),
            GraphDiagram::of(shape).beside(&tree),
        ];
        figures.map(|figure| drawn_words(&check(&figure)).contains(&"never taken".to_owned()))
    };
    let walked = GraphShape::of_trace(&tree);
    assert_eq!(never(&walked), [false, false]);
    assert_eq!(never(&walked.edge("tools", END)), [true, true]);
    let plan = GraphDiagram::of(&of_langgraph()).figure();
    assert!(!plan.svg().contains("never taken"), "nothing was walked");
}

#[test]
fn a_long_name_of_a_node_is_read_beside_its_runs_or_in_its_title() {
    let long = "summarize_documents";
    let longer = "summarize_all_documents_of_the_market_research";
    for (name, is_read) in [(long, true), (longer, false)] {
        let shape = GraphShape::new()
            .edge(START, name)
            .edge(name, END)
            .node(name, GraphNodeKind::Remote);
        let root = run(1, None, "docs_agent", "chain", 0, 50);
        let node = run(2, Some(&root), name, "chain", 1, 40).node(1);
        let call = run(
            3,
            Some(&node),
            &format!("POST /{longer}/{longer}"),
            "tool",
            2,
            30,
        );
        let svg = check(&GraphDiagram::of(&shape).beside(&tree(vec![root, node, call])));
        let words = drawn_words(&svg);
        assert_eq!(words.iter().any(|word| word == name), is_read, "{words:?}");
        let document = Document::parse(&svg).expect("checked");
        let titles = document
            .descendants()
            .filter(|node| node.has_tag_name(("http://www.w3.org/2000/svg", "title")));
        let titles: Vec<&str> = titles.filter_map(|node| node.text()).collect();
        assert!(titles.contains(&name), "{titles:?}");
        assert!(
            titles
                .iter()
                .any(|title| title.starts_with("POST /summarize_all")),
            "{titles:?}"
        );
    }
}

#[test]
fn no_border_of_a_superstep_strikes_a_label_through() {
    let mut looked_at = 0;
    for runs in [team(), looping(6)] {
        let svg = check(&Waterfall::of(&tree(runs)).supersteps().figure());
        let document = Document::parse(&svg).expect("checked");
        let number = |node: &roxmltree::Node<'_, '_>, name: &str| -> f64 {
            let value = node.attribute(name).expect("there");
            value.parse().expect("a number")
        };
        let borders = document
            .descendants()
            .filter(|node| node.attribute("stroke-dasharray") == Some("2 2"));
        // `M12 3.5V60` for each stretch: along x, from y to y.
        let ways = borders.flat_map(|node| node.attribute("d").expect("a way").split('M').skip(1));
        let borders: Vec<[f64; 3]> = ways
            .map(|way| {
                let numbers = way
                    .split([' ', 'V'])
                    .map(|it| it.parse().expect("a number"));
                numbers.collect::<Vec<f64>>().try_into().expect("three")
            })
            .collect();
        assert!(borders.len() > 4, "{borders:?}");
        let labels = document.descendants().filter(|node| {
            node.text().is_some_and(|text| text.ends_with(" ms"))
                && node.attribute("text-anchor").is_none()
        });
        for label in labels.filter(|node| node.has_tag_name(("http://www.w3.org/2000/svg", "text")))
        {
            let (x, y, size) = (
                number(&label, "x"),
                number(&label, "y"),
                number(&label, "font-size"),
            );
            let width = 0.4 * size * label.text().map_or(0, str::len) as f64;
            let middle = y - 0.35 * size;
            looked_at += 1;
            let strikes = |[at, top, bottom]: &&[f64; 3]| {
                (x..x + width).contains(at) && (*top..*bottom).contains(&middle)
            };
            assert_eq!(borders.iter().find(strikes), None, "{:?}", label.text());
        }
    }
    assert!(looked_at > 20, "{looked_at}");
}
