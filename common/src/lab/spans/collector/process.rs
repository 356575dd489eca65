//! The process of a collector: found, started without what is exported here, heard, and seen out.
//!
//! ```text
//! installed() ──► Running::start ──► sh ──► rotel ──its log──► Log
//!                    └─ end: the pipe to sh closes ──► SIGTERM ──► its last words, its status
//! ```
//!
//! Start at [`Running::start`].

use std::collections::VecDeque;
use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::CollectorError;
use crate::lab::lesson::root;

/// How long a collector may take to listen, and to end. Bounds, not pauses.
const PATIENCE: Duration = Duration::from_secs(60);
/// How many lines of its log are kept.
const LOG_LINES: usize = 200;
/// The line with which rotel says that it listens; its sockets are bound before.
const LISTENS: &str = "Starting Rotel";

/// Starts the collector, and tells it to end when the pipe closes: because it shall, or because the process
/// that held it is gone.
const MINDER: &str = r#"
"$0" start &
collector=$!
trap '' HUP INT QUIT TERM
exec >/dev/null 2>&1
while read -r _; do :; done
kill -TERM "$collector"
wait "$collector"
"#;

/// A process that runs, and is told to end when this is dropped.
pub(super) struct Running {
    parts: Option<Parts>,
    log: Log,
}

struct Parts {
    child: Child,
    stdin: Option<ChildStdin>,
    // Closes when the collector has closed its output, which it does by ending.
    silent: Receiver<()>,
}

impl Running {
    /// Starts a collector that is configured by `settings` alone, and waits until it listens.
    pub(super) fn start(
        program: &Path,
        settings: &[(&'static str, String)],
    ) -> Result<Self, CollectorError> {
        let mut command = Command::new("/bin/sh");
        without_environment(&mut command)
            .args(["-c", MINDER])
            .arg(program)
            .envs(settings.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command
            .spawn()
            .map_err(|error| CollectorError::Missing(format!("no shell starts: {error}")))?;
        let (log, (open, silent), (ready, listens)) =
            (Log::default(), mpsc::channel(), mpsc::channel());
        listen(child.stdout.take(), log.clone(), open.clone(), Some(ready));
        listen(child.stderr.take(), log.clone(), open, None);
        let stdin = child.stdin.take();
        let running = Self {
            parts: Some(Parts {
                child,
                stdin,
                silent,
            }),
            log: log.clone(),
        };
        match listens.recv_timeout(PATIENCE) {
            Ok(()) => Ok(running),
            Err(RecvTimeoutError::Timeout) => Err(CollectorError::Slow { log: log.text() }),
            // Its output closed before it was ready.
            Err(RecvTimeoutError::Disconnected) => Err(match running.end() {
                Ok(_) => CollectorError::Slow { log: log.text() },
                Err(error) => error,
            }),
        }
    }

    /// Asks it whether it takes spans. It may listen, and then end over a setting.
    pub(super) fn answering(self, address: &str) -> Result<Self, CollectorError> {
        match takes_spans(address) {
            Ok(true) => Ok(self),
            _ => Err(self.end().map_or_else(
                |error| error,
                |log| CollectorError::Ended {
                    status: "it did not take spans".to_owned(),
                    log,
                },
            )),
        }
    }

    /// Returns the last lines that it wrote.
    pub(super) fn log(&self) -> String {
        self.log.text()
    }

    /// Tells it to end, waits until it has, and returns its log.
    pub(super) fn end(mut self) -> Result<String, CollectorError> {
        let status = self.parts.take().and_then(see_out);
        let log = self.log.text();
        match status {
            Some(status) if status.success() => Ok(log),
            Some(status) => Err(CollectorError::Ended {
                status: status.to_string(),
                log,
            }),
            None => Err(CollectorError::Slow { log }),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(parts) = self.parts.take() {
            std::thread::spawn(move || see_out(parts));
        }
    }
}

/// Tells the process to end and waits for it; none if it takes too long.
fn see_out(mut parts: Parts) -> Option<ExitStatus> {
    parts.stdin.take();
    match parts.silent.recv_timeout(PATIENCE) {
        Err(RecvTimeoutError::Timeout) => None,
        _ => parts.child.wait().ok(),
    }
}

/// Sends no spans, and returns true if that is answered with 200.
fn takes_spans(address: &str) -> std::io::Result<bool> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let head = "Content-Type: application/x-protobuf\r\nContent-Length: 0\r\nConnection: close";
    write!(
        stream,
        "POST /v1/traces HTTP/1.1\r\nHost: {address}\r\n{head}\r\n\r\n"
    )?;
    let mut answer = String::new();
    BufReader::new(stream).read_line(&mut answer)?;
    Ok(answer.starts_with("HTTP/1.1 200"))
}

/// Returns the program and what it calls itself.
pub(super) fn installed() -> Result<(PathBuf, String), CollectorError> {
    let own = std::env::var_os("WORKBOOK_COLLECTOR").map(PathBuf::from);
    let folder = own.or_else(|| root().map(|root| root.join(".workbook/collector")));
    let program = folder.map(|folder| folder.join("rotel/rotel-agent"));
    let Some(program) = program.filter(|program| program.is_file()) else {
        return Err(CollectorError::Missing(
            "the collector (rotel) is not installed; with a network, `cargo workbook open` brings it if \
             it is built for this machine"
                .to_owned(),
        ));
    };
    let asked = without_environment(&mut Command::new(&program))
        .arg("--version")
        .stdin(Stdio::null())
        .output();
    let (runs, said) = match &asked {
        Ok(output) if output.status.success() => (true, &*output.stdout),
        Ok(output) => (false, &*output.stderr),
        Err(_) => (false, &b"it cannot be executed"[..]),
    };
    let said = String::from_utf8_lossy(said).trim().to_owned();
    match runs {
        true => Ok((program, said)),
        false => Err(CollectorError::Missing(format!(
            "the collector (rotel) does not run on this machine: {said}"
        ))),
    }
}

/// Leaves a process none of what is exported here: another collector's settings, proxies, keys.
fn without_environment(command: &mut Command) -> &mut Command {
    command.env_clear();
    for name in ["LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "TMPDIR"] {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
    command.env("RUST_LOG", "info").env("NO_COLOR", "1")
}

/// The last lines that a process wrote. A clone is the same.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<VecDeque<String>>>);

impl Log {
    fn push(&self, line: String) {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() == LOG_LINES {
            lines.pop_front();
        }
        lines.push_back(line);
    }

    fn text(&self) -> String {
        let lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lines.iter().map(|line| format!("{line}\n")).collect()
    }
}

/// Hears a process out on a thread; `open` is held until it is silent.
fn listen(
    pipe: Option<impl Read + Send + 'static>,
    log: Log,
    open: Sender<()>,
    mut ready: Option<Sender<()>>,
) {
    let Some(pipe) = pipe else { return };
    std::thread::spawn(move || {
        for line in BufReader::new(pipe).lines().map_while(Result::ok) {
            if line.contains(LISTENS)
                && let Some(ready) = &ready
            {
                // Nobody waits for a second such line.
                let _ = ready.send(());
            }
            log.push(line);
        }
        ready.take();
        drop(open);
    });
}
