//! The services as processes: started, killed, started again.
//!
//! ```text
//! Fleet::start ──► retriever, generator, gateway     each says its address on its first line
//!   kill(role) ──► SIGKILL: nothing is flushed       restart(role) ──► same port, same spool
//!   flush ──► POST /-/flush of each                  end ──► standard input closes, they end by themselves
//! ```
//!
//! Start at [`Fleet::start`].

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

use super::role::Role;
use crate::keeping::Keeping;

/// How long a process may take to say its address, or to end: far above what it takes.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often a service is asked to send what it holds, where it could not in the time of one flush.
const FLUSHES: usize = 3;

/// How the services are run.
#[derive(Debug, Clone)]
pub struct Manner {
    /// The program.
    pub program: PathBuf,
    /// Where runs go.
    pub sink: String,
    /// Whether to LangSmith as well.
    pub real: bool,
    /// The project.
    pub project: String,
    /// Where durable spools are; none for none.
    pub spools: Option<PathBuf>,
    /// Most operations in memory.
    pub queue: Option<usize>,
    /// Which traces are kept.
    pub keeping: Keeping,
    /// Variables that are not in this process's own environment.
    pub environment: BTreeMap<String, String>,
}

/// A running service.
#[derive(Debug)]
pub struct Process {
    /// Which one.
    pub role: Role,
    /// Its address; the same after a restart.
    pub url: String,
    /// How often it was started before.
    pub generation: u32,
    /// The process; none between a kill and the restart.
    child: Option<Child>,
}

/// The three services.
#[derive(Debug)]
pub struct Fleet {
    manner: Manner,
    processes: Vec<Process>,
    http: reqwest::Client,
}

impl Fleet {
    /// Starts the three; with a first port, on the three that begin there.
    ///
    /// # Errors
    /// If a service does not start.
    pub async fn start(manner: Manner, first_port: Option<u16>) -> Result<Self> {
        let mut fleet = Self {
            manner,
            processes: Vec::new(),
            http: common::lab::http_client(),
        };
        // The gateway last: it is told where the others are.
        for role in [Role::Retriever, Role::Generator, Role::Gateway] {
            let at = Role::ALL
                .iter()
                .position(|one| *one == role)
                .unwrap_or_default();
            let port = first_port.map_or(0, |first| first.saturating_add(at as u16));
            let (child, url) = fleet.spawn(role, port).await?;
            fleet.processes.push(Process {
                role,
                url,
                generation: 0,
                child: Some(child),
            });
        }
        fleet.processes.sort_by_key(|process| process.role);
        Ok(fleet)
    }

    /// Returns the services, the gateway first.
    pub fn processes(&self) -> &[Process] {
        &self.processes
    }

    /// Returns the address of a service.
    pub fn url(&self, role: Role) -> &str {
        let process = self.processes.iter().find(|process| process.role == role);
        process.map_or("", |process| &process.url)
    }

    /// Kills a service as the system does that is out of memory: nothing is finished, nothing is sent.
    ///
    /// # Errors
    /// If it cannot be killed.
    pub async fn kill(&mut self, role: Role) -> Result<()> {
        let process = self
            .processes
            .iter_mut()
            .find(|process| process.role == role);
        if let Some(mut child) = process.and_then(|process| process.child.take()) {
            child
                .kill()
                .await
                .with_context(|| format!("killing the {role}"))?;
        }
        Ok(())
    }

    /// Starts a killed service again, on its port and with its spool.
    ///
    /// # Errors
    /// If it does not start.
    pub async fn restart(&mut self, role: Role) -> Result<()> {
        let port = self
            .url(role)
            .rsplit(':')
            .next()
            .and_then(|port| port.parse().ok());
        let (child, _) = self.spawn(role, port.unwrap_or_default()).await?;
        for process in self
            .processes
            .iter_mut()
            .filter(|process| process.role == role)
        {
            process.generation += 1;
        }
        if let Some(process) = self
            .processes
            .iter_mut()
            .find(|process| process.role == role)
        {
            process.child = Some(child);
        }
        Ok(())
    }

    /// Has each service send what it holds; returns what they say who could not.
    pub async fn flush(&self) -> Vec<String> {
        let mut unsent = Vec::new();
        for process in &self.processes {
            let mut trouble = None;
            for _ in 0..FLUSHES {
                trouble = self.flushed(process).await.err();
                if trouble.is_none() {
                    break;
                }
            }
            unsent.extend(trouble);
        }
        unsent
    }

    async fn flushed(&self, process: &Process) -> Result<(), String> {
        let request = self.http.post(format!("{}/-/flush", process.url));
        let said = match request.send().await {
            Ok(response) if response.status().is_success() => return Ok(()),
            Ok(response) => response.text().await.unwrap_or_default(),
            Err(error) => error.without_url().to_string(),
        };
        Err(format!("{}: {said}", process.role))
    }

    /// Asks the services to end, and waits for it.
    ///
    /// # Errors
    /// If one does not end, or ends badly.
    pub async fn end(mut self) -> Result<()> {
        for process in &mut self.processes {
            if let Some(child) = &mut process.child {
                drop(child.stdin.take());
            }
        }
        for process in &mut self.processes {
            let Some(mut child) = process.child.take() else {
                continue;
            };
            let ended = tokio::time::timeout(PATIENCE, child.wait()).await;
            let status = ended.with_context(|| format!("the {} does not end", process.role))??;
            ensure!(status.success(), "the {} ended with {status}", process.role);
        }
        Ok(())
    }

    async fn spawn(&self, role: Role, port: u16) -> Result<(Child, String)> {
        let manner = &self.manner;
        let mut command = Command::new(&manner.program);
        command
            .args(["service", role.as_str()])
            .args(["--port", &port.to_string()])
            .args(["--sink", &manner.sink])
            .args(["--project", &manner.project])
            .envs(&manner.environment)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true);
        if manner.real {
            command.arg("--real");
        }
        if let Some(folder) = &manner.spools {
            command.arg("--spool").arg(folder.join(role.as_str()));
        }
        if let Some(operations) = manner.queue {
            command.args(["--queue", &operations.to_string()]);
        }
        command.args(manner.keeping.arguments());
        if role == Role::Gateway {
            command.args(["--retriever", self.url(Role::Retriever)]);
            command.args(["--generator", self.url(Role::Generator)]);
        }
        let mut child = command
            .spawn()
            .with_context(|| format!("the {role} cannot be started"))?;
        let output = child.stdout.take().context("its output is piped")?;
        let mut url = String::new();
        let mut output = BufReader::new(output);
        let line = tokio::time::timeout(PATIENCE, output.read_line(&mut url)).await;
        line.with_context(|| format!("the {role} does not start"))??;
        let url = url.trim().to_owned();
        ensure!(url.starts_with("http://"), "the {role} did not start");
        Ok((child, url))
    }
}
