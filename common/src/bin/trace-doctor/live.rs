//! Runs of a live endpoint: the stand-in's capture, or a project of LangSmith.
//!
//! A project goes on while it is read, and has more runs than anybody wants to read. So traces of which
//! something is missing are read again as a whole, and those that stay cut are said to be.

/// What to read, and how far.
#[cfg_attr(
    not(feature = "client"),
    expect(dead_code, reason = "files alone are read then")
)]
pub(crate) struct Wanted<'a> {
    pub(crate) url: &'a str,
    pub(crate) project: Option<&'a str>,
    /// Most runs to read, the newest first.
    pub(crate) limit: usize,
    /// Whether the key goes to an address that it is not known to be for.
    pub(crate) send_key: bool,
}

#[cfg(feature = "client")]
pub(crate) use with_client::take;

#[cfg(not(feature = "client"))]
pub(crate) fn take(
    _evidence: common::analysis::doctor::Evidence,
    _wanted: &Wanted<'_>,
) -> Result<Evidence, String> {
    Err("this trace-doctor was built without the feature `client`, and reads files only".to_owned())
}

#[cfg(feature = "client")]
mod with_client {
    use std::collections::HashMap;
    use std::io::{self, Read};
    use std::time::Duration;

    use chrono::{DateTime, Utc};
    use common::analysis::doctor::Evidence;
    use common::client::{AskError, Client, ClientBuilder, Config, RunQuery, StoredRun};
    use common::model::{Run, TraceId, TraceTree};
    use uuid::Uuid;

    use super::Wanted;

    /// A trace of a live project may be silent for so long before its open runs count as pending: SDKs of
    /// models wait for ten minutes by default.
    const PATIENCE: Duration = Duration::from_secs(600);
    /// A run may come so much later than its children, in seconds: SDKs send what they gathered, and the
    /// server stores it when it comes to it.
    const ARRIVES: i64 = 60;
    /// How long an endpoint may be silent before or within its capture.
    const SILENCE: Duration = Duration::from_secs(60);
    /// What the stand-in calls a capture in `content-type`.
    const CAPTURE: &[u8] = b"application/jsonl";
    /// Most traces that are read again as a whole, each by a request of its own.
    const AGAIN: usize = 200;
    /// Most runs of one of them: LangSmith takes no more.
    const RUNS: usize = 25_000;

    pub(crate) fn take(mut evidence: Evidence, wanted: &Wanted<'_>) -> Result<Evidence, String> {
        if let Some(capture) = capture(wanted.url)? {
            evidence
                .read_more(capture)
                .map_err(|error| error.to_string())?;
            return Ok(evidence);
        }
        stored(evidence, wanted)
    }

    /// A capture that is read as it arrives: it may be longer than memory.
    struct Arriving {
        runtime: tokio::runtime::Runtime,
        answer: reqwest::Response,
        chunk: bytes::Bytes,
    }

    impl Read for Arriving {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            while self.chunk.is_empty() {
                let next = self.runtime.block_on(self.answer.chunk());
                let next = next.map_err(|error| io::Error::other(error.without_url()))?;
                match next {
                    Some(chunk) => self.chunk = chunk,
                    None => return Ok(0),
                }
            }
            let length = self.chunk.len().min(into.len());
            into[..length].copy_from_slice(&self.chunk.split_to(length));
            Ok(length)
        }
    }

    /// Asks for the capture of a stand-in; none if the endpoint has no such thing. No key goes along.
    fn capture(url: &str) -> Result<Option<Arriving>, String> {
        let address = format!("{}/_stand_in/capture", url.trim_end_matches('/'));
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        let runtime = runtime.map_err(|error| error.to_string())?;
        // The provider is that of the exporter; another choice by the program stays.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let asked = async {
            let client = reqwest::Client::builder()
                .redirect(reqwest::redirect::Policy::none())
                .connect_timeout(SILENCE)
                .read_timeout(SILENCE)
                .build()?;
            client.get(address).send().await
        };
        let answer: Result<_, reqwest::Error> = runtime.block_on(asked);
        let answer = answer.map_err(|error| error.without_url().to_string())?;
        // There are hosts that answer any path with a page.
        let kind = answer.headers().get("content-type");
        let is_capture = kind.is_some_and(|kind| kind.as_bytes().starts_with(CAPTURE));
        Ok(
            (answer.status().is_success() && is_capture).then(|| Arriving {
                runtime,
                answer,
                chunk: bytes::Bytes::new(),
            }),
        )
    }

    /// Reads the newest runs of a project, and whole what is missing of their traces.
    fn stored(mut evidence: Evidence, wanted: &Wanted<'_>) -> Result<Evidence, String> {
        let (client, kept_for) = asker(wanted)?;
        let hint = |error: AskError| match (&error, &kept_for) {
            (AskError::Unauthorized { .. }, Some(endpoint)) => {
                format!("{error}\n  → {}", not_sent(endpoint))
            }
            _ => error.to_string(),
        };
        let project = wanted
            .project
            .ok_or("name the project to read: --project NAME")?;
        let now = Utc::now();
        let query = RunQuery::new().project(project).limit(wanted.limit);
        // When the root of each began.
        let mut traces: HashMap<Uuid, DateTime<Utc>> = HashMap::new();
        let (mut read, mut oldest) = (0, now);
        for run in client.list_runs(query).blocking() {
            let run = run.map_err(hint)?;
            read += 1;
            oldest = oldest.min(run.run.start_time);
            traces.insert(run.run.trace_id.0, began(&run));
            add(&mut evidence, [run]);
        }
        evidence = evidence.taken_at(now, PATIENCE);
        let is_cut = read >= wanted.limit;
        // Below the oldest run that was read, anything may be missing.
        let mut again: Vec<Uuid> = traces
            .iter()
            .filter(|(_, began)| is_cut && **began <= oldest)
            .map(|(trace, _)| *trace)
            .collect();
        again.sort_unstable();
        // A parent may be in another project.
        for (trace, _) in evidence.incomplete_traces() {
            if traces.contains_key(&trace) && !again.contains(&trace) {
                again.push(trace);
            }
        }
        let mut left = 0;
        for (at, trace) in again.iter().enumerate() {
            let whole = at < AGAIN && whole(&mut evidence, &client, *trace).map_err(hint)?;
            if !whole {
                evidence.cut_trace(*trace);
                left += 1;
            }
        }
        for (trace, last) in evidence.incomplete_traces() {
            let may_come = |last: DateTime<Utc>| (now - last).num_seconds() < ARRIVES;
            if last.is_some_and(may_come) {
                evidence.cut_trace(trace);
                evidence.mention("a trace of the last minute is still arriving");
            }
        }
        if is_cut {
            evidence.mention(&format!(
                "the {read} newest runs of {project:?} were read, and no older ones (--limit)"
            ));
        }
        if left > 0 {
            evidence.mention(&format!(
                "{left} traces were read in part, and are not judged as a whole"
            ));
        }
        Ok(evidence)
    }

    /// When the root of a run's trace began, as far as its place tells.
    fn began(run: &StoredRun) -> DateTime<Utc> {
        let segments = run.run.dotted_order.segments();
        segments
            .first()
            .map_or(run.run.start_time, |root| root.start)
    }

    fn add(evidence: &mut Evidence, runs: impl IntoIterator<Item = StoredRun>) {
        evidence.add_tree(&TraceTree::build(runs.into_iter().map(Run::from)));
    }

    /// Reads a trace as a whole; returns false if it is too large for that.
    fn whole(evidence: &mut Evidence, client: &Client, trace: Uuid) -> Result<bool, AskError> {
        let query = RunQuery::new().trace(TraceId(trace)).limit(RUNS);
        let mut read = 0;
        for run in client.list_runs(query).blocking() {
            add(evidence, [run?]);
            read += 1;
        }
        Ok(read < RUNS)
    }

    /// Returns a client that asks and does nothing else, and whether it keeps the key to itself.
    ///
    /// A key, a workspace and further headers go to the address that they were set for, and to no other.
    fn asker(wanted: &Wanted<'_>) -> Result<(Client, Option<String>), String> {
        let mut config = Config::from_env().map_err(|error| error.to_string())?;
        let is_its_own = origin(&config.endpoint)
            .is_some_and(|own| !config.only_replicas && Some(own) == origin(wanted.url));
        let its_endpoint = config.endpoint.clone();
        let keeps_key = !is_its_own && !wanted.send_key && config.api_key.is_some();
        if !is_its_own && !wanted.send_key {
            config.api_key = None;
            config.api_key_from = None;
            config.workspace_id = None;
            config.headers.clear();
        }
        // What a program before left in its spool is not sent by one that only looks.
        config.batch.spool = None;
        config.replicas.clear();
        config.only_replicas = false;
        config.tracing = true;
        let client = ClientBuilder::from(config).endpoint(wanted.url).build();
        let client = client.map_err(|error| match keeps_key {
            true => format!("{error}\n  → {}", not_sent(&its_endpoint)),
            false => error.to_string(),
        })?;
        Ok((client, keeps_key.then_some(its_endpoint)))
    }

    /// Says that the key stayed here. An address may have a password and a token in it, and they are not said.
    fn not_sent(endpoint: &str) -> String {
        let whose = reqwest::Url::parse(endpoint.trim()).map_or_else(
            |_| "another address".to_owned(),
            |url| url.origin().ascii_serialization(),
        );
        format!(
            "the key is for {whose}, and was not sent; set LANGSMITH_ENDPOINT to this address, or say \
             --send-key"
        )
    }

    /// Scheme, host and port of an address.
    fn origin(address: &str) -> Option<(String, String, u16)> {
        let url = reqwest::Url::parse(address.trim()).ok()?;
        let host = url.host_str()?.to_owned();
        Some((url.scheme().to_owned(), host, url.port_or_known_default()?))
    }
}
