//! The report from what is stored: pages, rest when the service asks for it, and what is missing.

mod program;
mod stored;

use std::net::SocketAddr;
use std::time::Duration;

use common::langsmith_mock::{Fault, LangSmithMock, Route};
use production_monitoring::metrics::Watched;
use production_monitoring::read_back::{of_ledger, read};
use production_monitoring::report::{Facts, Report, Source};
use stored::{PROJECT, RUNS, client, store};

async fn stand_in() -> LangSmithMock {
    let address = SocketAddr::from(([127, 0, 0, 1], 0));
    LangSmithMock::serve(address).await.expect("a port")
}

fn queries(mock: &LangSmithMock) -> usize {
    let requests = mock.requests();
    let asked = requests
        .iter()
        .filter(|request| request.path.ends_with("/runs/query"));
    asked.count()
}

#[tokio::test(flavor = "multi_thread")]
async fn all_pages_are_read_and_a_service_that_asks_for_rest_gets_it() {
    let mock = stand_in().await;
    let ledger = store(&mock, 60).await;
    // The client asks a question five times before it gives up; the sixth time it is asked anew.
    let busy = Fault::status(429).retry_after("0").times(6);
    mock.fault(busy.on(Route::QueryRuns));
    let wanted = of_ledger(&ledger).expect("times");
    let reader = client(&mock, "reader");
    let stored = read(&reader, &wanted, Duration::from_secs(30))
        .await
        .expect("read");
    assert_eq!((stored.runs.len(), stored.rests), (60 * RUNS, 1));
    // Pages of a hundred: 420 runs are five.
    assert_eq!(queries(&mock), 6 + 5);
    let report = Report::of(Facts {
        project: PROJECT.to_owned(),
        began: ledger.asked.began.clone(),
        ledger: Some(ledger),
        runs: stored.runs,
        watched: Watched::default(),
        injected: Vec::new(),
        source: Source::ReadBack,
        unsent: Vec::new(),
    });
    assert_eq!(
        report.verdict(),
        "Nothing was lost: each of 420 runs arrived"
    );
    assert!(report.score.completeness.complete.is_all(), "{report}");
    assert_eq!(
        (report.used.calls, report.used.input, report.used.output),
        (60, 6_000, 600)
    );
    assert!((report.used.dollars - 0.18).abs() < 1e-9);
}

#[tokio::test(flavor = "multi_thread")]
async fn patience_with_a_service_that_only_wants_rest_comes_to_an_end() {
    let mock = stand_in().await;
    let ledger = store(&mock, 1).await;
    let busy = Fault::status(429).retry_after("60");
    mock.fault(busy.on(Route::QueryRuns));
    let wanted = of_ledger(&ledger).expect("times");
    let reader = client(&mock, "reader");
    let error = read(&reader, &wanted, Duration::from_secs(1))
        .await
        .expect_err("no rest is enough");
    assert!(error.to_string().contains("--patience"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_program_reads_by_ledger_and_by_project_and_says_what_is_missing() {
    let mock = stand_in().await;
    let mut ledger = store(&mock, 20).await;
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name);
    ledger.write(&path("whole.json")).expect("written");
    // One more was asked, and nothing of it is stored.
    let mut lost = ledger.entries[0].clone();
    lost.id = "r-lost".to_owned();
    ledger.entries.push(lost);
    ledger.write(&path("lacking.json")).expect("written");
    let (url, out) = (mock.url().to_owned(), path("out.html"));
    let read = move |arguments: Vec<String>| {
        let mut command = program::program(&[]);
        command
            .arg("read")
            .args(arguments)
            .args(["--langsmith", &url, "--out"])
            .arg(&out)
            .env("LANGSMITH_API_KEY", "stand-in-key");
        let output = command.output().expect("it ends");
        let said = [&output.stdout[..], &output.stderr[..]].concat();
        (
            output.status.code(),
            String::from_utf8_lossy(&said).into_owned(),
        )
    };
    let ask = |arguments: &[&str]| {
        let arguments = arguments.iter().map(|&one| one.to_owned()).collect();
        let read = read.clone();
        tokio::task::spawn_blocking(move || read(arguments))
    };
    let (whole, lacking) = (path("whole.json"), path("lacking.json"));
    let (status, said) = ask(&["--ledger", &whole.to_string_lossy()])
        .await
        .expect("read");
    assert_eq!(status, Some(0), "{said}");
    assert!(
        said.contains("Nothing was lost: each of 140 runs arrived"),
        "{said}"
    );
    let (status, said) = ask(&["--ledger", &lacking.to_string_lossy()])
        .await
        .expect("read");
    assert_eq!(status, Some(1), "{said}");
    assert!(
        said.contains("7 of 147 runs were lost, 140 arrived"),
        "{said}"
    );
    let (status, said) = ask(&["--project", PROJECT]).await.expect("read");
    assert_eq!(status, Some(0), "{said}");
    assert!(said.contains("what is missing cannot be told"), "{said}");
}
