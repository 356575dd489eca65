//! A server that answers what a test tells it to, and remembers what it was asked.
#![allow(unreachable_pub, reason = "each test file is a crate")]
#![allow(dead_code, reason = "each test file uses some of it")]

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{Method, Uri};
use axum::response::Response;
use common::client::Client;
use common::export::{BatchConfig, RetryPolicy};
use serde_json::Value;

pub const KEY: &str = "a-key-for-tests-only-0001";

/// A request that arrived.
#[derive(Debug, Clone)]
pub struct Asked {
    pub method: Method,
    /// Path and query as they were on the wire.
    pub path: String,
    pub body: Value,
}

impl Asked {
    /// Method and path, to compare at a glance.
    pub fn line(&self) -> String {
        format!("{} {}", self.method, self.path)
    }
}

/// An answer to give.
pub struct Reply {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: Body,
}

impl Reply {
    pub fn json(status: u16, body: &Value) -> Self {
        Self::bytes(status, body.to_string())
    }

    pub fn bytes(status: u16, body: impl Into<Body>) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: body.into(),
        }
    }

    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

#[derive(Default)]
struct State {
    replies: VecDeque<Reply>,
    asked: Vec<Asked>,
}

/// A server on loopback. It gives its replies in order; after the last it answers 404.
#[derive(Clone)]
pub struct Answering {
    pub url: String,
    state: Arc<Mutex<State>>,
}

impl Answering {
    pub async fn start(replies: impl IntoIterator<Item = Reply>) -> Self {
        let state = Arc::new(Mutex::new(State {
            replies: replies.into_iter().collect(),
            asked: Vec::new(),
        }));
        let shared = state.clone();
        let answer = move |method: Method, uri: Uri, body: Bytes| {
            let shared = shared.clone();
            async move { answer(&shared, method, &uri, &body) }
        };
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0))
            .await
            .expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let app = axum::Router::new().fallback(answer);
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { url, state }
    }

    /// Returns what was asked, `/info` left out: the exporter asks that on its own.
    pub fn asked(&self) -> Vec<Asked> {
        self.state.lock().expect("no panic").asked.clone()
    }

    pub fn lines(&self) -> Vec<String> {
        self.asked().iter().map(Asked::line).collect()
    }

    /// Makes a client that tries again at once.
    pub fn client(&self) -> Client {
        client_of(&self.url).build().expect("a client")
    }
}

/// Begins a client that tries again at once.
pub fn client_of(url: &str) -> common::client::ClientBuilder {
    Client::builder()
        .endpoint(url)
        .api_key(KEY)
        .project("tests")
        .batch(BatchConfig {
            retry: RetryPolicy {
                base: Duration::ZERO,
                cap: Duration::ZERO,
                ..RetryPolicy::default()
            },
            ..BatchConfig::default()
        })
}

fn answer(state: &Mutex<State>, method: Method, uri: &Uri, body: &[u8]) -> Response {
    if uri.path().ends_with("/info") {
        return Response::new(Body::from("{}"));
    }
    let mut state = state.lock().expect("no panic");
    state.asked.push(Asked {
        method,
        path: uri.to_string(),
        body: serde_json::from_slice(body).unwrap_or_default(),
    });
    let reply = state.replies.pop_front();
    let reply = reply.unwrap_or_else(|| Reply::bytes(404, r#"{"detail":"no more replies"}"#));
    let mut response = Response::builder().status(reply.status);
    for (name, value) in reply.headers {
        response = response.header(name, value);
    }
    response.body(reply.body).expect("a response")
}
