//! The tools of the docs assistant behind MCP, as a program that any MCP client can start or reach.
//!
//! ```text
//! LANGSMITH_TRACING=true LANGSMITH_ENDPOINT=… docs-tools --stdio            a client writes to it and reads from it
//!                                             docs-tools --http 127.0.0.1:0  {"url": …, "sdk": …}, then POST /mcp
//! ```
//!
//! It sends its own runs, below those of its callers, and ends when its standard input closes or SIGTERM comes.

use std::fmt::Display;
use std::io::{self, Read as _, Write as _};
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use axum::http::StatusCode;
use axum::routing::post;
use common::client::{Client, Config, ConfigError, terminated};
use common::lab::{McpServer, SERVER_FLUSH, docs_tools};
use common::propagation::{LangSmithPropagator, TrustPolicy};

const HELP: &str = "Serves the tools of the docs assistant over MCP.

Usage: docs-tools --stdio | --http ADDRESS [--pause MILLISECONDS]

  --stdio           Serve whoever started this, on standard input and output
  --http ADDRESS    Serve streamable HTTP, for example 127.0.0.1:0, any free port of this machine;
                    the first line on standard output says where
  --pause MS        Make each tool so much slower, to see what losing patience looks like

Runs go where LANGSMITH_TRACING, LANGSMITH_ENDPOINT, LANGSMITH_API_KEY and LANGSMITH_PROJECT say.
It ends when standard input closes, and on SIGTERM, and sends its runs before.
";

/// The implementation of MCP that this crate is built with.
const SDK: &str = "rmcp 3.9.0";

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
    let server = match server(pause) {
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
            () = terminated => Ok(()),
        };
        server.finish().await;
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
fn arguments(given: impl Iterator<Item = String>) -> Result<Option<(Way, Duration)>, &'static str> {
    let (mut way, mut pause, mut given) = (None, Duration::ZERO, given);
    while let Some(argument) = given.next() {
        match argument.as_str() {
            "--stdio" => way = Some(Way::Stdio),
            "--http" => {
                let address = given.next().and_then(|text| text.parse().ok());
                way = Some(Way::Http(
                    address.ok_or("give --http an address such as 127.0.0.1:0")?,
                ));
            }
            "--pause" => {
                let millis = given.next().and_then(|text| text.parse().ok());
                pause = Duration::from_millis(millis.ok_or("give --pause milliseconds")?);
            }
            "-h" | "--help" => return Ok(None),
            _ => return Err("an argument is none of ours"),
        }
    }
    Ok(Some((way.ok_or("say --stdio or --http")?, pause)))
}

fn server(pause: Duration) -> Result<McpServer, ConfigError> {
    let config = Config::from_env()?;
    // Whoever starts this is a caller of ours, and this listens to this machine alone.
    let ours = LangSmithPropagator::new()
        .policy(TrustPolicy::Continue)
        .allow_projects([config.project]);
    let client = Client::from_env()?;
    Ok(docs_tools(
        McpServer::new("docs-tools", &client, ours),
        pause,
    ))
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
    let flush = post(move || async move {
        match flushed.flush(SERVER_FLUSH).await {
            Ok(()) => (StatusCode::OK, "{}".to_owned()),
            Err(error) => (StatusCode::BAD_GATEWAY, error.to_string()),
        }
    });
    let router = server.router().route("/flush", flush);
    let listener = tokio::net::TcpListener::bind(address).await?;
    let url = format!("http://{}", listener.local_addr()?);
    let ready = serde_json::json!({"url": url, "sdk": SDK});
    writeln!(io::stdout(), "{ready}")?;
    let (closed, input_closed) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        // Whatever is written there is not for us; its end is, and so is its failure.
        let _ = io::copy(&mut io::stdin().lock().by_ref(), &mut io::sink());
        let _ = closed.send(());
    });
    tokio::select! {
        served = axum::serve(listener, router) => served,
        _ = input_closed => Ok(()),
    }
}

fn complain(why: impl Display, code: u8) -> ExitCode {
    // Nobody is left to tell if standard error is gone.
    let _ = writeln!(io::stderr(), "✗ {why}");
    ExitCode::from(code)
}
