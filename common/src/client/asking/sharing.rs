//! Links that anybody may open.

use http::Method;
use rand::TryRng as _;
use rand::rngs::SysRng;
use serde::Deserialize;
use serde_json::json;
use uuid::Uuid;

use super::error::AskError;
use super::path::Path;
use super::question::{Question, decode};
use super::wait::block_on;
use crate::client::Client;
use crate::model::RunId;

#[derive(Deserialize)]
struct Share {
    #[serde(default)]
    share_token: Option<Uuid>,
}

/// Sharing: whoever has the link sees the trace, without an account.
impl Client {
    /// Makes a public link to a run, and returns it. A run that is shared already keeps its link.
    ///
    /// # Errors
    /// [`AskError::NotFound`] if the run is not stored, or not yet; else as [`AskError`] lists.
    pub async fn share_run(&self, id: RunId) -> Result<String, AskError> {
        // Who guesses a token reads the trace, so it is random in every bit.
        // The system's own randomness: a generator of ours would repeat itself in two forked processes.
        let mut token = [0; 16];
        if SysRng.try_fill_bytes(&mut token).is_err() {
            token = rand::random();
        }
        let token = uuid::Builder::from_random_bytes(token).into_uuid();
        let body = json!({ "run_id": id, "share_token": token });
        let question = Question::send(Method::PUT, share(id), &body, format!("run {id}"))?;
        let shared: Share = decode(&self.ask(question).await?)?;
        Ok(self.web_app().shared(shared.share_token.unwrap_or(token)))
    }

    /// Shares as [`share_run`](Self::share_run) does, and blocks until it is done.
    ///
    /// # Errors
    /// As [`share_run`](Self::share_run).
    pub fn share_run_blocking(&self, id: RunId) -> Result<String, AskError> {
        block_on(self.share_run(id))
    }

    /// Reads the public link of a run; none if it is not shared.
    ///
    /// # Errors
    /// As [`AskError`] lists.
    pub async fn read_shared_link(&self, id: RunId) -> Result<Option<String>, AskError> {
        let question = Question::get(share(id), format!("run {id}"));
        let shared: Option<Share> = decode(&self.ask(question).await?)?;
        let token = shared.and_then(|share| share.share_token);
        Ok(token.map(|token| self.web_app().shared(token)))
    }

    /// Reads as [`read_shared_link`](Self::read_shared_link) does, and blocks until it is done.
    ///
    /// # Errors
    /// As [`read_shared_link`](Self::read_shared_link).
    pub fn read_shared_link_blocking(&self, id: RunId) -> Result<Option<String>, AskError> {
        block_on(self.read_shared_link(id))
    }

    /// Ends the sharing of a run: its public link leads nowhere any more.
    ///
    /// # Errors
    /// As [`AskError`] lists.
    pub async fn unshare_run(&self, id: RunId) -> Result<(), AskError> {
        self.ask(Question::delete(share(id), format!("run {id}")))
            .await?;
        Ok(())
    }

    /// Ends it as [`unshare_run`](Self::unshare_run) does, and blocks until it is done.
    ///
    /// # Errors
    /// As [`unshare_run`](Self::unshare_run).
    pub fn unshare_run_blocking(&self, id: RunId) -> Result<(), AskError> {
        block_on(self.unshare_run(id))
    }
}

fn share(id: RunId) -> Path {
    Path::of("runs").id(id.0).then("share")
}
