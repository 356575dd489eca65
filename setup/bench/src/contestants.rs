//! Who is measured.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};

/// A library in one configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Contestant {
    /// What it is called on the command line.
    pub name: &'static str,
    /// What it is called in tables.
    pub title: &'static str,
    /// What runs it.
    pub runtime: Runtime,
    /// Whether it sends anything.
    pub sends: bool,
}

/// What runs a driver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Runtime {
    /// This program, started again.
    Rust,
    /// This program, if it was built with the peers.
    RustPeer,
    /// The workbook's Python, with this word for the driver.
    Python(&'static str),
    /// Node.js, with this word for the driver.
    JavaScript(&'static str),
}

/// What a process is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// Traces, as it is ordered to.
    Drive,
    /// Writes and reads headers.
    Headers,
    /// Serves requests.
    Serve,
}

impl Role {
    /// The word on our own command line.
    fn word(self) -> &'static str {
        match self {
            Self::Drive => "drive",
            Self::Headers => "headers",
            Self::Serve => "serve",
        }
    }

    /// The script of that role.
    fn script(self) -> &'static str {
        match self {
            Self::Drive => "driver",
            Self::Headers => "headers",
            Self::Serve => "service",
        }
    }
}

const fn rust(name: &'static str, title: &'static str) -> Contestant {
    Contestant {
        name,
        title,
        runtime: Runtime::Rust,
        sends: true,
    }
}

const fn peer(name: &'static str, title: &'static str, runtime: Runtime) -> Contestant {
    Contestant {
        name,
        title,
        runtime,
        sends: true,
    }
}

const fn off(contestant: Contestant) -> Contestant {
    Contestant {
        sends: false,
        ..contestant
    }
}

/// The one that all others are compared with.
pub const OURS: Contestant = rust("ours", "common");

/// Everybody, in the order of the tables.
pub const ALL: [Contestant; 17] = [
    OURS,
    rust("ours-by-reference", "common, payload by reference"),
    rust("ours-masked", "common, masking secrets"),
    rust("ours-overflow", "common, spool for what does not fit"),
    rust("ours-durable", "common, durable spool"),
    peer("otel", "OpenTelemetry, default queue", Runtime::RustPeer),
    peer("otel-big", "OpenTelemetry, big queue", Runtime::RustPeer),
    peer(
        "otel-by-reference",
        "OpenTelemetry, big queue, payload by reference",
        Runtime::RustPeer,
    ),
    peer(
        "otel-zstd",
        "OpenTelemetry, big queue, zstd",
        Runtime::RustPeer,
    ),
    peer(
        "tracing-otel",
        "tracing + OpenTelemetry, big queue",
        Runtime::RustPeer,
    ),
    peer("fastrace", "fastrace, OTLP", Runtime::RustPeer),
    peer(
        "py-runtree",
        "Python SDK, RunTree",
        Runtime::Python("runtree"),
    ),
    peer(
        "py-traceable",
        "Python SDK, @traceable",
        Runtime::Python("traceable"),
    ),
    peer(
        "js-runtree",
        "JavaScript SDK, RunTree",
        Runtime::JavaScript("runtree"),
    ),
    peer(
        "js-traceable",
        "JavaScript SDK, traceable",
        Runtime::JavaScript("traceable"),
    ),
    off(rust("ours-off", "common, switched off")),
    off(peer(
        "tracing-off",
        "tracing macros, no subscriber",
        Runtime::RustPeer,
    )),
];

/// Returns the contestant of that name.
///
/// # Errors
/// If there is none.
pub fn named(name: &str) -> Result<Contestant> {
    let known = || ALL.map(|contestant| contestant.name).join(" ");
    ALL.into_iter()
        .find(|contestant| contestant.name == name)
        .with_context(|| format!("nobody is called {name}; there are: {}", known()))
}

impl Contestant {
    /// Returns true if it is one of ours.
    pub fn is_ours(self) -> bool {
        self.runtime == Runtime::Rust
    }

    /// Returns how it spools, in the word of `LANGSMITH_SPOOL_MODE`; nothing if it does not.
    pub(crate) fn spool_mode(self) -> Option<&'static str> {
        match self.name {
            "ours-durable" => Some("durable"),
            "ours-overflow" => Some("overflow"),
            _ => None,
        }
    }

    /// Returns true if its runtime is so slow that it gets a tenth of the work.
    pub fn gets_a_tenth(self) -> bool {
        matches!(self.runtime, Runtime::Python(_) | Runtime::JavaScript(_))
    }

    /// Says why it cannot be measured here; nothing if it can.
    pub fn missing(self) -> Option<&'static str> {
        match self.runtime {
            Runtime::Rust => None,
            Runtime::RustPeer if cfg!(feature = "peers") => None,
            Runtime::RustPeer => Some("this program was built without the peers"),
            Runtime::Python(_) if python().is_ok() => None,
            Runtime::Python(_) => Some("the workbook's Python environment is not known"),
            Runtime::JavaScript(_) if modules().is_ok() => None,
            Runtime::JavaScript(_) => Some("the JavaScript SDK is not known"),
        }
    }

    /// Prepares its process for a role.
    pub(crate) fn command(self, role: Role) -> Result<Command> {
        Ok(match self.runtime {
            Runtime::Rust | Runtime::RustPeer => {
                let me = std::env::current_exe().context("finding this program")?;
                let mut command = Command::new(me);
                command.args([role.word(), self.name]);
                command
            }
            Runtime::Python(word) => {
                let mut command = Command::new(python()?);
                let script = format!("python/{}.py", role.script());
                command.arg(here(&script)).arg(word);
                command.env("PYTHONDONTWRITEBYTECODE", "1");
                command
            }
            Runtime::JavaScript(word) => {
                let mut command = Command::new("node");
                let script = format!("javascript/{}.mjs", role.script());
                command.arg(here(&script)).arg(word);
                command.env("BENCH_MODULES", modules()?);
                command
            }
        })
    }
}

/// Returns a file of this package.
pub(crate) fn here(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(file)
}

/// Returns the workbook's Python.
pub(crate) fn python() -> Result<PathBuf> {
    given("WORKBOOK_PYTHON")
}

fn modules() -> Result<PathBuf> {
    given("WORKBOOK_JAVASCRIPT")
}

fn given(variable: &str) -> Result<PathBuf> {
    let path = std::env::var_os(variable).filter(|path| !path.is_empty());
    path.map(PathBuf::from).with_context(|| {
        format!(
            "{variable} is not set\n  → cargo workbook bench  installs what is needed and sets it"
        )
    })
}
