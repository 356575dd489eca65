//! Everything that runs: stand-in, queue, and six processes. Start at [`Stage::set`].

use std::time::Duration;

use anyhow::{Context as _, Result};
use common::lab::{Lesson, Queue, QueueKind};

use crate::cli::{Broker, Demo};
use crate::log::{Lines, complain, say};
use crate::orchestrator::{EMBEDDED, QUEUE, QUEUE_PATH};
use crate::role::Role;
use crate::scenario::Scenario;
use crate::supervisor::{Spec, Supervisor};

/// How long messages may take to be handled at the end, and a run to arrive in the middle. Bounds, not pauses.
const DRAIN: Duration = Duration::from_secs(20);
const ARRIVAL: Duration = Duration::from_secs(20);

/// In which order services are ended: nobody before those who ask it.
const LAST: [Role; 6] = [
    Role::Gateway,
    Role::Worker,
    Role::Orchestrator,
    Role::Generator,
    Role::Tools,
    Role::Retriever,
];

/// Everything that runs.
#[derive(Debug)]
pub struct Stage {
    lesson: Lesson,
    scenario: Scenario,
    kind: Broker,
    port: u16,
    smoke: bool,
    supervisor: Supervisor,
    // The broker that this process started, or the orchestrator's queue as seen from here.
    queue: Option<Queue>,
    page: String,
}

impl Stage {
    /// Makes an empty one.
    pub fn new(wishes: &Demo, lesson: Lesson) -> Self {
        let lines = match wishes.quiet {
            true => Lines::none(),
            false => Lines::to_stderr(),
        };
        Self {
            lesson,
            scenario: wishes.scenario,
            kind: wishes.queue,
            port: wishes.port,
            smoke: wishes.smoke,
            supervisor: Supervisor::new(lines),
            queue: None,
            page: String::new(),
        }
    }

    /// Starts everything, nobody before those whom it asks, and takes down who is to be down.
    ///
    /// # Errors
    /// If the broker or a service does not start.
    pub async fn set(&mut self) -> Result<()> {
        say(&self.lesson.destination());
        let redeliver_after = Duration::from_millis(self.scenario.redeliver_ms());
        let broker = match self.broker() {
            Some(kind) => Some(Queue::start_on(kind, QUEUE, redeliver_after).await?),
            None => None,
        };
        say(&match &broker {
            Some(queue) => format!("Between orchestrator and worker: {queue}."),
            None => format!(
                "Between orchestrator and worker: queue `{QUEUE}`, served by the orchestrator and lost with it. \
                 A real one takes its place where redis-server or nats-server is installed."
            ),
        });
        let [mut retriever, mut tools, mut generator] = [(); 3].map(|()| String::new());
        let mut queue_at = broker.as_ref().and_then(Queue::address).map(str::to_owned);
        self.queue = broker;
        let mut orchestrator = String::new();
        for role in Role::ALL {
            let asked = [&*retriever, &tools, &generator, &orchestrator];
            let url = self.start(role, &asked, queue_at.as_deref()).await?;
            match role {
                Role::Retriever => retriever = url,
                Role::Tools => tools = url,
                Role::Generator => generator = url,
                Role::Gateway => self.page = url,
                Role::Worker => {}
                Role::Orchestrator => {
                    if queue_at.is_none() {
                        let at = format!("{url}{QUEUE_PATH}");
                        self.queue = Some(Queue::join(&at, QUEUE, redeliver_after).await?);
                        queue_at = Some(at);
                    }
                    orchestrator = url;
                }
            }
        }
        match self.scenario.down() {
            Some(role) => self.supervisor.stop(role).await,
            None => Ok(()),
        }
    }

    /// Starts one service.
    async fn start(&mut self, role: Role, urls: &[&str; 4], queue: Option<&str>) -> Result<String> {
        let [retriever, tools, generator, orchestrator] = urls.map(str::to_owned);
        let redeliver = [
            "--redeliver-ms".into(),
            self.scenario.redeliver_ms().to_string(),
        ];
        let args: Vec<String> = match role {
            Role::Gateway => vec!["--orchestrator".into(), orchestrator],
            Role::Orchestrator => {
                let asked = [
                    ["--retriever".into(), retriever],
                    ["--tools".into(), tools],
                    ["--generator".into(), generator],
                    redeliver,
                ];
                let patience = self.scenario.patience_ms();
                let patience = patience.map(|ms| ["--patience-ms".into(), ms.to_string()]);
                asked.into_iter().chain(patience).flatten().collect()
            }
            Role::Generator if self.smoke => vec!["--fast".into()],
            Role::Worker => redeliver.into(),
            Role::Retriever | Role::Tools | Role::Generator => Vec::new(),
        };
        let fault = self.scenario.fault();
        let spec = Spec {
            role,
            port: if role == Role::Gateway { self.port } else { 0 },
            args,
            // The address of a queue may hold its secret, which a command line would show to everybody.
            env: self
                .lesson
                .peer_env()
                .with("DOCS_QUEUE", queue.unwrap_or(EMBEDDED)),
            fault: fault.and_then(|(who, fault)| (who == role).then_some(fault)),
        };
        self.supervisor.start(spec).await
    }

    fn broker(&self) -> Option<QueueKind> {
        let is_here = |kind: &QueueKind| kind.missing().is_none();
        match self.kind {
            Broker::Redis => Some(QueueKind::RedisStreams),
            Broker::Nats => Some(QueueKind::Nats),
            Broker::Embedded => None,
            Broker::Auto => [QueueKind::RedisStreams, QueueKind::Nats]
                .into_iter()
                .find(is_here),
        }
    }

    /// Returns the address of the gateway's page.
    pub fn page(&self) -> &str {
        &self.page
    }

    /// Kills a service.
    ///
    /// # Errors
    /// If it does not run.
    pub async fn kill(&self, role: Role) -> Result<()> {
        self.supervisor.kill(role).await
    }

    /// Waits until a service cannot be kept alive.
    pub async fn given_up(&self) -> anyhow::Error {
        self.supervisor.given_up().await
    }

    /// Waits until a run of this name has arrived at the stand-in: what dies after that is seen to have lived.
    ///
    /// # Errors
    /// If it does not arrive.
    pub async fn arrived(&self, name: &str) -> Result<()> {
        let has_name = |runs: &[common::model::Run]| runs.iter().any(|run| run.name == name);
        let arrived = self.lesson.mock().wait_until(has_name, ARRIVAL).await;
        arrived.with_context(|| format!("no run `{name}` arrived"))?;
        Ok(())
    }

    /// Ends everything: first who lets questions in, then, when the queue is empty, who takes from it, then the others.
    pub async fn end(self) {
        for role in LAST {
            if role == Role::Worker {
                self.drained().await;
            }
            // One that was never started need not be ended.
            let _ = self.supervisor.stop(role).await;
        }
        self.supervisor.ended().await;
        let lesson = self.lesson;
        // Blocking, and only if runs were lost a message.
        let _ = tokio::task::spawn_blocking(move || lesson.finish()).await;
    }

    /// Waits until no message is left.
    async fn drained(&self) {
        let Some(queue) = &self.queue else { return };
        let empty = async {
            while queue.outstanding().await.is_ok_and(|count| count > 0) {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        if tokio::time::timeout(DRAIN, empty).await.is_err() {
            complain("messages are left in the queue; it ends with this program");
        }
        for message in queue.put_aside().await.unwrap_or_default() {
            let question = message["question"].as_str().unwrap_or("…");
            say(&format!(
                "Put aside after {} attempts: the message about `{question}`",
                common::lab::ATTEMPTS
            ));
        }
    }
}
