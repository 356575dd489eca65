//! A transport that answers by a script and remembers whose runs it took.
#![allow(dead_code, unreachable_pub, reason = "each test file uses its part")]

use std::collections::{BTreeSet, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex};

use common::export::{
    BatchConfig, BatchExporter, EncodedBody, Exchange, HttpRequest, HttpResponse, Transport,
    TransportError,
};
use serde_json::Value;

use crate::peer::parse_multipart;

/// What becomes of one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// It is answered so.
    Status(u16),
    /// The connection breaks.
    Reset,
    /// The server took the runs, and the connection broke before it said so.
    ResetAfter,
    /// Nothing comes back within the deadline of the request.
    Hang,
    /// The transport itself panics.
    Panic,
}

/// Follows the script, and after its end takes everything.
#[derive(Default)]
pub struct Scripted {
    script: Mutex<VecDeque<Answer>>,
    taken: Mutex<BTreeSet<String>>,
    requests: Mutex<u64>,
}

impl fmt::Debug for Scripted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Scripted")
    }
}

impl Scripted {
    pub fn add(&self, answers: impl IntoIterator<Item = Answer>) {
        self.script.lock().expect("script").extend(answers);
    }

    /// How many different operations were taken.
    pub fn taken(&self) -> u64 {
        self.taken.lock().expect("taken").len() as u64
    }

    pub fn requests(&self) -> u64 {
        *self.requests.lock().expect("requests")
    }

    fn take(&self, body: Option<&EncodedBody>) {
        let names = body.map(names).unwrap_or_default();
        self.taken.lock().expect("taken").extend(names);
    }
}

/// What a body is about: `post.<id>` and the like, whichever form it has.
fn names(body: &EncodedBody) -> Vec<String> {
    let bytes = body.chunks.concat();
    let content_type = body
        .headers()
        .into_iter()
        .find(|(name, _)| *name == "content-type");
    let content_type = content_type.map_or_else(String::new, |(_, value)| value);
    if content_type.starts_with("multipart/") {
        let parts = parse_multipart(&content_type, &bytes).into_iter();
        return parts
            .map(|part| part.name)
            .filter(|name| name.matches('.').count() == 1)
            .collect();
    }
    let body: Value = serde_json::from_slice(&bytes).expect("JSON");
    let kinds = ["post", "patch"].into_iter();
    let of = |kind: &'static str| {
        body[kind]
            .as_array()
            .cloned()
            .unwrap_or_default()
            .into_iter()
            .map(move |run| format!("{kind}.{}", run["id"].as_str().expect("an id")))
    };
    kinds.flat_map(of).collect()
}

impl Transport for Scripted {
    fn exchange(&self, request: HttpRequest) -> Exchange<'_> {
        let answer = |status| {
            Ok(HttpResponse {
                status,
                ..HttpResponse::default()
            })
        };
        if request.path == "/info" {
            return Box::pin(std::future::ready(answer(404)));
        }
        *self.requests.lock().expect("requests") += 1;
        let next = self.script.lock().expect("script").pop_front();
        let next = next.unwrap_or(Answer::Status(202));
        Box::pin(async move {
            match next {
                Answer::Status(status) => {
                    if matches!(status, 200..=299) {
                        self.take(request.body.as_ref());
                    }
                    answer(status)
                }
                Answer::Reset => Err(TransportError::Interrupted("reset".to_owned())),
                Answer::ResetAfter => {
                    self.take(request.body.as_ref());
                    Err(TransportError::Interrupted("reset".to_owned()))
                }
                Answer::Hang => {
                    tokio::time::sleep(request.timeout).await;
                    Err(TransportError::Timeout)
                }
                Answer::Panic => panic!("on purpose: the transport panics"),
            }
        })
    }
}

/// An exporter over a script.
pub fn exporter(config: BatchConfig) -> (Arc<Scripted>, Arc<BatchExporter>) {
    let scripted = Arc::new(Scripted::default());
    let exporter = BatchExporter::with_transport(scripted.clone(), config);
    (scripted, Arc::new(exporter.expect("an exporter")))
}
