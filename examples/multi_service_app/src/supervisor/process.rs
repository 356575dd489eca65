//! The life of one process, and of those that take its place. Start at [`watch`].

use std::process::{ExitStatus, Stdio};
use std::time::Instant;

use tokio::io::{AsyncBufReadExt as _, AsyncRead, BufReader};
use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::{mpsc, oneshot};

use super::backoff::Backoff;
use super::{GRACE, Order, Spec, Status};
use crate::log::Lines;
use crate::role::Role;
use crate::service::LISTENING;

/// Keeps a service alive until it is told to end, or cannot be.
pub(super) async fn watch(
    mut spec: Spec,
    lines: Lines,
    mut orders: mpsc::Receiver<Order>,
    status: tokio::sync::watch::Sender<Status>,
) {
    let role = spec.role;
    let mut backoff = Backoff::default();
    let mut was_up = false;
    loop {
        let mut process = match Process::start(&spec, lines) {
            Ok(process) => process,
            Err(error) => {
                status.send_replace(Status::GivenUp(format!(
                    "{role} cannot be started: {error}"
                )));
                return;
            }
        };
        let ended = tokio::select! {
            url = &mut process.listening => match url {
                Ok(url) => {
                    spec.port = port(&url).unwrap_or(spec.port);
                    // A mistake is made once.
                    spec.fault = None;
                    was_up = true;
                    status.send_replace(Status::Up(url));
                    process.until_it_ends(&mut orders).await
                }
                // Its output closed before it listened.
                Err(_) => End::ByItself(process.child.wait().await.ok()),
            },
            order = orders.recv() => match order {
                Some(Order::Kill) => process.kill().await,
                Some(Order::Stop) | None => process.stop(lines).await,
            },
        };
        let how = match ended {
            End::Told => {
                status.send_replace(Status::Down);
                return;
            }
            End::ByItself(how) => how.map_or_else(|| "unknown".to_owned(), |how| how.to_string()),
        };
        lines.own(&format!("the {role} has ended: {how}"));
        let Some(wait) = backoff.next(Instant::now()).filter(|_| was_up) else {
            let why = match was_up {
                true => format!("the {role} ends again and again ({how}); its last lines say why"),
                false => format!("the {role} does not start ({how}); its lines above say why"),
            };
            status.send_replace(Status::GivenUp(why));
            return;
        };
        status.send_replace(Status::Starting);
        lines.own(&format!(
            "starts the {role} again in {} ms",
            wait.as_millis()
        ));
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            order = orders.recv() => if order != Some(Order::Kill) {
                status.send_replace(Status::Down);
                return;
            },
        }
    }
}

/// Why a process is no more.
enum End {
    Told,
    ByItself(Option<ExitStatus>),
}

struct Process {
    role: Role,
    child: Child,
    // Held open: the service ends when it closes.
    stdin: Option<ChildStdin>,
    listening: oneshot::Receiver<String>,
    lines: Lines,
}

impl Process {
    fn start(spec: &Spec, lines: Lines) -> std::io::Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command
            .arg(spec.role.name())
            .args(["--port", &spec.port.to_string(), "--host", "127.0.0.1"])
            .arg("--stop-with-stdin")
            .args(&spec.args);
        if let Some(fault) = spec.fault {
            command.args(["--fault", fault.name()]);
        }
        spec.env.apply(command.as_std_mut());
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        // Ctrl-C in a terminal is meant for the supervisor, which ends all in their order.
        #[cfg(unix)]
        command.process_group(0);
        let mut child = command.spawn()?;
        // Waiting for a process would close it.
        let stdin = child.stdin.take();
        let (listens, listening) = oneshot::channel();
        if let Some(stdout) = child.stdout.take() {
            tokio::spawn(pass_on(stdout, spec.role, lines, Some(listens)));
        }
        if let Some(stderr) = child.stderr.take() {
            tokio::spawn(pass_on(stderr, spec.role, lines, None));
        }
        Ok(Self {
            role: spec.role,
            child,
            stdin,
            listening,
            lines,
        })
    }

    async fn until_it_ends(&mut self, orders: &mut mpsc::Receiver<Order>) -> End {
        tokio::select! {
            ended = self.child.wait() => End::ByItself(ended.ok()),
            order = orders.recv() => match order {
                Some(Order::Kill) => self.kill().await,
                Some(Order::Stop) | None => self.stop(self.lines).await,
            },
        }
    }

    async fn kill(&mut self) -> End {
        // An error says that it has ended already.
        let _ = self.child.start_kill();
        End::ByItself(self.child.wait().await.ok())
    }

    async fn stop(&mut self, lines: Lines) -> End {
        self.stdin.take();
        if tokio::time::timeout(GRACE, self.child.wait())
            .await
            .is_err()
        {
            lines.own(&format!(
                "the {} takes too long to end, and is killed",
                self.role
            ));
            let _ = self.child.kill().await;
        }
        End::Told
    }
}

/// Writes the lines of a process, and tells the address that one of them says.
async fn pass_on(
    output: impl AsyncRead + Unpin,
    role: Role,
    lines: Lines,
    mut listens: Option<oneshot::Sender<String>>,
) {
    let mut read = BufReader::new(output).split(b'\n');
    // A line that is no text is shown as far as it is one.
    while let Ok(Some(line)) = read.next_segment().await {
        let line = String::from_utf8_lossy(&line);
        lines.of(role, &line);
        if let Some(url) = line.strip_prefix(LISTENING)
            && let Some(listens) = listens.take()
        {
            let _ = listens.send(url.trim().to_owned());
        }
    }
}

fn port(url: &str) -> Option<u16> {
    url.rsplit(':').next()?.parse().ok()
}
