//! The program, from start to end. Start at [`run`].

use std::fs;
use std::io::{BufRead as _, IsTerminal as _};
use std::path::Path;
use std::time::SystemTime;

use anyhow::{Context as _, Result};
use common::lab::llm::{Model, Provider, TokenTiming};
use common::lab::{Lesson, Target};
use common::model::TraceTree;

use crate::approve::{Approver, Decision, decide};
use crate::assistant::{Assistant, Turn};
use crate::cli::Cli;
use crate::corpus::Corpus;
use crate::index::Index;
use crate::nodes::Crew;
use crate::page;
use crate::report::{Report, answer, complain, draft, say};
use crate::script::{NOTE, scripted};
use crate::second_opinion::SecondOpinion;
use crate::tools;

/// The question of the lessons, asked where the user asks none.
pub const QUESTION: &str = "how do I keep the trace across spawn?";

/// What is there for all questions.
struct Stage<'w> {
    wishes: &'w Cli,
    lesson: Lesson,
    crew: Crew,
    assistant: Assistant,
    thread: String,
    terminal: bool,
}

/// Answers the question, and with `--interactive` those that follow.
///
/// # Errors
/// If there is no documentation, no model, or a step fails.
pub async fn run(wishes: &Cli) -> Result<()> {
    let index = Index::of(Corpus::of_repository()?).context("SQLite makes no index")?;
    let lesson = Lesson::try_start("langgraph_agent").await;
    let lesson = lesson.context("WORKBOOK_TARGET=langsmith is set, and cannot be done")?;
    let timing = if wishes.smoke {
        TokenTiming::NONE
    } else {
        TokenTiming::LESSON
    };
    let script = scripted(timing);
    let model = Model::from_env(&script)?;
    say(&format!(
        "{} passages of documentation. {}",
        index.passages().len(),
        lesson.destination()
    ));
    if model.provider() == Provider::Scripted {
        say(NOTE);
    } else {
        say(&model.to_string());
    }
    let crew = gather(wishes, &lesson, Crew::new(model, index)).await?;
    let terminal = std::io::stdin().is_terminal() && std::io::stdout().is_terminal();
    if wishes.interactive && !terminal {
        complain(
            "There is no terminal to ask at, so what the reviewer lets pass is approved by itself.",
        );
    }
    let stage = Stage {
        wishes,
        assistant: Assistant::new(&crew, &lesson.client("assistant"))?,
        lesson,
        crew,
        thread: wishes.thread.clone().unwrap_or_else(new_thread),
        terminal,
    };
    stage.questions().await?;
    stage.end().await
}

/// A conversation of its own for each time that the program runs: LangSmith would show all of them as one.
fn new_thread() -> String {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let millis = since.map_or(0, |since| since.as_millis());
    format!("docs-{millis:x}")
}

/// Adds to the crew who is wanted and can be had.
async fn gather(wishes: &Cli, lesson: &Lesson, mut crew: Crew) -> Result<Crew> {
    if wishes.remote {
        complain("Starting the LangGraph agent in Python …");
        crew.second_opinion = SecondOpinion::start(lesson, &crew.index).await?;
        if crew.second_opinion.is_none() {
            say(
                "The Python environment is not here, so there is no second opinion.\n\
                 To have one: `cargo workbook open` installs it; then run this again.",
            );
        }
    }
    if wishes.mcp {
        let program = std::env::current_exe().context("this program cannot be found")?;
        crew.tools = Some(tools::start(lesson, &program).await?);
    }
    let others = crew.to_string();
    if !others.is_empty() {
        say(others.trim_end());
    }
    Ok(crew)
}

impl Stage<'_> {
    async fn questions(&self) -> Result<()> {
        let first = self.wishes.question.as_deref().unwrap_or(QUESTION);
        let mut question = Some(first.to_owned());
        let mut reports = Vec::new();
        while let Some(asked) = question {
            reports.push(self.one(&asked).await?);
            let more = self.wishes.interactive && self.terminal;
            question = more.then(next).flatten();
        }
        write(&self.wishes.out, &page::render(&reports))
    }

    /// Answers one question, shows the answer and its traces.
    async fn one(&self, asked: &str) -> Result<Report> {
        self.lesson.clear();
        say(&format!("\n? {asked}\n"));
        let thread = &self.thread;
        let mut comment = self.wishes.comment.as_deref();
        let mut decisions = Vec::new();
        let mut turn = self.assistant.ask(asked, thread).await?;
        while let Turn::Asks(state) = &turn {
            let decision = match comment.take() {
                Some(comment) => Decision::comment(comment),
                None => self.decide(&draft(state)),
            };
            turn = self.assistant.decide(thread, &decision).await?;
            decisions.push(decision);
        }
        say(&answer(turn.state()));
        let tree = self.arrived().await?;
        let scripted = self.crew.model.provider() == Provider::Scripted;
        let report = Report::of(
            asked,
            self.assistant.graph().shape(),
            (self.lesson.mock(), &tree),
            &decisions,
            self.wishes.price,
            scripted,
        );
        say(&format!("\n{}", report.text()));
        Ok(report)
    }

    fn decide(&self, draft: &str) -> Decision {
        let approver = Approver::of(self.wishes.yes, self.wishes.interactive, self.terminal);
        if approver == Approver::Human {
            say(&format!("{draft}\n"));
        }
        let mut input = std::io::stdin().lock();
        decide(approver, &mut input, &mut std::io::stdout().lock())
    }

    /// Waits until all runs are there, also those of other processes.
    async fn arrived(&self) -> Result<TraceTree> {
        if let Some(agent) = &self.crew.second_opinion {
            agent.flush().await?;
        }
        let tree = self.lesson.tree(0).await;
        let named = |name: &str| tree.nodes().iter().filter(|it| it.run.name == name).count();
        // The tool server sends by itself: what was asked of it is known here.
        let missing = named("count_words").saturating_sub(named("tools/call count_words"));
        match missing {
            0 => Ok(tree),
            missing => Ok(self.lesson.tree(tree.len() + missing).await),
        }
    }

    /// Sends what is left, and says where to look.
    async fn end(self) -> Result<()> {
        if let Some(tools) = &self.crew.tools {
            tools.close().await;
        }
        let lesson = self.lesson.clone();
        tokio::task::spawn_blocking(move || lesson.finish()).await?;
        let wanted = self.wishes.keep || self.lesson.target() == Target::LangSmith;
        if let Some(last) = self.crew.last_run().filter(|_| wanted) {
            let lesson = self.lesson.clone();
            let link = tokio::task::spawn_blocking(move || lesson.link(&last)).await?;
            say(&format!("The trace: {link}"));
        }
        if self.wishes.keep {
            let url = self.lesson.mock().url().to_owned();
            say(&format!("All of them: {url} (until Ctrl-C)"));
            tokio::signal::ctrl_c().await?;
        }
        Ok(())
    }
}

/// Asks for a further question; an empty line ends.
fn next() -> Option<String> {
    say("\nAnother question? (an empty line ends)");
    let mut line = String::new();
    let read = std::io::stdin().lock().read_line(&mut line).unwrap_or(0);
    let line = line.trim();
    (read > 0 && !line.is_empty()).then(|| line.to_owned())
}

fn write(file: &Path, page: &str) -> Result<()> {
    let file = std::path::absolute(file).context("the current folder has gone")?;
    fs::write(&file, page).with_context(|| {
        format!(
            "{} cannot be written; choose another file with --out",
            file.display()
        )
    })?;
    say(&format!("\nThe pictures: {}", file.display()));
    Ok(())
}
