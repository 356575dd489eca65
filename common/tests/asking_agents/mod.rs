//! A Rust supervisor, a LangGraph agent in Python, a Rust retriever: what the tests of agents start.
#![allow(dead_code, unreachable_pub, reason = "each test file uses its part")]
#![allow(clippy::print_stdout, reason = "a skipped test says so")]

use std::collections::BTreeSet;

use common::langsmith_mock::ViolationCode;
use common::prelude::*;
use common::trace::RunBuilder;

pub fn python_is_here() -> bool {
    let here = std::env::var_os("WORKBOOK_PYTHON").is_some();
    let required = std::env::var("CI").is_ok_and(|value| value == "true");
    assert!(
        here || !required,
        "CI needs the Python peers: WORKBOOK_PYTHON is not set"
    );
    if !here {
        println!("skipped: WORKBOOK_PYTHON is not set; `cargo workbook test` sets it");
    }
    here
}

/// The three services, and the lesson that their runs are captured by.
pub struct Asked {
    pub lesson: Lesson,
    pub agent: LangGraphAgent,
    pub retriever: Service,
    client: Client,
}

impl Asked {
    pub async fn start(name: &str) -> Self {
        let lesson = Lesson::start(name).await;
        let layer = called_by_agent(&lesson.client("retriever"), &lesson.project());
        let retriever = lesson.serve("retriever", story::retriever(layer));
        let agent = LangGraphAgent::start(&lesson.peer_env()).await;
        Self {
            agent: agent.expect("it starts"),
            client: lesson.client("supervisor"),
            lesson,
            retriever,
        }
    }

    /// A run that asks the agent, to be started.
    pub fn supervisor(&self) -> RunBuilder {
        self.client.run("supervisor")
    }

    /// The story's question, looked up by the Rust retriever.
    pub fn question(&self) -> AgentQuestion {
        AgentQuestion::new(story::QUESTION).retriever(self.retriever.url("/retrieve"))
    }

    /// Asks below a run, ends it, and has everything sent.
    pub async fn ask(&self, question: &AgentQuestion, root: RunTree) -> String {
        let answer = self.agent.ask(question, &root).await.expect("an answer");
        root.end();
        self.agent.flush().await.expect("flushed");
        answer
    }
}

/// No run breaks a rule, but for the one that LangChain does not keep: it draws the id of a run before it looks
/// at the clock for the start.
pub fn assert_sound(lesson: &Lesson) {
    let violations = lesson.mock().violations().into_iter();
    let others = violations.filter(|found| found.code != ViolationCode::IdTimeDiffers);
    assert_eq!(others.collect::<Vec<_>>(), []);
    assert_eq!(lesson.mock().errors(), []);
}

/// Writes a run a line: name, type, and a mark if it failed; two blanks a level.
pub fn rows(tree: &TraceTree) -> Vec<String> {
    let row = |at: usize| {
        let run = &tree.nodes()[at].run;
        let blanks = "  ".repeat(run.dotted_order.depth() - 1);
        let mark = run.error.as_ref().map_or("", |_| " ✗");
        format!("{blanks}{} {}{mark}", run.name, run.run_type)
    };
    tree.walk().into_iter().map(row).collect()
}

/// The tags of a run, whose order says nothing.
pub fn tags(run: &Run) -> BTreeSet<&str> {
    run.tags.iter().map(String::as_str).collect()
}
