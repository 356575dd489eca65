//! Why LangSmith gave no answer that could be used.

use std::time::Duration;

use crate::export::TransportError;

/// Why a question was not answered, and what to do.
///
/// Words of the server are cut short, escaped for a terminal, and without the client's secrets.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AskError {
    /// Tracing is off, or in local mode, so there is nobody to ask. Set `LANGSMITH_TRACING=true`, or
    /// `enabled(true)` in code.
    #[error("nobody to ask: tracing is off or local; set LANGSMITH_TRACING=true")]
    NotSending,
    /// 404, or no project of that name. What was sent a moment ago may not be stored yet: flush, then
    /// ask again shortly. Otherwise check id, name and workspace.
    #[error(
        "{what} was not found; if it was sent a moment ago, flush and ask again, else check id and workspace"
    )]
    NotFound {
        /// What was looked for.
        what: String,
    },
    /// 401 or 403. Check the key, that it belongs to the region of the address (keys of the EU, US and
    /// APAC services differ), and that it may do this in this workspace.
    #[error(
        "the key was refused (status {status}: {detail}); check LANGSMITH_API_KEY, that it belongs to the region of LANGSMITH_ENDPOINT, and LANGSMITH_WORKSPACE_ID"
    )]
    Unauthorized {
        /// The status.
        status: u16,
        /// What the server said.
        detail: String,
    },
    /// The key is for a whole organization. Name the workspace.
    #[error("the key is for a whole organization; set LANGSMITH_WORKSPACE_ID")]
    WorkspaceNeeded,
    /// 429, to the last attempt. Wait as long as the server asks, or ask less often.
    #[error("asked too often (status 429{}); wait, or ask less", wait_words(*.retry_after))]
    RateLimited {
        /// How long the server wants to be left alone, if it said.
        retry_after: Option<Duration>,
    },
    /// The server understood and refused, such as 409 or 422. Correct the question; the same again
    /// would not help.
    #[error("refused (status {status}): {detail}")]
    Rejected {
        /// The status.
        status: u16,
        /// What the server said.
        detail: String,
    },
    /// The server cannot answer now, after several attempts. Try again later.
    #[error("LangSmith cannot answer now (status {status}: {detail}); try again later")]
    Unavailable {
        /// The status.
        status: u16,
        /// What the server said.
        detail: String,
    },
    /// The server points elsewhere. Redirects are not followed, because the key would go along;
    /// configure the address it points to.
    #[error(
        "the endpoint redirects elsewhere (status {status}); configure the address it points to"
    )]
    Redirected {
        /// The status.
        status: u16,
    },
    /// No answer, after several attempts within the client's `ask_timeout`. Check address and network.
    #[error(transparent)]
    Transport(#[from] TransportError),
    /// The answer is larger than [`MAX_ANSWER_BYTES`](super::MAX_ANSWER_BYTES). Ask for less: select
    /// fewer fields, or narrow the query.
    #[error("the answer is larger than {limit} bytes; select fewer fields, or narrow the query")]
    TooLarge {
        /// The most that is read.
        limit: usize,
    },
    /// The answer is not what LangSmith answers. Check that the address is an API's and not a web
    /// page's: a self-hosted one often ends in `/api/v1`.
    #[error("the answer could not be read: {0}; a self-hosted address often ends in /api/v1")]
    Decode(String),
}

fn wait_words(retry_after: Option<Duration>) -> String {
    retry_after.map_or_else(String::new, |wait| {
        format!(", wants {} s of rest", wait.as_secs_f64())
    })
}

impl AskError {
    /// Returns true if the same question may be answered later.
    pub fn is_temporary(&self) -> bool {
        match self {
            Self::NotFound { .. } | Self::RateLimited { .. } | Self::Unavailable { .. } => true,
            Self::Transport(error) => !matches!(error, TransportError::Tls(_)),
            _ => false,
        }
    }
}
