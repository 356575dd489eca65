//! Examines captured traces: findings with a code, the likely cause, and what to do.
//!
//! ```text
//! cargo run -p common --features doctor --bin trace-doctor -- capture.jsonl --format json
//! cargo run -p common --features doctor --bin trace-doctor -- --score --seed 1 --traces 5000
//! ```

mod live;
mod make;
mod score;

use std::fmt::Display;
use std::fs::File;
use std::io::{self, BufWriter, IsTerminal as _, Write as _};
use std::path::Path;
use std::process::ExitCode;

use clap::{Parser, ValueEnum};
use common::analysis::doctor::{Evidence, Level, ReadError, Report, catalogue, examine};

/// Examines captured traces, and says what is wrong, why, and what to do.
///
/// Reads a capture of the stand-in (`langsmith-mock --capture FILE`, or its URL), exported runs as JSON
/// or JSON lines, OTLP JSON, or a project of LangSmith.
#[derive(Debug, Parser)]
#[command(
    name = "trace-doctor",
    version,
    after_help = "Examples:\n  trace-doctor capture.jsonl\n  \
        trace-doctor runs.json ledger.jsonl --format sarif > findings.sarif\n  \
        trace-doctor http://127.0.0.1:1984\n  \
        trace-doctor https://api.smith.langchain.com --project docs-assistant\n  \
        trace-doctor --score --seed 1 --traces 5000\n\n\
        Exit codes: 0 clean · 1 findings · 2 could not read. The key for LangSmith is taken from \
        LANGSMITH_API_KEY, never shown, and sent to LANGSMITH_ENDPOINT (by default \
        https://api.smith.langchain.com) alone."
)]
struct Arguments {
    /// Files or addresses; `-` is standard input. Several are examined together.
    #[arg(value_name = "FILE|URL")]
    sources: Vec<String>,
    /// How to print the report.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// The mildest level that makes the exit code 1.
    #[arg(long, value_name = "LEVEL", value_enum, default_value_t = FailOn::Note)]
    fail_on: FailOn,
    /// The project to read from LangSmith.
    #[arg(long, value_name = "NAME")]
    project: Option<String>,
    /// Most runs to read from LangSmith, the newest first.
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    limit: usize,
    /// Sends the key also to an address that it was not set for (LANGSMITH_ENDPOINT says which it is for).
    #[arg(long)]
    send_key: bool,
    /// Prints the table of docs/troubleshooting.md.
    #[arg(long)]
    catalogue: bool,
    /// Composes faults into made-up traces, and prints how many of them are found.
    #[arg(long)]
    score: bool,
    /// Writes made-up traces with faults as a capture instead of reading one.
    #[arg(long, conflicts_with = "score")]
    make: bool,
    /// With --make: no faults.
    #[arg(long, requires = "make")]
    clean: bool,
    /// Where the random numbers of --score and --make begin.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Number of traces that --score and --make make up.
    #[arg(long, value_name = "N", default_value_t = 1_000)]
    traces: usize,
    /// Prints on standard error how much memory it took at most (Linux).
    #[arg(long)]
    memory: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people; in color on a terminal.
    Text,
    /// For programs; docs/trace_doctor.md describes the fields.
    Json,
    /// SARIF 2.1.0, for code scanners.
    Sarif,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum FailOn {
    Note,
    Warning,
    Error,
}

impl From<FailOn> for Level {
    fn from(level: FailOn) -> Self {
        match level {
            FailOn::Note => Self::Note,
            FailOn::Warning => Self::Warning,
            FailOn::Error => Self::Error,
        }
    }
}

const CLEAN: u8 = 0;
const FOUND: u8 = 1;
const UNREAD: u8 = 2;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let code = match run(&arguments) {
        Ok(code) => code,
        Err(problem) => {
            let _ = writeln!(io::stderr(), "✗ {problem}");
            UNREAD
        }
    };
    if arguments.memory {
        let peak = peak_memory().unwrap_or_else(|| "not known here".to_owned());
        let _ = writeln!(io::stderr(), "peak memory: {peak}");
    }
    ExitCode::from(code)
}

fn run(arguments: &Arguments) -> Result<u8, String> {
    if arguments.catalogue {
        tell(catalogue().trim_end());
        return Ok(CLEAN);
    }
    if arguments.score {
        let score = score::score(arguments.seed, arguments.traces)?;
        tell(&score);
        return Ok(if score.is_good() { CLEAN } else { FOUND });
    }
    if arguments.make {
        let mut out = BufWriter::new(io::stdout().lock());
        let written = make::write(&mut out, arguments.seed, arguments.traces, !arguments.clean);
        return match written.and_then(|()| out.flush()) {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.to_string()),
            _ => Ok(CLEAN),
        };
    }
    if arguments.sources.is_empty() {
        return Err("name a file or an address\n  → trace-doctor --help has examples".to_owned());
    }
    let mut evidence = Evidence::new();
    for source in &arguments.sources {
        evidence = take(evidence, source, arguments)
            .map_err(|error| format!("{} cannot be read: {error}", harmless(source)))?;
    }
    let report = examine(&evidence);
    print(&report, arguments);
    let fails = report
        .worst()
        .is_some_and(|worst| worst >= arguments.fail_on.into());
    Ok(if fails { FOUND } else { CLEAN })
}

fn take(mut evidence: Evidence, source: &str, arguments: &Arguments) -> Result<Evidence, String> {
    if is_address(source) {
        let wanted = live::Wanted {
            url: source,
            project: arguments.project.as_deref(),
            limit: arguments.limit,
            send_key: arguments.send_key,
        };
        return live::take(evidence, &wanted);
    }
    let read = match source {
        "-" => evidence.read_more(io::stdin().lock()),
        path if Path::new(path).is_dir() => {
            return Err("it is a folder; name the files in it".to_owned());
        }
        path => File::open(path)
            .map_err(ReadError::from)
            .and_then(|file| evidence.read_more(file)),
    };
    read.map_err(|error| error.to_string())?;
    Ok(evidence)
}

fn is_address(source: &str) -> bool {
    source.starts_with("http://") || source.starts_with("https://")
}

/// A name from outside, without what moves a terminal's cursor and without a password.
fn harmless(text: &str) -> String {
    let shown = match text.split_once("://") {
        Some((scheme, rest)) if is_address(text) => {
            let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
            let user = host.rfind('@').map_or(0, |at| at + 1);
            let path = rest.split(['?', '#']).next().unwrap_or_default();
            format!("{scheme}://{}", &path[user..])
        }
        _ => text.to_owned(),
    };
    let each = shown.chars();
    each.map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect()
}

fn print(report: &Report, arguments: &Arguments) {
    match arguments.format {
        Format::Text => {
            let wanted = io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
            tell(report.to_text(wanted).trim_end());
        }
        Format::Json => tell(format_args!("{:#}", report.to_json())),
        Format::Sarif => {
            let source = arguments.sources.first().map_or("", String::as_str);
            tell(format_args!("{:#}", report.to_sarif(source)));
        }
    }
}

/// Prints for whoever reads; one who has stopped reading (`| head -1`) is no failure.
fn tell(words: impl Display) {
    let _ = writeln!(io::stdout(), "{words}");
}

/// Returns the most memory that this process held, as Linux tells it.
fn peak_memory() -> Option<String> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.trim().trim_end_matches("kB").trim().parse().ok()?;
    Some(format!("{:.1} MB", kib as f64 * 1024.0 / 1e6))
}
