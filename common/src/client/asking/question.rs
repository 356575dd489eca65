//! One question to the API: asked until it is answered, or time is up.

use std::sync::Arc;
use std::time::{Duration, Instant};

use http::Method;
use secrecy::SecretString;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::detail::detail;
use super::error::AskError;
use super::path::Path;
use crate::export::{
    EncodedBody, HttpRequest, HttpResponse, RetryPolicy, Transport, TransportError, Verdict, judge,
    names_workspace,
};

/// Most of an answer that is read.
pub const MAX_ANSWER_BYTES: usize = 64 * 1024 * 1024;

/// Attempts at most, within the time allowed: a person may be waiting.
const MAX_ATTEMPTS: u32 = 5;

/// A request that may be repeated without harm. There is no other kind here: what is read changes
/// nothing, a `PATCH` sets fields to values, and what is created carries an id of ours.
#[derive(Debug, Clone)]
pub(in crate::client) struct Question {
    request: HttpRequest,
    what: String,
    waits_to_exist: bool,
}

impl Question {
    fn new(method: Method, path: Path, what: impl Into<String>) -> Self {
        let mut request = HttpRequest::new(method, path.into_text(), Duration::ZERO);
        request.max_response = MAX_ANSWER_BYTES;
        Self {
            request,
            what: what.into(),
            waits_to_exist: false,
        }
    }

    /// Asks for what is at a path; `what` names it for people.
    pub(super) fn get(path: Path, what: impl Into<String>) -> Self {
        Self::new(Method::GET, path, what)
    }

    pub(super) fn delete(path: Path, what: impl Into<String>) -> Self {
        Self::new(Method::DELETE, path, what)
    }

    /// Sends a body of JSON.
    ///
    /// # Errors
    /// If it cannot be written as JSON.
    pub(in crate::client) fn send(
        method: Method,
        path: Path,
        body: &impl Serialize,
        what: impl Into<String>,
    ) -> Result<Self, AskError> {
        let bytes =
            serde_json::to_vec(body).map_err(|error| AskError::Decode(error.to_string()))?;
        let mut question = Self::new(method, path, what);
        question.request = question.request.body(EncodedBody::json(bytes));
        Ok(question)
    }

    /// Asks again also when what it is about is not there yet, as the Python SDK does for feedback: the
    /// run that it is about may still be on its way into the store.
    pub(super) fn wait_to_exist(mut self) -> Self {
        self.waits_to_exist = true;
        self
    }
}

/// How questions are asked, and what must never show in an answer.
#[derive(Debug, Clone)]
pub(super) struct Manner {
    pub(super) timeout: Duration,
    pub(super) retry: RetryPolicy,
    pub(super) secrets: Arc<[SecretString]>,
}

impl Manner {
    /// Carries a question and brings the answer. Runs where sockets and clock are: on the exporter's
    /// runtime.
    pub(super) async fn ask(
        self,
        transport: Arc<dyn Transport>,
        question: Question,
    ) -> Result<HttpResponse, AskError> {
        let begun = Instant::now();
        let mut unclear = false;
        for attempt in 0.. {
            let mut request = question.request.clone();
            request.timeout = self.timeout.saturating_sub(begun.elapsed());
            let outcome = match transport.exchange(request).await {
                Ok(answer) if answer.incomplete => Err(TransportError::Interrupted(
                    "the answer broke off".to_owned(),
                )),
                outcome => outcome,
            };
            let wait = again(&outcome, question.waits_to_exist)
                .filter(|_| attempt + 1 < MAX_ATTEMPTS)
                .map(|after| self.retry.wait(attempt, after))
                .filter(|wait| *wait < self.timeout.saturating_sub(begun.elapsed()));
            let Some(wait) = wait else {
                return self.read(outcome, &question, unclear);
            };
            // It may have been done although the answer did not arrive.
            unclear |= !matches!(&outcome, Ok(answer) if answer.status == 429);
            tokio::time::sleep(wait).await;
        }
        Err(TransportError::Timeout.into())
    }

    fn read(
        &self,
        outcome: Result<HttpResponse, TransportError>,
        question: &Question,
        unclear: bool,
    ) -> Result<HttpResponse, AskError> {
        let answer = outcome?;
        let status = answer.status;
        let detail = || detail(&answer.body, &self.secrets);
        let gone = question.request.method == Method::DELETE && unclear;
        let known = question.waits_to_exist;
        match status {
            200..=299 if answer.body.len() >= question.request.max_response => {
                let limit = question.request.max_response;
                Err(AskError::TooLarge { limit })
            }
            200..=299 => Ok(answer),
            404 if gone => Ok(answer),
            409 if known => Ok(answer),
            300..=399 => Err(AskError::Redirected { status }),
            403 if names_workspace(&answer.body) => Err(AskError::WorkspaceNeeded),
            401 | 403 => Err(AskError::Unauthorized {
                status,
                detail: detail(),
            }),
            404 => Err(AskError::NotFound {
                what: question.what.clone(),
            }),
            429 => Err(AskError::RateLimited {
                retry_after: match judge(&Ok(answer)) {
                    Verdict::Retry(after) => after,
                    _ => None,
                },
            }),
            408 | 425 | 500..=599 => Err(AskError::Unavailable {
                status,
                detail: detail(),
            }),
            _ => Err(AskError::Rejected {
                status,
                detail: detail(),
            }),
        }
    }
}

/// Returns what the server wants to be waited for before the same question, if it is worth asking again.
fn again(
    outcome: &Result<HttpResponse, TransportError>,
    waits_to_exist: bool,
) -> Option<Option<Duration>> {
    if matches!(outcome, Err(TransportError::Tls(_))) {
        return None;
    }
    match judge(outcome) {
        Verdict::Retry(after) => Some(after),
        Verdict::NotFound if waits_to_exist => Some(None),
        _ => None,
    }
}

/// Reads the JSON of an answer.
pub(super) fn decode<T: DeserializeOwned>(answer: &HttpResponse) -> Result<T, AskError> {
    serde_json::from_slice(&answer.body).map_err(|error| AskError::Decode(error.to_string()))
}
