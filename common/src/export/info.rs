//! What the server says about itself.

use serde_json::{Map, Value};

/// The answer to `GET /info`, as far as it matters for sending. Unknown fields are ignored.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ServerInfo {
    /// The server's version.
    pub version: Option<String>,
    /// How it wants its batches.
    pub batch_ingest_config: Option<BatchIngestConfig>,
}

/// How a server wants its batches; whatever is missing takes our default.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct BatchIngestConfig {
    /// Whether `POST /runs/multipart` is there; assumed if unsaid.
    pub use_multipart_endpoint: Option<bool>,
    /// Most operations in one request.
    pub size_limit: Option<usize>,
    /// Most bytes in one request.
    pub size_limit_bytes: Option<usize>,
}

impl ServerInfo {
    /// Reads an answer; none if it is not what `/info` answers.
    ///
    /// Each field is read for itself: one of another type is as if it were not there.
    pub fn parse(body: &[u8]) -> Option<Self> {
        let fields: Map<String, Value> = serde_json::from_slice(body).ok()?;
        let version = fields.get("version").and_then(Value::as_str);
        let batch = fields.get("batch_ingest_config").and_then(Value::as_object);
        Some(Self {
            version: version.map(str::to_owned),
            batch_ingest_config: batch.map(BatchIngestConfig::read),
        })
    }
}

impl BatchIngestConfig {
    fn read(fields: &Map<String, Value>) -> Self {
        let multipart = fields.get("use_multipart_endpoint");
        Self {
            use_multipart_endpoint: multipart.and_then(Value::as_bool),
            size_limit: fields.get("size_limit").and_then(whole),
            size_limit_bytes: fields.get("size_limit_bytes").and_then(whole),
        }
    }
}

/// Reads a whole number, also one that is written as `100.0`.
fn whole(value: &Value) -> Option<usize> {
    /// Above this, a number with a point no longer names one whole number.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    let number = value.as_u64().or_else(|| {
        let number = value.as_f64()?;
        let exact = number.fract() == 0.0 && (0.0..EXACT).contains(&number);
        exact.then_some(number as u64)
    })?;
    usize::try_from(number).ok()
}
