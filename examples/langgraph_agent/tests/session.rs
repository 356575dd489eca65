//! Several questions, somebody who is asked, and what happens when something fails.

use std::path::Path;

use clap::Parser as _;
use common::lab::Lesson;
use common::lab::llm::{Answer, LlmRequest, Model, ScriptedLlm, TokenTiming};
use common::langsmith_mock::Fault;
use langgraph_agent::cli::Cli;
use langgraph_agent::corpus::{Corpus, Source, markdown};
use langgraph_agent::index::Index;
use langgraph_agent::nodes::Crew;
use langgraph_agent::person::Person;
use langgraph_agent::script::scripted;
use langgraph_agent::session::Session;

const DOCS: &str =
    "# Spawn\nA spawned task loses the run. Use `spawn` of common, which carries it.\n";
const QUESTION: &str = "how do I spawn a task?";

fn wishes(page: &Path, more: &[&str]) -> Cli {
    let page = page.to_str().expect("text");
    let always = ["langgraph_agent", "--smoke", "--out", page];
    Cli::parse_from(always.iter().chain(more))
}

fn types(lines: &'static [&str]) -> Option<Person> {
    Some(Person::typing(lines.iter().map(|line| (*line).to_owned())))
}

struct Done {
    result: anyhow::Result<()>,
    page: String,
    lesson: Lesson,
}

/// Runs a session to its end.
async fn session(llm: &ScriptedLlm, person: Option<Person>, more: &[&str]) -> Done {
    session_in(
        Lesson::start("langgraph_agent_test").await,
        llm,
        person,
        more,
    )
    .await
}

async fn session_in(
    lesson: Lesson,
    llm: &ScriptedLlm,
    person: Option<Person>,
    more: &[&str],
) -> Done {
    let passages = markdown(Source::Docs, "docs/x.md", DOCS);
    let index = Index::of(Corpus { passages }).expect("an index");
    let crew = Crew::new(Model::scripted(llm), index);
    let folder = tempfile::tempdir().expect("a folder");
    let page = folder.path().join("trace.html");
    let wishes = wishes(&page, more);
    let session = Session::new(&wishes, "t-1".into(), lesson.clone(), crew, person);
    let session = session.expect("a graph");
    let result = session.questions().await;
    Done {
        result,
        page: std::fs::read_to_string(&page).expect("the page"),
        lesson,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_question_of_a_session_is_on_the_page_and_its_traces_stay_in_the_stand_in() {
    let llm = scripted(TokenTiming::NONE);
    let lines = &["y", "how do tasks lose the run?", "n", ""];
    let done = session(&llm, types(lines), &[QUESTION]).await;
    done.result.expect("answered");
    assert!(done.page.contains(QUESTION) && done.page.contains("how do tasks lose the run?"));
    let tree = done.lesson.mock().tree();
    assert_eq!(tree.trace_ids().len(), 4);
    let published = tree.nodes().iter().filter(|it| it.run.name == "publish");
    assert_eq!(published.count(), 1, "the second one was rejected");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_comment_on_the_command_line_is_for_the_first_draft_of_all() {
    let llm = scripted(TokenTiming::NONE);
    let lines = &["y", "how do tasks lose the run?", "y", ""];
    let done = session(&llm, types(lines), &[QUESTION, "--comment", "shorter"]).await;
    done.result.expect("answered");
    // Question, comment, yes; question, yes.
    assert_eq!(done.lesson.mock().tree().trace_ids().len(), 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_step_has_its_trace_on_the_page_and_the_next_question_is_asked() {
    let llm = ScriptedLlm::builder()
        .choose(|request: &LlmRequest| {
            let fails = request.prompt.contains("spawn");
            Some(if fails {
                Answer::server_error()
            } else {
                Answer::text("docs")
            })
        })
        .start();
    let alone = session(&llm, None, &[QUESTION]).await;
    let error = alone.result.expect_err("it failed").to_string();
    assert!(
        error.starts_with("node `router` failed in step 1: "),
        "{error}"
    );
    assert!(alone.page.contains(QUESTION) && alone.page.contains("router model"));

    let lines = &["How do I bake sourdough bread?", ""];
    let more = session(&llm, types(lines), &[QUESTION]).await;
    let error = more.result.expect_err("one failed").to_string();
    assert_eq!(error, "1 of 2 questions failed");
    assert!(more.page.contains("sourdough"), "it was asked");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trace_that_did_not_arrive_whole_is_a_failure() {
    let lesson = Lesson::start("langgraph_agent_test").await;
    lesson.mock().fault(Fault::status(422));
    let llm = scripted(TokenTiming::NONE);
    let done = session_in(lesson, &llm, None, &[QUESTION]).await;
    let error = done.result.expect_err("nothing arrived").to_string();
    assert_eq!(
        error,
        format!("a trace of this question is not whole: {QUESTION}")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_leaves_in_the_middle_of_a_question_has_the_page_of_those_before() {
    let (tell, mut asked) = tokio::sync::mpsc::unbounded_channel();
    let llm = ScriptedLlm::builder()
        .choose(move |request: &LlmRequest| {
            if request.prompt.contains("second") {
                // Whoever waits for it may have gone.
                let _ = tell.send(());
                return Some(Answer::text("never").stalls_after(0));
            }
            Some(Answer::text("APPROVED docs [1]"))
        })
        .start();
    let folder = tempfile::tempdir().expect("a folder");
    let page = folder.path().join("trace.html");
    let wishes = wishes(&page, &[QUESTION]);
    let lesson = Lesson::start("langgraph_agent_test").await;
    let index = Index::of(Corpus {
        passages: markdown(Source::Docs, "docs/x.md", DOCS),
    });
    let crew = Crew::new(Model::scripted(&llm), index.expect("an index"));
    let person = types(&["y", "how do I spawn a second task?"]);
    let session = Session::new(&wishes, "t-1".into(), lesson, crew, person).expect("a graph");
    tokio::select! {
        done = session.questions() => panic!("it waits for the model: {done:?}"),
        told = asked.recv() => assert_eq!(told, Some(())),
    }
    let page = std::fs::read_to_string(&page).expect("a page");
    assert!(page.contains(QUESTION) && !page.contains("second task"));
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_on_the_page_turns_the_direction_of_writing() {
    let llm = scripted(TokenTiming::NONE);
    let question = "how do I \u{202e}spawn\u{1b}[2J a task?";
    let done = session(&llm, None, &[question]).await;
    done.result.expect("answered");
    assert!(done.page.contains("how do I spawn[2J a task?"));
    assert!(!done.page.contains(['\u{202e}', '\u{1b}']));
}
