//! Scenario after scenario, SDK after SDK. Start at [`run`].

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use chrono::Utc;
use common::client::Client;
use common::langsmith_mock::LangSmithMock;
use serde_json::{Value, json};

use crate::compare::compare;
use crate::crossing::{self, OurService};
use crate::differences::Differences;
use crate::headers;
use crate::normal::capture;
use crate::peer::Peer;
use crate::report::{Progress, Report, Verdict, tell};
use crate::scenarios::{self, ALL, Scenario, Setup};
use crate::sdk::Sdk;

/// How long the last runs may take to arrive after a flush.
const PATIENCE: Duration = Duration::from_secs(10);

/// What is compared, and how it is told.
#[derive(Debug, Clone)]
pub struct Request {
    /// With which SDKs.
    pub sdks: Vec<Sdk>,
    /// Which scenarios; all if there is none.
    pub scenarios: Vec<String>,
    /// Where captures and results are written, if anywhere.
    pub json: Option<PathBuf>,
    /// Prints the captures of the official SDKs instead of comparing.
    pub show: bool,
}

impl Request {
    fn wants(&self, id: &str) -> bool {
        self.scenarios.is_empty() || self.scenarios.iter().any(|wanted| wanted == id)
    }
}

/// Compares, prints a table and returns the exit code.
///
/// # Errors
/// If an SDK does not start or a file cannot be written. A difference is no error, but an exit code.
pub fn run(request: &Request) -> Result<u8> {
    let known: Vec<&str> = scenarios::names().iter().map(|(id, _)| *id).collect();
    if let Some(unknown) = request
        .scenarios
        .iter()
        .find(|id| !known.contains(&id.as_str()))
        && !request.show
    {
        eprintln!(
            "✗ there is no scenario {unknown}\n  → one of: {}",
            known.join(", ")
        );
        return Ok(2);
    }
    tokio::runtime::Runtime::new()
        .context("starting a runtime")?
        .block_on(all(request))
}

async fn all(request: &Request) -> Result<u8> {
    let begun = Instant::now();
    let mut peers = Vec::new();
    for sdk in &request.sdks {
        peers.push((*sdk, Peer::start(*sdk, sdk.command()?).await?));
    }
    if request.show {
        return show(request, &mut peers).await;
    }
    let mut bench = Bench {
        differences: Differences::read()?,
        report: Report::new(peers.iter().map(|(sdk, peer)| (*sdk, peer.version.clone()))),
        captures: BTreeMap::new(),
        progress: Progress::start(),
    };
    for scenario in ALL.iter().filter(|scenario| request.wants(scenario.id)) {
        bench.scenario(scenario, &mut peers).await;
    }
    if request.wants(crossing::ID) {
        bench.crossing(&mut peers).await;
    }
    if request.wants(headers::ID) {
        bench.headers(&mut peers).await;
    }
    bench.progress.end();
    let everything = request.scenarios.is_empty();
    for (sdk, _) in &peers {
        let ran: Vec<&str> = scenarios::names()
            .iter()
            .map(|(id, _)| *id)
            .filter(|id| request.wants(id))
            .collect();
        for entry in bench.differences.outdated(*sdk, &ran, everything) {
            bench.report.outdated(*sdk, &entry);
        }
    }
    bench.report.print(begun.elapsed());
    if let Some(file) = &request.json {
        let all = json!({ "results": bench.report.to_json(), "captures": bench.captures });
        std::fs::write(file, format!("{all:#}\n"))
            .with_context(|| format!("writing {}", file.display()))?;
    }
    Ok(u8::from(bench.report.failed()))
}

/// Prints what the official SDKs send, for whoever writes our half.
async fn show(request: &Request, peers: &mut [(Sdk, Peer)]) -> Result<u8> {
    for id in &request.scenarios {
        let ours = ALL.iter().find(|scenario| scenario.id == id);
        let input = ours.map_or(Value::Null, |scenario| (scenario.input)());
        for (sdk, peer) in &mut *peers {
            let stand_in = StandIn::start().await?;
            let said = peer.ask(id, stand_in.mock.url(), &input).await?;
            tell(format_args!(
                "{id}, {sdk}: {:#}",
                capture(&stand_in.mock, &said, stand_in.since, true)
            ));
        }
    }
    Ok(0)
}

/// A fresh stand-in, and when it was started.
struct StandIn {
    mock: LangSmithMock,
    since: chrono::DateTime<Utc>,
}

impl StandIn {
    async fn start() -> Result<Self> {
        let since = Utc::now();
        let free = SocketAddr::from(([127, 0, 0, 1], 0));
        // Lenient: what LangSmith would refuse is to be compared as well.
        let mock = LangSmithMock::builder()
            .lenient()
            .serve(free)
            .await
            .context("starting a stand-in")?;
        Ok(Self { mock, since })
    }

    async fn captured(&self, said: &Value, ends: usize, requests: bool) -> Result<Value> {
        self.mock.wait_for_ended(ends, PATIENCE).await?;
        let captured = capture(&self.mock, said, self.since, requests);
        Ok(captured)
    }
}

/// What a whole run holds together.
struct Bench {
    differences: Differences,
    report: Report,
    captures: BTreeMap<String, Value>,
    progress: Progress,
}

impl Bench {
    async fn scenario(&mut self, scenario: &'static Scenario, peers: &mut [(Sdk, Peer)]) {
        self.progress.say(scenario.id);
        let ours = ours(scenario).await.context("our half");
        let mut captures = json!({});
        if let Ok(ours) = &ours {
            captures["ours"] = ours.clone();
        }
        for (sdk, peer) in peers {
            let theirs = theirs(scenario, peer).await;
            let verdict = match (&theirs, &ours) {
                (Ok(theirs), Ok(ours)) => {
                    captures[sdk.to_string()] = theirs.clone();
                    self.judge(&[*sdk], scenario.id, theirs, ours)
                }
                (Err(error), _) | (_, Err(error)) => Verdict::Failed(vec![format!("{error:#}")]),
            };
            self.report.add(scenario.id, *sdk, verdict);
        }
        self.captures.insert(scenario.id.to_owned(), captures);
    }

    fn judge(&mut self, sdks: &[Sdk], id: &str, theirs: &Value, ours: &Value) -> Verdict {
        let found = compare(theirs, ours);
        let (listed, unlisted) = self.differences.judge(sdks, id, found);
        if unlisted.is_empty() {
            Verdict::Same { listed }
        } else {
            Verdict::Failed(unlisted.iter().map(ToString::to_string).collect())
        }
    }

    async fn crossing(&mut self, peers: &mut [(Sdk, Peer)]) {
        let measure = cross(peers, None, None).await;
        let places: Vec<Option<usize>> = std::iter::once(None)
            .chain((0..peers.len()).map(Some))
            .collect();
        let mut captures = json!({});
        for caller in &places {
            for service in &places {
                let of = |place: &Option<usize>| place.map(|at| peers[at].0);
                let sdks: Vec<Sdk> = [of(caller), of(service)].into_iter().flatten().collect();
                let Some(sdk) = sdks.iter().max() else {
                    continue;
                };
                let name = |sdk: Option<Sdk>| sdk.map_or("ours".to_owned(), |sdk| sdk.to_string());
                let pair = format!(
                    "{}: {} → {}",
                    crossing::ID,
                    name(of(caller)),
                    name(of(service))
                );
                let sdk = *sdk;
                self.progress.say(&pair);
                let theirs = cross(peers, *caller, *service).await;
                let verdict = match (&theirs, &measure) {
                    (Ok(theirs), Ok(measure)) => {
                        captures[&pair] = theirs.clone();
                        self.judge(&sdks, crossing::ID, theirs, measure)
                    }
                    (Err(error), _) | (_, Err(error)) => {
                        Verdict::Failed(vec![format!("{error:#}")])
                    }
                };
                self.report.add(&pair, sdk, verdict);
            }
        }
        captures["ours"] = measure.unwrap_or(Value::Null);
        self.captures.insert(crossing::ID.to_owned(), captures);
    }

    async fn headers(&mut self, peers: &mut [(Sdk, Peer)]) {
        self.progress.say(headers::ID);
        for (sdk, peer) in peers {
            let verdict = match header_table(*sdk, peer).await {
                Ok(wrong) if wrong.is_empty() => Verdict::Same { listed: 0 },
                Ok(wrong) => Verdict::Failed(wrong),
                Err(error) => Verdict::Failed(vec![format!("{error:#}")]),
            };
            self.report.add(headers::ID, *sdk, verdict);
        }
    }
}

/// Runs our half of a scenario and captures it.
async fn ours(scenario: &'static Scenario) -> Result<Value> {
    let stand_in = StandIn::start().await?;
    let url = stand_in.mock.url().to_owned();
    let said = tokio::task::spawn_blocking(move || {
        let input = (scenario.input)();
        (scenario.ours)(&Setup {
            url: &url,
            input: &input,
        })
    });
    let said = said.await.context("our half panicked")??;
    stand_in
        .captured(&said, scenario.ends, scenario.requests)
        .await
}

/// Runs an official SDK's half of a scenario and captures it.
async fn theirs(scenario: &Scenario, peer: &mut Peer) -> Result<Value> {
    let stand_in = StandIn::start().await?;
    let said = peer
        .ask(scenario.id, stand_in.mock.url(), &(scenario.input)())
        .await?;
    stand_in
        .captured(&said, scenario.ends, scenario.requests)
        .await
}

/// Makes one trace through two services; `None` is ours, else the number of a peer.
async fn cross(
    peers: &mut [(Sdk, Peer)],
    caller: Option<usize>,
    service: Option<usize>,
) -> Result<Value> {
    let stand_in = StandIn::start().await?;
    let url = stand_in.mock.url();
    let mut ours = None;
    let address = match service {
        Some(at) => {
            peers[at].1.ask("serve", url, &Value::Null).await?;
            peers[at].1.service.clone()
        }
        None => {
            let service = OurService::start(url).await?;
            ours.insert(service).address.clone()
        }
    };
    match caller {
        Some(at) => {
            let input = json!({ "service": address });
            peers[at].1.ask("call", url, &input).await?;
        }
        None => crossing::call(url, &address).await?,
    }
    match (service, ours) {
        (Some(at), _) => drop(peers[at].1.ask("served", url, &Value::Null).await?),
        (None, Some(service)) => service.finish().await?,
        (None, None) => {}
    }
    let captured = stand_in
        .captured(&Value::Null, crossing::ENDS, false)
        .await?;
    let tree = stand_in.mock.tree();
    ensure!(
        tree.is_whole(),
        "the trace is not whole:\n{}",
        common::analysis::text_tree(&tree)
    );
    Ok(captured)
}

/// Returns the inputs of which the table says something else than what happens.
async fn header_table(sdk: Sdk, peer: &mut Peer) -> Result<Vec<String>> {
    let cases = headers::cases()?;
    let stand_in = StandIn::start().await?;
    let url = stand_in.mock.url().to_owned();
    let found = peer.ask(headers::ID, &url, &headers::input(&cases)).await?;
    let found = found.as_array().cloned().unwrap_or_default();
    ensure!(
        found.len() == cases.len(),
        "{} of {} answers",
        found.len(),
        cases.len()
    );
    let client = Client::builder()
        .endpoint(url)
        .api_key("not-a-real-key")
        .build()?;
    let mut wrong = Vec::new();
    for (case, found) in cases.iter().zip(&found) {
        let found = case.words(found);
        if found != case.of(sdk) {
            wrong.push(format!(
                "{}: {sdk} {found:?}, the table says {:?}",
                case.name,
                case.of(sdk)
            ));
        }
        let ours = headers::ours(case, &client)?;
        if ours != case.ours {
            wrong.push(format!(
                "{}: ours {ours:?}, the table says {:?}",
                case.name, case.ours
            ));
        }
    }
    client.flush_async(PATIENCE).await?;
    Ok(wrong)
}
