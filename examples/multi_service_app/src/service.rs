//! What all services share: a client, a port, health, and an end that loses nothing.
//!
//! ```text
//! open ─► bind ─► `listening on URL`, the first line ─► serve ─► SIGTERM, Ctrl-C, or the end of standard input
//!                                                      ─► finish requests ─► send runs ─► books
//! ```
//!
//! Start at [`Site::open`].

use std::future::Future;
use std::io::Read as _;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context as _, Result};
use axum::Router;
use axum::extract::MatchedPath;
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::routing::get;
use axum::serve::ListenerExt as _;
use common::client::{Client, ClientBuilder, Config, terminated};
use common::middleware::TracingLayer;
use common::propagation::TrustPolicy;
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::cli::Listen;
use crate::log::{complain, say};
use crate::role::Role;

/// How long requests may take to finish once the service is told to end, and then runs to be sent. Together they are
/// less than the ten seconds that container platforms wait before they kill.
pub const FINISH: Duration = Duration::from_secs(5);
/// See [`FINISH`].
pub const FLUSH: Duration = Duration::from_secs(4);
/// How long work may take that nobody waits for any more.
const IDLE: Duration = Duration::from_secs(1);
/// What the first line on standard output begins with; the rest of it is the address.
pub const LISTENING: &str = "listening on ";

/// A service as it starts.
#[derive(Debug)]
pub struct Site {
    role: Role,
    /// Where its runs go.
    pub client: Client,
    /// Says when it is to end.
    pub stop: Stop,
    listen: Listen,
}

impl Site {
    /// Makes the client of a service from the environment (`LANGSMITH_…`), and listens for its end from now on.
    ///
    /// # Errors
    /// If the environment names no LangSmith that can be used. Without `LANGSMITH_TRACING` it traces not.
    pub fn open(role: Role, listen: &Listen) -> Result<Self> {
        let client = ClientBuilder::from(Config::from_env()?)
            .service(role.name())
            .build()
            .context("runs have nowhere to go; LANGSMITH_TRACING=false does without")?;
        if !client.is_enabled() {
            complain("tracing is off: LANGSMITH_TRACING=true switches it on");
        }
        Ok(Self {
            role,
            client,
            stop: Stop::listen(listen.stop_with_stdin),
            listen: listen.clone(),
        })
    }

    /// Makes the layer that continues the traces of the other services. Nobody else gets to them: see the README.
    pub fn layer(&self) -> TracingLayer {
        layer(&self.client)
            .policy(TrustPolicy::Continue)
            .allow_projects([project()])
    }

    /// Takes the port, and says so.
    ///
    /// # Errors
    /// If it cannot be had; the error says what to do.
    pub async fn bind(&self) -> Result<TcpListener> {
        let port = self.listen.port.unwrap_or(self.role.port());
        let address = SocketAddr::new(self.listen.host, port);
        let listener = TcpListener::bind(address).await.with_context(|| {
            format!("{address} cannot be had; take another port, or any free one with --port 0")
        })?;
        let local = listener.local_addr().context("the port is not known")?;
        say(&format!("{LISTENING}http://{local}"));
        Ok(listener)
    }

    /// Serves until the end, and after it until `drained` is.
    ///
    /// # Errors
    /// If the port cannot be had, or the system accepts no connections.
    pub async fn serve(
        self,
        app: Router,
        drained: impl Future<Output = ()> + Send + 'static,
    ) -> Result<()> {
        let listener = self.bind().await?.tap_io(|connection| {
            // Else a token waits until the reader has acknowledged the one before.
            let _ = connection.set_nodelay(true);
        });
        let told = self.stop.clone();
        let health = move || {
            let is_ending = told.is_told();
            // Whoever spreads requests sends no more.
            async move {
                match is_ending {
                    true => (StatusCode::SERVICE_UNAVAILABLE, "ending\n"),
                    false => (StatusCode::OK, "ok\n"),
                }
            }
        };
        let app = app.route("/healthz", get(health));
        let stop = self.stop.clone();
        let ending = async move {
            stop.wait().await;
            drained.await;
        };
        let serving = axum::serve(listener, app).with_graceful_shutdown(ending);
        tokio::select! {
            served = serving => served.context("the service stopped")?,
            () = self.stop.after(FINISH) => complain("requests that took too long were cut off"),
        }
        self.end().await;
        Ok(())
    }

    /// Sends what is left, and tells what became of the runs.
    pub async fn end(self) {
        // What is left by now has lost its reader, and ends at once.
        if tokio::time::timeout(IDLE, self.stop.idle()).await.is_err() {
            complain("work that took too long was cut off");
        }
        if let Err(error) = self.client.shutdown_async(FLUSH).await {
            // Told and no more: the requests were answered, and that is what the service is for.
            complain(&format!("runs were lost: {error}"));
        }
        complain(&format!("runs: {}", self.client.stats()));
    }
}

/// Makes a layer that believes nobody, names runs after their routes, and leaves health checks out.
pub fn layer(client: &Client) -> TracingLayer {
    TracingLayer::new(client.tracer())
        .filter(|request| !is_health(request.uri.path()))
        .name(route)
}

/// Load balancers ask every few seconds; nobody wants to see that.
fn is_health(path: &str) -> bool {
    path == "/healthz" || path.starts_with("/grpc.health.v1.")
}

/// Names a run after its route: a path with ids in it would make a name of its own for each request.
fn route(request: &Parts) -> String {
    let route = request.extensions.get::<MatchedPath>();
    let route = route.map_or("unmatched", MatchedPath::as_str);
    format!("{} {route}", request.method)
}

/// The project of this process: the only one that a caller may name.
fn project() -> String {
    Config::from_env()
        .map(|config| config.project)
        .unwrap_or_default()
}

/// Says when a service is to end, and who still works then. A cheap clone.
#[derive(Debug, Clone)]
pub struct Stop {
    told: watch::Receiver<bool>,
    working: watch::Sender<usize>,
}

/// Somebody who works. The service waits for it before it sends its last runs.
#[derive(Debug)]
#[must_use = "dropped, nobody waits"]
pub struct Working(watch::Sender<usize>);

impl Drop for Working {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count = count.saturating_sub(1));
    }
}

impl Stop {
    /// Listens from now on: to SIGTERM and SIGINT, and on request to the end of standard input.
    pub fn listen(with_stdin: bool) -> Self {
        let (told, telling) = watch::channel(false);
        let signal = terminated();
        let by_signal = told.clone();
        tokio::spawn(async move {
            signal.await;
            by_signal.send_replace(true);
        });
        if with_stdin {
            // A thread of its own: it may wait as long as the process lives, and a runtime waits for its threads.
            std::thread::spawn(move || {
                let mut nothing = [0; 64];
                while matches!(std::io::stdin().read(&mut nothing), Ok(1..)) {}
                told.send_replace(true);
            });
        }
        Self {
            told: telling,
            working: watch::Sender::new(0),
        }
    }

    /// Says that somebody works until the answer is dropped: a task that outlives its request, as when the reader of a
    /// stream has gone. The server knows of requests only, and the end of such a run would come too late.
    pub fn working(&self) -> Working {
        self.working.send_modify(|count| *count += 1);
        Working(self.working.clone())
    }

    /// Waits until nobody works.
    pub async fn idle(&self) {
        // A sender of it is here.
        let _ = self.working.subscribe().wait_for(|count| *count == 0).await;
    }

    /// Waits for the end.
    pub async fn wait(&self) {
        // The sender lives in a task or a thread that ends with the process only.
        let _ = self.told.clone().wait_for(|told| *told).await;
    }

    /// Waits for the end, and so much longer.
    pub async fn after(&self, longer: Duration) {
        self.wait().await;
        tokio::time::sleep(longer).await;
    }

    /// Returns true from the end on.
    pub fn is_told(&self) -> bool {
        *self.told.borrow()
    }
}
