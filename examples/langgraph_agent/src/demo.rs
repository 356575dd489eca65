//! The program, from start to end. Start at [`run`].

use std::io::IsTerminal as _;
use std::time::SystemTime;

use anyhow::{Context as _, Result, anyhow};
use common::client::terminated;
use common::lab::Lesson;
use common::lab::llm::{Model, Provider, TokenTiming};
use common::lab::terminal::{complain, say};

use crate::cli::Cli;
use crate::corpus::Corpus;
use crate::index::Index;
use crate::nodes::Crew;
use crate::person::Person;
use crate::script::{NOTE, scripted};
use crate::second_opinion::SecondOpinion;
pub use crate::session::QUESTION;
use crate::session::{Session, try_out};
use crate::tools;

/// Answers the question, and with `--interactive` those that follow.
///
/// # Errors
/// If there is no documentation or no model, a step fails, a trace is not whole, the page cannot be written, or
/// somebody presses Ctrl-C in the middle. What there is to see is shown before.
pub async fn run(wishes: &Cli) -> Result<()> {
    try_out(&wishes.out)?;
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
    let crew = gather(wishes, &lesson, Crew::new(model, index)).await;
    let thread = wishes.thread.clone().unwrap_or_else(new_thread);
    say(&format!("The thread of all traces: {thread}"));
    let terminal = std::io::stdin().is_terminal() && std::io::stdout().is_terminal();
    if wishes.interactive && !terminal {
        complain(
            "There is no terminal to ask at, so what the reviewer lets pass is approved by itself.",
        );
    }
    let person = (wishes.interactive && terminal).then(Person::at_terminal);
    let session = Session::new(wishes, thread, lesson.clone(), crew, person)?;
    let interrupted = terminated();
    let done = tokio::select! {
        done = session.questions() => done,
        () = interrupted => {
            session.end().await?;
            return Err(anyhow!("interrupted; the page has the questions before this one"));
        }
    };
    let ended = session.end().await;
    if wishes.keep {
        let end = terminated();
        let url = lesson.mock().url();
        say(&format!("All of them: {url} (until Ctrl-C)"));
        end.await;
    }
    done.and(ended)
}

/// A conversation of its own for each time that the program runs: LangSmith would show all of them as one.
fn new_thread() -> String {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let millis = since.map_or(0, |since| since.as_millis());
    format!("docs-{millis:x}")
}

/// Adds to the crew who is wanted and can be had. Who cannot be had is no reason to answer nothing.
async fn gather(wishes: &Cli, lesson: &Lesson, mut crew: Crew) -> Crew {
    if wishes.remote {
        complain("Starting the LangGraph agent in Python …");
        match SecondOpinion::start(lesson, &crew.index).await {
            Ok(agent) => crew.second_opinion = Some(agent),
            Err(why) => say(&format!("No second opinion: {why}.")),
        }
    }
    if wishes.mcp {
        let started = match std::env::current_exe() {
            Ok(program) => tools::start(lesson, &program).await,
            Err(error) => Err(error.into()),
        };
        match started {
            Ok(tools) => crew.tools = Some(tools),
            Err(error) => say(&format!("Nobody counts the words: {error:#}.")),
        }
    }
    let others = crew.to_string();
    if !others.is_empty() {
        say(others.trim_end());
    }
    crew
}
