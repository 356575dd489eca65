//! Tenants that share a process.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use secrecy::SecretString;
use serde_json::json;

use super::books::{TenantBooks, mark, read};
use super::one_batch::{OneBatch, SendError};
use crate::client::{Client, ConfigError, TenantError, Tenants};
use crate::export::{BatchConfig, Destination, FlushError, SpoolConfig};
use crate::lab::{ScratchFolder, Tap, Tapped};
use crate::trace::RunBuilder;

/// How long delivering may take; loopback takes milliseconds.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);

/// How tenants share what sends their runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sharing {
    /// One queue for all, written by hand: what is in it when it is full becomes one batch.
    OneBatch,
    /// A client for each, from [`Tenants`].
    ByTenant,
}

/// What happens meanwhile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// Nothing.
    None,
    /// LangSmith answers 503 to the first request of each key, so that all is sent again.
    Outage,
    /// The first tenant's key is revoked: 401, until it has a new one. The others go on.
    RevokedKey,
    /// LangSmith is away, the process ends with everything on disk, and another one with the same folder sends it.
    Restart,
}

impl Trouble {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::None, Self::Outage, Self::RevokedKey, Self::Restart];
}

/// Why the tenants could not be traced.
#[derive(Debug, thiserror::Error)]
pub enum TenancyError {
    /// A client could not be made.
    #[error(transparent)]
    Tenant(#[from] TenantError),
    /// What was recorded could not be sent.
    #[error("not everything could be sent: {0}")]
    Send(String),
    /// The task that did it was lost, as by the end of the runtime.
    #[error("the tenants were left alone")]
    Left,
}

impl From<ConfigError> for TenancyError {
    fn from(error: ConfigError) -> Self {
        Self::Tenant(error.into())
    }
}

impl From<SendError> for TenancyError {
    fn from(error: SendError) -> Self {
        Self::Send(error.to_string())
    }
}

impl From<FlushError> for TenancyError {
    fn from(error: FlushError) -> Self {
        Self::Send(error.to_string())
    }
}

/// Records `runs` runs of each tenant, in turns, through trouble, and reads under whose keys they travelled.
///
/// ```
/// use common::lab::tenancy::{Sharing, Trouble, share};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), common::lab::tenancy::TenancyError> {
/// let tenants = ["acme", "bravo"];
/// let shared = share(Sharing::OneBatch, Trouble::None, tenants, 3).await?;
/// assert_eq!(shared[1].astray, 3, "the batch begins with a run of acme, so it has its key");
/// let apart = share(Sharing::ByTenant, Trouble::None, tenants, 3).await?;
/// assert!(apart.iter().all(|one| one.own == 3 && one.astray == 0));
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// If a client cannot be made, or runs cannot be sent when the trouble is over.
pub async fn share(
    sharing: Sharing,
    trouble: Trouble,
    tenants: impl IntoIterator<Item = impl Into<String>>,
    runs: usize,
) -> Result<Vec<TenantBooks>, TenancyError> {
    let tenants: Vec<String> = tenants.into_iter().map(Into::into).collect();
    let done = tokio::task::spawn_blocking(move || {
        let house = House::new(&tenants, trouble);
        match sharing {
            Sharing::OneBatch => house.one_batch(runs)?,
            Sharing::ByTenant => house.by_tenant(runs)?,
        }
        Ok(read(&tenants, runs, &house.tap.ingested()))
    });
    done.await.map_err(|_| TenancyError::Left)?
}

/// Returns a key of a tenant: the first, or the second, which comes after it. They open nothing.
pub(super) fn key_of(tenant: &str, number: u32) -> String {
    format!("key-of-{tenant}-{number}")
}

/// The numbers of a tenant's keys.
pub(super) const KEYS: [u32; 2] = [1, 2];

/// What the tenants live in.
struct House {
    tap: Tap,
    tenants: Vec<String>,
    trouble: Trouble,
    folder: ScratchFolder,
    // The number of the key that the first tenant has.
    first_key: Arc<Mutex<u32>>,
}

impl House {
    fn new(tenants: &[String], trouble: Trouble) -> Self {
        let tap = Tap::start();
        match trouble {
            Trouble::None => {}
            Trouble::Outage => {
                let met = Mutex::new(BTreeSet::new());
                tap.answers_with(move |request| {
                    let mut met = met.lock().unwrap_or_else(PoisonError::into_inner);
                    if met.insert(key_in(request)) {
                        503
                    } else {
                        202
                    }
                });
            }
            Trouble::RevokedKey => {
                let revoked = tenants.first().map(|first| key_of(first, 1));
                tap.answers_with(move |request| match revoked == Some(key_in(request)) {
                    true => 401,
                    false => 202,
                });
            }
            Trouble::Restart => tap.answers(503),
        }
        Self {
            tap,
            tenants: tenants.to_vec(),
            trouble,
            folder: ScratchFolder::new("tenants"),
            first_key: Arc::new(Mutex::new(1)),
        }
    }

    fn one_batch(&self, runs: usize) -> Result<(), TenancyError> {
        let queue = OneBatch::default();
        for number in 0..runs {
            for tenant in &self.tenants {
                let to = Destination::new(self.tap.url("")).api_key(key_of(tenant, 1));
                record(queue.run(&to, "answer"), tenant, number);
            }
        }
        if self.trouble == Trouble::Restart {
            // Nothing written by hand has a spool: its queue ends with the process.
            return Ok(());
        }
        match (queue.send(), self.trouble) {
            // Nobody held the batch until there was another key.
            (Err(SendError::Flush(_)), Trouble::RevokedKey) => Ok(()),
            (sent, _) => Ok(sent?),
        }
    }

    fn by_tenant(&self, runs: usize) -> Result<(), TenancyError> {
        let tenants = self.make();
        for number in 0..runs {
            for tenant in &self.tenants {
                let client = tenants.client(tenant)?;
                record(client.run("answer"), tenant, number);
            }
        }
        match self.trouble {
            Trouble::None | Trouble::Outage => tenants.shutdown(PATIENCE)?,
            Trouble::RevokedKey => {
                // The others are delivered; what is of the first is held, not dropped.
                let held = tenants.flush(Duration::from_millis(200));
                drop(held);
                *self
                    .first_key
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner) = 2;
                tenants.shutdown(PATIENCE)?;
            }
            Trouble::Restart => {
                // The process ends with everything on disk …
                let ended = tenants.shutdown(Duration::ZERO);
                drop(ended);
                drop(tenants);
                self.tap.answers(202);
                // … and the next one begins with another tenant than the last did.
                let next = self.make();
                for tenant in self.tenants.iter().rev() {
                    drop(next.client(tenant)?);
                }
                next.flush(PATIENCE)?;
                next.shutdown(PATIENCE)?;
            }
        }
        Ok(())
    }

    /// Makes the clients of a process. All tenants have one address, and one folder is configured for all.
    fn make(&self) -> Tenants {
        let (endpoint, folder) = (self.tap.url(""), self.folder.path().to_owned());
        let (first, number) = (self.tenants.first().cloned(), self.first_key.clone());
        let spools = self.trouble == Trouble::Restart;
        Tenants::new(move |tenant| {
            let batch = BatchConfig {
                compress: false,
                spool: spools.then(|| SpoolConfig::new(&folder).durable()),
                ..BatchConfig::default()
            };
            let builder = Client::builder()
                .endpoint(&endpoint)
                .project(tenant)
                .batch(batch);
            if first.as_deref() != Some(tenant) {
                return Ok(builder.api_key(key_of(tenant, 1)));
            }
            let (tenant, number) = (tenant.to_owned(), number.clone());
            Ok(builder.api_key_from(move || {
                let number = number.lock().unwrap_or_else(PoisonError::into_inner);
                Some(SecretString::from(key_of(&tenant, *number)))
            }))
        })
    }
}

fn record(run: RunBuilder, tenant: &str, number: usize) {
    let run = run
        .inputs(json!({"question": mark(tenant, number)}))
        .start();
    run.end_with(json!({"answer": 42}));
}

fn key_in(request: &Tapped) -> String {
    request.header("x-api-key").unwrap_or_default().to_owned()
}
