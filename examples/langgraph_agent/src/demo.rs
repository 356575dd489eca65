//! The program, from start to end. Start at [`run`].

use std::io::{BufRead as _, IsTerminal as _};

use anyhow::{Context as _, Result};
use common::lab::llm::{Model, Provider, TokenTiming};
use common::lab::{Lesson, Target};
use common::trace::RunTree;

use crate::approve::{Approver, decide};
use crate::assistant::Assistant;
use crate::cli::Cli;
use crate::corpus::Corpus;
use crate::index::Index;
use crate::report::{answer, complain, say, trace};
use crate::script::{NOTE, scripted};

/// The question of the lessons, asked where the user asks none.
pub const QUESTION: &str = "how do I keep the trace across spawn?";

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
    let assistant = Assistant {
        model,
        index,
        client: lesson.client("assistant"),
    };

    let terminal = std::io::stdin().is_terminal() && std::io::stdout().is_terminal();
    if wishes.interactive && !terminal {
        complain(
            "There is no terminal to ask at, so what the reviewer lets pass is approved by itself.",
        );
    }
    let mut question = Some(
        wishes
            .question
            .clone()
            .unwrap_or_else(|| QUESTION.to_owned()),
    );
    let mut last = None;
    while let Some(asked) = question {
        last = Some(one(&assistant, &lesson, &asked, wishes, terminal).await?);
        question = (wishes.interactive && terminal).then(next).flatten();
    }
    let ending = lesson.clone();
    tokio::task::spawn_blocking(move || ending.finish()).await?;
    if let Some(root) = last.filter(|_| wishes.keep || lesson.target() == Target::LangSmith) {
        let of = lesson.clone();
        say(&format!(
            "The trace: {}",
            tokio::task::spawn_blocking(move || of.link(&root)).await?
        ));
    }
    if wishes.keep {
        say(&format!(
            "All of them: {} (until Ctrl-C)",
            lesson.mock().url()
        ));
        tokio::signal::ctrl_c().await?;
    }
    Ok(())
}

/// Answers one question, shows the answer and its trace.
async fn one(
    assistant: &Assistant,
    lesson: &Lesson,
    asked: &str,
    wishes: &Cli,
    terminal: bool,
) -> Result<RunTree> {
    lesson.clear();
    say(&format!("\n? {asked}\n"));
    let (state, root) = assistant.answer(asked, &wishes.thread).await?;
    let approver = Approver::of(wishes.yes, wishes.interactive, terminal);
    if approver == Approver::Human
        && let Some(draft) = &state.draft
    {
        say(&draft.text);
    }
    let reviewed = state.review.as_ref().is_some_and(|review| review.approved);
    let decision = decide(
        approver,
        reviewed,
        &mut std::io::stdin().lock(),
        &mut std::io::stdout().lock(),
    );
    say(&answer(&state, &decision));
    // The root, four steps, a search of each source, and a call of a model in each step that asks one.
    let models = if state.passages().is_empty() { 1 } else { 3 };
    let tree = lesson.tree(5 + state.sources.len() + models).await;
    say(&format!("\n{}", trace(&tree)));
    Ok(root)
}

/// Asks for a further question; an empty line ends.
fn next() -> Option<String> {
    say("\nAnother question? (an empty line ends)");
    let mut line = String::new();
    let read = std::io::stdin().lock().read_line(&mut line).unwrap_or(0);
    let line = line.trim();
    (read > 0 && !line.is_empty()).then(|| line.to_owned())
}
