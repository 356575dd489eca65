//! What nobody sent and the stand-in knows: usage added up, the thread, the first token, and what was
//! said of a run or of a whole trace.
//!
//! ```text
//! Scene ──of one run──┐
//!       ──of a trace──┴─► Derived ──► facts (a line of the page) · chips (in the tree and the list)
//! ```
//!
//! Start at [`Derived`].

use chrono::TimeDelta;
use maud::{Markup, html};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

use super::text::{cost, cut, decimal, line, name, number};
use crate::analysis::duration;
use crate::langsmith_mock::core::State;
use crate::langsmith_mock::query::{self, Seen, Tally};

/// Most judgements that are averaged: enough for people, and a bound for who sends more.
const JUDGED: usize = 100;
/// Most keys of judgements that stand in one line.
const KEYS: usize = 6;
/// Longest thread that a link names, in characters.
const THREAD: usize = 200;

/// What is derived of a run, or of a trace.
#[derive(Debug, Default)]
pub(super) struct Derived {
    tally: Option<Tally>,
    until_first_token: Option<TimeDelta>,
    thread: Option<String>,
    /// Each key once, with its mean score or else its values.
    judged: Vec<(String, String)>,
}

impl Derived {
    /// Reads what is derived of a run and those below it.
    pub(super) fn of_run(seen: &Seen<'_>, state: &State) -> Self {
        Self {
            tally: seen.tally.clone(),
            until_first_token: seen.until_first_token(),
            thread: seen.thread.as_deref().map(|thread| short(thread, state)),
            judged: judged(seen.feedback.iter().copied(), state),
        }
    }

    /// Reads what is derived of all runs of a trace.
    pub(super) fn of_trace(seen: &[&Seen<'_>], state: &State) -> Self {
        let root = seen.iter().find(|seen| seen.run.is_root());
        let threads = root.into_iter().chain(seen);
        let thread = threads.filter_map(|seen| seen.thread.as_deref()).next();
        let feedback = seen.iter().flat_map(|seen| seen.feedback.iter().copied());
        Self {
            tally: query::total(seen),
            until_first_token: root.and_then(|root| root.until_first_token()),
            thread: thread.map(|thread| short(thread, state)),
            judged: judged(feedback, state),
        }
    }

    pub(super) fn thread(&self) -> Option<&str> {
        self.thread.as_deref()
    }

    /// Returns all tokens, if any were used.
    pub(super) fn tokens(&self) -> Option<String> {
        let total = self.tally.as_ref()?.total_tokens;
        (total > 0).then(|| number(total))
    }

    /// Returns what was paid, if that is known.
    pub(super) fn cost(&self) -> Option<String> {
        self.tally.as_ref()?.total_cost.map(cost)
    }

    /// Writes one entry for each thing that is known, for a list of facts.
    pub(super) fn facts(&self) -> Markup {
        let tally = self.tally.as_ref();
        html! {
            @if let Some((tokens, tally)) = self.tokens().zip(tally) {
                div { dt { "Tokens" } dd {
                    (tokens) " " small {
                        (number(tally.prompt_tokens)) " in, " (number(tally.completion_tokens)) " out"
                    }
                } }
            }
            @if let Some((total, tally)) = self.cost().zip(tally) {
                div { dt { "Cost" } dd {
                    (total)
                    @if let Some((prompt, answer)) = tally.prompt_cost.zip(tally.completion_cost) {
                        " " small { (cost(prompt)) " in, " (cost(answer)) " out" }
                    }
                } }
            }
            @if let Some(wait) = self.until_first_token {
                div { dt { "First token" } dd { "after " (duration(wait)) } }
            }
            @if let Some(thread) = &self.thread {
                div { dt { "Thread" } dd .said { (thread_link(thread)) } }
            }
            @if !self.judged.is_empty() { div { dt { "Feedback" } dd { (self.chips()) } } }
        }
    }

    /// Writes what was said, a chip for each key.
    pub(super) fn chips(&self) -> Markup {
        html! {
            @for (key, words) in self.judged.iter().take(KEYS) {
                " " span .chip .said { (name(key)) " " strong { (line(words, 32)) } }
            }
            @if self.judged.len() > KEYS { " +" (self.judged.len() - KEYS) }
        }
    }
}

/// Links to all traces of a thread.
pub(super) fn thread_link(thread: &str) -> Markup {
    let encoded = utf8_percent_encode(thread, NON_ALPHANUMERIC);
    html! { a href={ "/?q=" (encoded) } { (name(thread)) } }
}

fn short(text: &str, state: &State) -> String {
    state.scrub(cut(text, THREAD).0)
}

fn judged<'a>(entries: impl Iterator<Item = &'a Value>, state: &State) -> Vec<(String, String)> {
    let entries: Vec<&Value> = entries.take(JUDGED).collect();
    let Value::Object(stats) = query::feedback_stats(&entries) else {
        return Vec::new();
    };
    let said = |(key, of_key): (String, Value)| (short(&key, state), short(&words(&of_key), state));
    stats.into_iter().map(said).collect()
}

/// Tells the mean of scores, or else the values; and of how many, if there are several.
fn words(of_key: &Value) -> String {
    let values = of_key["values"].as_object().into_iter().flatten();
    let values = || values.map(|(value, _)| value.as_str()).collect::<Vec<_>>();
    let mean = of_key["avg"].as_f64().map(|mean| decimal(mean, 4));
    let told = mean.unwrap_or_else(|| values().join(", "));
    match of_key["n"].as_u64() {
        Some(n) if n > 1 => format!("{told} ({n}×)").trim_start().to_owned(),
        _ => told,
    }
}
