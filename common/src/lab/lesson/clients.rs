//! Who sends the runs of a lesson, and where: its clients, and what a peer is told.
//!
//! ```text
//! service ──► Target ──┬─ the stand-in only ───────────► Client (Rust) · PeerEnv (Python, JavaScript)
//!                      └─ LangSmith, the stand-in too ──► likewise
//! ```

use super::{Lesson, STAND_IN_KEY, Target};
use crate::client::{Client, ClientBuilder, Config, ConfigError};
use crate::export::Destination;
use crate::lab::PeerEnv;

impl Lesson {
    /// Makes the client of a service of the story. Its runs carry `service` in their metadata.
    ///
    /// # Panics
    /// When `WORKBOOK_TARGET=langsmith` is set and the key or the endpoint cannot be used.
    #[allow(clippy::expect_used, reason = "lessons stop where they cannot go on")]
    pub fn client(&self, service: &str) -> Client {
        let client = self.try_client(service);
        client.expect("WORKBOOK_TARGET=langsmith needs LANGSMITH_API_KEY")
    }

    /// Makes the client of a service as [`client`](Self::client) does; `change` says what else is set, such
    /// as a sampling rate or a spool.
    ///
    /// # Panics
    /// When what is set cannot be: a sampling rate of two. And as [`client`](Self::client) does.
    #[allow(clippy::expect_used, reason = "lessons stop where they cannot go on")]
    pub fn client_with(
        &self,
        service: &str,
        change: impl FnOnce(ClientBuilder) -> ClientBuilder,
    ) -> Client {
        let client = self.try_client_with(service, change);
        client.expect("settings that can be, and LANGSMITH_API_KEY where WORKBOOK_TARGET=langsmith")
    }

    pub(super) fn try_client(&self, service: &str) -> Result<Client, ConfigError> {
        self.try_client_with(service, |builder| builder)
    }

    fn try_client_with(
        &self,
        service: &str,
        change: impl FnOnce(ClientBuilder) -> ClientBuilder,
    ) -> Result<Client, ConfigError> {
        let inner = &self.inner;
        let stand_in = Destination::new(inner.mock.url()).api_key(STAND_IN_KEY);
        let builder = match self.target {
            Target::StandIn => ClientBuilder::from(Config::default())
                .endpoint(inner.mock.url())
                .api_key(STAND_IN_KEY),
            Target::LangSmith => ClientBuilder::from(self.real_config()?).also_send_to(stand_in),
        };
        let builder = builder
            .enabled(true)
            .project(self.project())
            .service(service);
        let client = change(builder).build()?;
        self.clients().push(client.clone());
        Ok(client)
    }

    pub(in crate::lab) fn real_config(&self) -> Result<Config, ConfigError> {
        Config::from_lookup(|name| self.inner.env.get(name))
    }

    /// Makes a client that cannot work, to see how it says so.
    ///
    /// # Panics
    /// Never, unless the stand-in's own address is no URL.
    #[allow(clippy::expect_used, reason = "lessons stop where they cannot go on")]
    pub fn misconfigured_client(&self, how: Misconfiguration) -> Client {
        let mock = &self.inner.mock;
        let builder = match how {
            Misconfiguration::RefusedKey => Client::builder()
                .endpoint(mock.url())
                .api_key("revoked-key"),
            // Port 9 (discard) is reserved and nothing listens on it.
            Misconfiguration::NothingListens => Client::builder()
                .endpoint("http://127.0.0.1:9")
                .api_key(STAND_IN_KEY),
        };
        builder
            .project(self.project())
            .build()
            .expect("a complete configuration")
    }

    /// Returns the environment that makes a Python peer send where this lesson's clients send.
    ///
    /// # Panics
    /// When `WORKBOOK_TARGET=langsmith` is set and the endpoint cannot be used.
    #[allow(clippy::expect_used, reason = "lessons stop where they cannot go on")]
    pub fn peer_env(&self) -> PeerEnv {
        let inner = &self.inner;
        let stand_in = Destination::new(inner.mock.url()).api_key(STAND_IN_KEY);
        match self.target {
            Target::StandIn => PeerEnv::new(&self.project(), &[stand_in]),
            Target::LangSmith => PeerEnv::new(
                &self.project(),
                &[
                    self.real_config()
                        .expect("the LANGSMITH_… variables can be used")
                        .destination(),
                    stand_in,
                ],
            ),
        }
    }
}

/// A way in which a client cannot work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Misconfiguration {
    /// The endpoint answers, but not to this key.
    RefusedKey,
    /// No server listens at the endpoint.
    NothingListens,
}
