//! What stands beside the runs: books, variables, and the headers of calls between the stage's services.

use axum::Router;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, Method};
use axum::middleware::{Next, from_fn};
use serde_json::json;

use super::stage::{Stage, lock};
use super::way::SceneError;
use crate::analysis::doctor::{Books, Hop, Process};
use crate::lab::{Service, http_client};

/// Joins what a caller sent and what its callee got.
const CALL: &str = "x-call";
/// Where a callee says which run it began.
pub(super) const RUN: &str = "x-run";

impl Stage {
    /// Writes down what no run says.
    fn beside(&self, kind: &str, value: &impl serde::Serialize) {
        lock(&self.beside).push(json!({ kind: value }));
    }

    /// Writes down the books of a process at this moment.
    pub(super) fn books(&self, books: &Books) {
        self.beside("ledger", books);
    }

    /// Writes down the variables of a process, and what became of them.
    pub(super) fn process(&self, process: &Process) {
        self.beside("environment", process);
    }

    /// Writes down what one side of a call saw.
    pub(super) fn hop(&self, hop: &Hop) {
        self.beside("headers", hop);
    }

    /// Starts a service that writes down the headers of each request, as it answers.
    pub(super) fn serve(&self, name: &'static str, public: bool, router: Router) -> Service {
        let beside = self.beside.clone();
        let look = move |request: Request, next: Next| {
            let beside = beside.clone();
            async move {
                let mut hop = Hop {
                    direction: "in".to_owned(),
                    service: name.to_owned(),
                    method: request.method().to_string(),
                    headers: pairs(request.headers()),
                    public,
                    ..Hop::default()
                };
                let call = hop.values(CALL).next().map(str::to_owned);
                hop.call = call.unwrap_or_default();
                let answer = next.run(request).await;
                hop.status = answer.status().as_u16();
                hop.response_headers = pairs(answer.headers());
                let run = hop.answered(RUN).next().map(str::to_owned);
                hop.run = run;
                if hop.status == 101 {
                    hop.carrier = "websocket".to_owned();
                }
                lock(&beside).push(json!({ "headers": hop }));
                answer
            }
        };
        Service::start(name, router.layer(from_fn(look)))
    }

    /// Asks a service, and writes down what was sent.
    pub(super) async fn call(
        &self,
        method: Method,
        url: String,
        from: &str,
        to: &str,
        headers: HeaderMap,
    ) -> Result<u16, SceneError> {
        let call = format!("call-{}", self.number());
        let request = http_client()
            .request(method.clone(), url)
            .headers(headers.clone())
            .header(CALL, &call)
            .send();
        let answer = request.await?;
        let status = answer.status().as_u16();
        self.hop(&Hop {
            call,
            direction: "out".to_owned(),
            service: from.to_owned(),
            peer: to.to_owned(),
            method: method.to_string(),
            headers: pairs(&headers),
            response_headers: pairs(answer.headers()),
            status,
            ..Hop::default()
        });
        Ok(status)
    }

    /// Writes down what a caller means to send with its next call; for one that sends something else.
    pub(super) fn sent(&self, from: &str, to: &str, headers: &HeaderMap) {
        self.hop(&Hop {
            call: format!("call-{}", self.next_number()),
            direction: "out".to_owned(),
            service: from.to_owned(),
            peer: to.to_owned(),
            method: "GET".to_owned(),
            headers: pairs(headers),
            ..Hop::default()
        });
    }
}

fn pairs(headers: &HeaderMap) -> Vec<(String, String)> {
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    headers
        .iter()
        .map(|(name, value)| (name.to_string(), text(value)))
        .collect()
}
