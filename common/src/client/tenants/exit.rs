//! Clients on their way out.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::client::Client;
use crate::export::ExportStats;

/// The clients that are leaving, and what is left of those that are gone.
#[derive(Debug, Default)]
pub(super) struct Exit {
    state: Mutex<State>,
}

/// A client is in the list or in the books, never in both.
#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) leaving: Vec<Arc<Going>>,
    pub(super) closed: u64,
    // Of those that are gone.
    pub(super) books: ExportStats,
}

/// A client and whose it is.
#[derive(Debug)]
pub(super) struct Going {
    pub(super) tenant: String,
    pub(super) client: Client,
}

impl Exit {
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts a client into the list.
    pub(super) fn begin(&self, tenant: &str, client: Client) -> Arc<Going> {
        let tenant = tenant.to_owned();
        let going = Arc::new(Going { tenant, client });
        self.lock().leaving.push(going.clone());
        going
    }

    /// Flushes and closes a client that is in the list, on a thread of its own.
    pub(super) fn leave(exit: &Arc<Self>, going: &Arc<Going>, within: Duration) {
        let work = {
            let (exit, going) = (exit.clone(), going.clone());
            move || exit.close(&going, within)
        };
        let name = "langsmith-tenants".to_owned();
        if std::thread::Builder::new().name(name).spawn(work).is_err() {
            // The system gives no thread. Rather here and now than never.
            exit.close(going, within);
        }
    }

    fn close(&self, going: &Arc<Going>, within: Duration) {
        if let Err(error) = going.client.shutdown(within) {
            tracing::warn!("not everything of a tenant was delivered to LangSmith: {error}");
        }
        self.end(going);
    }

    /// Takes a client that was closed from the list to the books. Who closes all may have done so meanwhile.
    pub(super) fn end(&self, going: &Arc<Going>) {
        let mut guard = self.lock();
        let state = &mut *guard;
        let is_it = |other: &Arc<Going>| Arc::ptr_eq(other, going);
        let Some(at) = state.leaving.iter().position(is_it) else {
            return;
        };
        state.leaving.swap_remove(at);
        state.closed += 1;
        state.books.add(&going.client.ledger());
    }
}
