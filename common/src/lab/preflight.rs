//! Is everything in place that a trace needs?

use std::fmt;

use super::python::python;
use super::target::{Environment, Target, root};
use crate::client::Client;

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Whether it is in place.
    pub ok: bool,
    /// What was found, and what to do if it is not in place. Never a key.
    pub words: String,
}

/// What was found before the first trace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Preflight {
    /// What was looked at, in the order in which a run meets it.
    pub findings: Vec<Finding>,
}

impl Preflight {
    pub(super) async fn of(client: &Client, target: Target, env: &Environment) -> Self {
        let findings = vec![key(target, env), endpoint(client).await, peers()];
        Self { findings }
    }

    /// Returns true if everything is in place.
    pub fn is_ok(&self) -> bool {
        self.findings.iter().all(|finding| finding.ok)
    }
}

impl fmt::Display for Preflight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for finding in &self.findings {
            writeln!(
                f,
                "{} {}",
                if finding.ok { '✓' } else { '✗' },
                finding.words
            )?;
        }
        match self.findings.iter().filter(|finding| !finding.ok).count() {
            0 => f.write_str("Everything is in place."),
            1 => f.write_str("One thing needs a hand."),
            many => write!(f, "{many} things need a hand."),
        }
    }
}

fn key(target: Target, env: &Environment) -> Finding {
    let key = env
        .get("LANGSMITH_API_KEY")
        .or_else(|| env.get("LANGCHAIN_API_KEY"));
    let (ok, words) = match (target, key) {
        (Target::StandIn, None) => (
            true,
            "no key, and none is needed: runs go to the stand-in".into(),
        ),
        (Target::StandIn, Some(_)) => (
            true,
            "a key is set but not used: runs go to the stand-in until WORKBOOK_TARGET=langsmith"
                .into(),
        ),
        (Target::LangSmith, Some(key)) => (
            true,
            format!(
                "a key of {} characters is set, and not shown",
                key.trim().len()
            ),
        ),
        (Target::LangSmith, None) => (
            false,
            "WORKBOOK_TARGET=langsmith without a key: set LANGSMITH_API_KEY".into(),
        ),
    };
    Finding { ok, words }
}

async fn endpoint(client: &Client) -> Finding {
    match client.check().await {
        Ok(report) => Finding {
            ok: true,
            words: format!("{} answers and takes the key", report.endpoint),
        },
        Err(problem) => Finding {
            ok: false,
            words: problem.to_string(),
        },
    }
}

fn peers() -> Finding {
    match root().as_deref().and_then(python) {
        Some(_) => Finding {
            ok: true,
            words: "the Python peers are installed".into(),
        },
        None => Finding {
            ok: false,
            words: "the Python peers are not installed: run `cargo workbook doctor`; \
                    only the cells with a Python service need them"
                .into(),
        },
    }
}
