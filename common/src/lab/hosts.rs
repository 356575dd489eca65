//! Egress rules: which hosts see the context of a run, counted at the hosts.
//!
//! ```text
//! run ──requests──► retriever.internal     ours         ┐
//!               ──► rank.internal          ours         │ each a Tap, so what it saw is read from the bytes
//!               ──► api.provider.example   a model      │ that arrived there
//!               ──► cdn.example            a stranger ◄─┘ retriever.internal redirects to it
//! ```
//!
//! Start at [`ask_hosts`].

use std::net::SocketAddr;

use axum::http::Uri;
use serde_json::json;

use super::services::loopback;
use super::tap::Tap;
use crate::analysis::Table;
use crate::client::Client;
use crate::middleware::TraceRequestExt as _;
use crate::propagation::Egress;

/// The hosts that are asked: their names, and whether they are ours.
pub const HOSTS: [(&str, bool); 4] = [
    ("retriever.internal", true),
    ("rank.internal", true),
    ("api.provider.example", false),
    ("cdn.example", false),
];

/// Where the first of [`HOSTS`] sends those who ask for `/moved`: to the last.
const MOVED: &str = "/moved";

/// Whom the caller tells of its run.
#[derive(Debug, Clone)]
pub enum Telling {
    /// Everyone it calls: the header is written into each request.
    Everyone,
    /// Hosts on a list; redirects are followed, as `reqwest` does by itself.
    Listed(Egress),
    /// Hosts on a list, and no redirect is followed.
    ListedWithoutRedirects(Egress),
}

/// What one host saw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostSaw {
    /// The host.
    pub host: String,
    /// Whether it is ours.
    pub ours: bool,
    /// Requests that it received.
    pub requests: usize,
    /// Requests with `langsmith-trace`: the ids of the run.
    pub traces: usize,
    /// Requests with members of LangSmith in `baggage`: project, tags, metadata.
    pub baggage: usize,
}

/// Calls each of [`HOSTS`] `times` times below a run of the client, and its first once more where it redirects to a
/// stranger; then reads at each host what it saw.
///
/// Their names lead to this machine, to a port each.
///
/// # Errors
/// When a request fails, which on loopback means that a host could not be started.
pub async fn ask_hosts(
    client: &Client,
    telling: &Telling,
    times: usize,
) -> Result<Vec<HostSaw>, reqwest::Error> {
    let taps: Vec<Tap> = HOSTS.iter().map(|_| Tap::start()).collect();
    let ports: Vec<u16> = taps.iter().map(|tap| port(&tap.url("/"))).collect();
    let (first, last) = (0, HOSTS.len() - 1);
    taps[first].redirects(MOVED, format!("http://{}:{}/", HOSTS[last].0, ports[last]));
    let mut http = loopback();
    for ((host, _), port) in HOSTS.iter().zip(&ports) {
        http = http.resolve(host, SocketAddr::from(([127, 0, 0, 1], *port)));
    }
    if let Telling::ListedWithoutRedirects(_) = telling {
        http = http.redirect(reqwest::redirect::Policy::none());
    }
    let http = http.build()?;
    let run = client
        .run("answer")
        .metadata("customer", "u-1")
        .tag("beta")
        .inputs(json!({"question": "Who sees this?"}))
        .start();
    let targets = (0..HOSTS.len())
        .map(|at| (at, "/"))
        .cycle()
        .take(HOSTS.len() * times);
    for (at, path) in targets.chain([(first, MOVED)]) {
        let request = http.get(format!("http://{}:{}{path}", HOSTS[at].0, ports[at]));
        let request = request.build()?;
        let request = match telling {
            Telling::Everyone => request.trace(&run),
            Telling::Listed(egress) | Telling::ListedWithoutRedirects(egress) => {
                request.trace_to(&run, egress)
            }
        };
        http.execute(request).await?;
    }
    run.end();
    let saw = HOSTS.iter().zip(&taps).map(|((host, ours), tap)| {
        let received = tap.received();
        let with = |name: &str, word: &str| {
            let lines = received.iter().filter_map(|one| one.header(name));
            lines.filter(|line| line.contains(word)).count()
        };
        HostSaw {
            host: (*host).to_owned(),
            ours: *ours,
            requests: received.len(),
            traces: with("langsmith-trace", ""),
            baggage: with("baggage", "langsmith-"),
        }
    });
    Ok(saw.collect())
}

/// Lists what each host saw.
pub fn hosts_table(saw: &[HostSaw]) -> Table {
    let head = Table::new(["host", "whose", "requests", "with ids", "with baggage"]);
    saw.iter().fold(head, |table, one| {
        table.row([
            one.host.clone(),
            if one.ours { "ours" } else { "a stranger's" }.to_owned(),
            one.requests.to_string(),
            one.traces.to_string(),
            one.baggage.to_string(),
        ])
    })
}

fn port(url: &str) -> u16 {
    let uri: Option<Uri> = url.parse().ok();
    uri.and_then(|uri| uri.port_u16()).unwrap_or_default()
}
