//! Running the service: port, signals, and the runs that are still held when it ends.
//!
//! ```text
//! bind ─► URL on stdout ─► serve ─► Ctrl-C or SIGTERM ─► finish requests ─► send runs ─► books
//! ```
//!
//! Start at [`alone`].

use std::future::Future;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow};
use axum::Router;
use axum::serve::ListenerExt as _;
use common::client::{Client, ClientBuilder, Config, ConfigError, terminated};
use common::lab::terminal::{complain, say};
use tokio::net::TcpListener;

use crate::cli::Serve;
use crate::next::Next;
use crate::service;
use crate::trust;

/// The service's name, in replies and in the metadata of its runs.
pub const NAME: &str = "axum";
/// How long requests may take to finish, and then runs to be sent. Together they are less than the
/// ten seconds that container platforms wait before they kill.
const FINISH: Duration = Duration::from_secs(4);
const FLUSH: Duration = Duration::from_secs(4);

/// Serves alone until it is asked to stop.
///
/// # Errors
/// If the configuration cannot be used, or the port cannot be had.
pub async fn alone(wishes: &Serve) -> Result<()> {
    let client = client(wishes)?;
    let project = Config::from_env()?.project;
    let project = wishes.project.as_ref().unwrap_or(&project);
    let layer = service::layer(client.tracer(), project);
    let layer = wishes.policy.apply(layer, trust::secret());
    let next = wishes.next.as_ref().map(|url| Next {
        name: "next".into(),
        url: url.trim_end_matches('/').into(),
        http: common::lab::http_client(),
    });
    let app = service::app(NAME, layer.clone(), next);

    // Heard from now on, before anybody is told that the program is there.
    let end = terminated();
    let listener = bind(SocketAddr::new(wishes.host, wishes.port)).await?;
    // Alone on the first line, so that a script can read it.
    say(&url(&listener)?);
    let check = tokio::spawn(say_where_runs_go(client.clone()));
    serve(listener, app, end).await?;
    check.abort();

    complain(&format!("headers: {}", layer.counters()));
    if let Err(error) = client.shutdown_async(FLUSH).await {
        // Told and no more: the requests were answered, and that is what the service is for.
        complain(&format!("runs were lost: {error}"));
    }
    complain(&format!("runs:    {}", client.stats()));
    Ok(())
}

fn client(wishes: &Serve) -> Result<Client> {
    // The key comes from the environment only: a command line can be read by every user of a machine.
    let mut builder = ClientBuilder::from(Config::from_env()?)
        .enabled(!is_switched_off())
        .service(NAME);
    if let Some(endpoint) = &wishes.langsmith {
        builder = builder.endpoint(endpoint);
    }
    if let Some(project) = &wishes.project {
        builder = builder.project(project);
    }
    builder.build().map_err(|error| match error {
        ConfigError::MissingApiKey => anyhow!(
            "runs have nowhere to go: {error}; a stand-in needs no key: start one with \
             `cargo workbook serve`, and give its address with --langsmith"
        ),
        error => anyhow!("runs have nowhere to go: {error}"),
    })
}

/// Tells whether the environment says no. Without a word of it this program traces: it is there to show
/// that.
fn is_switched_off() -> bool {
    let said =
        |name| std::env::var(name).is_ok_and(|word| word.trim().eq_ignore_ascii_case("false"));
    let names = [
        "LANGSMITH_TRACING_V2",
        "LANGSMITH_TRACING",
        "LANGCHAIN_TRACING_V2",
    ];
    names.into_iter().any(said)
}

/// Asks LangSmith in the background: a service starts whether or not its traces have somewhere to go.
async fn say_where_runs_go(client: Client) {
    match client.check().await {
        Ok(_) => complain(&format!("runs go to {}", client.endpoint())),
        Err(error) => complain(&format!(
            "the service answers, but its runs get nowhere: {error}"
        )),
    }
}

/// Takes a port.
///
/// # Errors
/// If it cannot be had; the error says what to do.
pub async fn bind(address: SocketAddr) -> Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| {
        format!("{address} cannot be had; take another port, or any free one with --port 0")
    })
}

/// Returns the address that clients use.
///
/// # Errors
/// If the system does not tell the port.
pub fn url(listener: &TcpListener) -> Result<String> {
    Ok(format!(
        "http://{}",
        listener.local_addr().context("the port is not known")?
    ))
}

/// Serves until `stop`, then finishes the requests that are under way, but waits for nobody for ever.
///
/// # Errors
/// If the system refuses to accept connections.
pub async fn serve(
    listener: TcpListener,
    app: Router,
    stop: impl Future<Output = ()> + Send + 'static,
) -> Result<()> {
    // The peer's address, for a policy that looks at it.
    let app = app.into_make_service_with_connect_info::<SocketAddr>();
    let listener = listener.tap_io(|connection| {
        // Else a streamed chunk waits until the caller has acknowledged the one before. Where it cannot
        // be switched off, the reply is late and no worse.
        let _ = connection.set_nodelay(true);
    });
    let (stopping, stopped) = tokio::sync::oneshot::channel();
    let stop = async move {
        stop.await;
        let _ = stopping.send(());
    };
    let late = async {
        // The sender is dropped only with the server itself.
        let _ = stopped.await;
        tokio::time::sleep(FINISH).await;
    };
    tokio::select! {
        served = axum::serve(listener, app).with_graceful_shutdown(stop) => {
            served.context("the service stopped")
        }
        () = late => Ok(()),
    }
}
