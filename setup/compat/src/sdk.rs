//! The official SDKs, and how their halves are started.

use std::fmt;
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use clap::ValueEnum;
use serde::Deserialize;
use tokio::process::Command;

/// An official SDK that we are compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, ValueEnum, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Sdk {
    /// The Python SDK.
    Python,
    /// The JavaScript SDK.
    #[value(name = "javascript")]
    JavaScript,
}

impl Sdk {
    /// Prepares the process that runs the SDK's half of the scenarios.
    pub(crate) fn command(self) -> Result<Command> {
        let halves = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
        Ok(match self {
            Self::Python => {
                let mut command = Command::new(named("WORKBOOK_PYTHON", "the Python environment")?);
                command.arg(halves.join("python/scenarios.py"));
                command
            }
            Self::JavaScript => {
                let mut command = Command::new("node");
                command.arg(halves.join("javascript/scenarios.mjs"));
                command
            }
        })
    }
}

/// Returns the folder whose `node_modules` has the JavaScript SDK.
pub(crate) fn modules() -> Result<PathBuf> {
    named("WORKBOOK_JAVASCRIPT", "the folder of the JavaScript SDK")
}

fn named(variable: &str, what: &str) -> Result<PathBuf> {
    std::env::var_os(variable)
        .map(PathBuf::from)
        .with_context(|| {
            format!(
                "{variable} does not name {what}\n  → cargo workbook compat  installs it and does"
            )
        })
}

impl fmt::Display for Sdk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Python => "Python",
            Self::JavaScript => "JavaScript",
        })
    }
}
