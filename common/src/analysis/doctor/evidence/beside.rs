//! What is known beside the runs: requests, books, environments, headers.
//!
//! Each is a line of a capture; `docs/trace_doctor.md` describes the fields.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// A request that the endpoint received.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Request {
    /// Its number, which operations name.
    pub number: u64,
    /// The method.
    pub method: String,
    /// The path, without the query.
    pub path: String,
    /// The status of the answer.
    pub status: u16,
    /// Bytes of the body on the wire.
    pub body_bytes: u64,
    /// What the answer said, if it was kept.
    pub answer: String,
    /// The workspace that it was for.
    pub workspace: String,
}

/// What became of one operation of a request.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Operation {
    /// The number of its request.
    pub request: u64,
    /// `post` or `patch`.
    pub kind: String,
    /// The run's id, as it was sent.
    pub id: String,
    /// `created`, `merged`, `repeated`, `rejected`, `waiting` or `dropped`.
    pub outcome: String,
}

/// Something that the endpoint found wrong.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Objection {
    /// The rule's name, such as `trace_id_mismatch`.
    pub code: String,
    /// The run's id, if it was one run.
    #[serde(alias = "run_id")]
    pub run: Option<String>,
    /// What is wrong.
    pub message: String,
}

/// The books of a client at one moment. What is not known is left out.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Books {
    /// Which process: a service's name, with a number if there are several.
    pub process: String,
    /// Operations taken in.
    pub accepted: u64,
    /// Operations that the endpoint answered for.
    pub delivered: u64,
    /// Operations held in memory.
    pub queued: u64,
    /// Bytes that these take.
    pub queued_bytes: u64,
    /// Seconds since something was settled while something is held.
    pub stalled_seconds: f64,
    /// Operations on disk alone.
    pub spooled: u64,
    /// Operations taken in and given up, by reason.
    pub dropped: BTreeMap<String, u64>,
    /// Operations never taken in, by reason.
    pub refused: BTreeMap<String, u64>,
    /// Requests sent.
    pub requests: u64,
    /// True if these are the last of a process that has ended.
    pub ended: bool,
    /// The process's number.
    pub pid: Option<u64>,
    /// The number of the process that made the client.
    pub made_in_pid: Option<u64>,
    /// Memory of the process, in bytes.
    pub resident_bytes: Option<u64>,
    /// Microseconds that all calls of the tracing library kept their callers.
    pub caller_micros: Option<u64>,
}

/// A process: its variables, and what its tracing library made of them. Never put a key here; a
/// reader needs to know only that there is one.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Process {
    /// Which process: a service's name.
    pub process: String,
    /// Variables as they were set.
    pub variables: BTreeMap<String, String>,
    /// Whether the library traces; not known if nobody said.
    pub tracing: Option<bool>,
    /// Whether there is a key.
    pub has_key: Option<bool>,
    /// The project that it is set to.
    pub project: Option<String>,
    /// The share of traces that it keeps.
    pub sampling_rate: Option<f64>,
    /// Where it sends to.
    pub endpoint: Option<String>,
}

/// The headers of one call, as one side saw them.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Hop {
    /// Joins what the caller sent and what the callee got.
    pub call: String,
    /// `out` at the caller, `in` at the callee.
    pub direction: String,
    /// The service that saw them.
    pub service: String,
    /// The service at the other end.
    pub peer: String,
    /// `http`, `websocket`, `mcp`, `queue`, …
    pub carrier: String,
    /// The method of the request.
    pub method: String,
    /// Names and values, several of one name if there were.
    pub headers: Vec<(String, String)>,
    /// Headers of the answer.
    pub response_headers: Vec<(String, String)>,
    /// The status of the answer.
    pub status: u16,
    /// True if strangers can call here.
    pub public: bool,
    /// The run that the callee began for the call.
    pub run: Option<String>,
}

impl Hop {
    /// Returns the values of a header, of whatever case its name is.
    pub fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        values(&self.headers, name)
    }

    /// Returns the values of a header of the answer.
    pub fn answered<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        values(&self.response_headers, name)
    }
}

fn values<'a>(headers: &'a [(String, String)], name: &'a str) -> impl Iterator<Item = &'a str> {
    let named = headers
        .iter()
        .filter(move |(key, _)| key.eq_ignore_ascii_case(name));
    named.map(|(_, value)| value.as_str())
}
