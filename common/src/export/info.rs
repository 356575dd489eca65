//! What the server says about itself.

use serde::Deserialize;

/// The answer to `GET /info`, as far as it matters for sending. Unknown fields are ignored.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
pub struct ServerInfo {
    /// The server's version.
    #[serde(default)]
    pub version: Option<String>,
    /// How it wants its batches.
    #[serde(default)]
    pub batch_ingest_config: Option<BatchIngestConfig>,
}

/// How a server wants its batches; whatever is missing takes our default.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
pub struct BatchIngestConfig {
    /// Whether `POST /runs/multipart` is there; assumed if unsaid.
    #[serde(default)]
    pub use_multipart_endpoint: Option<bool>,
    /// Most operations in one request.
    #[serde(default)]
    pub size_limit: Option<usize>,
    /// Most bytes in one request.
    #[serde(default)]
    pub size_limit_bytes: Option<usize>,
}

impl ServerInfo {
    /// Reads an answer; none if it is not what `/info` answers.
    pub fn parse(body: &[u8]) -> Option<Self> {
        serde_json::from_slice(body).ok()
    }
}
