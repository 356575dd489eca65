//! The scripted model: its handle, and the book of what it was asked.
//!
//! ```text
//! ScriptedLlm ──► Shared ◄── routes: note ──► Entry ──end, or dropped──► Outcome
//!                   └─ Book: requests in the order of arrival
//! ```

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

use super::builder::{Script, ScriptedLlmBuilder};
use super::received::{LlmRequest, Outcome};
use super::routes;
use super::timing::TokenTiming;
use crate::lab::Service;

/// How long [`ScriptedLlm::settled`] waits. A bound: nothing that is scripted takes so long.
const PATIENCE: Duration = Duration::from_secs(60);
/// Most requests that are remembered; under load the first ones are.
const MOST_REMEMBERED: usize = 10_000;

/// A model that answers by a script, as OpenAI's Chat Completions do. A cheap clone; it stops with the last one.
///
/// Without a script it answers questions about this workbook's documentation.
///
/// ```
/// use common::lab::http_client;
/// use common::lab::llm::{Answer, ScriptedLlm};
/// use serde_json::{Value, json};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), reqwest::Error> {
/// let llm = ScriptedLlm::builder().when("baggage", Answer::text("What is inherited.")).start();
/// let question = json!({"role": "user", "content": "What is baggage?"});
/// let body = json!({"model": "gpt-4o-mini", "messages": [question]});
/// let request = http_client().post(format!("{}/chat/completions", llm.url())).bearer_auth("any");
/// let answer: Value = request.json(&body).send().await?.json().await?;
/// assert_eq!(answer["choices"][0]["message"]["content"], "What is inherited.");
/// assert_eq!(llm.requests()[0].prompt, "What is baggage?");
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct ScriptedLlm(Arc<Running>);

struct Running {
    state: Arc<Shared>,
    service: Service,
    // Dropping it ends the answers that stall.
    _open: watch::Sender<()>,
}

/// What the handles and the routes have in common.
pub(super) struct Shared {
    pub(super) script: Script,
    pub(super) seed: u64,
    pub(super) timing: TokenTiming,
    pub(super) models: Vec<String>,
    book: Mutex<Book>,
    /// Says that an answer has ended.
    settled: watch::Sender<()>,
    /// Closes with the last handle.
    pub(super) closing: watch::Receiver<()>,
}

impl ScriptedLlm {
    /// Begins a script.
    pub fn builder() -> ScriptedLlmBuilder {
        ScriptedLlmBuilder::new()
    }

    /// Starts a model without a script.
    ///
    /// # Panics
    /// When no port can be bound; a lesson cannot go on without.
    pub fn start() -> Self {
        Self::builder().start()
    }

    pub(super) fn of(builder: ScriptedLlmBuilder) -> Self {
        let (open, closing) = watch::channel(());
        let state = Arc::new(Shared {
            script: builder.script,
            seed: builder.seed,
            timing: builder.timing,
            models: builder.models,
            book: Mutex::default(),
            settled: watch::Sender::new(()),
            closing,
        });
        Self(Arc::new(Running {
            service: Service::start("scripted llm", routes::router(state.clone())),
            state,
            _open: open,
        }))
    }

    /// Returns the base address for clients of OpenAI's API; it ends in `/v1`.
    pub fn url(&self) -> String {
        self.0.service.url("/v1")
    }

    /// Returns what was asked so far, in the order of arrival.
    pub fn requests(&self) -> Vec<LlmRequest> {
        self.0.state.book().requests.values().cloned().collect()
    }

    /// Waits until no answer is under way, and returns what was asked so far. An answer that stalls is under way
    /// until its caller leaves, so the wait has a bound of a minute.
    pub async fn settled(&self) -> Vec<LlmRequest> {
        let mut news = self.0.state.settled.subscribe();
        let under_way = |asked: &LlmRequest| asked.outcome == Outcome::Answering;
        let all_ended = async {
            while self.requests().iter().any(under_way) {
                if news.changed().await.is_err() {
                    return;
                }
            }
        };
        // What is still under way says so itself.
        let _ = tokio::time::timeout(PATIENCE, all_ended).await;
        self.requests()
    }

    /// Forgets what was asked. Answers under way end as they would have.
    pub fn forget(&self) {
        let mut book = self.0.state.book();
        book.requests
            .retain(|_, asked| asked.outcome == Outcome::Answering);
    }

    /// Returns the name of the model that is asked if nothing else is said.
    pub fn model(&self) -> &str {
        self.0.state.models.first().map_or("", String::as_str)
    }
}

impl fmt::Debug for ScriptedLlm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "ScriptedLlm({}, asked {} times)",
            self.url(),
            self.0.state.book().requests.len()
        )
    }
}

/// The requests by the order of their arrival.
#[derive(Default)]
struct Book {
    requests: BTreeMap<u64, LlmRequest>,
    next: u64,
}

impl Shared {
    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes a request down, and returns its entry. When the book is full, it only counts.
    pub(super) fn note(self: &Arc<Self>, asked: &mut LlmRequest) -> Entry {
        let mut book = self.book();
        let known = book.requests.values();
        asked.before = known.filter(|known| known.prompt == asked.prompt).count();
        let number = book.next;
        book.next += 1;
        if book.requests.len() < MOST_REMEMBERED {
            book.requests.insert(number, asked.clone());
        }
        drop(book);
        Entry {
            state: self.clone(),
            number,
            sent: 0,
            ended: false,
        }
    }
}

/// The entry of one request in the book, and what becomes of it. Whoever drops it before the end has left.
pub(super) struct Entry {
    pub(super) state: Arc<Shared>,
    number: u64,
    pub(super) sent: usize,
    pub(super) ended: bool,
}

impl Entry {
    pub(super) fn end(&mut self, outcome: Outcome) {
        self.ended = true;
        let mut book = self.state.book();
        if let Some(asked) = book.requests.get_mut(&self.number) {
            asked.outcome = outcome;
            asked.sent = self.sent;
        }
        drop(book);
        self.state.settled.send_replace(());
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        if !self.ended {
            self.end(Outcome::CallerLeft);
        }
    }
}
