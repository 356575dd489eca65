//! What dashboard, rules and alerts name is there, and the rules fire when they should.
//!
//! Needs Prometheus with promtool, Debian's package `prometheus`, for all but the first test. Without it such a test
//! says so and passes; where the runner has found it (`WORKBOOK_PROMETHEUS`), it fails.

mod program;

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Stdio};
use std::time::{Duration, Instant};

use common::lab::http_client;
use production_monitoring::metrics::Page;
use serde_json::Value;
use tokio::time::interval;

/// How often something is looked for that takes its time.
const BETWEEN_LOOKS: Duration = Duration::from_millis(200);

/// How long anything may take that is waited for: far above what it takes.
const PATIENCE: Duration = Duration::from_secs(90);

fn deploy(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("deploy")
        .join(file)
}

fn text(file: &str) -> String {
    std::fs::read_to_string(deploy(file)).expect("it is shipped")
}

/// Tells whether Prometheus is here; a runner that has found it demands it.
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

/// Makes minutes seconds, so that a test need not wait for them: `[5m]` is `[5s]`, `for: 1m` is `for: 1s`. What has
/// waited for more than a minute has then waited for more than a second. Nothing else is changed.
fn hurried(rules: &str) -> String {
    let mut out = String::new();
    let mut letters = rules.chars().peekable();
    let mut digits = false;
    while let Some(letter) = letters.next() {
        let ends = letters
            .peek()
            .is_none_or(|next| !next.is_ascii_alphanumeric());
        out.push(if letter == 'm' && digits && ends {
            's'
        } else {
            letter
        });
        digits = letter.is_ascii_digit();
    }
    out.replace("stalled_seconds) > 60", "stalled_seconds) > 1")
}

impl Prometheus {
    /// Starts one on the shipped files, for services on these addresses.
    fn start(urls: &[String]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let mut config = text("prometheus.yml").replace("15s", "1s");
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

    /// Waits until each of these alerts has fired; returns those that have not.
    async fn fired(&self, wanted: &[(&str, &str)]) -> BTreeSet<String> {
        let name = |(alert, service): &(&str, &str)| format!("{alert} of {service}");
        let mut missing: BTreeSet<String> = wanted.iter().map(name).collect();
        let (began, mut looks) = (Instant::now(), interval(BETWEEN_LOOKS));
        while !missing.is_empty() && began.elapsed() < PATIENCE {
            looks.tick().await;
            let asked = http_client()
                .get(format!("{}/api/v1/alerts", self.url))
                .send();
            // It may not listen yet.
            let Ok(answer) = asked.await else { continue };
            let Ok(answer) = answer.json::<Value>().await else {
                continue;
            };
            for alert in answer["data"]["alerts"].as_array().into_iter().flatten() {
                if alert["state"] == "firing" {
                    let label = |name: &str| alert["labels"][name].as_str().unwrap_or_default();
                    missing.remove(&name(&(label("alertname"), label("service"))));
                }
            }
        }
        missing
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_real_prometheus_scrapes_the_services_and_its_alerts_fire_on_injected_faults() {
    if !prometheus_is_here() {
        return;
    }
    // A small queue overflows in the outage; the retriever is killed in it; every third request fails.
    let arguments = [
        "--seconds",
        "45",
        "--rate",
        "30",
        "--errors",
        "0.6",
        "--chaos",
        "--queue",
        "50",
    ];
    let kept = Kept::start(&arguments);
    let prometheus = Prometheus::start(&kept.urls);
    let wanted = [
        ("ErrorsHigh", "generator"),
        ("TracesStalled", "gateway"),
        ("TracesLost", "gateway"),
        ("ServiceDown", "retriever"),
        ("TracesIncomplete", "load"),
    ];
    let missing = prometheus.fired(&wanted).await;
    assert_eq!(missing, BTreeSet::new(), "did not fire");
}
