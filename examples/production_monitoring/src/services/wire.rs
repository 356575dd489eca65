//! What the services say to each other. Start at [`Question`].

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::load::{Call, Scenario};

/// The question that is always asked: what is measured is the way of a request, not the answer.
pub const QUESTION: &str = common::lab::story::QUESTION;

/// The header with the request's id; the gateway's run carries it as the metadata `request_id`.
pub const REQUEST_ID_HEADER: &str = "x-request-id";

/// A question, on its way through the services.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Question {
    /// The question.
    pub question: String,
    /// What was found so far.
    #[serde(default)]
    pub documents: Vec<Value>,
    /// What it makes the services do.
    pub scenario: Scenario,
}

/// What the gateway answers, with any status.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Answer {
    /// The answer; none if a service failed.
    pub text: Option<String>,
    /// Whether the trace is kept. A product would not tell its users; the load's ledger has to know.
    pub recorded: bool,
    /// The calls that were made for it.
    pub calls: Vec<Call>,
}

/// What the retriever answers.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Documents {
    /// The passages.
    pub documents: Vec<Value>,
}

/// What the generator answers.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Text {
    /// The answer.
    pub text: String,
}
