//! Is LangSmith there, and does it take our key?

use std::fmt;
use std::time::Duration;

use http::Method;

use crate::export::{HttpRequest, HttpResponse, ServerInfo, TransportError, names_workspace};

/// What a successful check found.
#[derive(Debug, Clone, PartialEq)]
pub struct CheckReport {
    /// The address.
    pub endpoint: String,
    /// What the server says about itself.
    pub info: ServerInfo,
}

impl fmt::Display for CheckReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let version = self.info.version.as_deref().unwrap_or("of unknown version");
        write!(
            f,
            "LangSmith {version} answers at {} and takes the key",
            self.endpoint
        )
    }
}

/// What is wrong with a destination, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CheckError {
    /// Tracing is off, or in local mode. Set `LANGSMITH_TRACING=true`, or `enabled(true)` in code.
    #[error("runs are not sent: tracing is off or local; set LANGSMITH_TRACING=true")]
    NotSending,
    /// Nobody listens there. Check the address, the network, and that the server runs.
    #[error("cannot connect to {endpoint} ({why}); check the address, and that the server runs")]
    Unreachable {
        /// The address.
        endpoint: String,
        /// What the system said.
        why: String,
    },
    /// The server's certificate was not issued by anyone trusted here. Check the address; for a server
    /// of your own, give the certificate of its authority as an extra one.
    #[error(
        "the certificate of {endpoint} is not trusted ({why}); check the address, or give its certificate authority as an extra one"
    )]
    NotTrusted {
        /// The address.
        endpoint: String,
        /// What the verification said.
        why: String,
    },
    /// No answer in time. Check proxy and firewall, or try again later.
    #[error("{endpoint} gave no answer in time; check proxy and firewall, or try again later")]
    TimedOut {
        /// The address.
        endpoint: String,
    },
    /// 401 or 403. Check the key, and that it belongs to the region of the address.
    #[error(
        "{endpoint} refused the key (status {status}); check LANGSMITH_API_KEY, and that it belongs to this region"
    )]
    KeyRefused {
        /// The address.
        endpoint: String,
        /// The status.
        status: u16,
    },
    /// The key is for a whole organization. Name the workspace.
    #[error("the key is for a whole organization; set LANGSMITH_WORKSPACE_ID")]
    WorkspaceNeeded,
    /// What answers there is no LangSmith. A self-hosted address often ends in `/api/v1`.
    #[error(
        "what answers at {endpoint} is no LangSmith (status {status}); a self-hosted address often ends in /api/v1"
    )]
    NotLangSmith {
        /// The address.
        endpoint: String,
        /// The status.
        status: u16,
    },
    /// The server points elsewhere. Redirects are not followed, because the key would go along.
    #[error("{endpoint} redirects elsewhere (status {status}); configure the address it points to")]
    Redirected {
        /// The address.
        endpoint: String,
        /// The status.
        status: u16,
    },
    /// The server is there and cannot answer now. Try again later.
    #[error("{endpoint} cannot answer now (status {status}); try again later")]
    Unavailable {
        /// The address.
        endpoint: String,
        /// The status.
        status: u16,
    },
}

const TIMEOUT: Duration = Duration::from_secs(10);

pub(super) fn info_request() -> HttpRequest {
    HttpRequest::new(Method::GET, "/info", TIMEOUT)
}

/// The cheapest call that needs the key.
pub(super) fn key_request() -> HttpRequest {
    HttpRequest::new(Method::GET, "/sessions?limit=1", TIMEOUT)
}

pub(super) fn read_info(
    endpoint: &str,
    answer: Result<HttpResponse, TransportError>,
) -> Result<CheckReport, CheckError> {
    let response = read(endpoint, answer)?;
    let info = ServerInfo::parse(&response.body).ok_or_else(|| CheckError::NotLangSmith {
        endpoint: endpoint.to_owned(),
        status: response.status,
    })?;
    Ok(CheckReport {
        endpoint: endpoint.to_owned(),
        info,
    })
}

pub(super) fn read_key(
    endpoint: &str,
    answer: Result<HttpResponse, TransportError>,
) -> Result<(), CheckError> {
    read(endpoint, answer).map(|_| ())
}

fn read(
    endpoint: &str,
    answer: Result<HttpResponse, TransportError>,
) -> Result<HttpResponse, CheckError> {
    let endpoint = endpoint.to_owned();
    let response = answer.map_err(|error| match error {
        TransportError::Tls(why) => CheckError::NotTrusted {
            endpoint: endpoint.clone(),
            why,
        },
        TransportError::Timeout => CheckError::TimedOut {
            endpoint: endpoint.clone(),
        },
        TransportError::Connect(why) | TransportError::Interrupted(why) => {
            CheckError::Unreachable {
                endpoint: endpoint.clone(),
                why,
            }
        }
    })?;
    let status = response.status;
    match status {
        200..=299 => Ok(response),
        300..=399 => Err(CheckError::Redirected { endpoint, status }),
        403 if names_workspace(&response.body) => Err(CheckError::WorkspaceNeeded),
        401 | 403 => Err(CheckError::KeyRefused { endpoint, status }),
        408 | 425 | 429 | 500..=599 => Err(CheckError::Unavailable { endpoint, status }),
        _ => Err(CheckError::NotLangSmith { endpoint, status }),
    }
}
