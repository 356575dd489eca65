//! How a stand-in is set up.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;

use super::core::Core;
use super::fault::Fault;
use super::mock::LangSmithMock;
use super::on_axum::{self, ServeError};
use super::on_wiremock;
use super::store::Limits;

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
}

impl Default for ServerInfo {
    fn default() -> Self {
        Self {
            zstd: true,
            gzip: true,
            multipart: true,
            size_limit: 100,
            size_limit_bytes: 20 * 1024 * 1024,
        }
    }
}

#[derive(Debug, Clone)]
pub(super) struct Settings {
    pub(super) strict: bool,
    pub(super) conflict_on_repeat: bool,
    pub(super) keys: Option<Vec<SecretString>>,
    pub(super) limits: Limits,
    pub(super) info: ServerInfo,
    pub(super) latency: Duration,
    pub(super) faults: Vec<Fault>,
}

/// Sets up a [`LangSmithMock`]; made by [`LangSmithMock::builder`].
#[derive(Debug, Clone)]
#[must_use]
pub struct MockBuilder(Settings);

impl Default for MockBuilder {
    fn default() -> Self {
        Self(Settings {
            strict: true,
            conflict_on_repeat: false,
            keys: None,
            limits: Limits::default(),
            info: ServerInfo::default(),
            latency: Duration::ZERO,
            faults: Vec::new(),
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

    /// Answers 409 to a request that brings nothing but what is known already.
    pub fn conflict_on_repeat(mut self) -> Self {
        self.0.conflict_on_repeat = true;
        self
    }

    /// Accepts these API keys only; by default any text is a key, and none is refused.
    pub fn keys<K: Into<String>>(mut self, keys: impl IntoIterator<Item = K>) -> Self {
        let keys = keys.into_iter().map(|key| key.into().into());
        self.0.keys = Some(keys.collect());
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
