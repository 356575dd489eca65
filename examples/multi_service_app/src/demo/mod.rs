//! One question with everything around it. Start at [`run`].
//!
//! ```text
//! stand-in · queue · six processes ──► question ──► answer as it streams ──► all stopped, nothing lost ──► the trace
//! ```

mod reader;
mod stage;

use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, ensure};
use common::analysis::text_tree;
use common::lab::{Lesson, Target};
use common::model::{RunStatus, TraceTree};

use self::reader::Told;
pub use self::stage::Stage;
use crate::cli::Demo;
use crate::log::say;
use crate::scenario::Scenario;
use crate::service::Stop;

/// The question of the lessons, asked where the user asks none.
pub const QUESTION: &str = "how do I keep the trace across spawn?";
/// How long the trace may take to be complete while the services go on. A bound, not a pause.
const ARRIVAL: Duration = Duration::from_secs(20);

/// Starts everything, asks, and shows what became of it.
///
/// # Errors
/// If a service cannot be started or kept alive, the outcome is not that of the scenario, the trace is not whole, or
/// somebody presses Ctrl-C in the middle.
pub async fn run(wishes: &Demo) -> Result<()> {
    if wishes.list_scenarios {
        say(Scenario::list().trim_end());
        return Ok(());
    }
    let stop = Stop::listen(false);
    let lesson = Lesson::try_start("multi_service_app").await;
    let lesson = lesson.context("WORKBOOK_TARGET=langsmith is set, and cannot be done")?;
    let mut stage = Stage::new(wishes, lesson.clone());
    let played = tokio::select! {
        played = play(wishes, &mut stage) => played,
        () = stop.wait() => Err(anyhow!("interrupted")),
    };
    let told = match played {
        Ok(told) => told,
        Err(error) => {
            stage.end().await;
            return Err(error);
        }
    };
    if wishes.keep {
        arrived(&lesson, &told).await;
        show(wishes.scenario, &lesson, &told);
        let url = told.url.as_deref().unwrap_or_else(|| lesson.mock().url());
        say(&format!(
            "The page:  {}\nThe trace: {url}\nUntil Ctrl-C.",
            stage.page()
        ));
        let lost = tokio::select! {
            why = stage.given_up() => Err(why),
            () = stop.wait() => Ok(()),
        };
        stage.end().await;
        lost?;
    } else {
        // First the end: it shows that none of it is lost.
        stage.end().await;
        show(wishes.scenario, &lesson, &told);
    }
    judge(wishes.scenario, &told, &trace(&lesson, &told))
}

async fn play(wishes: &Demo, stage: &mut Stage) -> Result<Told> {
    stage.set().await?;
    let question = wishes.question.as_deref().unwrap_or(QUESTION);
    say(&format!("\n? {question}\n"));
    tokio::select! {
        told = reader::ask(stage, question, wishes.scenario) => told,
        why = stage.given_up() => Err(why),
    }
}

fn trace(lesson: &Lesson, told: &Told) -> TraceTree {
    match told.trace {
        Some(id) => lesson.mock().trace(id),
        None => TraceTree::build([]),
    }
}

/// Waits until every run of the trace has ended that will, and the one of the review is among them.
async fn arrived(lesson: &Lesson, told: &Told) {
    let Some(id) = told.trace else { return };
    let reviewed = |runs: &[common::model::Run]| {
        let mut ours = runs.iter().filter(|run| run.trace_id == id);
        let root = ours
            .clone()
            .any(|run| run.parent_run_id.is_none() && run.end_time.is_some());
        let sent = ours.clone().any(|run| run.name == "send to review");
        root && (!sent
            || ours.any(|run| run.name == crate::worker::RUN && run.status() == RunStatus::Success))
    };
    // What is there by then is shown.
    let _ = lesson.mock().wait_until(reviewed, ARRIVAL).await;
}

fn show(scenario: Scenario, lesson: &Lesson, told: &Told) {
    let tree = trace(lesson, told);
    let state = match tree.is_whole() && !tree.is_empty() {
        true => format!("one trace, {} runs", tree.len()),
        false => "BROKEN".to_owned(),
    };
    let (name, about) = (scenario.name(), scenario.about());
    say(&format!(
        "\n{name} ({about}): {state}\n\n{}",
        text_tree(&tree)
    ));
    let wrong = wrong(&tree);
    if !wrong.is_empty() {
        say(&wrong);
    }
    if lesson.target() == Target::LangSmith
        && let Some(url) = &told.url
    {
        say(&format!("At LangSmith: {url}"));
    }
}

/// Says in full what the tree has no room for: each error, and whose end never came.
fn wrong(tree: &TraceTree) -> String {
    let mut lines = String::new();
    for node in tree.nodes() {
        let run = &node.run;
        let service = run.extra.metadata.get("service");
        let service = service.and_then(|name| name.as_str()).unwrap_or("?");
        let what = match (run.status(), &run.error) {
            (RunStatus::Pending, _) => "… its end never came",
            (_, Some(error)) => error.lines().next().unwrap_or_default(),
            _ => continue,
        };
        lines.push_str(&format!("{} ({service}): {what}\n", run.name));
    }
    lines
}

/// Holds the outcome against the scenario.
fn judge(scenario: Scenario, told: &Told, tree: &TraceTree) -> Result<()> {
    ensure!(
        told.is_answered == scenario.has_answer(),
        "{} is to end {} an answer, and did not",
        scenario.name(),
        if scenario.has_answer() {
            "with"
        } else {
            "without"
        },
    );
    ensure!(
        !tree.is_empty() && tree.is_whole(),
        "the trace of this question is not whole"
    );
    let mut roots = tree
        .nodes()
        .iter()
        .filter(|node| node.run.parent_run_id.is_none());
    ensure!(
        roots.all(|root| root.run.end_time.is_some()),
        "the question's run has not ended"
    );
    Ok(())
}
