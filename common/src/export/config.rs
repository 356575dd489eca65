//! Where runs go, and how they are gathered on the way.

use std::fmt;
use std::ops::RangeInclusive;
use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};

use super::endpoint::{KeySource, show_endpoint, show_header};
use super::life::{OnDrop, Transform};
use super::send::RetryPolicy;
use super::spool::SpoolConfig;

/// Where runs are sent if nobody says otherwise: `LANGSMITH_ENDPOINT`.
pub const DEFAULT_ENDPOINT: &str = "https://api.smith.langchain.com";

/// Most operations in one request, as it is sent: `LANGSMITH_BATCH_INGEST_SIZE_LIMIT`, else what the server's
/// `/info` says, else this.
pub const DEFAULT_BATCH_OPS: usize = 100;

/// Most bytes in one request, uncompressed: what the server's `/info` says, else this.
pub const DEFAULT_BATCH_BYTES: usize = 20 * 1024 * 1024;

/// How long the first operation of a batch waits for others at most.
pub const DEFAULT_LINGER: Duration = Duration::from_millis(100);

/// Most operations held, queued and in flight together: `LANGSMITH_TRACING_QUEUE_MAX_SIZE`. Memory is what
/// runs out, so by default it is [`DEFAULT_QUEUE_BYTES`] that bounds the queue; the Python SDK's 10,000
/// lose most of a burst of small runs.
pub const DEFAULT_QUEUE_OPS: usize = 1_000_000;

/// Most bytes held, queued and in flight together, by estimate: `LANGSMITH_MAX_INGEST_MEMORY_BYTES`.
/// It holds a burst of 100,000 small runs; the official SDKs take 1 GiB, which a service rarely has to
/// spare for its traces.
pub const DEFAULT_QUEUE_BYTES: usize = 256 * 1024 * 1024;

/// How long one request may take in all, from the first byte sent to the last one read.
pub const DEFAULT_REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// How many requests may be under way to one destination at once.
pub const DEFAULT_MAX_IN_FLIGHT: usize = 4;

/// How long dropping the last handle of an exporter waits for what it holds.
pub const DEFAULT_SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(5);

/// How hard bodies are compressed: `LANGSMITH_RUN_COMPRESSION_LEVEL`. The fastest that still packs well.
pub const DEFAULT_COMPRESSION_LEVEL: i32 = 1;

/// The levels of compression there are, from fast to small.
pub const COMPRESSION_LEVELS: RangeInclusive<i32> = -7..=22;

/// In how many requests operations travel.
///
/// ```
/// use common::export::{BatchConfig, Delivery};
///
/// let config = BatchConfig {
///     delivery: Delivery::Unbatched,
///     ..BatchConfig::default()
/// };
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Delivery {
    /// Many in one request, to `/runs/multipart` or, for servers without it, `/runs/batch`.
    #[default]
    Batched,
    /// Each in a request of its own, without waiting for others: `POST /runs`, `PATCH /runs/{id}`. It
    /// is what the Python SDK does with `auto_batch_tracing=False`; for servers and proxies that know
    /// nothing else, and slow. Attachments have no place there, so they are counted as
    /// [`AttachmentLoss`](super::AttachmentLoss).
    Unbatched,
}

/// How operations are gathered, bounded and sent.
#[derive(Debug, Clone, PartialEq)]
pub struct BatchConfig {
    /// Most operations in one request, as it is sent: a run that is sent whole is one, although its
    /// beginning and its end were two. None, or 0, takes the server's word, else [`DEFAULT_BATCH_OPS`].
    pub max_ops: Option<usize>,
    /// Most bytes in one request; none, or 0, takes the server's word, else [`DEFAULT_BATCH_BYTES`].
    pub max_bytes: Option<usize>,
    /// How long the first operation of a batch waits for others at most; [`DEFAULT_LINGER`]. One that
    /// finds nothing under way, and for that long nothing sent, waits for a tenth of it; unless this is
    /// more than a second: who asks for that wants few requests.
    pub linger: Duration,
    /// Most operations held: waiting, being written, in flight and to be sent again. At one more, the newest
    /// is refused: what is already held may be the beginning of a trace whose end is still to come. The
    /// end of a run whose beginning was taken in may use an eighth above this bound and the next.
    /// [`DEFAULT_QUEUE_OPS`].
    pub queue_ops: usize,
    /// Most bytes held, by estimate; an operation larger than that is never taken in. It counts for each
    /// destination: a client with three may hold three times as much.
    /// [`DEFAULT_QUEUE_BYTES`].
    pub queue_bytes: usize,
    /// How many requests may be under way at once; [`DEFAULT_MAX_IN_FLIGHT`], and at least one. What they
    /// carry counts as held. The order in which batches arrive is then open; a server merges by id. Unbatched
    /// it is always one, so that no update overtakes its run.
    pub max_in_flight: usize,
    /// How long one request may take in all; [`DEFAULT_REQUEST_TIMEOUT`].
    pub request_timeout: Duration,
    /// How long dropping the last handle waits; [`DEFAULT_SHUTDOWN_TIMEOUT`].
    pub shutdown_timeout: Duration,
    /// When and how long to try again.
    pub retry: RetryPolicy,
    /// In how many requests operations travel.
    pub delivery: Delivery,
    /// Whether bodies are compressed with Zstandard if the server's `/info` allows it; true, unless
    /// `LANGSMITH_DISABLE_RUN_COMPRESSION` is set.
    pub compress: bool,
    /// How hard bodies are compressed, within [`COMPRESSION_LEVELS`]; [`DEFAULT_COMPRESSION_LEVEL`].
    pub compression_level: i32,
    /// Where operations are kept on disk, and when; nowhere by default.
    pub spool: Option<SpoolConfig>,
    /// Changes each batch before it is written; none by default.
    pub transform: Option<Transform>,
    /// Is told of operations that are given up; nobody by default.
    pub on_drop: Option<OnDrop>,
}

impl Default for BatchConfig {
    fn default() -> Self {
        Self {
            max_ops: None,
            max_bytes: None,
            linger: DEFAULT_LINGER,
            queue_ops: DEFAULT_QUEUE_OPS,
            queue_bytes: DEFAULT_QUEUE_BYTES,
            max_in_flight: DEFAULT_MAX_IN_FLIGHT,
            request_timeout: DEFAULT_REQUEST_TIMEOUT,
            shutdown_timeout: DEFAULT_SHUTDOWN_TIMEOUT,
            retry: RetryPolicy::default(),
            delivery: Delivery::default(),
            compress: true,
            compression_level: DEFAULT_COMPRESSION_LEVEL,
            spool: None,
            transform: None,
            on_drop: None,
        }
    }
}

/// A LangSmith to send to, and what it wants to see.
#[derive(Clone)]
pub struct Destination {
    /// Its address, such as `https://api.smith.langchain.com` or `https://host/api/v1`.
    pub endpoint: String,
    /// The key, sent as `x-api-key`.
    pub api_key: Option<SecretString>,
    /// Says the key for each request, in the place of [`api_key`](Self::api_key).
    pub api_key_from: Option<KeySource>,
    /// The workspace, sent as `X-Tenant-Id`; keys of a whole organization need one.
    pub workspace_id: Option<String>,
    /// Further headers; they never replace ours.
    pub headers: Vec<(String, String)>,
    /// Certificates, in PEM, to trust besides the platform's own.
    pub extra_ca_pem: Vec<Vec<u8>>,
}

impl Destination {
    /// Names a destination by its address.
    pub fn new(endpoint: impl Into<String>) -> Self {
        Self {
            endpoint: endpoint.into(),
            api_key: None,
            api_key_from: None,
            workspace_id: None,
            headers: Vec::new(),
            extra_ca_pem: Vec::new(),
        }
    }

    /// Sets the key. Blanks and line breaks around it are removed; if nothing is left, there is none.
    #[must_use]
    pub fn api_key(mut self, key: impl Into<String>) -> Self {
        self.api_key = trimmed_key(&SecretString::from(key.into()));
        self.api_key_from = None;
        self
    }

    /// Asks a function for the key of each request, so that it can be replaced while the program runs;
    /// see [`KeySource`].
    #[must_use]
    pub fn api_key_from(
        mut self,
        current: impl Fn() -> Option<SecretString> + Send + Sync + 'static,
    ) -> Self {
        self.api_key_from = Some(KeySource::new(current));
        self.api_key = None;
        self
    }

    /// Returns true if requests have a key, or may have one.
    pub(crate) fn has_key(&self) -> bool {
        self.api_key_from.is_some() || self.api_key.as_ref().and_then(trimmed_key).is_some()
    }

    /// Sets the workspace.
    #[must_use]
    pub fn workspace_id(mut self, workspace: impl Into<String>) -> Self {
        self.workspace_id = Some(workspace.into());
        self
    }

    /// Returns true if both are one address with one key, one workspace and the same headers.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        let key = |it: &Self| it.api_key.as_ref().and_then(trimmed_key);
        let (ours, theirs) = (key(self), key(other));
        let shown =
            |key: &Option<SecretString>| key.as_ref().map(|it| it.expose_secret().to_owned());
        self.endpoint == other.endpoint
            && shown(&ours) == shown(&theirs)
            && self.api_key_from == other.api_key_from
            && self.workspace_id == other.workspace_id
            && self.headers == other.headers
            && self.extra_ca_pem == other.extra_ca_pem
    }
}

/// Returns a key without the blanks that come along when it is copied; none if nothing is left.
pub(crate) fn trimmed_key(key: &SecretString) -> Option<SecretString> {
    let key = key.expose_secret().trim();
    (!key.is_empty()).then(|| SecretString::from(key))
}

impl fmt::Debug for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A header of the user's may be a credential too, so only names show.
        let headers = self.headers.iter().map(|(name, _)| show_header(name));
        let headers: Vec<String> = headers.collect();
        f.debug_struct("Destination")
            .field("endpoint", &show_endpoint(&self.endpoint))
            .field("api_key", &self.api_key.as_ref().map(|_| "[redacted]"))
            .field("api_key_from", &self.api_key_from)
            .field("workspace_id", &self.workspace_id)
            .field("headers", &headers)
            .field("extra_ca_pem", &self.extra_ca_pem.len())
            .finish()
    }
}
