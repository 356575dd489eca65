//! Two places that runs go to, and what arrives there.
#![allow(dead_code, unreachable_pub, reason = "each test file uses its part")]

use std::collections::BTreeSet;

use common::client::{Client, Replica};
use common::export::Destination;
use common::model::RunContext;
use serde_json::Value;

use crate::exporting::{accept, builder_to, patient};
use crate::peer::{Peer, parts_of};

/// What decides where a run is found: place, workspace, project, ids. And its tags, as an update.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Seen {
    pub server: &'static str,
    pub workspace: Option<String>,
    pub project: String,
    pub name: String,
    pub id: String,
    pub trace_id: String,
    pub parent: Option<String>,
    pub dotted_order: String,
    pub tags: Vec<String>,
}

pub fn seen(server: &'static str, workspace: Option<String>, main: &Value) -> Option<Seen> {
    let text = |field: &str| main[field].as_str().map(str::to_owned);
    let tags = main["tags"].as_array().cloned().unwrap_or_default();
    Some(Seen {
        server,
        workspace,
        project: text("session_name")?,
        name: text("name")?,
        id: text("id")?,
        trace_id: text("trace_id")?,
        parent: text("parent_run_id"),
        dotted_order: text("dotted_order")?,
        tags: tags
            .iter()
            .map(|tag| tag.as_str().expect("a tag").to_owned())
            .collect(),
    })
}

pub fn arrived(server: &'static str, peer: &Peer) -> BTreeSet<Seen> {
    let mut runs = BTreeSet::new();
    for request in peer.to("/runs/multipart") {
        let workspace = request.header("x-tenant-id").map(str::to_owned);
        for part in parts_of(&request) {
            runs.extend(seen(server, workspace.clone(), &part.json));
        }
    }
    runs
}

/// Returns the runs of a recording in one project, parents first, one trace after the other.
pub fn runs_in(runs: &BTreeSet<Seen>, server: &str, project: &str) -> Vec<Seen> {
    let mut found: Vec<Seen> = runs
        .iter()
        .filter(|run| run.server == server && run.project == project)
        .cloned()
        .collect();
    found.sort_by(|a, b| a.dotted_order.cmp(&b.dotted_order));
    found
}

pub const ABOVE: &str = "20261122T100538926531Z01990000-0000-7000-8000-00000000000a.\
                     20261122T100538926532Z01990000-0000-7000-8000-00000000000b";

pub fn above() -> RunContext {
    RunContext::new(ABOVE.parse().expect("an order"))
}

/// Two peers and a client of the first, in the project of the recordings.
pub fn two_places() -> (Peer, Peer, Client) {
    let (first, second) = (accept(), accept());
    let client = builder_to(&first, patient()).project("golden-vectors");
    (first, second, client.build().expect("a client"))
}

pub fn second_place(second: &Peer) -> Replica {
    Replica::at(Destination::new(&second.url).api_key("second"))
}
