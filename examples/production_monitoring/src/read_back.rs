//! The same report from what LangSmith has stored.
//!
//! ```text
//! ledger (project, window) ─► RunQuery ──pages of a hundred──► runs ──► Report
//!                                 └─ 429: rest as long as the service asks, then the same page again
//! ```
//!
//! Start at [`read`].

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use common::client::{AskError, Client, ClientBuilder, RunQuery, StoredRun};
use common::lab::terminal::{complain, say};
use common::model::{Clock as _, Run, RunType, SystemClock, Timestamp, USAGE_METADATA, Usage};
use serde_json::Value;

use crate::cli::Read;
use crate::demo::write;
use crate::load::Ledger;
use crate::metrics::Watched;
use crate::report::{Facts, Report, Source, page};
use crate::settings::Settings;

/// What is asked of a run: nothing that the report does not show.
const FIELDS: [&str; 15] = [
    "end_time",
    "error",
    "status",
    "inputs",
    "outputs",
    "extra",
    "prompt_tokens",
    "completion_tokens",
    "total_tokens",
    "prompt_cost",
    "completion_cost",
    "total_cost",
    "tags",
    "events",
    "thread_id",
];

/// How long to rest when the service asks for rest and does not say how long.
const REST: Duration = Duration::from_secs(5);

/// How far around the load runs are looked for: its clock and ours are those of one machine, or two.
const AROUND: Duration = Duration::from_secs(5);

/// Whose runs, and from when to when.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// The project.
    pub project: String,
    /// From when.
    pub from: Timestamp,
    /// Until when.
    pub to: Timestamp,
}

/// What was read, and what it took.
#[derive(Debug, Clone)]
pub struct Stored {
    /// The runs.
    pub runs: Vec<Run>,
    /// How often the service asked for rest.
    pub rests: usize,
}

/// Reads the runs back, and writes the report.
///
/// # Errors
/// If the ledger cannot be read, or the service does not answer.
pub async fn run(wishes: &Read) -> Result<()> {
    let ledger = wishes.ledger.as_deref().map(Ledger::read).transpose()?;
    let wanted = match (&ledger, &wishes.project) {
        (Some(ledger), _) => of_ledger(ledger)?,
        (None, Some(project)) => {
            let now = SystemClock.now();
            Wanted {
                project: project.clone(),
                // At most some days: `--last` is bounded.
                from: now - Duration::from_secs_f64(60.0 * wishes.last),
                to: now,
            }
        }
        (None, None) => bail!("say whose runs: --ledger FILE, or --project NAME"),
    };
    let client = client(wishes.langsmith.as_deref())?;
    let patience = Duration::from_secs_f64(wishes.patience);
    let stored = read(&client, &wanted, patience).await?;
    let project = &wanted.project;
    complain(&format!(
        "{} runs read, {} rests",
        stored.runs.len(),
        stored.rests
    ));
    ensure!(
        !stored.runs.is_empty(),
        "there are no runs of project `{project}` in that time; what was just sent may not be stored yet"
    );
    let report = Report::of(Facts {
        project: project.clone(),
        began: wanted.began(ledger.as_ref()),
        ledger,
        runs: stored.runs,
        watched: Watched::default(),
        injected: Vec::new(),
        source: Source::ReadBack,
        unsent: Vec::new(),
    });
    write(&wishes.out, &page(&report))?;
    say(&report.to_string());
    say(&format!("The report:  {}", wishes.out.display()));
    match report.trouble() {
        Some(trouble) => bail!("{trouble}; the report says which"),
        None => Ok(()),
    }
}

/// Makes a client that asks, and sends nothing.
fn client(endpoint: Option<&str>) -> Result<Client> {
    let mut builder = ClientBuilder::from(Settings::load().config()?).enabled(true);
    if let Some(endpoint) = endpoint {
        builder = builder.endpoint(endpoint);
    }
    builder.build().context("LangSmith cannot be asked")
}

/// Says whose runs a ledger is about.
///
/// # Errors
/// If its times are none.
pub fn of_ledger(ledger: &Ledger) -> Result<Wanted> {
    let time = |text: &str| {
        let time = text.parse::<Timestamp>();
        time.with_context(|| format!("`{text}` is no time"))
    };
    let (began, ended) = (time(&ledger.asked.began)?, time(&ledger.asked.ended)?);
    Ok(Wanted {
        project: ledger.asked.project.clone(),
        from: began - AROUND,
        to: ended + AROUND,
    })
}

impl Wanted {
    fn began(&self, ledger: Option<&Ledger>) -> String {
        ledger.map_or_else(
            || self.from.to_rfc3339(),
            |ledger| ledger.asked.began.clone(),
        )
    }
}

/// Reads all runs that are wanted, page by page. A service that asks for rest is given it, for `patience` in all.
///
/// # Errors
/// If the service does not answer, or still wants rest when patience is over.
pub async fn read(client: &Client, wanted: &Wanted, patience: Duration) -> Result<Stored> {
    let query = RunQuery::new()
        .project(wanted.project.as_str())
        .start_time(wanted.from)
        .end_time(wanted.to)
        .oldest_first()
        .select(FIELDS);
    let began = Instant::now();
    let mut pages = client.list_runs(query);
    let mut stored = Stored {
        runs: Vec::new(),
        rests: 0,
    };
    loop {
        match pages.next().await {
            Ok(Some(run)) => stored.runs.push(plain(run)),
            Ok(None) => return Ok(stored),
            // Asking again asks for the same page.
            Err(AskError::RateLimited { retry_after }) => {
                let rest = retry_after.unwrap_or(REST);
                ensure!(
                    began.elapsed() + rest <= patience,
                    "the service still wants rest after {} runs; allow more time with --patience",
                    stored.runs.len()
                );
                stored.rests += 1;
                tokio::time::sleep(rest).await;
            }
            Err(error) => {
                return Err(error).with_context(|| format!("after {} runs", stored.runs.len()));
            }
        }
    }
}

/// Takes the run out of what was stored. Usage that the service has in fields of its own goes where runs carry it.
fn plain(stored: StoredRun) -> Run {
    let (input, output) = (stored.prompt_tokens, stored.completion_tokens);
    let costs = (stored.prompt_cost, stored.completion_cost);
    let mut run = Run::from(stored);
    if run.run_type == RunType::Llm
        && run.usage().is_none()
        && let (Some(input), Some(output)) = (input, output)
    {
        let mut usage = Usage::tokens(input, output);
        if let (Some(input), Some(output)) = costs {
            usage = usage.cost(input, output);
        }
        let metadata = std::sync::Arc::make_mut(&mut run.extra.metadata);
        metadata.insert(USAGE_METADATA.to_owned(), Value::from(usage));
    }
    run
}
