//! The end of a program.

use std::time::Duration;

use super::handle::Client;

/// Flushes a client when it is dropped. Made by [`Client::flush_guard`].
///
/// Bind it to a name: `let _guard = …` lives to the end of the block, `let _ = …` is dropped at once.
#[derive(Debug)]
#[must_use = "dropped at once it flushes at once; bind it as `let _guard = …`"]
pub struct FlushGuard {
    client: Client,
    timeout: Duration,
}

impl FlushGuard {
    pub(super) fn new(client: Client, timeout: Duration) -> Self {
        Self { client, timeout }
    }
}

impl Drop for FlushGuard {
    fn drop(&mut self) {
        if let Err(error) = self.client.flush(self.timeout) {
            tracing::warn!("not everything was delivered to LangSmith: {error}");
        }
    }
}
