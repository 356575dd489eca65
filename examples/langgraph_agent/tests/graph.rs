//! The graph, and the traces that it leaves: every way through it.

use common::analysis::{Loops, SpendByAgent, text_tree};
use common::lab::Lesson;
use common::lab::graph::State as Channels;
use common::lab::llm::{Answer, LlmRequest, Model, ScriptedLlm, TokenTiming};
use common::model::{RunType, TraceTree};
use langgraph_agent::agents::NOTHING;
use langgraph_agent::approve::Decision;
use langgraph_agent::assistant::{Assistant, Turn};
use langgraph_agent::corpus::{Corpus, Source, markdown};
use langgraph_agent::graph::read;
use langgraph_agent::index::Index;
use langgraph_agent::nodes::Crew;
use langgraph_agent::script::{SLIPS_AT, scripted};
use langgraph_agent::tools;
use serde_json::{Value, json};

const DOCS: &str =
    "# Spawn\nA spawned task loses the run. Use `spawn` of common, which carries it.\n";
const PACKAGES: &str = "# Spawn\nThe crate has a spawn of its own.\n";
const QUESTION: &str = "how do I spawn a task?";

struct Asked {
    lesson: Lesson,
    assistant: Assistant,
    llm: ScriptedLlm,
}

impl Asked {
    async fn of(llm: ScriptedLlm) -> Self {
        let lesson = Lesson::start("langgraph_agent_test").await;
        let mut passages = markdown(Source::Docs, "docs/x.md", DOCS);
        passages.extend(markdown(Source::Packages, "common/README.md", PACKAGES));
        let index = Index::of(Corpus { passages }).expect("an index");
        let crew = Crew::new(Model::scripted(&llm), index);
        let client = lesson.client("assistant");
        Self {
            assistant: Assistant::new(&crew, &client).expect("a graph"),
            lesson,
            llm,
        }
    }

    async fn scripted() -> Self {
        Self::of(scripted(TokenTiming::NONE)).await
    }

    /// Asks on the thread `t-1`.
    async fn ask(&self, question: &str) -> Turn {
        self.assistant.ask(question, "t-1").await.expect("a turn")
    }

    async fn decide(&self, decision: &Decision) -> Turn {
        let turn = self.assistant.decide("t-1", decision).await;
        turn.expect("a turn")
    }

    /// All runs: they are sound, in as many traces, and all of one thread.
    async fn tree(&self, runs: usize, traces: usize) -> TraceTree {
        let tree = self.lesson.tree(runs).await;
        let shown = text_tree(&tree);
        assert_eq!(tree.orphans().len(), 0, "{shown}");
        assert_eq!(
            (tree.len(), tree.trace_ids().len()),
            (runs, traces),
            "{shown}"
        );
        assert_eq!(self.lesson.mock().violations(), []);
        assert_eq!(self.lesson.mock().errors(), []);
        for node in tree.nodes() {
            let thread = node.run.extra.metadata.get("thread_id");
            assert_eq!(thread, Some(&json!("t-1")), "{}", node.run.name);
        }
        tree
    }
}

fn shown(tree: &TraceTree) -> String {
    let text = text_tree(tree).without_times().to_string();
    let lines = text.lines().map(|line| line.trim_end().to_owned() + "\n");
    lines.collect()
}

/// Who asks, as the prompt of each agent begins.
fn agent(request: &LlmRequest) -> &str {
    let system = request.body["messages"][0]["content"]
        .as_str()
        .unwrap_or("");
    let agents = ["router", "writer", "reviewer"].into_iter();
    let mut named = agents.filter(|agent| system.starts_with(&format!("You are the {agent}")));
    named.next().unwrap_or("nobody")
}

fn yes() -> Decision {
    Decision::new(true, "approved by a test")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_is_a_trace_that_waits_and_its_approval_another_one_of_the_same_thread() {
    let asked = Asked::scripted().await;
    let turn = asked.ask(QUESTION).await;
    assert!(matches!(turn, Turn::Asks(_)), "{turn:?}");
    let first = asked.tree(16, 1).await;
    assert_eq!(
        shown(&first).split_once("└─ approval").expect("it asks").0,
        "docs_assistant          chain      ✓  (assistant)\n\
         ├─ router               chain      ✓  (assistant)\n\
         │  ├─ router model      llm        ✓  (assistant)\n\
         │  └─ shelves           chain      ✓  (assistant)\n\
         ├─ retriever            chain      ✓  (assistant)\n\
         │  └─ search docs       retriever  ✓  (assistant)\n\
         ├─ retriever            chain      ✓  (assistant)\n\
         │  └─ search notebooks  retriever  ✓  (assistant)\n\
         ├─ grader               chain      ✓  (assistant)\n\
         │  └─ has_documents     chain      ✓  (assistant)\n\
         ├─ writer               chain      ✓  (assistant)\n\
         │  └─ writer model      llm        ✓  (assistant)\n\
         ├─ reviewer             chain      ✓  (assistant)\n\
         │  ├─ reviewer model    llm        ✓  (assistant)\n\
         │  └─ verdict           chain      ✓  (assistant)\n"
    );
    let asks = first.find("approval").expect("it asks").error.clone();
    assert!(asks.is_some_and(|why| why.starts_with("GraphInterrupt((")));
    let root = &first.nodes()[0].run;
    assert_eq!(
        (
            root.error.as_deref(),
            root.inputs.as_ref().map(|it| &it["question"])
        ),
        (None, Some(&json!(QUESTION)))
    );

    asked.lesson.clear();
    let turn = asked.decide(&yes()).await;
    let Turn::Done(state) = turn else {
        panic!("{turn:?}")
    };
    assert_eq!(
        state.answer.as_deref(),
        Some("A spawned task loses the run. [1]")
    );
    let said = state
        .messages
        .iter()
        .map(|message| message["type"].as_str());
    assert_eq!(said.collect::<Vec<_>>(), [Some("human"), Some("ai")]);
    assert_eq!(
        shown(&asked.tree(4, 1).await),
        "docs_assistant  chain  ✓  (assistant)\n\
         ├─ approval     chain  ✓  (assistant)\n\
         │  └─ decided   chain  ✓  (assistant)\n\
         └─ publish      chain  ✓  (assistant)\n"
    );
    // No model is asked twice for an answer that was approved.
    assert_eq!(asked.llm.requests().len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_have_langgraphs_tags_and_metadata_and_models_their_usage() {
    let asked = Asked::scripted().await;
    asked.ask(QUESTION).await;
    asked.decide(&yes()).await;
    let tree = asked.tree(20, 2).await;
    let told = |run: &common::model::Run| {
        let key = |key: &str| {
            run.extra
                .metadata
                .get(key)
                .map_or("-".into(), Value::to_string)
        };
        let node = key("langgraph_node").replace('"', "");
        format!(
            "{}: {} {node} {}",
            run.name,
            run.tags.join(","),
            key("langgraph_step")
        )
    };
    let all: Vec<String> = tree
        .walk()
        .into_iter()
        .map(|at| told(&tree.nodes()[at].run))
        .collect();
    assert_eq!(
        all,
        [
            "docs_assistant:  - -",
            "router: graph:step:1 router 1",
            "router model: seq:step:1 router 1",
            "shelves: seq:step:3 router 1",
            "retriever: graph:step:2 retriever 2",
            "search docs: seq:step:1 retriever 2",
            "retriever: graph:step:2 retriever 2",
            "search notebooks: seq:step:1 retriever 2",
            "grader: graph:step:3 grader 3",
            "has_documents: seq:step:3 grader 3",
            "writer: graph:step:4 writer 4",
            "writer model: seq:step:1 writer 4",
            "reviewer: graph:step:5 reviewer 5",
            "reviewer model: seq:step:1 reviewer 5",
            "verdict: seq:step:3 reviewer 5",
            "approval: graph:step:6 approval 6",
            "docs_assistant:  - -",
            "approval: graph:step:6 approval 6",
            "decided: seq:step:3 approval 6",
            "publish: graph:step:7 publish 7",
        ]
    );
    for node in tree.nodes() {
        let is_model = node.run.run_type == RunType::Llm;
        assert_eq!(node.run.usage().is_some(), is_model, "{}", node.run.name);
    }
    let spend = SpendByAgent::of(&tree);
    assert_eq!(
        (spend.total.calls, spend.doubled.len(), spend.echoes),
        (3, 0, 0)
    );
    for agent in ["router", "writer", "reviewer"] {
        assert_eq!(spend.agent(agent).expect("it asked").calls, 1, "{agent}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_shelves_that_the_router_chose_are_searched_all_in_one_superstep() {
    let llm = ScriptedLlm::builder()
        .choose(|request: &LlmRequest| {
            (agent(request) == "router").then(|| Answer::text("packages"))
        })
        .otherwise(Answer::text("APPROVED [1]"))
        .start();
    let asked = Asked::of(llm).await;
    asked.ask(QUESTION).await;
    let tree = asked.tree(14, 1).await;
    let searched = tree
        .nodes()
        .iter()
        .filter(|node| node.run.run_type == RunType::Retriever);
    let names: Vec<&str> = searched.map(|node| &*node.run.name).collect();
    assert_eq!(names, ["search packages"]);

    asked.lesson.clear();
    let all = Asked::of(
        ScriptedLlm::builder()
            .otherwise(Answer::text("APPROVED [1]"))
            .start(),
    )
    .await;
    all.ask(QUESTION).await;
    let tree = all.tree(18, 1).await;
    let loops = Loops::of(&tree);
    let retriever = loops.visits.iter().find(|node| node.node == "retriever");
    let retriever = retriever.expect("it ran");
    assert_eq!((retriever.visits, retriever.at_once), (3, 3));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_good_document_the_graph_says_so_and_asks_neither_writer_nor_human() {
    let asked = Asked::scripted().await;
    let turn = asked.ask("How do I bake sourdough bread?").await;
    let Turn::Done(state) = turn else {
        panic!("{turn:?}")
    };
    assert_eq!(
        state.answer.as_deref(),
        Some("The documentation has no answer to this.")
    );
    let tree = asked.tree(11, 1).await;
    assert!(tree.find("decline").is_some() && tree.find("writer").is_none());
    assert!(tree.nodes().iter().all(|node| node.run.error.is_none()));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_reviewer_rejects_goes_back_twice_and_then_out_by_nobodys_word() {
    let llm = ScriptedLlm::builder()
        .choose(|request: &LlmRequest| {
            Some(Answer::text(match agent(request) {
                "router" => "docs",
                "writer" => "Bake it for an hour. [1]",
                _ => "REJECTED: passage [1] does not say: Bake it for an hour.",
            }))
        })
        .start();
    let asked = Asked::of(llm).await;
    let turn = asked.ask(QUESTION).await;
    let Turn::Done(state) = turn else {
        panic!("{turn:?}")
    };
    assert_eq!((state.answer, state.sent_back), (None, 3));
    let tree = asked.tree(23, 1).await;
    assert!(tree.find("approval").is_none());
    let visits = |node: &str| {
        let loops = Loops::of(&tree);
        let found = loops.visits.iter().find(|visited| visited.node == node);
        found.map_or(0, |visited| visited.visits)
    };
    assert_eq!(
        (visits("writer"), visits("reviewer"), visits("publish")),
        (3, 3, 0)
    );
    // The writer is told why.
    let writers: Vec<_> = asked
        .llm
        .requests()
        .into_iter()
        .filter(|it| agent(it) == "writer")
        .collect();
    assert!(!writers[0].prompt.contains("Notes:"));
    assert!(
        writers[1]
            .prompt
            .contains("Notes: passage [1] does not say: Bake it for an hour.")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_comment_is_another_round_and_a_rejection_is_the_end() {
    let asked = Asked::scripted().await;
    asked.ask(QUESTION).await;
    let turn = asked.decide(&Decision::comment("Name the function.")).await;
    assert!(matches!(turn, Turn::Asks(_)), "{turn:?}");
    let turn = asked
        .decide(&Decision::new(false, "rejected by a test"))
        .await;
    let Turn::Done(state) = turn else {
        panic!("{turn:?}")
    };
    assert_eq!(state.answer, None);
    let tree = asked.tree(28, 3).await;
    assert!(tree.find("publish").is_none());
    let writers: Vec<_> = asked
        .llm
        .requests()
        .into_iter()
        .filter(|it| agent(it) == "writer")
        .collect();
    assert_eq!(writers.len(), 2);
    assert!(
        writers[1].prompt.ends_with("Notes: Name the function."),
        "{}",
        writers[1].prompt
    );
    // Nothing waits any more, and that is told in a trace as well.
    let over = asked.assistant.decide("t-1", &yes()).await;
    over.expect_err("it is over");
    asked.tree(29, 4).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_next_question_of_a_thread_begins_with_nothing_found_and_knows_the_conversation() {
    let asked = Asked::scripted().await;
    asked.ask(QUESTION).await;
    let first = asked.decide(&yes()).await;
    let second = asked.ask("How do I bake sourdough bread?").await;
    assert!(!first.state().found.is_empty() && second.state().found.is_empty());
    assert_eq!(
        (
            second.state().draft.clone(),
            second.state().decision.clone()
        ),
        (None, None)
    );
    assert_eq!(second.state().messages.len(), 4);
    asked.tree(16 + 4 + 11, 3).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_that_refuses_fails_its_run_its_node_and_the_whole() {
    let llm = ScriptedLlm::builder()
        .otherwise(Answer::server_error())
        .start();
    let asked = Asked::of(llm).await;
    let failed = asked
        .assistant
        .ask(QUESTION, "t-1")
        .await
        .expect_err("no answer");
    let failed = failed.to_string();
    assert!(
        failed.starts_with("node `router` failed in step 1: the model did not answer: "),
        "{failed}"
    );
    let tree = asked.tree(3, 1).await;
    assert!(tree.nodes().iter().all(|node| node.run.error.is_some()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_writer_that_finds_no_answer_in_the_passages_ends_where_there_are_none() {
    let llm = ScriptedLlm::builder()
        .choose(|request: &LlmRequest| {
            Some(Answer::text(match agent(request) {
                "router" => "docs",
                "writer" => NOTHING,
                _ => "REJECTED: it cites nothing",
            }))
        })
        .start();
    let asked = Asked::of(llm).await;
    let turn = asked.ask(QUESTION).await;
    let Turn::Done(state) = turn else {
        panic!("{turn:?}")
    };
    assert_eq!(
        (state.answer.as_deref(), state.sent_back),
        (Some(NOTHING), 0)
    );
    let tree = asked.tree(13, 1).await;
    assert!(tree.find("decline").is_some() && tree.find("approval").is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_script_slips_at_one_question_and_its_reviewer_finds_it() {
    let asked = Asked::scripted().await;
    let docs = "# Cost of a token\nA token of a stream costs little.\n";
    let passages = markdown(Source::Docs, "docs/x.md", docs);
    let index = Index::of(Corpus { passages }).expect("an index");
    let crew = Crew::new(Model::scripted(&asked.llm), index);
    let assistant = Assistant::new(&crew, &asked.lesson.client("assistant")).expect("a graph");
    let turn = assistant.ask(SLIPS_AT, "t-1").await.expect("a turn");
    assert!(matches!(turn, Turn::Asks(_)), "{turn:?}");
    let draft = turn.state().draft.as_ref().expect("a draft");
    assert_eq!(draft.text, "A token of a stream costs little. [1]");
    let loops = Loops::of(&asked.lesson.tree(0).await);
    let writer = loops.visits.iter().find(|visited| visited.node == "writer");
    assert_eq!(writer.map(|writer| writer.visits), Some(2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tool_server_that_has_gone_is_a_failed_run_and_a_sentence() {
    let asked = Asked::scripted().await;
    let passages = markdown(Source::Docs, "docs/x.md", DOCS);
    let index = Index::of(Corpus { passages }).expect("an index");
    let mut crew = Crew::new(Model::scripted(&asked.llm), index);
    let program = env!("CARGO_BIN_EXE_langgraph_agent").as_ref();
    let server = tools::start(&asked.lesson, program).await;
    let server = server.expect("a tool server");
    server.close().await;
    crew.tools = Some(server);
    let assistant = Assistant::new(&crew, &asked.lesson.client("assistant")).expect("a graph");
    assistant.ask(QUESTION, "t-1").await.expect("a draft");
    let turn = assistant.decide("t-1", &yes()).await.expect("an answer");
    let state = turn.state();
    assert!(state.answer.is_some() && state.words.is_none(), "{state:?}");
    assert_eq!(state.without.len(), 1, "{state:?}");
    assert!(state.without[0].starts_with("Nobody counted the words: "));
    let tree = asked.lesson.tree(0).await;
    let call = tree.find("count_words").expect("the call");
    assert!(call.error.is_some(), "{}", text_tree(&tree));
    // The next question begins without it.
    let next = assistant.ask("How do I bake sourdough bread?", "t-1").await;
    assert_eq!(next.expect("a turn").state().without, Vec::<String>::new());
}

#[test]
fn a_channel_that_has_what_no_agent_writes_is_an_error() {
    let odd = Channels::from(json!({"question": "x", "sent_back": "often"}));
    assert!(read(&odd).is_err());
    let sound = Channels::from(json!({"question": "x", "draft": null}));
    assert_eq!(read(&sound).expect("a state").question, "x");
}
