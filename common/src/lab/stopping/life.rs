//! One life of the program: started, asked, ended.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};

use super::stop::StoppingError;
use crate::lab::PeerEnv;

/// How long the program may be silent; far above what it takes.
const PATIENCE: Duration = Duration::from_secs(60);

/// A program that is running. Killed when this is dropped.
pub(super) struct Life {
    child: Child,
    stdin: Option<ChildStdin>,
    lines: Receiver<String>,
    // What it said beside answers, such as what was dropped.
    said: Vec<String>,
}

/// How a life ended.
pub(super) struct End {
    pub(super) status: ExitStatus,
    pub(super) took: Duration,
    /// The lines that were no answers.
    pub(super) said: Vec<String>,
}

impl Life {
    /// Starts the program, and waits until it takes requests.
    pub(super) fn start(
        program: &Path,
        env: &PeerEnv,
        options: &[String],
    ) -> Result<Self, StoppingError> {
        let mut command = Command::new(program);
        env.apply(&mut command);
        command
            .args(options)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let mut child = command.spawn()?;
        let (tell, lines) = channel();
        if let Some(out) = child.stdout.take() {
            std::thread::spawn(move || {
                let lines = BufReader::new(out).lines().map_while(Result::ok);
                // It ends with the program, or when nobody listens any more.
                lines.map(|line| tell.send(line)).all(|sent| sent.is_ok())
            });
        }
        let stdin = child.stdin.take();
        let mut life = Self {
            child,
            stdin,
            lines,
            said: Vec::new(),
        };
        life.hear("ready")?;
        Ok(life)
    }

    /// Says a line to the program.
    pub(super) fn say(&mut self, line: &str) -> Result<(), StoppingError> {
        if let Some(stdin) = &mut self.stdin {
            stdin.write_all(format!("{line}\n").as_bytes())?;
            stdin.flush()?;
        }
        Ok(())
    }

    /// Waits for a line.
    pub(super) fn hear(&mut self, wanted: &str) -> Result<(), StoppingError> {
        loop {
            match self.lines.recv_timeout(PATIENCE) {
                Ok(line) if line == wanted => return Ok(()),
                Ok(line) => self.said.push(line),
                Err(RecvTimeoutError::Timeout) => return Err(StoppingError::Silent),
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(StoppingError::Ended {
                        said: self.said.join("; "),
                    });
                }
            }
        }
    }

    /// Sends a request, and waits for its answer.
    pub(super) fn ask(&mut self, id: &str) -> Result<(), StoppingError> {
        self.say(&format!("request {id}"))?;
        self.hear(&format!("answered {id}"))
    }

    fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    /// Stops the program where it is, as a platform freezes a function; when this returns, it stands still.
    pub(super) fn freeze(&self) -> Result<(), StoppingError> {
        kill_process(self.pid(), Signal::STOP).map_err(std::io::Error::from)?;
        waitpid(Some(self.pid()), WaitOptions::UNTRACED).map_err(std::io::Error::from)?;
        Ok(())
    }

    /// Lets it go on.
    pub(super) fn thaw(&self) -> Result<(), StoppingError> {
        kill_process(self.pid(), Signal::CONT).map_err(std::io::Error::from)?;
        Ok(())
    }

    /// Tells it to end, as the system does at a deployment.
    pub(super) fn terminate(self) -> Result<End, StoppingError> {
        kill_process(self.pid(), Signal::TERM).map_err(std::io::Error::from)?;
        self.wait()
    }

    /// Ends it without warning.
    pub(super) fn kill(mut self) -> Result<End, StoppingError> {
        self.child.kill()?;
        self.wait()
    }

    /// Closes its input, and waits until it has ended by itself.
    pub(super) fn finish(mut self) -> Result<End, StoppingError> {
        self.stdin.take();
        self.wait()
    }

    /// Waits until it has ended.
    pub(super) fn wait(mut self) -> Result<End, StoppingError> {
        let begun = Instant::now();
        // Its output closes with it; a program that hangs keeps it open.
        loop {
            let left = PATIENCE.saturating_sub(begun.elapsed());
            match self.lines.recv_timeout(left) {
                Ok(line) => self.said.push(line),
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => return Err(StoppingError::Silent),
            }
        }
        let status = self.child.wait()?;
        Ok(End {
            status,
            took: begun.elapsed(),
            said: std::mem::take(&mut self.said),
        })
    }
}

impl Drop for Life {
    fn drop(&mut self) {
        // It may have ended already, which is what is wanted.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
