//! Many tenants in one process, each with its own destination.
//!
//! ```text
//! "acme" ──┐                     ┌─► Client: key, workspace, project, queue, batches, spool of acme ──► LangSmith
//! "bravo" ─┴─► Tenants::client ──┴─► Client of bravo                                              ──► LangSmith
//!                  │ most · idle
//!                  └─ who is not in use leaves: flushed and closed beside, on a thread of its own
//! ```
//!
//! | file | what |
//! |---|---|
//! | `making` | a client that is being made: others wait for it, and for no other |
//! | `exit` | clients on their way out, and the books of those that are gone |
//!
//! A batch is one request with one key, so runs of two tenants must never share one. Here they share nothing: not
//! the queue, not the books, not the folder on disk. Start at [`Tenants::new`].

mod exit;
mod making;

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::builder::ClientBuilder;
use super::config::ConfigError;
use super::handle::Client;
use crate::export::{ExportStats, FlushError};
use exit::{Exit, Going};
use making::{Attempt, Making};

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
/// A client is in use as long as there is another handle on it, one of its
/// [`only_replicas`](Client::only_replicas) too, or a run of it that is open, or anything in its memory that is not
/// sent; such a client is never closed but by [`close`](Self::close). So a process has at most [`most`](Self::most)
/// clients that are open, and as many that are leaving. If all are in use, a further tenant gets
/// [`TenantError::Full`] and its request is served without a trace, counted in [`TenantsStats::refused`]: in an outage
/// those that have runs waiting keep their place, and nothing that was accepted makes room for what was not.
///
/// With a spool, each tenant has a folder of its own below the one that is configured: what one of them left on disk
/// is never sent with another's key. A client that holds nothing but what is on disk is not closed for being idle. It
/// is when its place is needed: that is safe, and is sent when the tenant is asked for again.
///
/// A process that forks makes its `Tenants` after the fork: each client starts clean in the child, but what another
/// thread was doing with the map just then, nobody finishes there.
///
/// Dropped, it closes the clients that nobody else has, and waits for those that are leaving, for
/// [`close_within`](Self::close_within) in all; the others go on with their holders.
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
    // Locked for a look-up and no more; the one of `exit` may be taken within, never the other way round.
    open: Mutex<HashMap<String, Slot>>,
    exit: Arc<Exit>,
    opened: AtomicU64,
    refused: AtomicU64,
}

type Make = dyn Fn(&str) -> Result<ClientBuilder, ConfigError> + Send + Sync;

/// What there is of a tenant.
#[derive(Debug)]
enum Slot {
    Making(Arc<Making>),
    Open(Tenant),
}

#[derive(Debug)]
struct Tenant {
    client: Client,
    // What there is of handles when nobody but this list has one.
    alone: usize,
    asked: Instant,
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
    /// The function that makes a tenant's client has asked for that very client, which is not there yet.
    #[error("the client of a tenant is asked for by the function that makes it")]
    Making,
    /// The client cannot be made like that.
    #[error(transparent)]
    Config(#[from] ConfigError),
}

impl Tenants {
    /// Makes clients with a function that is given a tenant's name: key, workspace, project and the rest of it.
    ///
    /// The function is called when a tenant is first asked for, and again after its client was closed. It may take its
    /// time, as to look up a key: whoever asks for the same tenant meanwhile waits, and nobody else does.
    pub fn new(
        make: impl Fn(&str) -> Result<ClientBuilder, ConfigError> + Send + Sync + 'static,
    ) -> Self {
        Self {
            make: Box::new(make),
            most: DEFAULT_TENANTS,
            idle: DEFAULT_TENANT_IDLE,
            close: DEFAULT_TENANT_CLOSE,
            open: Mutex::default(),
            exit: Arc::default(),
            opened: AtomicU64::new(0),
            refused: AtomicU64::new(0),
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
        loop {
            let mut open = self.lock();
            let making = match open.get_mut(tenant) {
                Some(Slot::Open(known)) => {
                    known.asked = Instant::now();
                    return Ok(known.client.clone());
                }
                Some(Slot::Making(making)) => making.clone(),
                None => return self.open_one(open, tenant),
            };
            drop(open);
            // If nothing came of it, because the function panicked, this one tries.
            if let Some(made) = making.wait() {
                return made;
            }
        }
    }

    /// Makes the client of a tenant that has none.
    fn open_one(
        &self,
        mut open: MutexGuard<'_, HashMap<String, Slot>>,
        tenant: &str,
    ) -> Result<Client, TenantError> {
        let mut leaving = self.take_idle(&mut open, Instant::now());
        if open.len() >= self.most {
            leaving.extend(self.take_oldest(&mut open));
        }
        let is_full = open.len() >= self.most;
        let making = Arc::new(Making::default());
        if !is_full {
            // It has its place from here on, so that the bound is one.
            open.insert(tenant.to_owned(), Slot::Making(making.clone()));
        }
        drop(open);
        self.leave(leaving);
        if is_full {
            self.refused.fetch_add(1, Ordering::Relaxed);
            return Err(TenantError::Full { most: self.most });
        }
        let attempt = Attempt::begin(self, tenant, making);
        let made = self.make(tenant);
        attempt.end(made)
    }

    fn make(&self, tenant: &str) -> Result<Client, TenantError> {
        let mut builder = (self.make)(tenant)?;
        if let Some(spool) = builder.config.batch.spool.take() {
            let folder = spool.folder().join(folder_of(tenant)?);
            builder.config.batch.spool = Some(spool.at(folder));
        }
        let client = builder.build()?;
        self.opened.fetch_add(1, Ordering::Relaxed);
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
        let mut open = self.lock();
        // One that is being made finds its place gone, and is closed then.
        let leaving = match open.remove(tenant) {
            Some(Slot::Open(known)) => Some(self.exit.begin(tenant, known.client)),
            Some(Slot::Making(_)) | None => None,
        };
        drop(open);
        self.leave(leaving.into_iter().collect());
    }

    /// Sends what all clients hold, those that are leaving too, for at most `timeout` together.
    ///
    /// It blocks the thread; see [`flush_async`](Self::flush_async).
    ///
    /// # Errors
    /// The problem of the first tenant, under its name, as [`Client::flush`] tells it.
    pub fn flush(&self, timeout: Duration) -> Result<(), FlushError> {
        let begun = Instant::now();
        let ends = self.hurried().into_iter().map(|going| {
            let left = timeout.saturating_sub(begun.elapsed());
            let end = going.client.flush(left);
            end.map_err(|error| error.at(&going.tenant))
        });
        first(ends)
    }

    /// Sends as [`flush`](Self::flush) does, without blocking; on any runtime.
    ///
    /// # Errors
    /// As [`flush`](Self::flush).
    pub async fn flush_async(&self, timeout: Duration) -> Result<(), FlushError> {
        let (begun, mut ends) = (Instant::now(), Vec::new());
        for going in self.hurried() {
            let left = timeout.saturating_sub(begun.elapsed());
            let end = going.client.flush_async(left).await;
            ends.push(end.map_err(|error| error.at(&going.tenant)));
        }
        first(ends)
    }

    /// Closes all clients, and waits for those that are leaving already, within `timeout` together. A tenant that is
    /// asked for later gets a new one.
    ///
    /// A server calls it, or [`shutdown_async`](Self::shutdown_async), when it was told to end
    /// ([`terminated`](crate::client::terminated)) and has served the requests it had.
    ///
    /// # Errors
    /// As [`flush`](Self::flush). What was left is dropped and counted.
    pub fn shutdown(&self, timeout: Duration) -> Result<(), FlushError> {
        let begun = Instant::now();
        let ends = self.taken(|_| true).into_iter().map(|going| {
            let left = timeout.saturating_sub(begun.elapsed());
            let end = going.client.shutdown(left);
            self.exit.end(&going);
            end.map_err(|error| error.at(&going.tenant))
        });
        first(ends)
    }

    /// Closes as [`shutdown`](Self::shutdown) does, without blocking; on any runtime.
    ///
    /// # Errors
    /// As [`flush`](Self::flush).
    pub async fn shutdown_async(&self, timeout: Duration) -> Result<(), FlushError> {
        let (begun, mut ends) = (Instant::now(), Vec::new());
        for going in self.taken(|_| true) {
            let left = timeout.saturating_sub(begun.elapsed());
            let end = going.client.shutdown_async(left).await;
            self.exit.end(&going);
            ends.push(end.map_err(|error| error.at(&going.tenant)));
        }
        first(ends)
    }

    /// Returns the names of the tenants that have a client, in order.
    pub fn open(&self) -> Vec<String> {
        let open = self.lock();
        let named = open.iter().filter(|(_, slot)| slot.tenant().is_some());
        let mut names: Vec<String> = named.map(|(name, _)| name.clone()).collect();
        names.sort_unstable();
        names
    }

    /// Returns the books.
    pub fn stats(&self) -> TenantsStats {
        let open = self.lock();
        let exit = self.exit.lock();
        TenantsStats {
            open: open.values().filter_map(Slot::tenant).count(),
            leaving: exit.leaving.len(),
            opened: self.opened.load(Ordering::Relaxed),
            closed: exit.closed,
            refused: self.refused.load(Ordering::Relaxed),
            lost: exit.books.total_dropped(),
        }
    }

    /// Returns the books of all clients as one: of all their destinations, of those that are open, those that are
    /// leaving, and those that are gone. They balance like those of one.
    ///
    /// What a client left on disk when it was closed counts as spooled, also when a later one of the tenant has found
    /// it there and counts it as recovered. What is refused after a client was closed is not counted here.
    pub fn ledger(&self) -> ExportStats {
        let open = self.lock();
        let exit = self.exit.lock();
        let mut sum = exit.books.clone();
        let open = open.values().filter_map(Slot::tenant).map(|it| &it.client);
        for client in open.chain(exit.leaving.iter().map(|going| &going.client)) {
            sum.add(&client.ledger());
        }
        sum
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Slot>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes out the clients that nobody uses and nobody has asked for lately.
    fn take_idle(&self, open: &mut HashMap<String, Slot>, now: Instant) -> Vec<Arc<Going>> {
        let is_idle = |slot: &Slot| {
            slot.tenant().is_some_and(|tenant| {
                now.saturating_duration_since(tenant.asked) >= self.idle
                    && !tenant.has_handles()
                    && tenant.client.held() == (0, 0)
            })
        };
        let taken = open.extract_if(|_, slot| is_idle(slot));
        taken
            .filter_map(|(name, slot)| self.go(&name, slot))
            .collect()
    }

    /// Takes out the client that was asked for longest ago, of those that nobody uses; none while too many leave.
    /// Those that have something on disk come last.
    fn take_oldest(&self, open: &mut HashMap<String, Slot>) -> Option<Arc<Going>> {
        if self.exit.lock().leaving.len() >= self.most {
            return None;
        }
        let unused = open.iter().filter_map(|(name, slot)| {
            let tenant = slot.tenant().filter(|tenant| !tenant.has_handles())?;
            match tenant.client.held() {
                (0, spooled) => Some((spooled > 0, tenant.asked, name)),
                _ => None,
            }
        });
        let (_, _, oldest) = unused.min()?;
        let oldest = oldest.clone();
        let slot = open.remove(&oldest)?;
        self.go(&oldest, slot)
    }

    /// Puts a client among those that are leaving, so that it is counted in one place at any moment.
    fn go(&self, name: &str, slot: Slot) -> Option<Arc<Going>> {
        match slot {
            Slot::Open(known) => Some(self.exit.begin(name, known.client)),
            Slot::Making(_) => None,
        }
    }

    /// Flushes and closes clients beside: whoever asks for a client does not wait for another's.
    fn leave(&self, clients: Vec<Arc<Going>>) {
        for going in clients {
            Exit::leave(&self.exit, &going, self.close);
        }
    }

    /// Returns all clients, in the order of their names, each about to send what it holds: a tenant whose endpoint is
    /// away does not hold up the others.
    fn hurried(&self) -> Vec<Arc<Going>> {
        let open = self.lock();
        let each = open.iter().filter_map(|(name, slot)| {
            let client = slot.tenant()?.client.clone();
            let tenant = name.clone();
            Some(Arc::new(Going { tenant, client }))
        });
        let all = each
            .chain(self.exit.lock().leaving.iter().cloned())
            .collect();
        drop(open);
        in_order(all)
    }

    /// Takes such clients out, and returns them as [`hurried`](Self::hurried) does, with those that are leaving.
    fn taken(&self, such: impl Fn(&Tenant) -> bool) -> Vec<Arc<Going>> {
        let mut open = self.lock();
        // One that is being made has nothing to send.
        let taken = open.extract_if(|_, slot| slot.tenant().is_some_and(&such));
        for (name, slot) in taken {
            self.go(&name, slot);
        }
        let all = self.exit.lock().leaving.clone();
        drop(open);
        in_order(all)
    }
}

impl Drop for Tenants {
    fn drop(&mut self) {
        let begun = Instant::now();
        for going in self.taken(|tenant| !tenant.has_handles()) {
            let left = self.close.saturating_sub(begun.elapsed());
            if let Err(error) = going.client.shutdown(left) {
                tracing::warn!("not everything of a tenant was delivered to LangSmith: {error}");
            }
        }
    }
}

fn in_order(mut all: Vec<Arc<Going>>) -> Vec<Arc<Going>> {
    all.sort_by(|one, other| one.tenant.cmp(&other.tenant));
    for going in &all {
        going.client.exporters().hurry();
    }
    all
}

/// Goes through all of them, and returns the first problem.
fn first(ends: impl IntoIterator<Item = Result<(), FlushError>>) -> Result<(), FlushError> {
    ends.into_iter().fold(Ok(()), Result::and)
}

impl Slot {
    fn tenant(&self) -> Option<&Tenant> {
        match self {
            Self::Open(tenant) => Some(tenant),
            Self::Making(_) => None,
        }
    }
}

impl Tenant {
    /// Lists a client that nobody else has.
    fn new(client: &Client) -> Self {
        Self {
            // Before there is another one, which this list has.
            alone: client.handles(),
            client: client.clone(),
            asked: Instant::now(),
        }
    }

    /// Returns true if anybody else has a handle on the client, or an open run.
    fn has_handles(&self) -> bool {
        self.client.handles() > self.alone
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
