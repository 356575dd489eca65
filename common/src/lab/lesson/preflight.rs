//! Is everything in place that a trace needs?
//!
//! ```text
//! kernel · target · key · endpoint · Python peer · JavaScript peer ──looked at──► Preflight
//!                             what is missing, as if all were ──rehearsal──►   (what, and what to do)
//! ```
//!
//! Start at [`Preflight`].

use std::fmt;

use super::{Environment, Lesson, Misconfiguration, Target};
use crate::client::Client;
use crate::lab::peers::NO_NODE;
use crate::lab::{NodeService, PeerEnv, PeerError, PythonService, kernel};

/// The peers that are started to see whether they do: those of notebook 01.
const PYTHON_PEER: &str = "retriever";
const JAVASCRIPT_PEER: &str = "generator";

/// How a finding weighs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weight {
    /// It is in place.
    Fine,
    /// It is not there, and only some cells want it.
    Optional,
    /// It must be mended before a trace arrives.
    Broken,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What was looked at, such as `kernel`.
    pub about: &'static str,
    /// Whether it is in place.
    pub weight: Weight,
    /// What was found. Never a key.
    pub words: String,
    /// What to do; empty if there is nothing to do.
    pub remedy: String,
}

/// What was found before the first trace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Preflight {
    /// What was looked at, in the order in which a run meets it.
    pub findings: Vec<Finding>,
}

impl Preflight {
    async fn of(client: &Client, target: Target, env: &Environment) -> Self {
        // Each peer is a process that takes seconds to start.
        let (python, javascript) = tokio::join!(python_peer(), javascript_peer());
        let findings = vec![
            kernel(kernel::is_ours()),
            destination(target, env.get("WORKBOOK_TARGET").as_deref()),
            key(target, key_in(env).as_deref()),
            endpoint(client).await,
            python,
            javascript,
        ];
        Self { findings }
    }

    /// Tells what would be found if all of it were missing.
    async fn rehearsed(refused: &Client, unreachable: &Client) -> Self {
        let findings = vec![
            kernel(false),
            destination(Target::StandIn, Some("langsmit")),
            key(Target::LangSmith, None),
            key(Target::LangSmith, Some("a key with blanks")),
            endpoint(refused).await,
            endpoint(unreachable).await,
            Finding::broken("Python peer", &PeerError::NotInstalled.to_string()),
            Finding::optional("JavaScript peer", &NO_NODE.to_string()),
        ];
        Self { findings }
    }

    /// Returns true if nothing has to be mended.
    pub fn is_ok(&self) -> bool {
        let broken = |finding: &Finding| finding.weight == Weight::Broken;
        !self.findings.iter().any(broken)
    }
}

impl Finding {
    fn fine(about: &'static str, words: impl Into<String>) -> Self {
        Self {
            about,
            weight: Weight::Fine,
            words: words.into(),
            remedy: String::new(),
        }
    }

    /// Takes a sentence apart that says after a semicolon what to do.
    fn broken(about: &'static str, sentence: &str) -> Self {
        let (words, remedy) = sentence.split_once("; ").unwrap_or((sentence, ""));
        Self {
            weight: Weight::Broken,
            remedy: remedy.to_owned(),
            ..Self::fine(about, words)
        }
    }

    fn optional(about: &'static str, sentence: &str) -> Self {
        Self {
            weight: Weight::Optional,
            ..Self::broken(about, sentence)
        }
    }
}

impl fmt::Display for Preflight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.findings.iter().map(|finding| finding.about.len());
        let width = width.max().unwrap_or(0);
        for finding in &self.findings {
            let sign = match finding.weight {
                Weight::Fine => '✓',
                Weight::Optional => '–',
                Weight::Broken => '✗',
            };
            let indented = |text: &str| text.trim_end().replace('\n', "\n      ");
            let words = indented(&finding.words);
            writeln!(f, "{sign} {:width$}  {words}", finding.about)?;
            if !finding.remedy.is_empty() {
                writeln!(f, "  {:width$}  → {}", "", indented(&finding.remedy))?;
            }
        }
        let of = |weight: Weight| {
            let same = self.findings.iter().filter(|found| found.weight == weight);
            same.count()
        };
        match (of(Weight::Broken), of(Weight::Optional)) {
            (0, 0) => f.write_str("Everything is in place."),
            (0, _) => f.write_str("Everything that a trace needs is in place."),
            (1, _) => f.write_str("One thing needs a hand."),
            (many, _) => write!(f, "{many} things need a hand."),
        }
    }
}

impl Lesson {
    /// Checks what a trace needs, and says in words what is missing. It starts the peers in other languages
    /// to see whether they do, and ends them again.
    pub async fn preflight(&self) -> Preflight {
        Preflight::of(&self.client("preflight"), self.target, &self.inner.env).await
    }

    /// Tells what [`preflight`](Self::preflight) would say if everything were missing. Two clients that
    /// cannot work are really asked.
    pub async fn preflight_rehearsal(&self) -> Preflight {
        Preflight::rehearsed(
            &self.misconfigured_client(Misconfiguration::RefusedKey),
            &self.misconfigured_client(Misconfiguration::NothingListens),
        )
        .await
    }
}

fn kernel(is_ours: bool) -> Finding {
    let version = env!("CARGO_PKG_VERSION");
    match is_ours {
        true => Finding::fine(
            "kernel",
            format!("the workbook's own, with common {version} built in"),
        ),
        false => Finding::optional(
            "kernel",
            "a stock evcxr kernel, where cells that call services do not work; open the page with \
             `cargo workbook open`",
        ),
    }
}

fn destination(target: Target, named: Option<&str>) -> Finding {
    match (target, named.map(str::trim)) {
        (Target::LangSmith, _) => Finding::fine(
            "target",
            "runs go to LangSmith, and to the stand-in as well",
        ),
        (Target::StandIn, None | Some("mock")) => Finding::fine(
            "target",
            "runs go to the stand-in on this machine, and nowhere else",
        ),
        // Not shown: what stands there may be a key that slipped into the wrong line.
        (Target::StandIn, Some(_)) => Finding::broken(
            "target",
            "WORKBOOK_TARGET has a value that is not known, so runs go to the stand-in only; write \
             WORKBOOK_TARGET=langsmith, or leave it out",
        ),
    }
}

fn key_in(env: &Environment) -> Option<String> {
    env.get("LANGSMITH_API_KEY")
        .or_else(|| env.get("LANGCHAIN_API_KEY"))
}

fn key(target: Target, key: Option<&str>) -> Finding {
    match (target, key) {
        (Target::StandIn, None) => Finding::fine("key", "none, and none is needed"),
        (Target::StandIn, Some(_)) => Finding::fine("key", "set, and not used"),
        (Target::LangSmith, None) => Finding::broken(
            "key",
            "runs are to go to LangSmith, and there is no key; set LANGSMITH_API_KEY, or write it \
             into the file .env",
        ),
        (Target::LangSmith, Some(key)) if key.trim().contains(char::is_whitespace) => {
            Finding::broken(
                "key",
                "the key has blanks in it; copy it again into LANGSMITH_API_KEY",
            )
        }
        (Target::LangSmith, Some(key)) => Finding::fine(
            "key",
            format!("set, {} characters, not shown", key.trim().len()),
        ),
    }
}

async fn endpoint(client: &Client) -> Finding {
    let about = "endpoint";
    match client.check().await {
        Ok(report) => Finding::fine(
            about,
            format!("{} answers and takes the key", report.endpoint),
        ),
        Err(problem) => Finding::broken(about, &problem.to_string()),
    }
}

async fn python_peer() -> Finding {
    match PythonService::start(PYTHON_PEER, &PeerEnv::untraced()).await {
        Ok(peer) => Finding::fine("Python peer", format!("starts, and runs {}", peer.sdk())),
        Err(error) => Finding::broken("Python peer", &error.to_string()),
    }
}

async fn javascript_peer() -> Finding {
    let about = "JavaScript peer";
    match NodeService::start(JAVASCRIPT_PEER, &PeerEnv::untraced()).await {
        Ok(peer) => Finding::fine(about, format!("starts, and runs {}", peer.sdk())),
        Err(missing @ PeerError::NoNode(_)) => Finding::optional(about, &missing.to_string()),
        Err(error) => Finding::broken(about, &error.to_string()),
    }
}
