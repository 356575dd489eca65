//! A service of a lesson that is written in another language: a process, and how it is asked and ended.
//!
//! ```text
//! Command ──spawn──► first line {"url", "sdk"} ──► Peer ──call · flush──► its HTTP answers
//!                                                   └─ drop closes its input, so that it sends and ends
//! ```
//!
//! Start at [`Peer::start`]; lessons use [`PythonService`](super::PythonService) and
//! [`NodeService`](super::NodeService).

use std::collections::VecDeque;
use std::io::{BufRead as _, BufReader, Read};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::middleware::TraceRequestExt as _;
use crate::trace::RunTree;

/// How long a peer may take to start: it imports FastAPI and the SDK, which takes a busy machine a minute.
const START: Duration = Duration::from_secs(180);
/// How long a peer may take to answer, and between two parts of an answer that it gives bit by bit.
pub(super) const ANSWER: Duration = Duration::from_secs(60);
/// How long a peer may take to end by itself.
const END: Duration = Duration::from_secs(10);
/// How long the last words of a peer that has ended may take to be read. A process of its own that it left
/// behind may hold its standard error open for ever.
const READ: Duration = Duration::from_secs(2);
/// How many of its last words are kept to explain its end.
const LAST_WORDS: usize = 12;

/// A service in a process of its own. It ends with this handle, and with the process that holds it.
#[derive(Debug)]
pub(in crate::lab) struct Peer {
    /// What it is, in words: ``Python service `retriever` ``.
    what: String,
    url: String,
    sdk: String,
    // Taken when the handle is dropped, by the thread that sees the process out.
    child: Option<Mutex<Child>>,
    last_words: LastWords,
    // Held open: the peer ends when it closes.
    stdin: Option<ChildStdin>,
}

/// What a process wrote last, and whether that was all.
#[derive(Debug, Clone, Default)]
struct LastWords(Arc<(Mutex<Words>, Condvar)>);

#[derive(Debug, Default)]
struct Words {
    lines: VecDeque<String>,
    is_all: bool,
}

impl Peer {
    /// Starts a process that keeps the manners of the peers, and waits until it answers.
    ///
    /// The first line on its standard output is `{"url": …, "sdk": …}`, it sends its runs on `POST /flush`,
    /// and it ends when its standard input closes.
    pub(in crate::lab) async fn start(
        what: String,
        command: &mut Command,
        missing: PeerError,
    ) -> Result<Self, PeerError> {
        crate::lab::kernel::start();
        let spawned = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        let Ok(mut child) = spawned else {
            return Err(missing);
        };
        let stdin = child.stdin.take();
        let last_words = LastWords::default();
        if let Some(stderr) = child.stderr.take() {
            last_words.listen(stderr);
        }
        let stdout = child.stdout.take();
        let mut service = Self {
            what,
            url: String::new(),
            sdk: String::new(),
            child: Some(Mutex::new(child)),
            last_words,
            stdin,
        };
        let ready = tokio::task::spawn_blocking(move || first_line(stdout?));
        match tokio::time::timeout(START, ready).await {
            Ok(Ok(Some(ready))) => {
                service.url = ready["url"].as_str().unwrap_or_default().to_owned();
                service.sdk = ready["sdk"].as_str().unwrap_or_default().to_owned();
                Ok(service)
            }
            // Its output closed before it was ready: it is ending, and its last words are on the way.
            Ok(_) => Err(service.ending().await),
            Err(_) => Err(PeerError::Slow {
                peer: service.what.clone(),
            }),
        }
    }

    /// Returns the address of a path of the service.
    pub(in crate::lab) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }

    /// Returns which SDK the service runs, such as `langsmith 0.15.0`.
    pub(in crate::lab) fn sdk(&self) -> &str {
        &self.sdk
    }

    /// Posts JSON below `run`, and returns the JSON of the answer.
    ///
    /// # Errors
    /// When the service has ended, takes too long, or answers with an error.
    pub(in crate::lab) async fn call(
        &self,
        path: &str,
        body: &Value,
        run: &RunTree,
    ) -> Result<Value, PeerError> {
        self.send(http().post(self.url(path)).json(body).trace(run))
            .await
    }

    /// Posts JSON below `run`, and returns the answer as soon as it begins. All of it may take as long as it
    /// likes, as long as it goes on.
    pub(super) async fn open(
        &self,
        path: &str,
        body: &Value,
        run: &RunTree,
    ) -> Result<reqwest::Response, PeerError> {
        let http = client(crate::lab::services::loopback().read_timeout(ANSWER));
        self.answer(http.post(self.url(path)).json(body).trace(run))
            .await
    }

    /// Gets JSON, below no run.
    pub(super) async fn get(&self, path: &str) -> Result<Value, PeerError> {
        self.send(http().get(self.url(path))).await
    }

    /// Asks the service to send the runs it has kept back.
    ///
    /// # Errors
    /// When the service has ended, takes too long, or answers with an error.
    pub(in crate::lab) async fn flush(&self) -> Result<(), PeerError> {
        self.send(http().post(self.url("/flush"))).await.map(|_| ())
    }

    /// Kills the service without warning, as an out-of-memory killer would.
    pub(in crate::lab) fn kill(&self) {
        let Some(child) = &self.child else { return };
        let mut child = child.lock().unwrap_or_else(PoisonError::into_inner);
        // It may have ended already, which is what was asked for.
        let _ = child.kill();
        let _ = child.wait();
    }

    async fn send(&self, request: reqwest::RequestBuilder) -> Result<Value, PeerError> {
        let answer = self.answer(request).await?.json().await;
        answer.map_err(|error| self.failed(&error))
    }

    async fn answer(
        &self,
        request: reqwest::RequestBuilder,
    ) -> Result<reqwest::Response, PeerError> {
        let response = request.send().await.map_err(|error| self.failed(&error))?;
        let status = response.status();
        if !status.is_success() {
            let body = response.text().await.unwrap_or_default();
            return Err(PeerError::Status {
                peer: self.what.clone(),
                status: status.as_u16(),
                body,
            });
        }
        Ok(response)
    }

    fn failed(&self, error: &reqwest::Error) -> PeerError {
        let peer = self.what.clone();
        self.ended().unwrap_or(if error.is_timeout() {
            PeerError::Slow { peer }
        } else {
            let why = error.to_string();
            PeerError::Unreachable { peer, why }
        })
    }

    /// Waits for the end of a process that is about to end, and tells how it ended.
    async fn ending(&self) -> PeerError {
        let deadline = Instant::now() + END;
        while Instant::now() < deadline {
            if let Some(error) = self.ended() {
                return error;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        PeerError::Slow {
            peer: self.what.clone(),
        }
    }

    /// Returns an error that tells how the process ended, if it has.
    fn ended(&self) -> Option<PeerError> {
        let mut child = self
            .child
            .as_ref()?
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let status = child.try_wait().ok()??;
        Some(PeerError::Ended {
            peer: self.what.clone(),
            status: status.to_string(),
            last_words: self.last_words.told(READ),
        })
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // The closing of its standard input tells the service to send what it has and end.
        self.stdin.take();
        let Some(child) = self.child.take() else {
            return;
        };
        std::thread::spawn(move || {
            let mut child = child.into_inner().unwrap_or_else(PoisonError::into_inner);
            let deadline = Instant::now() + END;
            while Instant::now() < deadline {
                if !matches!(child.try_wait(), Ok(None)) {
                    return;
                }
                std::thread::sleep(Duration::from_millis(50));
            }
            // It does not listen. If the kill fails, it has ended in the meantime.
            let _ = child.kill();
            let _ = child.wait();
        });
    }
}

/// Why a service in another language did not answer. Its `Debug` is its `Display`, so that `expect` reads
/// well.
#[derive(thiserror::Error)]
pub enum PeerError {
    /// No Python with the peers: run `cargo workbook doctor`, it says what to install.
    #[error("the Python peers are not installed; `cargo workbook doctor` says what is missing")]
    NotInstalled,
    /// No Node.js with the packages: install Node.js 20 or newer, and run the command again.
    #[error("{0}")]
    NoNode(&'static str),
    /// The process is gone: run the cell that starts it again.
    #[error("the {peer} has ended ({status}); run the cell that starts it again\n{last_words}")]
    Ended {
        /// Which service.
        peer: String,
        /// How it ended.
        status: String,
        /// The last lines it wrote to standard error.
        last_words: String,
    },
    /// It runs but took too long: look at the machine's load, then try again.
    #[error("the {peer} took too long to answer")]
    Slow {
        /// Which service.
        peer: String,
    },
    /// It runs but the connection failed.
    #[error("the {peer} cannot be reached: {why}")]
    Unreachable {
        /// Which service.
        peer: String,
        /// What the HTTP client says.
        why: String,
    },
    /// It answered with an error.
    #[error("the {peer} answered {status}: {body}")]
    Status {
        /// Which service.
        peer: String,
        /// The HTTP status.
        status: u16,
        /// The body of the answer.
        body: String,
    },
}

impl std::fmt::Debug for PeerError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(self, f)
    }
}

/// Makes a client for one request: a stock kernel gives every cell an HTTP stack of its own, and one made
/// in another cell does not find its runtime.
fn http() -> reqwest::Client {
    client(crate::lab::services::loopback().timeout(ANSWER))
}

fn client(builder: reqwest::ClientBuilder) -> reqwest::Client {
    builder.build().unwrap_or_default()
}

fn first_line(stdout: impl Read + Send + 'static) -> Option<Value> {
    let mut lines = BufReader::new(stdout).lines().map_while(Result::ok);
    let ready = lines.find_map(|line| serde_json::from_str(&line).ok());
    // Go on reading: the service would block on a full pipe.
    std::thread::spawn(move || lines.for_each(drop));
    ready
}

impl LastWords {
    /// Reads what a process writes, on a thread of its own, until it ends.
    fn listen(&self, stderr: impl Read + Send + 'static) {
        let heard = self.clone();
        std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                let mut words = heard.lock();
                if words.lines.len() == LAST_WORDS {
                    words.lines.pop_front();
                }
                words.lines.push_back(line);
            }
            heard.lock().is_all = true;
            heard.0.1.notify_all();
        });
    }

    /// Returns the last lines of a process that has ended. They may still be on their way through the pipe, so
    /// it waits for their end, for at most that long.
    fn told(&self, patience: Duration) -> String {
        let (words, changed) = (self.lock(), &self.0.1);
        let waited = changed.wait_timeout_while(words, patience, |words| !words.is_all);
        let (words, _) = waited.unwrap_or_else(PoisonError::into_inner);
        let lines: Vec<&str> = words.lines.iter().map(String::as_str).collect();
        lines.join("\n")
    }

    fn lock(&self) -> MutexGuard<'_, Words> {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn the_last_words_of_a_peer_that_has_ended_are_waited_for() {
        let words = LastWords::default();
        let (stderr, mut peer) = std::io::pipe().expect("a pipe");
        words.listen(stderr);
        let writes = std::thread::spawn(move || {
            for line in 0..=LAST_WORDS {
                writeln!(peer, "line {line}").expect("somebody reads");
            }
        });
        let told = words.told(Duration::from_secs(60));
        let expected: Vec<String> = (1..=LAST_WORDS)
            .map(|line| format!("line {line}"))
            .collect();
        assert_eq!(told, expected.join("\n"));
        writes.join().expect("it has written all");
    }

    #[test]
    fn what_holds_the_pipe_open_is_not_waited_for_for_ever() {
        let words = LastWords::default();
        let (stderr, _left_open) = std::io::pipe().expect("a pipe");
        words.listen(stderr);
        assert_eq!(words.told(Duration::ZERO), "");
    }
}
