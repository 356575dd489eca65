//! How a stand-in is set up.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use super::core::Core;
use super::fault::Fault;
use super::keys::Doors;
use super::merge::Updates;
use super::mock::LangSmithMock;
use super::on_axum::{self, ServeError};
use super::on_wiremock;
use super::otlp::SpanMapping;
use super::store::Limits;
use crate::model::{Clock, SystemClock};

/// What `GET /info` tells clients to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServerInfo {
    /// Whether clients may compress with zstd. Default: yes.
    pub zstd: bool,
    /// Whether clients may compress with gzip. Default: yes.
    pub gzip: bool,
    /// Whether clients are to use the multipart route. Default: yes.
    pub multipart: bool,
    /// Operations per batch. Default: 100.
    pub size_limit: usize,
    /// Bytes per batch. Default: 20 MiB.
    pub size_limit_bytes: usize,
    /// Where clients are told to read runs: which version of the API they then use.
    pub backend: QueryBackend,
}

/// Which of LangSmith's two databases answers queries, as the `instance_flags` of `/info` say it.
///
/// The stand-in answers both versions of the API in any case; this decides what clients ask. The
/// Python SDK 0.15 reads runs through `/api/v2` only if the second database is the only one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum QueryBackend {
    /// `ch_query_enabled` alone: the first version of the API. The default, as when both are absent.
    #[default]
    ClickHouse,
    /// Both flags.
    Both,
    /// `sdb_query_enabled` alone: the second version of the API.
    SmithDb,
}

impl Default for ServerInfo {
    fn default() -> Self {
        Self {
            zstd: true,
            gzip: true,
            multipart: true,
            size_limit: 100,
            size_limit_bytes: 20 * 1024 * 1024,
            backend: QueryBackend::default(),
        }
    }
}

#[derive(Debug, Clone)]
pub(super) struct Settings {
    pub(super) strict: bool,
    // More than one update of a run counts as long as it is open.
    pub(super) open_updates: bool,
    pub(super) conflict_on_repeat: Option<bool>,
    pub(super) doors: Doors,
    pub(super) limits: Limits,
    pub(super) info: ServerInfo,
    pub(super) latency: Duration,
    pub(super) faults: Vec<Fault>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) orphan_window: Duration,
    pub(super) span_mapping: SpanMapping,
}

impl Settings {
    /// Returns how many updates of one run count.
    pub(super) fn updates(&self) -> Updates {
        match (self.strict, self.open_updates) {
            (false, _) => Updates::Any,
            (true, true) => Updates::WhileOpen,
            (true, false) => Updates::One,
        }
    }
}

/// How long a span waits for its parent. Self-hosted LangSmith calls it
/// `REDIS_RUNS_EXPIRY_SECONDS`, with this default.
pub(super) const ORPHAN_WINDOW: Duration = Duration::from_secs(12 * 60 * 60);

/// Sets up a [`LangSmithMock`]; made by [`LangSmithMock::builder`].
#[derive(Debug, Clone)]
#[must_use]
pub struct MockBuilder(Settings);

impl Default for MockBuilder {
    fn default() -> Self {
        Self(Settings {
            strict: true,
            open_updates: false,
            conflict_on_repeat: None,
            doors: Doors::default(),
            limits: Limits::default(),
            info: ServerInfo::default(),
            latency: Duration::ZERO,
            faults: Vec::new(),
            clock: Arc::new(SystemClock),
            orphan_window: ORPHAN_WINDOW,
            span_mapping: SpanMapping::default(),
        })
    }
}

impl MockBuilder {
    /// Stores runs in spite of their violations, as far as they can be read.
    ///
    /// The violations are listed all the same. Without it, a run with an error is answered with 202
    /// and not stored, as at LangSmith.
    pub fn lenient(mut self) -> Self {
        self.0.strict = false;
        self
    }

    /// Answers 409 to a request that brings nothing but what was received already, per run and
    /// operation.
    ///
    /// So does LangSmith, and so does a strict stand-in; this is for a lenient one.
    pub fn conflict_on_repeat(mut self) -> Self {
        self.0.conflict_on_repeat = Some(true);
        self
    }

    /// Answers 202 to what was received already, and ignores it: the opposite of
    /// [`conflict_on_repeat`](Self::conflict_on_repeat).
    pub fn accept_repeats(mut self) -> Self {
        self.0.conflict_on_repeat = Some(false);
        self
    }

    /// Takes any number of updates of a run as long as it has not ended, and shows it as pending with what
    /// they say; for tracers with [`Updates`](crate::trace::Updates) switched on.
    ///
    /// LangSmith takes one update per run, and so does a strict stand-in without this. A lenient one takes
    /// them all.
    pub fn take_open_updates(mut self) -> Self {
        self.0.open_updates = true;
        self
    }

    /// Accepts these API keys only; by default any text is a key, and none is refused.
    pub fn keys<K: Into<String>>(mut self, keys: impl IntoIterator<Item = K>) -> Self {
        let keys = keys.into_iter().map(|key| key.into().into());
        self.0.doors.allowed = Some(keys.collect());
        self
    }

    /// Takes this key for one of an organization: it opens only together with a workspace in
    /// `X-Tenant-Id`. Without one the answer is 403 and `org_scoped_key_requires_workspace`.
    pub fn org_key(mut self, key: impl Into<String>) -> Self {
        self.0.doors.of_organization.push(key.into().into());
        self
    }

    /// Refuses keys in the form of LangSmith's own, for when none should end up here by mistake.
    pub fn refuse_real_keys(mut self) -> Self {
        self.0.doors.refuse_real = true;
        self
    }

    /// Takes the time from a clock of your own, so that all it stamps can be repeated. Default: the
    /// system's.
    ///
    /// ```
    /// use std::time::Duration;
    /// use common::langsmith_mock::LangSmithMock;
    /// use common::model::{Clock, SteppingClock, SystemClock};
    ///
    /// let noon = SystemClock.now();
    /// let mock = LangSmithMock::builder()
    ///     .clock(SteppingClock::new(noon, Duration::from_millis(1)))
    ///     .unmounted();
    /// # let _ = mock;
    /// ```
    pub fn clock(mut self, clock: impl Clock + 'static) -> Self {
        self.0.clock = Arc::new(clock);
        self
    }

    /// Sets how long a span may wait for its parent before it is silently dropped. Default: 12 hours.
    ///
    /// The stand-in's clock is looked at when a request comes;
    /// [`expire_orphans`](LangSmithMock::expire_orphans) drops at once.
    pub fn orphan_window(mut self, window: Duration) -> Self {
        self.0.orphan_window = window;
        self
    }

    /// Sets whose converter makes runs of spans. Default: that of the hosted service.
    pub fn span_mapping(mut self, mapping: SpanMapping) -> Self {
        self.0.span_mapping = mapping;
        self
    }

    /// Sets how much is held and read at most.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.0.limits = limits;
        self
    }

    /// Sets what `GET /info` says.
    pub fn info(mut self, info: ServerInfo) -> Self {
        self.0.info = info;
        self
    }

    /// Delays every answer.
    pub fn latency(mut self, latency: Duration) -> Self {
        self.0.latency = latency;
        self
    }

    /// Orders a failure; see [`LangSmithMock::fault`] to order one later.
    pub fn fault(mut self, fault: Fault) -> Self {
        self.0.faults.push(fault);
        self
    }

    /// Makes a stand-in without a server, to hand requests to directly.
    pub fn unmounted(self) -> LangSmithMock {
        LangSmithMock::unmounted_with(Arc::new(Core::new(self.0)))
    }

    /// Starts a server for a test or a notebook, on a free port of the loopback interface.
    pub async fn start(self) -> LangSmithMock {
        on_wiremock::start(Arc::new(Core::new(self.0))).await
    }

    /// Starts a server that can also cut and trickle connections, on this address; port 0 is any
    /// free port.
    ///
    /// # Errors
    ///
    /// Refuses an address that is not loopback, and fails if the port is taken.
    pub async fn serve(self, address: SocketAddr) -> Result<LangSmithMock, ServeError> {
        on_axum::serve(Arc::new(Core::new(self.0)), address).await
    }
}
