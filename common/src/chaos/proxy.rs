//! The handle on a proxy.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::Uri;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use super::carry::carry;
use super::log::{ChaosCounters, ChaosEntry, Log};
use super::plan::Plan;
use super::switch::{ChaosReset, ChaosSwitch};
use super::words::ChaosOrders;
use crate::analysis::Table;

/// A proxy on loopback between a caller and a service. It stops when it is dropped.
///
/// It passes everything on until it is told otherwise, and can be told while it runs. It has a thread and a runtime
/// of its own.
///
/// ```
/// use common::chaos::{Chaos, ChaosOutcome, ChaosSwitch};
/// use common::lab::{Service, http_client};
/// use axum::{Router, routing::get};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), reqwest::Error> {
/// let service = Service::start("service", Router::new().route("/", get(|| async { "42" })));
/// let chaos = Chaos::before(&service);
/// chaos.strip("accept");
/// chaos.script([ChaosSwitch::status(503)]);
/// for expected in [503, 200] {
///     assert_eq!(http_client().get(chaos.url("/")).send().await?.status(), expected);
/// }
/// let log = chaos.log();
/// assert_eq!(log[0].did, ["status=503", "strip=accept"]);
/// assert_eq!((log[1].outcome, log[1].did.len()), (ChaosOutcome::Passed(200), 1));
/// chaos.calm();
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Chaos {
    url: String,
    shared: Arc<Shared>,
    // Dropping the sender tells the proxy to stop.
    _stop: oneshot::Sender<()>,
}

/// What the handle and the connections share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) target: String,
    plan: Mutex<Plan>,
    log: Mutex<Log>,
}

impl Shared {
    pub(super) fn plan(&self) -> MutexGuard<'_, Plan> {
        self.plan.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn log(&self) -> MutexGuard<'_, Log> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where a proxy sends what it passes on: a URL such as `http://127.0.0.1:1984`, or whatever has one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChaosTarget(String);

impl From<&str> for ChaosTarget {
    fn from(url: &str) -> Self {
        Self(url.to_owned())
    }
}

impl From<String> for ChaosTarget {
    fn from(url: String) -> Self {
        Self(url)
    }
}

#[cfg(feature = "langsmith_mock")]
impl From<&crate::langsmith_mock::LangSmithMock> for ChaosTarget {
    fn from(mock: &crate::langsmith_mock::LangSmithMock) -> Self {
        Self(mock.url().to_owned())
    }
}

/// Why a proxy could not be started.
#[derive(Debug, thiserror::Error)]
pub enum ChaosError {
    /// The address is not that of an HTTP service on a port: write `http://HOST:PORT`, without a path.
    #[error("`{0}` is no address to pass requests on to: write http://HOST:PORT")]
    Target(String),
    /// The port is taken or not allowed, or no thread could be started. Use another port, or 0 for any free one.
    #[error("cannot listen on port {port}: {source}")]
    Listen {
        /// The port.
        port: u16,
        /// What the system says.
        source: io::Error,
    },
}

impl Chaos {
    /// Starts a proxy before a service, on a free port of this machine.
    ///
    /// # Panics
    /// When no port can be bound or the target is no HTTP address; a lesson cannot go on without. Elsewhere use
    /// [`try_before`](Self::try_before).
    #[allow(clippy::expect_used, reason = "lessons stop where they cannot go on")]
    pub fn before(target: impl Into<ChaosTarget>) -> Self {
        Self::try_before(target, 0).expect("a free port, and the address of an HTTP service")
    }

    /// Starts a proxy before a service, on a port of this machine; 0 is any free one.
    ///
    /// # Errors
    /// See [`ChaosError`].
    pub fn try_before(target: impl Into<ChaosTarget>, port: u16) -> Result<Self, ChaosError> {
        let target = authority(&target.into().0)?;
        let listen = |source| ChaosError::Listen { port, source };
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let listener = std::net::TcpListener::bind(address).map_err(listen)?;
        listener.set_nonblocking(true).map_err(listen)?;
        let url = format!("http://{}", listener.local_addr().map_err(listen)?);
        let shared = Arc::new(Shared {
            target,
            plan: Mutex::default(),
            log: Mutex::default(),
        });
        let (stop, stopped) = oneshot::channel::<()>();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(listen)?;
        let served = Arc::clone(&shared);
        std::thread::Builder::new()
            .name("chaos proxy".to_owned())
            .spawn(move || {
                if let Err(error) = runtime.block_on(serve(listener, served, stopped)) {
                    tracing::warn!(%error, "a chaos proxy ended");
                }
            })
            .map_err(listen)?;
        Ok(Self {
            url,
            shared,
            _stop: stop,
        })
    }

    /// Returns the address of a path as seen from outside the proxy.
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }

    /// Adds a switch to those in force.
    pub fn switch(&self, switch: ChaosSwitch) -> &Self {
        self.shared.plan().add(switch);
        self
    }

    /// Adds the switches of a line of words, and sets its seed.
    pub fn order(&self, orders: &ChaosOrders) -> &Self {
        let mut plan = self.shared.plan();
        plan.seed(orders.seed);
        for switch in &orders.switches {
            plan.add(switch.clone());
        }
        drop(plan);
        self
    }

    /// Lets each of the next requests meet a switch of its own, in their order, besides those in force; in the place of
    /// a script that is not over. A request that a step does not fit ([`ChaosSwitch::on`]) leaves it to the next one.
    pub fn script(&self, switches: impl IntoIterator<Item = ChaosSwitch>) -> &Self {
        self.shared.plan().script(switches);
        self
    }

    /// Returns how many requests the script still waits for.
    pub fn script_left(&self) -> u64 {
        self.shared.plan().script_left()
    }

    /// Ends all switches and the script. The log and the counters stay.
    pub fn calm(&self) -> &Self {
        self.shared.plan().calm();
        self
    }

    /// Sets what chance is counted from, for [`ChaosSwitch::percent`]; 0 at first.
    pub fn seed(&self, seed: u64) -> &Self {
        self.shared.plan().seed(seed);
        self
    }

    /// Removes a header from every request; [`ChaosSwitch::strip`].
    pub fn strip(&self, header: &str) -> &Self {
        self.switch(ChaosSwitch::strip(header))
    }

    /// Sends a header's line twice; [`ChaosSwitch::duplicate`].
    pub fn duplicate(&self, header: &str) -> &Self {
        self.switch(ChaosSwitch::duplicate(header))
    }

    /// Writes a header's name in capitals; [`ChaosSwitch::recase`].
    pub fn recase(&self, header: &str) -> &Self {
        self.switch(ChaosSwitch::recase(header))
    }

    /// Cuts a header's value to so many bytes; [`ChaosSwitch::truncate`].
    pub fn truncate(&self, header: &str, bytes: usize) -> &Self {
        self.switch(ChaosSwitch::truncate(header, bytes))
    }

    /// Turns the order of the header lines round; [`ChaosSwitch::reorder`].
    pub fn reorder(&self) -> &Self {
        self.switch(ChaosSwitch::reorder())
    }

    /// Puts blanks into a header's value; [`ChaosSwitch::blanks`].
    pub fn blanks(&self, header: &str) -> &Self {
        self.switch(ChaosSwitch::blanks(header))
    }

    /// Gives each member of a header a property; [`ChaosSwitch::property`].
    pub fn property(&self, header: &str, property: &str) -> &Self {
        self.switch(ChaosSwitch::property(header, property))
    }

    /// Answers 431 where the line of a header is longer than so many bytes; [`ChaosSwitch::limit`].
    pub fn limit(&self, bytes: usize) -> &Self {
        self.switch(ChaosSwitch::limit(bytes))
    }

    /// Holds each request back for so long; [`ChaosSwitch::delay`].
    pub fn delay(&self, by: Duration) -> &Self {
        self.switch(ChaosSwitch::delay(by))
    }

    /// Resets each connection at a point; [`ChaosSwitch::reset_at`].
    pub fn reset(&self, at: ChaosReset) -> &Self {
        self.switch(ChaosSwitch::reset_at(at))
    }

    /// Answers every request with a status; [`ChaosSwitch::status`].
    pub fn status(&self, status: u16) -> &Self {
        self.switch(ChaosSwitch::status(status))
    }

    /// Lets each answer come byte by byte; [`ChaosSwitch::trickle`].
    pub fn trickle(&self, pause: Duration) -> &Self {
        self.switch(ChaosSwitch::trickle(pause))
    }

    /// Returns the requests in the order in which they came, the latest 10,000 at most, and what was done to each.
    pub fn log(&self) -> Vec<ChaosEntry> {
        self.shared.log().entries()
    }

    /// Returns the log as a table.
    pub fn table(&self) -> Table {
        self.shared.log().table()
    }

    /// Returns how many requests met what.
    pub fn counters(&self) -> ChaosCounters {
        self.shared.log().counters()
    }
}

/// Returns host and port of a URL that names nothing else.
fn authority(url: &str) -> Result<String, ChaosError> {
    let wrong = || ChaosError::Target(url.to_owned());
    let uri: Uri = url.parse().map_err(|_| wrong())?;
    let named =
        uri.scheme_str() == Some("http") && matches!(uri.path(), "" | "/") && uri.query().is_none();
    let (host, port) = (uri.host(), uri.port_u16().unwrap_or(80));
    match host {
        Some(host) if named => Ok(format!("{host}:{port}")),
        _ => Err(wrong()),
    }
}

async fn serve(
    listener: std::net::TcpListener,
    shared: Arc<Shared>,
    mut stopped: oneshot::Receiver<()>,
) -> io::Result<()> {
    let listener = TcpListener::from_std(listener)?;
    loop {
        let accepted = tokio::select! {
            // Either way the handle is gone.
            _ = &mut stopped => return Ok(()),
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((caller, _)) => drop(tokio::spawn(carry(Arc::clone(&shared), caller))),
            // Too many open files, most often: those that are open will close.
            Err(error) => {
                tracing::warn!(%error, "a chaos proxy cannot take a connection");
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        }
    }
}
