//! Each service alone, as a container runs it: port, health, and an end that is asked for.

mod told;

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Stdio};

use multi_service_app::role::Role;
use multi_service_app::tools::proto::FitPromptRequest;
use multi_service_app::tools::proto::tools_client::ToolsClient;
use tonic::Code;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use self::told::program;

/// A service that ends with this.
struct Alone {
    child: Child,
    url: String,
}

impl Alone {
    fn start(role: Role, arguments: &[&str]) -> Self {
        let mut child = program()
            .arg(role.name())
            .args(["--port", "0", "--stop-with-stdin"])
            .args(arguments)
            .env("LANGSMITH_TRACING", "false")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("it starts");
        let stdout = child.stdout.take().expect("piped");
        let mut first = String::new();
        BufReader::new(stdout)
            .read_line(&mut first)
            .expect("a line");
        let url = first.trim().strip_prefix("listening on ");
        let url = url
            .unwrap_or_else(|| panic!("{role} says {first:?}"))
            .to_owned();
        Self { child, url }
    }

    /// Closes its input, and waits until it has ended well.
    fn end(mut self) {
        drop(self.child.stdin.take());
        let ended = self.child.wait().expect("waited for");
        assert!(ended.success(), "{ended}");
    }
}

impl Drop for Alone {
    fn drop(&mut self) {
        // It has ended, or a test has failed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test]
async fn every_service_over_http_is_healthy_and_ends_with_its_input() {
    let orchestrator = Alone::start(Role::Orchestrator, &[]);
    let queue = format!("{}/queue", orchestrator.url);
    let started = [
        Alone::start(Role::Gateway, &[]),
        Alone::start(Role::Retriever, &[]),
        Alone::start(Role::Generator, &[]),
        Alone::start(Role::Worker, &["--queue", &queue]),
        orchestrator,
    ];
    for service in started {
        let health = format!("{}/healthz", service.url);
        let answer = common::lab::http_client()
            .get(health)
            .send()
            .await
            .expect("an answer");
        assert_eq!(answer.status(), 200);
        service.end();
    }
}

#[tokio::test]
async fn the_tool_server_has_the_standard_health_service_and_says_whose_mistake_it_is() {
    let tools = Alone::start(Role::Tools, &[]);
    let channel = tonic::transport::Endpoint::new(tools.url.clone());
    let channel = channel
        .expect("an address")
        .connect()
        .await
        .expect("a server");
    let service = "tools.v1.Tools".to_owned();
    let health = HealthClient::new(channel.clone())
        .check(HealthCheckRequest { service })
        .await
        .expect("an answer");
    assert_eq!(health.into_inner().status(), ServingStatus::Serving);

    let mut client = ToolsClient::new(channel);
    let passages = ["one two", "three"].map(str::to_owned).to_vec();
    let asked = |most_words| FitPromptRequest {
        passages: passages.clone(),
        most_words,
    };
    let fits = client
        .fit_prompt(asked(2))
        .await
        .expect("an answer")
        .into_inner();
    assert_eq!((fits.passages, fits.words), (1, 2));
    let refused = client.fit_prompt(asked(0)).await.expect_err("a mistake");
    assert_eq!(refused.code(), Code::InvalidArgument);
    drop(client);
    tools.end();
}

#[test]
fn a_port_that_is_taken_is_told_with_the_remedy() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("bound").port().to_string();
    let output = program()
        .args(["gateway", "--port", &port])
        .env("LANGSMITH_TRACING", "false")
        .output()
        .expect("it runs");
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("--port 0"), "{said}");
}

#[test]
fn a_worker_without_a_queue_says_what_it_lacks() {
    let output = program()
        .args(["worker", "--port", "0"])
        .env("LANGSMITH_TRACING", "false")
        .output()
        .expect("it runs");
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("DOCS_QUEUE"), "{said}");
}
