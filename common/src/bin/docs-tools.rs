//! The tools of the docs assistant behind MCP, as a program that any MCP client can start or reach.
//!
//! ```text
//! LANGSMITH_TRACING=true LANGSMITH_ENDPOINT=… docs-tools --stdio            a client writes to it and reads from it
//!                                             docs-tools --http 127.0.0.1:0  {"url": …, "sdk": …}, then POST /mcp
//! ```
//!
//! It sends its own runs, below those of its callers, and ends when its standard input closes, or SIGTERM or Ctrl-C
//! comes.

use std::fmt::Display;
use std::io::{self, Read as _, Write as _};
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use axum::http::uri::Authority;
use axum::http::{HeaderMap, StatusCode, header};
use axum::routing::post;
use common::client::{Client, ClientBuilder, Config, ConfigError, terminated};
use common::lab::{McpServer, docs_tools};
use common::propagation::{Egress, LangSmithPropagator, TrustPolicy};
use rmcp::model::Implementation;

const HELP: &str = "Serves the tools of the docs assistant over MCP.

Usage: docs-tools --stdio | --http ADDRESS [--pause MILLISECONDS]

  --stdio           Serve whoever started this, on standard input and output
  --http ADDRESS    Serve streamable HTTP, for example 127.0.0.1:0, any free port of this machine;
                    the first line on standard output says where
  --pause MS        Make each tool so much slower, to see what losing patience looks like

Runs go where LANGSMITH_TRACING, LANGSMITH_ENDPOINT, LANGSMITH_API_KEY and LANGSMITH_PROJECT say.
It ends when standard input closes, on SIGTERM and on Ctrl-C, and sends its runs before.
";

/// How long whoever asks for the runs to be sent may have to wait.
const ASKED_FLUSH: Duration = Duration::from_secs(50);

/// The name of the server, which is also that of its service in metadata.
const NAME: &str = "docs-tools";

/// Where the tools are served.
enum Way {
    Stdio,
    Http(SocketAddr),
}

fn main() -> ExitCode {
    let (way, pause) = match arguments(std::env::args().skip(1)) {
        Ok(Some(arguments)) => arguments,
        Ok(None) => {
            // Whoever asked and does not read is no failure.
            let _ = io::stdout().write_all(HELP.as_bytes());
            return ExitCode::SUCCESS;
        }
        Err(why) => return complain(format_args!("{why}\n  → docs-tools --help"), 2),
    };
    let (server, client) = match server(pause) {
        Ok(server) => server,
        Err(error) => return complain(error, 1),
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => return complain(error, 1),
    };
    let served = runtime.block_on(async {
        // Heard from now on, not from when somebody waits for it.
        let terminated = terminated();
        let served = tokio::select! {
            served = serve(&server, way) => served,
            () = terminated => {
                server.finish().await;
                Ok(())
            }
        };
        // What could not be sent by now would hold the process up until its client kills it.
        let _ = client.shutdown_async(Duration::ZERO).await;
        served
    });
    // A thread may still wait for standard input, which nobody closes after SIGTERM.
    runtime.shutdown_background();
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => complain(error, 1),
    }
}

/// Reads the command line; nothing if help is asked for.
fn arguments(given: impl Iterator<Item = String>) -> Result<Option<(Way, Duration)>, String> {
    let (mut way, mut pause, mut given) = (None, Duration::ZERO, given);
    while let Some(argument) = given.next() {
        match argument.as_str() {
            "--stdio" => way = Some(Way::Stdio),
            "--http" => {
                let address = given.next().and_then(|text| address(&text));
                way = Some(Way::Http(
                    address.ok_or("give --http an address such as 127.0.0.1:0")?,
                ));
            }
            "--pause" => {
                let millis = given.next().and_then(|text| text.parse().ok());
                pause = Duration::from_millis(millis.ok_or("give --pause milliseconds")?);
            }
            "-h" | "--help" => return Ok(None),
            other => return Err(format!("`{other}` is no argument of docs-tools")),
        }
    }
    Ok(Some((way.ok_or("say --stdio or --http")?, pause)))
}

/// Reads an address in numbers, or `localhost` with a port.
fn address(text: &str) -> Option<SocketAddr> {
    match text.strip_prefix("localhost:") {
        Some(port) => Some(SocketAddr::from(([127, 0, 0, 1], port.parse().ok()?))),
        None => text.parse().ok(),
    }
}

fn server(pause: Duration) -> Result<(McpServer, Client), ConfigError> {
    let config = Config::from_env()?;
    // Whoever starts this is a caller of ours, and this listens to this machine alone.
    let ours = LangSmithPropagator::new()
        .policy(TrustPolicy::Continue)
        .allow_projects([config.project.clone()])
        .allow_metadata(["thread_id"]);
    // What a caller says of itself is inherited, and this would be the caller's name.
    let client = ClientBuilder::from(config).service(NAME).build()?;
    let server = docs_tools(McpServer::new(NAME, &client, ours), pause);
    Ok((server, client))
}

async fn serve(server: &McpServer, way: Way) -> io::Result<()> {
    let address = match way {
        Way::Stdio => {
            server.serve_stdio().await;
            return Ok(());
        }
        Way::Http(address) if address.ip().is_loopback() => address,
        Way::Http(_) => return Err(io::Error::other("--http takes an address of this machine")),
    };
    let flushed = server.clone();
    let flush = post(move |headers: HeaderMap| async move {
        if !asked_from_here(&headers) {
            let why = "only programs of this machine may ask".to_owned();
            return (StatusCode::FORBIDDEN, why);
        }
        match flushed.flush(ASKED_FLUSH).await {
            Ok(()) => (StatusCode::OK, "{}".to_owned()),
            Err(error) => (StatusCode::BAD_GATEWAY, error.to_string()),
        }
    });
    let router = server.router().route("/flush", flush);
    let listener = tokio::net::TcpListener::bind(address).await?;
    let url = format!("http://{}", listener.local_addr()?);
    let sdk = Implementation::from_build_env();
    let sdk = format!("{} {}", sdk.name, sdk.version);
    let ready = serde_json::json!({"url": url, "sdk": sdk});
    writeln!(io::stdout(), "{ready}")?;
    let (closed, input_closed) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        // Whatever is written there is not for us; its end is, and so is its failure.
        let _ = io::copy(&mut io::stdin().lock().by_ref(), &mut io::sink());
        let _ = closed.send(());
    });
    let served = tokio::select! {
        served = axum::serve(listener, router) => served,
        _ = input_closed => {
            // Or one who starts it without any wonders why it is gone.
            let _ = writeln!(io::stderr(), "{NAME} ends: its standard input is closed");
            Ok(())
        }
    };
    server.finish().await;
    served
}

/// Says whether a request comes from a program of this machine, and not from a web page, which says where it
/// is from (`Origin`), or asks for a name that leads here (`Host`).
fn asked_from_here(headers: &HeaderMap) -> bool {
    let host = headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok());
    let host: Option<Authority> = host.and_then(|host| host.parse().ok());
    let here = host.is_some_and(|host| Egress::loopback().allows(host.host(), None));
    here && !headers.contains_key(header::ORIGIN)
}

fn complain(why: impl Display, code: u8) -> ExitCode {
    // Nobody is left to tell if standard error is gone.
    let _ = writeln!(io::stderr(), "✗ {why}");
    ExitCode::from(code)
}
