//! The sending side: a call to the next service that keeps the trace.
//!
//! ```text
//! the request's run ── call <name> ──langsmith-trace, baggage──► next service's run
//! ```
//!
//! Start at [`Next::ask`].

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use common::middleware::{IncomingTrace, TraceRequestExt as _};
use common::model::RunType;
use serde::{Deserialize, Serialize};
use serde_json::json;

/// The service that questions are passed on to.
#[derive(Debug, Clone)]
pub struct Next {
    /// What it is called in the trace.
    pub name: String,
    /// Its address, without a path.
    pub url: String,
    /// How it is called. Made once: a client holds its connections.
    pub http: reqwest::Client,
}

/// A question, and how many services it has still to see.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Question {
    /// The question.
    pub question: String,
    /// Services after this one.
    #[serde(default)]
    pub hops: u8,
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// How many documents were found.
    pub documents: usize,
    /// The services that it went through, first to last.
    pub served_by: Vec<String>,
}

impl Next {
    /// Passes a question on, below the run of the request that brought it.
    ///
    /// # Errors
    /// If there is no good answer.
    pub async fn ask(
        &self,
        incoming: &IncomingTrace,
        question: Question,
    ) -> Result<Answer, AskError> {
        let call = incoming
            .start(format!("call {}", self.name))
            .run_type(RunType::Tool);
        let call = call.inputs(json!({ "hops": question.hops })).start();
        let url = format!("{}/ask", self.url);
        // `trace` is all of the sending side: it writes the place of `call` into the headers.
        let request = self.http.post(url).json(&question).trace(&call);
        let answer = async {
            request
                .send()
                .await?
                .error_for_status()?
                .json::<Answer>()
                .await
        };
        match answer.await {
            Ok(answer) => {
                call.end_with(json!({ "served_by": answer.served_by }));
                Ok(answer)
            }
            Err(error) => {
                // An address can hold a password.
                call.fail(format_args!("CallFailed: {}", error.without_url()));
                Err(AskError::Next(self.name.clone()))
            }
        }
    }
}

/// Most services that a question may see: each costs a call, and the one who asks pays for none of them.
pub const MOST_HOPS: u8 = 8;

/// Why a question was not answered.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// There is none after this one: ask with fewer hops, or start it with `--next`.
    #[error("this service is the last: ask with fewer hops, or start it with --next URL")]
    NoNext,
    /// It wants to see too many services: ask with at most [`MOST_HOPS`].
    #[error("a question sees at most {MOST_HOPS} services")]
    TooFar,
    /// It gave no good answer; its own runs say why.
    #[error("the next service, {0}, gave no answer; its own runs say why")]
    Next(String),
}

impl IntoResponse for AskError {
    fn into_response(self) -> Response {
        let status = match self {
            Self::NoNext | Self::TooFar => StatusCode::BAD_REQUEST,
            Self::Next(_) => StatusCode::BAD_GATEWAY,
        };
        (status, format!("{self}\n")).into_response()
    }
}
