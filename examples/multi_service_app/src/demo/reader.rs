//! The reader of an answer: what the page does, at a terminal. Start at [`ask`].

use anyhow::{Context as _, Result};
use common::lab::http_client;
use common::model::TraceId;

use super::stage::Stage;
use crate::fault::TOKENS;
use crate::log::{say, say_on};
use crate::scenario::{Act, Scenario};
use crate::wire::{Event, Events, Question};

/// What the reader was told.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// Which trace it is.
    pub(super) trace: Option<TraceId>,
    /// Where it is to be seen.
    pub(super) url: Option<String>,
    /// The answer came to its end.
    pub(super) is_answered: bool,
}

/// Asks the gateway, prints the answer as it comes, and does what the scenario has in the middle.
pub(super) async fn ask(stage: &Stage, question: &str, scenario: Scenario) -> Result<Told> {
    let question = question.to_owned();
    let request = http_client()
        .post(format!("{}/ask", stage.page()))
        .json(&Question { question });
    let answer = async { request.send().await?.error_for_status() };
    let mut answer = Events::of(answer.await.context("the gateway does not answer")?);
    let (mut told, mut tokens, mut act) = (Told::default(), 0, scenario.in_mid_stream());
    while let Some(event) = answer.next().await.context("the gateway went away")? {
        match event {
            Event::Trace { id, url } => {
                told.trace = id.parse().ok();
                told.url = url;
            }
            Event::Step { text } => say(&format!("  › {text}")),
            Event::Token { text } => {
                say_on(&text);
                tokens += 1;
                if tokens == TOKENS {
                    match act.take() {
                        Some(Act::Kill(role, run)) => {
                            stage.arrived(run).await?;
                            stage.kill(role).await?;
                        }
                        Some(Act::Leave(run)) => {
                            stage.arrived(run).await?;
                            say("\n  (the reader leaves)");
                            return Ok(told);
                        }
                        None => {}
                    }
                }
            }
            Event::Again => say("\n  › once more from the start"),
            Event::Done { citations } => {
                told.is_answered = true;
                say("\n");
                for (number, place) in citations {
                    say(&format!("  [{number}] {place}"));
                }
            }
            Event::Problem { message } => say(&format!("✗ {message}")),
        }
    }
    if let Some(Act::Kill(role, run)) = scenario.after_the_answer() {
        stage.arrived(run).await?;
        stage.kill(role).await?;
    }
    Ok(told)
}
