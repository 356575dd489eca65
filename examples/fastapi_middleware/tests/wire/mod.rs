//! The service on a real port, and requests as no client library would write them.
#![allow(dead_code, unreachable_pub, reason = "each test file uses its part")]
#![allow(clippy::print_stdout, reason = "a skipped test says so")]

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use common::client::Client;
use common::langsmith_mock::LangSmithMock;
use fastapi_middleware::serve;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

#[path = "../../../../common/tests/vectors/cases.rs"]
pub mod recorded;

/// A bound, not a pause.
pub const ENOUGH: Duration = Duration::from_secs(30);

/// Tells whether the tests that need Python can run; in CI they have to.
pub fn python_is_here() -> bool {
    let here = common::lab::PythonService::is_installed();
    let required = std::env::var("CI").is_ok_and(|value| value == "true");
    assert!(
        here || !required,
        "CI needs the Python peers: there is no environment for them"
    );
    if !here {
        skip("there is no Python environment; `cargo workbook test` makes it");
    }
    here
}

/// Says that a test did not run, and why.
pub fn skip(reason: &str) {
    println!("skipped: {reason}");
}

/// Makes a client of a service, in the project `ours`.
pub fn client(mock: &LangSmithMock) -> Client {
    let builder = Client::builder()
        .endpoint(mock.url())
        .api_key("any")
        .project("ours");
    builder.service(serve::NAME).build().expect("a client")
}

/// Serves on a free port for as long as the test runs.
pub async fn start(app: Router) -> SocketAddr {
    let listener = serve::bind(([127, 0, 0, 1], 0).into())
        .await
        .expect("a free port");
    let address = listener.local_addr().expect("bound");
    tokio::spawn(serve::serve(listener, app, std::future::pending()));
    address
}

/// Sends `GET path` with these headers as they are; returns status and body.
pub async fn get(service: SocketAddr, path: &str, headers: &[(String, String)]) -> (u16, String) {
    let mut stream = TcpStream::connect(service).await.expect("loopback");
    let mut request = format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n");
    for (name, value) in headers {
        request.push_str(&format!("{name}: {value}\r\n"));
    }
    request.push_str("\r\n");
    stream.write_all(request.as_bytes()).await.expect("sent");
    let mut response = Vec::new();
    stream.read_to_end(&mut response).await.expect("answered");
    let response = String::from_utf8_lossy(&response).into_owned();
    let status = response.split(' ').nth(1).expect("a status line");
    let body = response.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    (status.parse().expect("a number"), body.to_owned())
}

pub fn header(name: &str, value: &str) -> (String, String) {
    (name.to_owned(), value.to_owned())
}
