//! A load from beginning to end. Start at [`run`].

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use common::client::terminated;
use common::lab::terminal::say;
use common::model::{Clock as _, SystemClock};
use prometheus_client::registry::Registry;
use tokio::net::TcpListener;

use crate::cli::Demo;
use crate::keeping::Keeping;
use crate::load::{Asked, Ledger, LoadMetrics, Plan, Sender, Sent, Shares};
use crate::metrics::{Score, Watch};
use crate::progress::{Moment, Progress};
use crate::report::{Facts, Report, Source, page};
use crate::services::{self, Fleet, Manner, Role};
use crate::settings::Settings;
use crate::sink::{Chaos, Fault, Readiness, SCHEDULE, Sink};

/// The project of the runs.
pub const PROJECT: &str = "workbook-production_monitoring";

/// How often the control loop looks for what is due.
const STEP: Duration = Duration::from_millis(50);
/// How often the services are looked at, and the load is shown.
const LOOK: Duration = Duration::from_secs(1);
/// How often with --smoke, where a second is long.
const SMOKE_LOOK: Duration = Duration::from_millis(200);
/// How old an answer is before its runs must be there: far more than an exporter gathers.
const SETTLED: f64 = 5.0;
/// Runs of a request at most, for the stand-in's memory.
const RUNS_OF_A_REQUEST: f64 = 7.0;

/// Starts the services, sends the load, and writes the report.
///
/// # Errors
/// If something cannot be started, or runs were lost that should not be.
pub async fn run(wishes: &Demo) -> Result<()> {
    let mut end = Box::pin(terminated());
    let mut stage = Stage::set(wishes).await?;
    stage.tell();
    let mut progress = Progress::start(wishes.length());
    let ended = stage.load(wishes, &mut progress, &mut end).await?;
    progress.say("sending what is left …");
    let unsent = stage.fleet.flush().await;
    let early = ended.early;
    let facts = stage.facts(wishes, ended, unsent).await;
    progress.end();
    let report = Report::of(facts);
    let out = absolute(&wishes.out)?;
    write(&out, &page(&report))?;
    let ledger = out.with_extension("ledger.json");
    if let Some(book) = &report.facts.ledger {
        book.write(&ledger)?;
    }
    say(&report.to_string());
    say(&format!(
        "The report:  {}\nThe ledger:  {}",
        out.display(),
        ledger.display()
    ));
    if wishes.keep && !early {
        stage.keep();
        end.await;
    }
    stage.fleet.end().await?;
    match report.trouble() {
        Some(trouble) => bail!("{trouble}; the report says which and why"),
        None => Ok(()),
    }
}

/// Everything that is running.
struct Stage {
    sink: Sink,
    fleet: Fleet,
    score: Score,
    sent: Sent,
    sender: Sender,
    metrics: String,
    real: bool,
    began: Instant,
    began_at: String,
    // Dropped last: the spools of the services are in there.
    _spools: Option<tempfile::TempDir>,
}

/// How a load ended.
struct Ended {
    watch: Watch,
    chaos: Chaos,
    // Somebody has ended it, and so the program.
    early: bool,
}

impl Stage {
    async fn set(wishes: &Demo) -> Result<Self> {
        let settings = Settings::load();
        let real = settings.wants_langsmith();
        if real && settings.config()?.api_key.is_none() {
            bail!("WORKBOOK_TARGET=langsmith is set, and LANGSMITH_API_KEY is not");
        }
        let port = |place: u16| wishes.port.map_or(0, |first| first.saturating_add(place));
        let requests = wishes.rate * wishes.length().as_secs_f64();
        let runs = (2.0 * RUNS_OF_A_REQUEST * requests) as usize;
        let sink = Sink::start(port(4), runs, wishes.chaos).await?;
        let spools = match wishes.durable {
            true => Some(tempfile::tempdir().context("a folder for the spools")?),
            false => None,
        };
        let manner = Manner {
            program: std::env::current_exe().context("this program's own file")?,
            sink: sink.door.url(),
            real,
            project: PROJECT.to_owned(),
            spools: spools.as_ref().map(|folder| folder.path().to_owned()),
            queue: wishes.queue,
            keeping: wishes.keeping.clone(),
            environment: settings.of_file().clone(),
        };
        let fleet = Fleet::start(manner, wishes.port.map(|first| first.saturating_add(1))).await?;
        let (score, mut registry) = (Score::default(), Registry::default());
        let sender = Sender {
            gateway: fleet.url(Role::Gateway).to_owned(),
            sent: Sent::default(),
            metrics: LoadMetrics::register(&mut registry),
            http: common::lab::http_client(),
        };
        let metrics = serve(port(0), score.routes(registry)).await?;
        Ok(Self {
            sent: sender.sent.clone(),
            sink,
            fleet,
            score,
            sender,
            metrics,
            real,
            began: Instant::now(),
            began_at: now(),
            _spools: spools,
        })
    }

    fn tell(&self) {
        say(&format!("{:<10} {}/metrics", "load", self.metrics));
        for process in self.fleet.processes() {
            say(&format!("{:<10} {}/metrics", process.role, process.url));
        }
        say(&format!("{:<10} {}", "stand-in", self.sink.mock.url()));
        if self.real {
            say(&format!(
                "Runs go to LangSmith as well, project `{PROJECT}`. Faults on order hit the stand-in only."
            ));
        }
        say("");
    }

    fn keep(&self) {
        say(&format!(
            "\nThe traces: {} · metrics as above, until Ctrl-C",
            self.sink.mock.url()
        ));
    }

    /// Sends the load; meanwhile lets things go wrong, looks at the services, and shows it all.
    async fn load(
        &mut self,
        wishes: &Demo,
        progress: &mut Progress,
        end: &mut (impl Future<Output = ()> + Unpin),
    ) -> Result<Ended> {
        let length = wishes.length();
        let name = format!("r{:x}", SystemClock.now().timestamp_millis());
        let shares = Shares {
            errors: wishes.errors,
            slow: wishes.slow,
            long: if wishes.chaos { 0.02 } else { 0.0 },
        };
        let plan = Plan::new(&name, wishes.seed, wishes.rate, length, shares);
        let schedule = if wishes.chaos { &SCHEDULE[..] } else { &[] };
        let mut chaos = Chaos::new(schedule, length);
        (self.began, self.began_at) = (Instant::now(), now());
        let mut watch = Watch::new(self.began);
        let due: Vec<f64> = plan
            .requests
            .iter()
            .map(|one| one.at.as_secs_f64())
            .collect();
        let mut load = tokio::spawn(self.sender.clone().send(plan, self.began, chaos.gate()));
        let between = if wishes.smoke { SMOKE_LOOK } else { LOOK };
        let mut early = false;
        let (mut steps, mut next_look) = (tokio::time::interval(STEP), Duration::ZERO);
        loop {
            tokio::select! {
                done = &mut load => {
                    done.context("the load ended badly")?;
                    break;
                }
                () = &mut *end => {
                    load.abort();
                    early = true;
                    break;
                }
                _ = steps.tick() => {
                    let now = self.began.elapsed();
                    self.go_wrong(&mut chaos, &due, &wishes.keeping, &mut watch).await?;
                    if now >= next_look {
                        watch.look(self.fleet.processes()).await;
                        self.show(wishes, progress, &watch, &chaos);
                        // The larger the capture, the more it costs to hold it against the ledger.
                        let took = self.began.elapsed() - now;
                        next_look = now + between.max(10 * took);
                    }
                }
            }
        }
        let now = self.began.elapsed().as_secs_f64();
        chaos.finish(now, &mut self.sink, &mut self.fleet).await?;
        watch.look(self.fleet.processes()).await;
        Ok(Ended {
            watch,
            chaos,
            early,
        })
    }

    /// Takes the steps of the schedule that are due, and would do what they are for.
    async fn go_wrong(
        &mut self,
        chaos: &mut Chaos,
        due: &[f64],
        keeping: &Keeping,
        watch: &mut Watch,
    ) -> Result<()> {
        loop {
            let now = self.began.elapsed().as_secs_f64();
            let Some(step) = chaos.due(now) else {
                return Ok(());
            };
            if step.fault == Fault::Killed && step.begins {
                // The last that is known of its books.
                watch.look(self.fleet.processes()).await;
            }
            let readiness = Readiness {
                due,
                entries: &self.sent.entries(),
                keep_errors: keeping.keeps_all_errors(),
                watched: watch.seen(),
            };
            if !readiness.of(step, chaos, now) {
                return Ok(());
            }
            let now = self.began.elapsed().as_secs_f64();
            chaos.step(now, &mut self.sink, &mut self.fleet).await?;
        }
    }

    fn show(&self, wishes: &Demo, progress: &mut Progress, watch: &Watch, chaos: &Chaos) {
        let (at, entries) = (self.began.elapsed().as_secs_f64(), self.sent.entries());
        let runs = self.sink.mock.runs();
        progress.show(&Moment {
            at,
            entries: &entries,
            arrived: runs.len(),
            watched: watch.seen(),
            faults: &chaos.now(),
        });
        let settled = if wishes.smoke { 1.0 } else { SETTLED };
        let ledger = self.ledger(wishes, entries);
        self.score.update(&ledger, runs, at - settled);
    }

    fn ledger(&self, wishes: &Demo, entries: Vec<crate::load::Entry>) -> Ledger {
        Ledger {
            asked: Asked {
                project: PROJECT.to_owned(),
                began: self.began_at.clone(),
                ended: now(),
                seconds: wishes.length().as_secs_f64(),
                rate: wishes.rate,
                seed: wishes.seed,
                keeping: wishes.keeping.clone(),
                chaos: wishes.chaos,
                durable: wishes.durable,
            },
            entries,
        }
    }

    /// Gathers what the report is made of, after everything was sent.
    async fn facts(&self, wishes: &Demo, ended: Ended, unsent: Vec<String>) -> Facts {
        let mut watch = ended.watch;
        watch.look(self.fleet.processes()).await;
        let runs = self.sink.mock.runs();
        let ledger = self.ledger(wishes, self.sent.entries());
        self.score.update(&ledger, runs.clone(), f64::INFINITY);
        Facts {
            project: PROJECT.to_owned(),
            began: ledger.asked.began.clone(),
            ledger: Some(ledger),
            runs,
            watched: watch.end(),
            injected: ended.chaos.injected().to_vec(),
            source: Source::StandIn,
            unsent,
        }
    }
}

/// Serves the load's own metrics until the program ends; returns the address.
async fn serve(port: u16, routes: axum::Router) -> Result<String> {
    let listener = TcpListener::bind(("127.0.0.1", port))
        .await
        .with_context(|| format!("port {port} cannot be had; choose others with --port"))?;
    let url = format!("http://{}", listener.local_addr()?);
    tokio::spawn(services::run(listener, routes, std::future::pending()));
    Ok(url)
}

fn now() -> String {
    SystemClock.now().to_rfc3339()
}

fn absolute(file: &Path) -> Result<PathBuf> {
    std::path::absolute(file).context("the current folder has gone")
}

/// Writes a page to a file.
///
/// # Errors
/// If it cannot be written; the error says what to do.
pub fn write(file: &Path, page: &str) -> Result<()> {
    std::fs::write(file, page).with_context(|| {
        format!(
            "{} cannot be written; choose another file with --out",
            file.display()
        )
    })
}
