//! Where a client sends, and by which key.
//!
//! ```text
//! endpoint · key · workspace · headers · certificates ──► its own place ─┐
//!                                 replica · also_send_to ──► others ─────┴─► one queue each
//! ```

use secrecy::SecretString;

use super::ClientBuilder;
use crate::client::replica::Replica;
use crate::export::{Destination, KeySource, trimmed_key};

impl ClientBuilder {
    /// Sets the address of LangSmith, with or without a `/` at its end, or a
    /// [`Region`](crate::client::Region) of the hosted one.
    ///
    /// It takes the place of whatever the environment says of where runs go, a list in
    /// `LANGSMITH_RUNS_ENDPOINTS` included.
    #[must_use]
    pub fn endpoint(mut self, endpoint: impl Into<String>) -> Self {
        self.config.unlist();
        self.config.endpoint = endpoint.into();
        self
    }

    /// Sets the key. Blanks and line breaks around it are removed; if nothing is left, there is none.
    #[must_use]
    pub fn api_key(mut self, key: impl Into<SecretString>) -> Self {
        self.config.api_key = trimmed_key(&key.into());
        self.config.api_key_from = None;
        self
    }

    /// Asks a function for the key of each request, so that it can be replaced while the program runs.
    ///
    /// What waits for another attempt takes the new key too, and runs that are held because the old one
    /// was refused leave within moments. See [`KeySource`] for what the function may do.
    ///
    /// ```
    /// use std::sync::{Arc, RwLock};
    /// use common::client::Client;
    /// use secrecy::SecretString;
    ///
    /// let key = Arc::new(RwLock::new(SecretString::from("the first key")));
    /// let current = key.clone();
    /// let client = Client::builder()
    ///     .endpoint("http://127.0.0.1:1984")
    ///     .api_key_from(move || current.read().ok().map(|key| key.clone()))
    ///     .build()?;
    /// // Whoever rotates keys says so here; no run is lost in between.
    /// *key.write().expect("no panic") = SecretString::from("the second key");
    /// # client.shutdown(std::time::Duration::ZERO).ok();
    /// # Ok::<(), common::client::ConfigError>(())
    /// ```
    #[must_use]
    pub fn api_key_from(
        mut self,
        current: impl Fn() -> Option<SecretString> + Send + Sync + 'static,
    ) -> Self {
        self.config.api_key_from = Some(KeySource::new(current));
        self.config.api_key = None;
        self
    }

    /// Sets the workspace, sent as `X-Tenant-Id`.
    #[must_use]
    pub fn workspace_id(mut self, workspace: impl Into<String>) -> Self {
        self.config.workspace_id = Some(workspace.into());
        self
    }

    /// Adds a header to every request; it never replaces one of ours.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.config.headers.push((name.into(), value.into()));
        self
    }

    /// Trusts a certificate authority, in PEM, besides the platform's own.
    #[must_use]
    pub fn extra_ca_pem(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.config.extra_ca_pem.push(pem.into());
        self
    }

    /// Sets where the web app is, for links to runs; derived from the endpoint by default, as
    /// [`WebApp::of`](crate::client::WebApp::of) tells.
    #[must_use]
    pub fn web_url(mut self, url: impl Into<String>) -> Self {
        self.config.web_url = Some(url.into());
        self
    }

    /// Sends every run to one more place: another project, workspace or server.
    ///
    /// The client's own place stays, unless [`only_replicas`](Self::only_replicas) says otherwise. Each
    /// destination has a queue, a key and books of its own.
    #[must_use]
    pub fn replica(mut self, replica: Replica) -> Self {
        self.config.replicas.push(replica);
        self
    }

    /// Sends runs to the replicas and to no other place, as the official SDKs do once they have any.
    /// [`Replica::own`] among them is the client's own place.
    #[must_use]
    pub fn only_replicas(mut self) -> Self {
        self.config.only_replicas = true;
        self
    }

    /// Sends every run to a second place as well, under the same ids: the replica
    /// `Replica::at(destination).same_ids()`.
    ///
    /// The lessons use it to send to the real service and to the stand-in that draws the figures.
    /// Headers and certificates of the first place are not shared with it.
    #[must_use]
    pub fn also_send_to(self, destination: Destination) -> Self {
        self.replica(Replica::at(destination).same_ids())
    }
}
