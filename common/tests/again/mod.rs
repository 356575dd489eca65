//! This very test binary, started again as a program that a test may end, fork or signal.
#![allow(dead_code, unreachable_pub, reason = "each test file uses its part")]
#![allow(clippy::print_stderr, reason = "what a program says to its test")]

use std::ffi::OsString;
use std::io::Read as _;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

/// Names what the program is to do.
const PART: &str = "PROGRAM_PART";

/// Where the program sends its runs.
const URL: &str = "PROGRAM_URL";

/// Returns the part that this process plays; none in the test itself.
pub fn part() -> Option<(String, String)> {
    let url = std::env::var(URL).unwrap_or_default();
    std::env::var(PART).ok().map(|part| (part, url))
}

/// Says a line to the test.
pub fn say(line: impl std::fmt::Display) {
    eprintln!("> {line}");
}

/// A program under test; killed when the test fails.
pub struct Program(Option<Child>);

/// Starts the program: a test of this file called `the_program` that looks at [`part`].
pub fn start(part: &str, url: &str) -> Program {
    start_with(part, url, &[])
}

/// Starts the program with more in its environment.
pub fn start_with(part: &str, url: &str, variables: &[(&str, OsString)]) -> Program {
    let mut command = Command::new(std::env::current_exe().expect("a test binary"));
    command
        .args(["the_program", "--exact", "--nocapture", "--test-threads=1"])
        .env(PART, part)
        .env(URL, url)
        .envs(variables.iter().cloned())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    Program(Some(command.spawn().expect("it starts")))
}

impl Program {
    /// Sends it a signal by name, such as `TERM`.
    pub fn signal(&self, name: &str) {
        let pid = self.0.as_ref().expect("running").id().to_string();
        let sent = Command::new("kill")
            .args([&format!("-{name}"), &pid])
            .status();
        assert!(sent.expect("kill").success());
    }

    /// Waits until it says that line; returns what it said before.
    pub fn wait_for(&mut self, line: &str) -> Vec<String> {
        let mut said = Vec::new();
        loop {
            let next = self.line().unwrap_or_else(|| panic!("it ended: {said:?}"));
            if next == line {
                return said;
            }
            said.push(next);
        }
    }

    fn line(&mut self) -> Option<String> {
        let stderr = self.0.as_mut()?.stderr.as_mut()?;
        let mut bytes = Vec::new();
        let mut byte = [0];
        loop {
            if stderr.read(&mut byte).ok()? == 0 {
                return None;
            }
            if byte != *b"\n" {
                bytes.extend(byte);
                continue;
            }
            let line = String::from_utf8_lossy(&bytes).into_owned();
            bytes.clear();
            if let Some(said) = line.strip_prefix("> ") {
                return Some(said.to_owned());
            }
        }
    }

    /// Waits for its end, for at most `patience`; returns how it ended and what it said last.
    pub fn wait(mut self, patience: Duration) -> (ExitStatus, Vec<String>) {
        let pid = self.0.as_ref().expect("running").id();
        let (tell, told) = std::sync::mpsc::channel::<()>();
        // The pipe of a program that hangs never ends; this lets the test fail instead.
        let watch = std::thread::spawn(move || {
            if told
                .recv_timeout(patience)
                .is_err_and(|why| why == std::sync::mpsc::RecvTimeoutError::Timeout)
            {
                let _ = Command::new("kill")
                    .args(["-KILL", &pid.to_string()])
                    .status();
            }
        });
        let said: Vec<String> = std::iter::from_fn(|| self.line()).collect();
        let status = self.0.take().expect("running").wait().expect("waited");
        drop(tell);
        watch.join().expect("no panic");
        (status, said)
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        if let Some(mut child) = self.0.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// The most memory that this process has held, in bytes.
#[cfg(target_os = "linux")]
pub fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = line.and_then(|line| line.trim().strip_suffix(" kB"));
    let kilobytes = kilobytes.expect("a size").trim().parse::<u64>();
    kilobytes.expect("a number") * 1_024
}
