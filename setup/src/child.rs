//! Starts other programs: without what cargo leaves in the environment, with a log and a reason.

use std::collections::VecDeque;
use std::env;
use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

use crate::problem::Problem;

/// How many of its last lines a failed program is quoted with.
const QUOTED_LINES: usize = 15;

/// Prepares a program without the variables that `cargo run` set for this one.
///
/// `CARGO_MANIFEST_DIR` and its kin would make a build script in a child believe that it builds
/// `workbook`. `RUSTUP_TOOLCHAIN` stays: it carries the `+1.95.0` of `cargo +1.95.0 workbook`.
pub(crate) fn command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    for (name, _) in env::vars_os() {
        if name.to_str().is_some_and(is_from_cargo) {
            command.env_remove(name);
        }
    }
    for name in ["LD_LIBRARY_PATH", "DYLD_FALLBACK_LIBRARY_PATH"] {
        match env::var_os(name).map(|value| without_cargo_folders(&value)) {
            Some(value) if value.is_empty() => command.env_remove(name),
            Some(value) => command.env(name, value),
            None => &mut command,
        };
    }
    command
}

fn is_from_cargo(name: &str) -> bool {
    matches!(
        name,
        "CARGO" | "CARGO_MANIFEST_DIR" | "CARGO_MANIFEST_PATH" | "OUT_DIR"
    ) || matches!(
        name,
        "CARGO_CRATE_NAME" | "CARGO_PRIMARY_PACKAGE" | "RUST_RECURSION_COUNT"
    ) || name.starts_with("CARGO_PKG_")
        || name.starts_with("CARGO_BIN_")
}

/// Drops the folders of build results and of the compiler's own libraries from a search path.
fn without_cargo_folders(value: &OsStr) -> OsString {
    let kept = env::split_paths(value).filter(|folder| {
        let is_build = folder
            .ancestors()
            .any(|above| above.join("CACHEDIR.TAG").is_file());
        !is_build && !folder.join("rustlib").is_dir()
    });
    env::join_paths(kept).unwrap_or_default()
}

/// Runs a program to its end, writes what it prints to a log and tells each line.
#[derive(Debug)]
pub(crate) struct Logged<'a> {
    /// What the reader of an error knows the program as.
    name: &'a str,
    log: PathBuf,
    limit: Option<Duration>,
}

impl<'a> Logged<'a> {
    /// Names the program and its log.
    pub(crate) fn new(name: &'a str, log: PathBuf) -> Self {
        Self {
            name,
            log,
            limit: None,
        }
    }

    /// Ends the program when it takes longer than this.
    pub(crate) fn limit(mut self, limit: Duration) -> Self {
        self.limit = Some(limit);
        self
    }

    /// Runs it; `told` gets each line. Fails with the last lines, a remedy and the log's path.
    pub(crate) fn run(self, command: &mut Command, told: impl FnMut(&str)) -> Result<()> {
        let ended = self.observe(command, told)?;
        if ended.success {
            return Ok(());
        }
        Err(ended.problem(self.name, &self.log).into())
    }

    /// Runs it and returns how it ended, whether it worked or not.
    pub(crate) fn observe(
        &self,
        command: &mut Command,
        mut told: impl FnMut(&str),
    ) -> Result<Ended> {
        let mut log = open_log(&self.log)?;
        let program = command.get_program().to_string_lossy().into_owned();
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| {
                Problem::new(
                    format!("{}: `{program}` does not start: {error}", self.name),
                    "cargo workbook doctor  names what is missing",
                )
            })?;
        let (sender, lines) = mpsc::channel();
        forward(child.stdout.take(), &sender);
        forward(child.stderr.take(), &sender);
        drop(sender);
        let started = Instant::now();
        let mut last = VecDeque::new();
        let mut timed_out = false;
        loop {
            let wait = match self.limit {
                Some(limit) => limit.saturating_sub(started.elapsed()),
                None => Duration::from_secs(3600),
            };
            match lines.recv_timeout(wait) {
                Ok(line) => {
                    writeln!(log, "{line}").context("writing a log")?;
                    told(&line);
                    if !line.trim().is_empty() {
                        last.push_back(line);
                    }
                    if last.len() > QUOTED_LINES {
                        last.pop_front();
                    }
                }
                Err(RecvTimeoutError::Timeout) if self.limit.is_some() => {
                    timed_out = true;
                    child
                        .kill()
                        .context("ending a program that took too long")?;
                    break;
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        let status = child
            .wait()
            .with_context(|| format!("waiting for {program}"))?;
        Ok(Ended {
            success: status.success() && !timed_out,
            timed_out,
            last: last.into(),
        })
    }
}

/// How a program ended.
#[derive(Debug)]
pub(crate) struct Ended {
    /// Whether it said that it worked.
    pub(crate) success: bool,
    timed_out: bool,
    /// Its last lines.
    pub(crate) last: Vec<String>,
}

impl Ended {
    fn problem(&self, name: &str, log: &Path) -> Problem {
        let words = if self.timed_out {
            "took too long"
        } else {
            "failed"
        };
        let mut what = format!("{name} {words}. Its last lines:\n");
        for line in &self.last {
            what.push_str(&format!("    {line}\n"));
        }
        what.push_str(&format!("  all of it: {}", log.display()));
        Problem::new(what, remedy(&self.last.join("\n")))
    }
}

/// Guesses from a program's last lines what would help.
fn remedy(lines: &str) -> &'static str {
    const NETWORK: [&str; 17] = [
        "could not resolve",
        "name resolution",
        "failed to download",
        "download of",
        "network",
        "connection refused",
        "connection reset",
        "connection error",
        "newconnectionerror",
        "timed out",
        "no matching distribution",
        "failed to fetch",
        "enotfound",
        "eai_again",
        "econnrefused",
        "econnreset",
        "etimedout",
    ];
    let lines = lines.to_lowercase();
    if lines.contains("no space left") {
        "make room on the disk (`cargo workbook doctor` says how much is needed) and run the \
         command again: finished parts are kept"
    } else if NETWORK.iter().any(|sign| lines.contains(sign)) {
        "the network did not answer: connect, or set the proxy variables of your network, and \
         run the command again: finished parts are kept"
    } else {
        "mend what the lines above name and run the command again: finished parts are kept"
    }
}

fn open_log(path: &Path) -> Result<File> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).with_context(|| format!("making {}", folder.display()))?;
    }
    File::create(path).with_context(|| format!("writing {}", path.display()))
}

fn forward(stream: Option<impl Read + Send + 'static>, lines: &Sender<String>) {
    let Some(stream) = stream else { return };
    let lines = lines.clone();
    thread::spawn(move || {
        let mut stream = BufReader::new(stream);
        let mut line = Vec::new();
        while matches!(stream.read_until(b'\n', &mut line), Ok(read) if read > 0) {
            let text = String::from_utf8_lossy(&line).trim_end().to_owned();
            line.clear();
            if lines.send(text).is_err() {
                return;
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_failure_says_so() {
        assert!(remedy("error: Could not resolve host: example").contains("network"));
        assert!(remedy("npm error code: 'ECONNREFUSED'").contains("network"));
        assert!(remedy("OSError: No space left on device").contains("room on the disk"));
        assert!(remedy("error[E0308]: mismatched types").contains("lines above"));
    }

    #[test]
    fn cargo_variables_do_not_reach_children() {
        assert!(is_from_cargo("CARGO_PKG_NAME") && is_from_cargo("CARGO"));
        assert!(!is_from_cargo("CARGO_HOME") && !is_from_cargo("RUSTUP_TOOLCHAIN"));
    }
}
