//! The generator's stream, passed on; and once more from the start if it breaks off.
//!
//! ```text
//! attempt 1 ── token · token · ✗ ──► `again` ──► wait until it is healthy ──► attempt 2 ── token · … · done
//! ```
//!
//! Start at [`Generator::write`].

use std::time::Duration;

use common::middleware::TraceRequestExt as _;
use common::trace::child;
use langgraph_agent::state::State;
use serde_json::json;

use crate::wire::{Event, Events, Sender, why};

/// How often it is tried.
const ATTEMPTS: u32 = 2;
/// How long the generator may say nothing. A model thinks before its first word.
const SILENCE: Duration = Duration::from_secs(30);
/// How long to wait for it to come back, and between two looks.
const RETURN: Duration = Duration::from_secs(15);
const LOOK: Duration = Duration::from_millis(50);

/// Who writes.
#[derive(Debug)]
pub(super) struct Generator {
    pub(super) url: String,
    pub(super) http: reqwest::Client,
}

impl Generator {
    /// Has an answer written, and passes it on as it comes.
    pub(super) async fn write(&self, known: &State, events: &Sender) -> Result<String, String> {
        for attempt in 1..=ATTEMPTS {
            match self.attempt(known, events, attempt).await {
                Ok(text) => return Ok(text),
                Err(why) if attempt == ATTEMPTS => return Err(format!("NoAnswer: {why}")),
                Err(_) => {
                    let _ = events.send(Event::Again).await;
                    self.is_back().await;
                }
            }
        }
        Err("NoAnswer: it was not tried".to_owned())
    }

    async fn attempt(
        &self,
        known: &State,
        events: &Sender,
        attempt: u32,
    ) -> Result<String, String> {
        let run = child("generate")
            .metadata("attempt", attempt)
            .inputs(json!({"question": known.question, "passages": known.found.len()}))
            .start();
        let request = self
            .http
            .post(format!("{}/generate", self.url))
            .json(known)
            .trace(&run);
        let asked = async { request.send().await?.error_for_status() };
        let mut text = String::new();
        let written = match asked.await {
            Ok(answer) => pass_on(Events::of(answer), events, &mut text).await,
            Err(error) => Err(format!("CallFailed: {}", why(&error))),
        };
        run.set_outputs(json!({"text": text}));
        match written {
            Ok(()) => {
                run.end();
                Ok(text)
            }
            Err(why) => {
                run.fail(&why);
                Err("the generator's answer broke off".to_owned())
            }
        }
    }

    /// Waits until the generator answers again; the next attempt finds out if it does not.
    async fn is_back(&self) {
        let health = format!("{}/healthz", self.url);
        let healthy = async {
            loop {
                let answer = self.http.get(&health).send().await;
                if answer.is_ok_and(|answer| answer.status().is_success()) {
                    return;
                }
                tokio::time::sleep(LOOK).await;
            }
        };
        let _ = tokio::time::timeout(RETURN, healthy).await;
    }
}

/// Passes tokens on until the end.
async fn pass_on(mut answer: Events, events: &Sender, text: &mut String) -> Result<(), String> {
    let mut tokens = 0_usize;
    loop {
        let next = tokio::time::timeout(SILENCE, answer.next()).await;
        match next {
            Err(_) => return Err(format!("Silent: nothing more after {tokens} tokens")),
            Ok(Ok(Some(Event::Token { text: more }))) => {
                tokens += 1;
                text.push_str(&more);
                let _ = events.send(Event::Token { text: more }).await;
            }
            Ok(Ok(Some(Event::Done { .. }))) => return Ok(()),
            Ok(Ok(Some(Event::Problem { message }))) => return Err(format!("Refused: {message}")),
            Ok(Ok(Some(_))) => {}
            // An end without `done` is none.
            Ok(Ok(None) | Err(_)) => {
                return Err(format!("BrokenOff: the stream ended after {tokens} tokens"));
            }
        }
    }
}
