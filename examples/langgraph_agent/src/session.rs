//! Questions, one after the other, each shown with its traces. Start at [`Session::questions`].

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, anyhow, bail};
use common::lab::graph::CompileError;
use common::lab::llm::Provider;
use common::lab::terminal::{complain, say};
use common::lab::{Lesson, Target};
use common::trace::RunTree;

use crate::approve::{Approver, Decision, question};
use crate::assistant::{Assistant, Turn};
use crate::cli::Cli;
use crate::nodes::Crew;
use crate::page;
use crate::person::Person;
use crate::report::{Report, answer, draft};
use crate::second_opinion::brief;

/// The question of the lessons, asked where the user asks none.
pub const QUESTION: &str = "how do I keep the trace across spawn?";

/// What is there for all questions.
#[derive(Debug)]
pub struct Session<'w> {
    wishes: &'w Cli,
    lesson: Lesson,
    crew: Crew,
    assistant: Assistant,
    thread: String,
    person: Option<Person>,
}

impl<'w> Session<'w> {
    /// Puts it together; where there is no person, nobody is asked.
    ///
    /// # Errors
    /// If the graph is none, which no crew can make it.
    pub fn new(
        wishes: &'w Cli,
        thread: String,
        lesson: Lesson,
        crew: Crew,
        person: Option<Person>,
    ) -> Result<Self, CompileError> {
        Ok(Self {
            wishes,
            assistant: Assistant::new(&crew, &lesson.client("assistant"))?,
            lesson,
            crew,
            thread,
            person,
        })
    }

    /// Answers the question, and those that follow if there is a person. The page is written after each of them: who
    /// leaves in the middle has what was answered.
    ///
    /// # Errors
    /// If a step fails, a trace is not whole, or the page cannot be written; the questions that follow are answered,
    /// and all that there is to see is shown, before that is told.
    pub async fn questions(&self) -> Result<()> {
        let first = self.wishes.question.as_deref().unwrap_or(QUESTION);
        let mut question = Some(first.to_owned());
        let mut comment = self.wishes.comment.as_deref();
        let (mut reports, mut failed) = (Vec::new(), Vec::new());
        let mut written = Ok(());
        while let Some(asked) = question {
            let (report, outcome) = self.one(&asked, &mut comment).await;
            reports.push(report);
            written = write(&self.wishes.out, &page::render(&reports));
            if let Err(error) = outcome {
                if self.person.is_some() {
                    complain(&format!("✗ {error:#}"));
                }
                failed.push(error);
            }
            question = self.next().await;
        }
        if comment.is_some() {
            say("\nThe comment was not needed: there was no draft to send back.");
        }
        if written.is_ok() {
            let file = std::path::absolute(&self.wishes.out)?;
            say(&format!("\nThe pictures: {}", file.display()));
        }
        match (failed.len(), reports.len()) {
            (0, _) => written,
            (_, 1) => Err(failed.remove(0)),
            (some, all) => bail!("{some} of {all} questions failed"),
        }
    }

    /// Answers one question, shows the answer and its traces, also those of a question that failed.
    async fn one(&self, asked: &str, comment: &mut Option<&str>) -> (Report, Result<()>) {
        say(&format!("\n? {asked}\n"));
        let before = self.crew.traces().len();
        let mut decisions = Vec::new();
        let turn = self.turns(asked, comment, &mut decisions).await;
        match &turn {
            Ok(turn) => say(&answer(turn.state())),
            Err(_) => say("No answer goes out: a step failed."),
        }
        self.arrived().await;
        let first_nodes = self.crew.traces().split_off(before);
        let traces = first_nodes.iter().filter_map(RunTree::trace_id);
        let report = Report::of(
            asked,
            self.assistant.graph().shape(),
            traces.map(|id| self.lesson.mock().trace(id)).collect(),
            &decisions,
            self.wishes.price,
            self.crew.model.provider() == Provider::Scripted,
        );
        say(&format!("\n{}", report.text()));
        if let Some(first) = first_nodes.into_iter().next() {
            self.link(first).await;
        }
        let done = turn.map_err(anyhow::Error::from).and_then(|_| {
            let broken = || anyhow!("a trace of this question is not whole: {asked}");
            report.is_whole().then_some(()).ok_or_else(broken)
        });
        (report, done)
    }

    /// Asks, and decides until it is over.
    async fn turns(
        &self,
        asked: &str,
        comment: &mut Option<&str>,
        decisions: &mut Vec<Decision>,
    ) -> Result<Turn, common::lab::graph::GraphError> {
        let mut turn = self.assistant.ask(asked, &self.thread).await?;
        while let Turn::Asks(state) = &turn {
            let decision = match (comment.take(), &self.person) {
                (Some(comment), _) => Decision::comment(comment),
                (None, Some(person)) if !self.wishes.yes => {
                    say(&format!("{}\n", draft(state)));
                    let said = person.asked(question(state.second_opinion.is_some())).await;
                    Decision::said(said.as_deref())
                }
                (None, _) if self.wishes.yes => Approver::Flag.decision(),
                (None, _) => Approver::Nobody.decision(),
            };
            decisions.push(decision.clone());
            turn = self.assistant.decide(&self.thread, &decision).await?;
        }
        Ok(turn)
    }

    /// Waits until all runs are there, also those of other processes.
    async fn arrived(&self) {
        if let Some(agent) = &self.crew.second_opinion
            && let Err(error) = agent.flush().await
        {
            let why = brief(&error);
            complain(&format!(
                "The agent in Python has not sent its runs: {why}."
            ));
        }
        let tree = self.lesson.tree(0).await;
        let runs = tree.nodes().iter().map(|node| &node.run);
        let named = |name: &str| {
            let named = runs.clone().filter(|run| run.name == name);
            named.filter(|run| run.error.is_none()).count()
        };
        // The tool server sends by itself: what was asked of it is known here.
        let missing = named("count_words").saturating_sub(named("tools/call count_words"));
        if missing > 0 {
            self.lesson.tree(tree.len() + missing).await;
        }
    }

    /// Says where the trace of a question can be looked at, if it can be after the end.
    async fn link(&self, first: RunTree) {
        if self.wishes.keep || self.lesson.target() == Target::LangSmith {
            let lesson = self.lesson.clone();
            let link = tokio::task::spawn_blocking(move || lesson.link(&first)).await;
            say(&format!("\nThe trace: {}", link.unwrap_or_default()));
        }
    }

    /// Asks for a further question; an empty line ends.
    async fn next(&self) -> Option<String> {
        let person = self.person.as_ref()?;
        let line = person
            .asked("\nAnother question? (an empty line ends)\n")
            .await?;
        let line = line.trim();
        (!line.is_empty()).then(|| line.to_owned())
    }

    /// Sends what is left.
    ///
    /// # Errors
    /// If sending panics, as it does where runs were lost and nobody is watching.
    pub async fn end(self) -> Result<()> {
        if let Some(tools) = &self.crew.tools {
            tools.close().await;
        }
        let lesson = self.lesson.clone();
        tokio::task::spawn_blocking(move || lesson.finish()).await?;
        Ok(())
    }
}

/// Tries whether the page can be written: whoever has waited for answers does not want to hear it then. A file that is
/// there stays as it is.
///
/// # Errors
/// If it cannot.
pub fn try_out(file: &Path) -> Result<()> {
    let is_new = !file.exists();
    let opened = fs::OpenOptions::new().append(true).create(true).open(file);
    opened.with_context(|| refused(file))?;
    if is_new {
        fs::remove_file(file).with_context(|| refused(file))?;
    }
    Ok(())
}

fn write(file: &Path, page: &str) -> Result<()> {
    fs::write(file, page).with_context(|| refused(file))
}

fn refused(file: &Path) -> String {
    let file = file.display();
    format!("{file} cannot be written; choose another file with --out")
}
