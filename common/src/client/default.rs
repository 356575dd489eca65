//! The client that a program installs for all its code.

use std::sync::{PoisonError, RwLock};

use super::handle::Client;
use crate::trace::{self, AlreadyInstalled};

static CLIENT: RwLock<Option<Client>> = RwLock::new(None);

impl Client {
    /// Makes this client the process's default until the guard is dropped: outside of any run,
    /// [`#[traceable]`](macro@crate::traceable) functions send with it.
    ///
    /// It is opt-in, and for programs: a library, and a test, passes its client. Install it in `main`,
    /// before the flush guard, which must be dropped first:
    ///
    /// ```
    /// use std::time::Duration;
    /// use common::client::{Client, default_client};
    ///
    /// let client = Client::builder().endpoint("http://127.0.0.1:1984").build()?;
    /// let _default = client.install_default()?;
    /// let _flush = client.flush_guard(Duration::from_secs(5));
    /// assert!(default_client().is_some());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// If the process has a default already; it stays.
    pub fn install_default(&self) -> Result<DefaultClientGuard, AlreadyInstalled> {
        let tracer = trace::install_default(self.tracer())?;
        replace(Some(self.clone()));
        Ok(DefaultClientGuard { _tracer: tracer })
    }
}

/// Returns the process's default client, if one is installed.
pub fn default_client() -> Option<Client> {
    let client = CLIENT.read().unwrap_or_else(PoisonError::into_inner);
    client.clone()
}

fn replace(client: Option<Client>) {
    let mut slot = CLIENT.write().unwrap_or_else(PoisonError::into_inner);
    let before = std::mem::replace(&mut *slot, client);
    drop(slot);
    // A last handle sends what it holds, which takes time.
    drop(before);
}

/// Uninstalls the default client when it is dropped. Made by [`Client::install_default`].
///
/// Bind it to a name: `let _default = …` lives to the end of the block, `let _ = …` is dropped at once.
#[derive(Debug)]
#[must_use = "dropped at once it uninstalls at once; bind it as `let _default = …`"]
pub struct DefaultClientGuard {
    _tracer: trace::DefaultGuard,
}

impl Drop for DefaultClientGuard {
    fn drop(&mut self) {
        replace(None);
    }
}
