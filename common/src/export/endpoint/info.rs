//! What the server says about itself.

use serde_json::{Map, Value};

/// The answer to `GET /info`, as far as it matters for sending. Unknown fields are ignored.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ServerInfo {
    /// The server's version.
    pub version: Option<String>,
    /// What it can do.
    pub instance_flags: InstanceFlags,
    /// How it wants its batches.
    pub batch_ingest_config: Option<BatchIngestConfig>,
}

/// What a server can do, as far as it matters for sending. What is unsaid it cannot.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct InstanceFlags {
    /// Whether bodies may be compressed with Zstandard.
    pub zstd_compression_enabled: bool,
    /// Whether bodies may be compressed with gzip. The JavaScript SDK does it where its runtime has no
    /// Zstandard; we always have it, so we never do.
    pub gzip_body_enabled: bool,
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
        let flags = fields.get("instance_flags").and_then(Value::as_object);
        Some(Self {
            version: version.map(str::to_owned),
            instance_flags: flags.map(InstanceFlags::read).unwrap_or_default(),
            batch_ingest_config: batch.map(BatchIngestConfig::read),
        })
    }

    /// Returns true if the server says a version and it is this one or a later one.
    ///
    /// ```
    /// use common::export::ServerInfo;
    ///
    /// let info = ServerInfo::parse(br#"{"version": "0.18.5"}"#).expect("an answer");
    /// assert!(info.is_at_least([0, 8, 10]));
    /// assert!(!info.is_at_least([0, 19, 0]));
    /// ```
    pub fn is_at_least(&self, wanted: [u64; 3]) -> bool {
        let Some(version) = &self.version else {
            return false;
        };
        let version = version.trim().trim_start_matches('v');
        let numbers_end = version.find(|c: char| !c.is_ascii_digit() && c != '.');
        let (numbers, rest) = version.split_at(numbers_end.unwrap_or(version.len()));
        let mut said = [0; 3];
        if numbers.is_empty() {
            return false;
        }
        for (said, number) in said.iter_mut().zip(numbers.split('.')) {
            // A number too large to read is a late version.
            *said = number
                .parse()
                .unwrap_or(if number.is_empty() { 0 } else { u64::MAX });
        }
        // What follows the numbers makes it an earlier one (`0.8.10rc1`), unless it names the build.
        said > wanted || (said == wanted && (rest.is_empty() || rest.starts_with('+')))
    }
}

impl InstanceFlags {
    fn read(fields: &Map<String, Value>) -> Self {
        let is_on = |name| fields.get(name).and_then(Value::as_bool) == Some(true);
        Self {
            zstd_compression_enabled: is_on("zstd_compression_enabled"),
            gzip_body_enabled: is_on("gzip_body_enabled"),
        }
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
