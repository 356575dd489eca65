//! What dashboard, rules and alerts name is there, and the rules fire when they should.
//!
//! Needs Prometheus with promtool, Debian's package `prometheus`, for all but the first test. Without it such a test
//! says so and passes; where the runner has found it (`WORKBOOK_PROMETHEUS`), it fails.

mod program;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Stdio};
use std::time::{Duration, Instant};

use common::lab::http_client;
use production_monitoring::demo::PROJECT;
use production_monitoring::keeping::Keeping;
use production_monitoring::load::{Asked, Ledger, LoadMetrics, Plan, Sender, Sent, Shares};
use production_monitoring::metrics::{Page, Score};
use production_monitoring::services::{Fleet, Manner, Role};
use production_monitoring::sink::Sink;
use prometheus_client::registry::Registry;
use serde_json::Value;
use tokio::sync::watch;
use tokio::time::interval;

/// How often something is looked for that takes its time.
const BETWEEN_LOOKS: Duration = Duration::from_millis(200);

/// How long anything may take that is waited for: far above what it takes.
const PATIENCE: Duration = Duration::from_secs(180);

fn deploy(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("deploy")
        .join(file)
}

fn text(file: &str) -> String {
    std::fs::read_to_string(deploy(file)).expect("it is shipped")
}

/// Tells whether Prometheus is here; a runner that has found it demands it.
#[allow(clippy::print_stdout, reason = "a skip is said where it is seen")]
fn prometheus_is_here() -> bool {
    let is_here = ["prometheus", "promtool"].iter().all(|program| {
        let version = Command::new(program).arg("--version").output();
        version.is_ok_and(|output| output.status.success())
    });
    let required = std::env::var_os("WORKBOOK_PROMETHEUS").is_some();
    assert!(
        is_here || !required,
        "Prometheus was found before, and does not start"
    );
    if !is_here {
        println!("skipped: needs Prometheus; on Debian: apt install prometheus");
    }
    is_here
}

/// A load that stays up until it is dropped.
struct Kept {
    child: Child,
    /// Addresses of load, gateway, retriever, generator, stand-in.
    urls: Vec<String>,
    _folder: tempfile::TempDir,
}

impl Kept {
    fn start(arguments: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let out = folder.path().join("report.html");
        let mut child = program::program(arguments)
            .args(["--keep", "--out"])
            .arg(out)
            .stdout(Stdio::piped())
            .spawn()
            .expect("it starts");
        let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        let urls = lines.by_ref().take(5).map(|line| {
            let line = line.expect("a line");
            let url = line.split_whitespace().nth(1).unwrap_or_default();
            url.trim_end_matches("/metrics").to_owned()
        });
        let urls = urls.collect();
        // What else it says is nobody's concern, but the pipe must not fill.
        std::thread::spawn(move || lines.for_each(drop));
        Self {
            child,
            urls,
            _folder: folder,
        }
    }

    async fn pages(&self) -> Vec<Page> {
        let mut pages = Vec::new();
        for url in &self.urls[..4] {
            let answer = http_client().get(format!("{url}/metrics")).send().await;
            let page = answer.expect("it answers").text().await.expect("text");
            assert!(page.ends_with("# EOF\n"), "{page}");
            // A name that two declare is one too many: a parser may refuse the page, and sums count it twice.
            let mut declared = BTreeSet::new();
            for name in page.lines().filter(|line| line.starts_with("# TYPE ")) {
                assert!(declared.insert(name), "twice: {name}");
            }
            pages.push(Page::parse(&page));
        }
        pages
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        // As a user ends it; the services end with it.
        let _ = Command::new("kill")
            .arg(self.child.id().to_string())
            .status();
        let _ = self.child.wait();
    }
}

/// Names in an expression that look like metrics: words with an underscore that no function or label is.
fn named(expression: &str) -> BTreeSet<String> {
    const OTHERS: [&str; 1] = ["histogram_quantile"];
    // What is in braces or quotes are labels and their values, and what follows `by` are labels.
    let mut plain = String::new();
    let mut depth = 0;
    for letter in expression.chars() {
        match letter {
            '{' => depth += 1,
            '}' => depth -= 1,
            letter if depth == 0 => plain.push(letter),
            _ => {}
        }
    }
    let words = plain.split(|c: char| !(c.is_ascii_alphanumeric() || "_:".contains(c)));
    words
        .filter(|word| word.contains('_') && !OTHERS.contains(word))
        .map(str::to_owned)
        .collect()
}

/// All expressions of the dashboard, the alerts and the rules; and what the rules record.
fn expressions() -> (Vec<String>, BTreeSet<String>) {
    let dashboard: Value = serde_json::from_str(&text("grafana-dashboard.json")).expect("JSON");
    let panels = dashboard["panels"].as_array().expect("panels").iter();
    let targets = panels.flat_map(|panel| panel["targets"].as_array().into_iter().flatten());
    let mut all: Vec<String> = targets
        .map(|target| target["expr"].as_str().expect("an expression").to_owned())
        .collect();
    assert!(all.len() > 25, "{}", all.len());
    let mut records = BTreeSet::new();
    for file in ["alerts.yml", "rules.yml"] {
        let text = text(file);
        let mut lines = text.lines().peekable();
        while let Some(line) = lines.next() {
            let line = line.trim().trim_start_matches("- ");
            if let Some(name) = line.strip_prefix("record: ") {
                records.insert(name.to_owned());
            }
            let Some(mut expression) = line.strip_prefix("expr: ").map(str::to_owned) else {
                continue;
            };
            if expression == "|" {
                expression.clear();
                // The block goes on as long as it is indented further.
                while let Some(next) = lines.next_if(|next| next.starts_with("          ")) {
                    expression.push_str(next.trim());
                    expression.push(' ');
                }
            }
            all.push(expression);
        }
    }
    (all, records)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_metric_that_dashboard_and_rules_name_is_in_a_real_scrape() {
    let kept = Kept::start(&["--seconds", "4", "--rate", "20", "--errors", "0.3"]);
    let (expressions, records) = expressions();
    let wanted: BTreeSet<String> = expressions.iter().flat_map(|one| named(one)).collect();
    assert!(wanted.len() > 25, "{wanted:?}");
    let (began, mut looks) = (Instant::now(), interval(BETWEEN_LOOKS));
    let mut missing = wanted;
    // The score comes when the first requests are settled.
    while !missing.is_empty() && began.elapsed() < PATIENCE {
        looks.tick().await;
        let pages = kept.pages().await;
        let names: BTreeSet<&str> = pages.iter().flat_map(Page::names).collect();
        missing.retain(|name| !names.contains(&**name) && !records.contains(name));
    }
    assert_eq!(missing, BTreeSet::new(), "named and not there");
}

#[test]
fn promtool_finds_no_fault_and_each_rule_fires_when_it_should_in_made_up_time() {
    if !prometheus_is_here() {
        return;
    }
    for arguments in [
        &["check", "config", "prometheus.yml"][..],
        &["check", "rules", "rules.yml", "alerts.yml"],
        &["test", "rules", "alerts.test.yml"],
    ] {
        let output = Command::new("promtool")
            .args(arguments)
            .current_dir(deploy(""))
            .output()
            .expect("promtool");
        let said = [&output.stdout[..], &output.stderr[..]].concat();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&said)
        );
    }
}

/// A Prometheus that runs until it is dropped.
struct Prometheus {
    child: Child,
    url: String,
    _folder: tempfile::TempDir,
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Makes a minute two seconds, so that a test need not wait for it: `[5m]` is `[10s]`, `for: 1m` is `for: 2s`. What
/// has waited for more than a minute has then waited for more than two seconds. Nothing else is changed.
fn hurried(rules: &str) -> String {
    let (mut out, mut number) = (String::new(), String::new());
    let mut letters = rules.chars().peekable();
    while let Some(letter) = letters.next() {
        if letter.is_ascii_digit() {
            number.push(letter);
            continue;
        }
        let ends = letters
            .peek()
            .is_none_or(|next| !next.is_ascii_alphanumeric());
        match number.parse::<u32>() {
            Ok(minutes) if letter == 'm' && ends => out.push_str(&format!("{}s", 2 * minutes)),
            _ => {
                out.push_str(&number);
                out.push(letter);
            }
        }
        number.clear();
    }
    out.push_str(&number);
    out.replace("stalled_seconds) > 60", "stalled_seconds) > 2")
}

#[test]
fn hurried_rules_have_seconds_for_minutes_and_are_otherwise_the_same() {
    assert_eq!(
        hurried("rate5m[5m] > 0.1 for: 15m max(stalled_seconds) > 60"),
        "rate10s[10s] > 0.1 for: 30s max(stalled_seconds) > 2"
    );
}

impl Prometheus {
    /// Starts one on the shipped files, for services on these addresses.
    fn start(urls: &[String]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        // The time that a scrape may take is that from one to the next.
        let config = text("prometheus.yml");
        let config = config.replace("scrape_interval: 15s", "scrape_interval: 2s");
        let mut config = config.replace("evaluation_interval: 15s", "evaluation_interval: 1s");
        for (port, url) in (9464..).zip(&urls[..4]) {
            let shipped = format!("127.0.0.1:{port}");
            assert!(config.contains(&shipped), "{shipped}");
            config = config.replace(&shipped, url.trim_start_matches("http://"));
        }
        for file in ["rules.yml", "alerts.yml"] {
            let path = folder.path().join(file);
            std::fs::write(path, hurried(&text(file))).expect("written");
        }
        let path = folder.path().join("prometheus.yml");
        std::fs::write(&path, config).expect("written");
        let port = {
            let free = TcpListener::bind("127.0.0.1:0").expect("a port");
            free.local_addr().expect("bound").port()
        };
        let mut child = Command::new("prometheus")
            .arg(format!("--config.file={}", path.display()))
            .arg(format!(
                "--storage.tsdb.path={}",
                folder.path().join("data").display()
            ))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("prometheus");
        let said: ChildStderr = child.stderr.take().expect("piped");
        std::thread::spawn(move || BufReader::new(said).lines().for_each(drop));
        Self {
            child,
            url: format!("http://127.0.0.1:{port}"),
            _folder: folder,
        }
    }

    /// Returns what fires at present, as `alert of service`; nothing while it does not answer.
    async fn firing(&self) -> Option<BTreeSet<String>> {
        let asked = http_client().get(format!("{}/api/v1/alerts", self.url));
        let answer = asked.send().await.ok()?.json::<Value>().await.ok()?;
        let alerts = answer["data"]["alerts"].as_array()?;
        let label = |alert: &Value, name: &str| alert["labels"][name].as_str().map(str::to_owned);
        let firing = alerts.iter().filter(|alert| alert["state"] == "firing");
        firing
            .map(|alert| {
                let (name, service) = (label(alert, "alertname")?, label(alert, "service"));
                Some(format!("{name} of {}", service.unwrap_or_default()))
            })
            .collect()
    }
}

/// The services under a small load, with every step in the hands of the test: a fault lasts until it was told of.
struct Scene {
    sink: Sink,
    fleet: Fleet,
    score: Score,
    sent: Sent,
    began: Instant,
    urls: Vec<String>,
}

impl Scene {
    /// Starts them; more than every second request fails, and a service holds fifty operations at most.
    async fn start() -> Self {
        let sink = Sink::start(0, 0, false).await.expect("a stand-in");
        let manner = Manner {
            program: env!("CARGO_BIN_EXE_production_monitoring").into(),
            sink: sink.door.url(),
            real: false,
            project: PROJECT.to_owned(),
            spools: None,
            queue: Some(50),
            keeping: Keeping::default(),
            environment: BTreeMap::new(),
        };
        let fleet = Fleet::start(manner, None).await.expect("three services");
        let (score, mut registry, began) = (Score::default(), Registry::default(), Instant::now());
        let sender = Sender {
            gateway: fleet.url(Role::Gateway).to_owned(),
            sent: Sent::default(),
            metrics: LoadMetrics::register(&mut registry),
            http: http_client(),
        };
        let sent = sender.sent.clone();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a port");
        let load = format!("http://{}", listener.local_addr().expect("bound"));
        let routes = score.routes(registry);
        tokio::spawn(async move { axum::serve(listener, routes).await });
        let shares = Shares {
            errors: 0.6,
            slow: 0.0,
            long: 0.0,
        };
        // Longer than the test has patience; it ends with the test.
        let plan = Plan::new("r", 1, 5.0, 5 * PATIENCE, shares);
        tokio::spawn(sender.send(plan, began, watch::Sender::new(f64::INFINITY).subscribe()));
        let services = Role::ALL.map(|role| fleet.url(role).to_owned());
        let urls = [load].into_iter().chain(services).collect();
        Self {
            sink,
            fleet,
            score,
            sent,
            began,
            urls,
        }
    }

    /// Waits until all of these fire, or none of them; returns those of which it is not so when patience is over.
    async fn until(
        &self,
        prometheus: &Prometheus,
        alerts: &[&str],
        fire: bool,
    ) -> BTreeSet<String> {
        let (began, mut looks) = (Instant::now(), interval(BETWEEN_LOOKS));
        let mut others: BTreeSet<String> = alerts.iter().map(|&one| one.to_owned()).collect();
        while !others.is_empty() && began.elapsed() < PATIENCE {
            looks.tick().await;
            self.settle();
            if let Some(firing) = prometheus.firing().await {
                others.retain(|one| firing.contains(one) != fire);
            }
        }
        others
    }

    /// Holds what arrived against the requests that were answered more than two seconds ago.
    fn settle(&self) {
        let asked = Asked {
            project: PROJECT.to_owned(),
            began: String::new(),
            ended: String::new(),
            seconds: 0.0,
            rate: 5.0,
            seed: 1,
            keeping: Keeping::default(),
            chaos: false,
            durable: false,
        };
        let entries = self.sent.entries();
        let settled = self.began.elapsed().as_secs_f64() - 2.0;
        self.score
            .update(&Ledger { asked, entries }, self.sink.mock.runs(), settled);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_real_prometheus_scrapes_the_services_and_its_alerts_fire_on_injected_faults() {
    if !prometheus_is_here() {
        return;
    }
    let nothing = BTreeSet::new();
    let mut scene = Scene::start().await;
    let prometheus = Prometheus::start(&scene.urls);
    let not_yet = scene
        .until(&prometheus, &["ErrorsHigh of generator"], true)
        .await;
    assert_eq!(not_yet, nothing, "requests fail");
    let firing = prometheus.firing().await.expect("it answers");
    assert!(
        !firing.contains("TracesLost of gateway"),
        "nothing is lost: {firing:?}"
    );

    scene.sink.door.shut().await;
    let wanted = [
        "TracesStalled of gateway",
        "TracesLost of gateway",
        "TracesIncomplete of load",
    ];
    let not_yet = scene.until(&prometheus, &wanted, true).await;
    assert_eq!(not_yet, nothing, "the backend is gone");

    scene.fleet.kill(Role::Retriever).await.expect("killed");
    let not_yet = scene
        .until(&prometheus, &["ServiceDown of retriever"], true)
        .await;
    assert_eq!(not_yet, nothing, "the retriever is gone");

    scene.fleet.restart(Role::Retriever).await.expect("started");
    scene.sink.door.open().await.expect("the same port");
    let gone = ["TracesStalled of gateway", "ServiceDown of retriever"];
    let still = scene.until(&prometheus, &gone, false).await;
    assert_eq!(still, nothing, "all is well again");
}
