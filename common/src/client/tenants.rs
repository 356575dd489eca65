//! Many tenants in one process, each with its own destination.
//!
//! ```text
//! "acme" ──┐                     ┌─► Client: key, workspace, project, queue, batches, spool of acme ──► LangSmith
//! "bravo" ─┴─► Tenants::client ──┴─► Client of bravo                                              ──► LangSmith
//!                  │ most · idle
//!                  └─ who is not in use leaves: flushed and closed beside, on a thread of its own
//! ```
//!
//! A batch is one request with one key, so runs of two tenants must never share one. Here they share nothing: not
//! the queue, not the books, not the folder on disk. Start at [`Tenants::new`].

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::builder::ClientBuilder;
use super::config::ConfigError;
use super::handle::Client;
use crate::export::FlushError;

/// Most tenants with a client at once. Each costs a thread, and one more with a spool, as long as it is open.
pub const DEFAULT_TENANTS: usize = 64;

/// How long a client that nobody uses stays open: 5 minutes.
pub const DEFAULT_TENANT_IDLE: Duration = Duration::from_secs(300);

/// How long closing a client may take; what is left then is dropped and counted, or stays in its spool.
pub const DEFAULT_TENANT_CLOSE: Duration = Duration::from_secs(5);

/// Most bytes of a name that becomes a folder's.
const MAX_NAME: usize = 80;

/// A client for each tenant, made when it is first asked for and closed when it has long been idle.
///
/// A client is in use as long as there is another handle on it, or a run of it that is open or not yet sent; such a
/// client is never closed. So a process has at most [`most`](Self::most) clients that are open, and as many that are
/// leaving. With a spool, each tenant has a folder of its own below the one that is configured: what one of them left
/// on disk is never sent with another's key.
///
/// ```
/// use common::client::{Client, ConfigError, Tenants};
///
/// // In a program: from where the keys of tenants are kept.
/// let tenants = Tenants::new(|tenant| {
///     let builder = Client::builder().endpoint("http://127.0.0.1:1984");
///     Ok::<_, ConfigError>(builder.api_key(format!("key of {tenant}")).project(tenant))
/// });
/// let acme = tenants.client("acme")?;
/// acme.run("answer").start().end();
/// assert_eq!(tenants.stats().open, 1);
/// # drop(acme);
/// # tenants.shutdown(std::time::Duration::ZERO).ok();
/// # Ok::<(), common::client::TenantError>(())
/// ```
pub struct Tenants {
    make: Box<Make>,
    most: usize,
    idle: Duration,
    close: Duration,
    open: Mutex<HashMap<String, Tenant>>,
    counts: Arc<Counts>,
}

type Make = dyn Fn(&str) -> Result<ClientBuilder, ConfigError> + Send + Sync;

#[derive(Debug)]
struct Tenant {
    client: Client,
    // What there is of handles when nobody but this list has one.
    alone: usize,
    asked: Instant,
}

#[derive(Debug, Default)]
struct Counts {
    opened: AtomicU64,
    refused: AtomicU64,
    closed: AtomicU64,
    lost: AtomicU64,
    leaving: AtomicUsize,
}

/// The books of [`Tenants`] at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TenantsStats {
    /// Tenants with a client.
    pub open: usize,
    /// Clients that are being flushed and closed.
    pub leaving: usize,
    /// Clients made so far.
    pub opened: u64,
    /// Clients closed so far.
    pub closed: u64,
    /// Times that a tenant got no client, because there was no room.
    pub refused: u64,
    /// Operations that closed clients had to give up.
    pub lost: u64,
}

/// Why a tenant has no client. Its requests are to be served all the same, without traces.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TenantError {
    /// As many as may be are open, and all of them are in use. Raise [`Tenants::most`], or let go of clients that a
    /// request no longer needs; in an outage it lasts until LangSmith takes runs again.
    #[error("{most} tenants have clients that are in use, and that is as many as may be")]
    Full {
        /// The bound.
        most: usize,
    },
    /// A name that becomes a folder of the spool has 80 bytes at most, and one at least. Use an id.
    #[error("a tenant with a spool has a name of 1 to {MAX_NAME} bytes, because it names a folder")]
    Name,
    /// The client cannot be made like that.
    #[error(transparent)]
    Config(#[from] ConfigError),
}

impl Tenants {
    /// Makes clients with a function that is given a tenant's name: key, workspace, project and the rest of it.
    ///
    /// The function is called when a tenant is first asked for, and again after its client was closed.
    pub fn new(
        make: impl Fn(&str) -> Result<ClientBuilder, ConfigError> + Send + Sync + 'static,
    ) -> Self {
        Self {
            make: Box::new(make),
            most: DEFAULT_TENANTS,
            idle: DEFAULT_TENANT_IDLE,
            close: DEFAULT_TENANT_CLOSE,
            open: Mutex::default(),
            counts: Arc::default(),
        }
    }

    /// Sets how many clients are open at most, one at least; [`DEFAULT_TENANTS`].
    #[must_use]
    pub fn most(mut self, most: usize) -> Self {
        self.most = most.max(1);
        self
    }

    /// Sets how long a client that nobody uses stays open; [`DEFAULT_TENANT_IDLE`]. Whether one is idle is looked at
    /// when a client is asked for.
    #[must_use]
    pub fn idle(mut self, idle: Duration) -> Self {
        self.idle = idle;
        self
    }

    /// Sets how long closing a client may take; [`DEFAULT_TENANT_CLOSE`].
    #[must_use]
    pub fn close_within(mut self, close: Duration) -> Self {
        self.close = close;
        self
    }

    /// Returns the client of a tenant. Hold it for a request or a connection, not for ever: as long as it is held, it
    /// is not closed.
    ///
    /// The first time it starts a thread, as [`ClientBuilder::build`] does.
    ///
    /// # Errors
    /// If there is no room, or the client cannot be made.
    pub fn client(&self, tenant: &str) -> Result<Client, TenantError> {
        let now = Instant::now();
        let mut open = self.lock();
        if let Some(known) = open.get_mut(tenant) {
            known.asked = now;
            return Ok(known.client.clone());
        }
        let mut leaving = self.take_idle(&mut open, now);
        if open.len() >= self.most {
            leaving.extend(self.take_oldest(&mut open));
        }
        let is_full = open.len() >= self.most;
        self.leave(leaving);
        if is_full {
            self.counts.refused.fetch_add(1, Ordering::Relaxed);
            return Err(TenantError::Full { most: self.most });
        }
        let mut builder = (self.make)(tenant)?;
        if let Some(spool) = builder.config.batch.spool.take() {
            let folder = spool.folder().join(folder_of(tenant)?);
            builder.config.batch.spool = Some(spool.at(folder));
        }
        let client = builder.build()?;
        self.counts.opened.fetch_add(1, Ordering::Relaxed);
        let known = Tenant {
            alone: client.handles(),
            client: client.clone(),
            asked: now,
        };
        open.insert(tenant.to_owned(), known);
        Ok(client)
    }

    /// Closes the clients that have been idle for long enough and are not in use; returns how many.
    pub fn close_idle(&self) -> usize {
        let leaving = self.take_idle(&mut self.lock(), Instant::now());
        let count = leaving.len();
        self.leave(leaving);
        count
    }

    /// Closes the client of a tenant that is gone, in use or not: what it still records is refused and counted.
    pub fn close(&self, tenant: &str) {
        let known = self.lock().remove(tenant);
        self.leave(known.map(|known| known.client).into_iter().collect());
    }

    /// Sends what all clients hold, for at most `timeout` together.
    ///
    /// It blocks the thread; see [`flush_async`](Self::flush_async).
    ///
    /// # Errors
    /// The problem of the first tenant, under its name, as [`Client::flush`] tells it.
    pub fn flush(&self, timeout: Duration) -> Result<(), FlushError> {
        let begun = Instant::now();
        let ends = self.hurried().into_iter().map(|(name, client)| {
            let left = timeout.saturating_sub(begun.elapsed());
            client.flush(left).map_err(|error| error.at(&name))
        });
        first(ends)
    }

    /// Sends as [`flush`](Self::flush) does, without blocking; on any runtime.
    ///
    /// # Errors
    /// As [`flush`](Self::flush).
    pub async fn flush_async(&self, timeout: Duration) -> Result<(), FlushError> {
        let (begun, mut ends) = (Instant::now(), Vec::new());
        for (name, client) in self.hurried() {
            let left = timeout.saturating_sub(begun.elapsed());
            let end = client.flush_async(left).await;
            ends.push(end.map_err(|error| error.at(&name)));
        }
        first(ends)
    }

    /// Closes all clients, within `timeout` together. A tenant that is asked for later gets a new one.
    ///
    /// A server calls it, or [`shutdown_async`](Self::shutdown_async), when it was told to end
    /// ([`terminated`](crate::client::terminated)) and has served the requests it had.
    ///
    /// # Errors
    /// As [`flush`](Self::flush). What was left is dropped and counted.
    pub fn shutdown(&self, timeout: Duration) -> Result<(), FlushError> {
        let begun = Instant::now();
        let ends = self.taken().into_iter().map(|(name, client)| {
            let left = timeout.saturating_sub(begun.elapsed());
            let end = client.shutdown(left);
            self.counts.close(&client);
            end.map_err(|error| error.at(&name))
        });
        first(ends)
    }

    /// Closes as [`shutdown`](Self::shutdown) does, without blocking; on any runtime.
    ///
    /// # Errors
    /// As [`flush`](Self::flush).
    pub async fn shutdown_async(&self, timeout: Duration) -> Result<(), FlushError> {
        let (begun, mut ends) = (Instant::now(), Vec::new());
        for (name, client) in self.taken() {
            let left = timeout.saturating_sub(begun.elapsed());
            let end = client.shutdown_async(left).await;
            self.counts.close(&client);
            ends.push(end.map_err(|error| error.at(&name)));
        }
        first(ends)
    }

    /// Returns the names of the tenants that have a client, in order.
    pub fn open(&self) -> Vec<String> {
        let mut names: Vec<String> = self.lock().keys().cloned().collect();
        names.sort_unstable();
        names
    }

    /// Returns the books.
    pub fn stats(&self) -> TenantsStats {
        let counts = &self.counts;
        TenantsStats {
            open: self.lock().len(),
            leaving: counts.leaving.load(Ordering::Relaxed),
            opened: counts.opened.load(Ordering::Relaxed),
            closed: counts.closed.load(Ordering::Relaxed),
            refused: counts.refused.load(Ordering::Relaxed),
            lost: counts.lost.load(Ordering::Relaxed),
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Tenant>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes out the clients that nobody uses and nobody has asked for lately.
    fn take_idle(&self, open: &mut HashMap<String, Tenant>, now: Instant) -> Vec<Client> {
        let is_idle = |tenant: &Tenant| {
            now.saturating_duration_since(tenant.asked) >= self.idle && !tenant.is_in_use()
        };
        let taken = open.extract_if(|_, tenant| is_idle(tenant));
        taken.map(|(_, tenant)| tenant.client).collect()
    }

    /// Takes out the client that was asked for longest ago, of those that nobody uses; none while too many leave.
    fn take_oldest(&self, open: &mut HashMap<String, Tenant>) -> Option<Client> {
        if self.counts.leaving.load(Ordering::Relaxed) >= self.most {
            return None;
        }
        let unused = open.iter().filter(|(_, tenant)| !tenant.is_in_use());
        let oldest = unused.min_by_key(|(_, tenant)| tenant.asked)?.0.clone();
        open.remove(&oldest).map(|tenant| tenant.client)
    }

    /// Flushes and closes clients beside: whoever asks for a client does not wait for another's.
    fn leave(&self, clients: Vec<Client>) {
        for client in clients {
            let leaving = Leaving::begin(self.counts.clone());
            let close = self.close;
            let work = move || {
                if let Err(error) = client.shutdown(close) {
                    tracing::warn!(
                        "not everything of a tenant was delivered to LangSmith: {error}"
                    );
                }
                leaving.counts.close(&client);
            };
            let name = "langsmith-tenants".to_owned();
            // Without a thread the client is dropped here, which sends what it holds.
            let _ = std::thread::Builder::new().name(name).spawn(work);
        }
    }

    /// Returns all clients, in the order of their names, each about to send what it holds: a tenant whose endpoint is
    /// away does not hold up the others.
    fn hurried(&self) -> Vec<(String, Client)> {
        let open = self.lock();
        let each = open
            .iter()
            .map(|(name, known)| (name.clone(), known.client.clone()));
        in_order(each.collect())
    }

    /// Takes all clients out, as [`hurried`](Self::hurried) returns them.
    fn taken(&self) -> Vec<(String, Client)> {
        let open = std::mem::take(&mut *self.lock());
        let each = open.into_iter().map(|(name, known)| (name, known.client));
        in_order(each.collect())
    }
}

fn in_order(mut each: Vec<(String, Client)>) -> Vec<(String, Client)> {
    each.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
    for (_, client) in &each {
        client.exporters().hurry();
    }
    each
}

/// Goes through all of them, and returns the first problem.
fn first(ends: impl IntoIterator<Item = Result<(), FlushError>>) -> Result<(), FlushError> {
    ends.into_iter().fold(Ok(()), Result::and)
}

impl Tenant {
    fn is_in_use(&self) -> bool {
        self.client.handles() > self.alone
    }
}

impl Counts {
    /// Enters a client that was closed.
    fn close(&self, client: &Client) {
        let lost = client.stats().total_dropped();
        self.lost.fetch_add(lost, Ordering::Relaxed);
        self.closed.fetch_add(1, Ordering::Relaxed);
    }
}

/// A client on its way out, as long as this is held.
struct Leaving {
    counts: Arc<Counts>,
}

impl Leaving {
    fn begin(counts: Arc<Counts>) -> Self {
        counts.leaving.fetch_add(1, Ordering::Relaxed);
        Self { counts }
    }
}

impl Drop for Leaving {
    fn drop(&mut self) {
        self.counts.leaving.fetch_sub(1, Ordering::Relaxed);
    }
}

impl fmt::Debug for Tenants {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Names may be those of customers.
        f.debug_struct("Tenants")
            .field("most", &self.most)
            .field("idle", &self.idle)
            .field("stats", &self.stats())
            .finish_non_exhaustive()
    }
}

/// Returns the folder of a tenant: its name, with whatever is no letter and no digit escaped. No two names have one.
fn folder_of(tenant: &str) -> Result<String, TenantError> {
    match tenant.len() {
        1..=MAX_NAME => Ok(utf8_percent_encode(tenant, NON_ALPHANUMERIC).to_string()),
        _ => Err(TenantError::Name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_leads_out_of_the_folder_and_no_two_names_share_one() {
        assert_eq!(folder_of("../acme").as_deref(), Ok("%2E%2E%2Facme"));
        assert_ne!(folder_of("a/b"), folder_of("a%2Fb"));
        let long = "ü".repeat(MAX_NAME / 2);
        assert!(folder_of(&long).is_ok_and(|folder| folder.len() <= 255));
        assert_eq!(folder_of(""), Err(TenantError::Name));
        assert_eq!(folder_of(&"x".repeat(MAX_NAME + 1)), Err(TenantError::Name));
    }
}
