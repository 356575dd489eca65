//! A trace over real connections: `reqwest` out, axum in, and bytes that no client library would send.
#![cfg(feature = "middleware")]

use std::net::SocketAddr;
use std::sync::Arc;

use axum::{Extension, Router, routing::get};
use common::middleware::{IncomingTrace, TraceRequestExt as _, TracingLayer};
use common::model::{Run, RunId, TraceTree};
use common::propagation::{LangSmithPropagator, Propagator as _, TrustPolicy};
use common::trace::{MemorySink, Tracer};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

const A: &str = "20260101T000000000000Z01990000-0000-7000-8000-00000000000a";

fn tracer() -> (Arc<MemorySink>, Tracer) {
    let sink = Arc::new(MemorySink::new());
    let tracer = Tracer::builder(sink.clone()).build();
    (sink, tracer)
}

async fn start(layer: TracingLayer) -> SocketAddr {
    async fn work(Extension(incoming): Extension<IncomingTrace>) -> String {
        let child = incoming
            .start("server-child")
            .metadata("svc", "B")
            .tag("srv-tag")
            .start();
        child.child("server-inner").run_type("tool").start().end();
        child.end();
        incoming.outcome().to_string()
    }
    let app: Router = Router::new().route("/work", get(work)).layer(layer);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a free port");
    let address = listener.local_addr().expect("bound");
    tokio::spawn(async move { axum::serve(listener, app).await });
    address
}

fn client() -> reqwest::Client {
    // Without TLS there is nothing to verify with; this client only speaks to loopback.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
        .no_proxy()
        .build()
        .expect("a client")
}

#[tokio::test]
async fn a_call_over_the_wire_makes_one_whole_trace() {
    let (client_sink, client_tracer) = tracer();
    let (server_sink, server_tracer) = tracer();
    let layer = TracingLayer::new(&server_tracer)
        .policy(TrustPolicy::Continue)
        .allow_projects(["project-A"]);
    let address = start(layer).await;

    let root = client_tracer
        .run("client-root")
        .project("project-A")
        .metadata("user", "ünï")
        .start();
    let request = client()
        .get(format!("http://{address}/work"))
        .header("baggage", "tenant=7")
        .trace(&root);
    let answer = request
        .send()
        .await
        .expect("loopback")
        .text()
        .await
        .expect("text");
    assert_eq!(answer, "continued");
    root.end();

    let server = server_sink.runs();
    assert!(
        server
            .iter()
            .all(|run| run.project.as_deref() == Some("project-A"))
    );
    assert!(server.iter().all(|run| run.extra.metadata["user"] == "ünï"));
    let tree = TraceTree::build(client_sink.runs().into_iter().chain(server));
    assert!(tree.is_whole());
    let names: Vec<&str> = tree
        .nodes()
        .iter()
        .map(|node| node.run.name.as_str())
        .collect();
    assert_eq!(
        names,
        ["client-root", "GET /work", "server-child", "server-inner"]
    );
}

/// The headers that the Python SDK sent to a FastAPI service with its middleware give the same runs here.
#[tokio::test]
async fn headers_from_python_give_the_relations_that_its_own_middleware_gave() {
    let vector: Value =
        serde_json::from_str(include_str!("vectors/04_cross_service_fastapi.json")).expect("JSON");
    let headers: Value = vector["program_stdout"]
        .as_str()
        .and_then(|text| text.lines().nth(1))
        .and_then(|line| serde_json::from_str(line).ok())
        .expect("the program printed the headers that arrived");
    let (sink, tracer) = tracer();
    let layer = TracingLayer::new(&tracer)
        .propagate_only()
        .policy(TrustPolicy::Continue)
        .allow_projects(["project-A"]);
    let address = start(layer).await;
    let mut request = client().get(format!("http://{address}/work"));
    for (name, value) in headers.as_object().expect("headers") {
        request = request.header(name, value.as_str().expect("text"));
    }
    request.send().await.expect("loopback");

    let ours = sink.runs();
    assert_eq!(ours.len(), 2);
    for name in ["server-child", "server-inner"] {
        let run = ours.iter().find(|run| run.name == name).expect(name);
        let (main, metadata) = recorded(&vector, name);
        assert_eq!(run.trace_id.to_string(), main["trace_id"]);
        assert_eq!(
            Some(run.project.as_deref().expect("set")),
            main["session_name"].as_str()
        );
        assert_eq!(serde_json::json!(run.tags), main["tags"]);
        assert_eq!(run.run_type.as_str(), main["run_type"]);
        let theirs = main["dotted_order"].as_str().expect("text");
        assert_eq!(run.dotted_order.depth(), theirs.matches('.').count());
        let caller = headers["langsmith-trace"].as_str().expect("text");
        assert!(theirs.starts_with(caller) && run.dotted_order.as_str().starts_with(caller));
        if name == "server-child" {
            assert_eq!(
                run.parent_run_id.map(|id| id.to_string()).as_deref(),
                main["parent_run_id"].as_str()
            );
        } else {
            let child: RunId = ours[0].id;
            assert_eq!(run.parent_run_id, Some(child));
        }
        // Ours, less what the Python SDK adds about itself: its method and its environment.
        let theirs: Vec<&String> = metadata
            .as_object()
            .expect("metadata")
            .keys()
            .filter(|key| !key.starts_with("ls_") && !key.starts_with("LANGSMITH_"))
            .collect();
        assert_eq!(run.extra.metadata.keys().collect::<Vec<_>>(), theirs);
        assert_eq!(run.extra.metadata["user"], metadata["user"]);
    }
}

/// Returns the main part and the metadata of a recorded run.
fn recorded(vector: &Value, name: &str) -> (Value, Value) {
    let requests = vector["requests"].as_array().expect("requests");
    let parts: Vec<&Value> = requests
        .iter()
        .filter_map(|request| request["parts"].as_array())
        .flatten()
        .collect();
    let main = parts
        .iter()
        .find(|part| part["json"]["name"] == name)
        .expect(name);
    let extra = format!("{}.extra", main["name"].as_str().expect("text"));
    let extra = parts
        .iter()
        .find(|part| part["name"] == extra.as_str())
        .expect("extra");
    (main["json"].clone(), extra["json"]["metadata"].clone())
}

async fn raw(address: SocketAddr, headers: &[u8]) -> String {
    let mut stream = tokio::net::TcpStream::connect(address)
        .await
        .expect("loopback");
    let mut request = b"GET /work HTTP/1.1\r\nhost: x\r\nconnection: close\r\n".to_vec();
    request.extend_from_slice(headers);
    request.extend_from_slice(b"\r\n");
    stream.write_all(&request).await.expect("sent");
    let mut response = Vec::new();
    stream.read_to_end(&mut response).await.expect("answered");
    String::from_utf8_lossy(&response).into_owned()
}

#[tokio::test]
async fn odd_bytes_on_the_wire_still_reach_the_handler() {
    let (sink, tracer) = tracer();
    let address = start(TracingLayer::new(&tracer).policy(TrustPolicy::Continue)).await;
    let line = |value: &[u8]| [b"langsmith-trace: ", value, b"\r\n"].concat();
    let a = line(A.as_bytes());
    let cases: [(Vec<u8>, &str); 7] = [
        (a.clone(), "continued"),
        (
            line(&[b"\xff\xfe", A.as_bytes()].concat()),
            "malformed: only ASCII is allowed",
        ),
        ([a.clone(), a.clone()].concat(), "ambiguous"),
        (line(format!("{A}, {A}").as_bytes()), "ambiguous"),
        (line(b""), "absent"),
        (
            [
                &a[..],
                b"baggage: langsmith-project=\xe9\xff, langsmith-metadata={\r\n",
            ]
            .concat(),
            "continued",
        ),
        (line("9".repeat(9000).as_bytes()), "oversize"),
    ];
    for (headers, outcome) in cases {
        let response = raw(address, &headers).await;
        assert!(
            response.starts_with("HTTP/1.1 200 OK\r\n"),
            "{outcome}: {response}"
        );
        assert!(response.ends_with(outcome), "{outcome}: {response}");
    }
    let roots = sink
        .runs()
        .iter()
        .filter(|run| run.name == "GET /work")
        .filter(|run| Run::is_root(run))
        .count();
    assert_eq!(roots, 5);
}

#[tokio::test]
async fn an_outgoing_request_keeps_the_baggage_of_others_and_its_own_error() {
    let (_, tracer) = tracer();
    let run = tracer.run("caller").tag("t").start();
    let client = client();
    let request = client
        .post("http://127.0.0.1/")
        .header("baggage", "tenant=7,langsmith-tags=old")
        .header("langsmith-trace", A)
        .body("kept")
        .trace(&run)
        .build()
        .expect("sound");
    let order = run.dotted_order().expect("recorded");
    assert_eq!(request.headers()["langsmith-trace"], order.as_str());
    assert_eq!(request.headers()["baggage"], "tenant=7,langsmith-tags=t");
    assert_eq!(request.headers().len(), 2);
    assert_eq!(
        request.body().and_then(|body| body.as_bytes()),
        Some(&b"kept"[..])
    );

    let broken = || client.get("http://127.0.0.1/").header("bad name", "x");
    let (before, after) = (broken().build(), broken().trace(&run).build());
    let text = |built: Result<reqwest::Request, reqwest::Error>| format!("{:?}", built.err());
    assert_eq!(text(after), text(before));

    let off = Tracer::builder(Arc::new(MemorySink::new()))
        .enabled(false)
        .build();
    let quiet = client
        .get("http://127.0.0.1/")
        .trace(&off.run("off").start())
        .build()
        .expect("sound");
    assert!(quiet.headers().is_empty());
}

#[tokio::test]
async fn an_outgoing_request_may_use_a_propagator_that_counts() {
    let (_, tracer) = tracer();
    let context = tracer.run("caller").start().context().expect("recorded");
    let propagator = LangSmithPropagator::new().policy(TrustPolicy::Continue);
    let request = client()
        .get("http://127.0.0.1/")
        .trace_with(&propagator, &context)
        .build()
        .expect("sound");
    assert_eq!(propagator.extract(request.headers()).context, Some(context));
    assert_eq!(
        propagator.counters().to_string(),
        "continued 1, injected 1; ignored entries: none"
    );
}
