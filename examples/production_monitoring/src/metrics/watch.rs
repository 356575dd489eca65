//! Looks at `/metrics` of each service again and again: what Prometheus would have seen.
//!
//! ```text
//! GET /metrics ──Page──► Observation { at, role, generation, Books } ──► Watched ──► series · last books
//! ```
//!
//! Start at [`Watch::look`].

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::page::Page;
use crate::services::{Process, Role};

/// How long a service may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// The books of a service's exporter, over all its destinations, and what its model used up.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Books {
    /// Operations taken in.
    pub accepted: u64,
    /// Operations that the server answered for.
    pub delivered: u64,
    /// Operations in memory.
    pub queued: u64,
    /// Operations on disk only.
    pub spooled: u64,
    /// Operations that an earlier process had left on disk.
    pub recovered: u64,
    /// Operations given up, by reason.
    pub dropped: BTreeMap<String, u64>,
    /// Operations never taken in, by reason.
    pub refused: BTreeMap<String, u64>,
    /// Traces left out by the sampler, or the parts of them that were here, by reason.
    pub left_out: BTreeMap<String, u64>,
    /// Runs that arrived with something cut.
    pub truncated: u64,
    /// Requests sent, and those among them that repeated another.
    pub requests: u64,
    /// Requests that repeated another.
    pub retries: u64,
    /// How long what is held has been waiting, in seconds.
    pub stalled: f64,
}

impl Books {
    /// Reads the books from a page.
    pub fn of(page: &Page) -> Self {
        let count = |name: &str| page.sum(&format!("langsmith_export_{name}"), &[]) as u64;
        let fates = |outcome| {
            let name = "langsmith_export_operations_total";
            page.by(name, &[("outcome", outcome)], "reason")
        };
        let delivered = [("outcome", "delivered")];
        let left_out = [("outcome", "left_out")];
        Self {
            accepted: count("accepted_total"),
            delivered: page.sum("langsmith_export_operations_total", &delivered) as u64,
            queued: count("queued"),
            spooled: count("spooled"),
            recovered: count("recovered_total"),
            dropped: fates("dropped"),
            refused: fates("refused"),
            left_out: page.by("langsmith_sampling_traces_total", &left_out, "reason"),
            truncated: count("truncated_total"),
            requests: count("requests_total"),
            retries: count("retries_total"),
            stalled: page.sum("langsmith_export_stalled_seconds", &[]),
        }
    }
}

/// What was seen of a service at a moment.
#[derive(Debug, Clone, PartialEq)]
pub struct Observation {
    /// Seconds from the beginning.
    pub at: f64,
    /// Which service.
    pub role: Role,
    /// How often it was started before.
    pub generation: u32,
    /// Its books; none if it did not answer.
    pub books: Option<Books>,
}

/// Everything that was seen.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Watched {
    /// In order of time.
    pub observations: Vec<Observation>,
}

impl Watched {
    /// Returns a figure of a service's books over time.
    pub fn series(&self, role: Role, figure: impl Fn(&Books) -> f64) -> Vec<(f64, f64)> {
        let of_role = self.observations.iter().filter(|seen| seen.role == role);
        of_role
            .filter_map(|seen| Some((seen.at, figure(seen.books.as_ref()?))))
            .collect()
    }

    /// Returns the last books that each process showed, by service and generation.
    pub fn last(&self) -> BTreeMap<(Role, u32), Books> {
        let mut last = BTreeMap::new();
        for seen in &self.observations {
            if let Some(books) = &seen.books {
                last.insert((seen.role, seen.generation), books.clone());
            }
        }
        last
    }
}

/// Looks at services.
#[derive(Debug)]
pub struct Watch {
    began: Instant,
    http: reqwest::Client,
    seen: Watched,
}

impl Watch {
    /// Begins to watch.
    pub fn new(began: Instant) -> Self {
        Self {
            began,
            http: common::lab::http_client(),
            seen: Watched::default(),
        }
    }

    /// Looks at each service once.
    pub async fn look(&mut self, services: &[Process]) {
        for service in services {
            let request = self.http.get(format!("{}/metrics", service.url));
            let page = match request.timeout(PATIENCE).send().await {
                Ok(response) => response.text().await.ok(),
                Err(_) => None,
            };
            self.seen.observations.push(Observation {
                at: self.began.elapsed().as_secs_f64(),
                role: service.role,
                generation: service.generation,
                books: page.map(|page| Books::of(&Page::parse(&page))),
            });
        }
    }

    /// Returns what was seen so far.
    pub fn seen(&self) -> &Watched {
        &self.seen
    }

    /// Ends watching.
    pub fn end(self) -> Watched {
        self.seen
    }
}
