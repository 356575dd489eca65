//! A small measurement of ours from end to end, with this package's own program as the driver.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use std::process::{Command, Stdio};

use bench::protocol::{Ending, Order, Report};
use bench::sink::{Script, Sink};
use bench::workload::{Workload, write_prose};

/// Has the program drive `common` and returns what it reports.
fn drive(sink: &Sink, ending: Ending, tells_ids: bool) -> (Vec<String>, Report) {
    let folder = tempfile::tempdir().expect("a folder");
    let order = Order {
        url: sink.url.clone(),
        prose: write_prose(folder.path()).expect("text"),
        workload: Workload {
            traces: 20,
            spans: 5,
            bytes: 1_024,
        },
        warm_up: 1,
        rate: None,
        ending,
        spool: None,
        odd: None,
        tells_ids,
        patience: 60.0,
    };
    let mut child = Command::new(env!("CARGO_BIN_EXE_bench"))
        .args(["drive", "ours"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("it starts");
    let order = serde_json::to_string(&order).expect("JSON");
    let mut input = child.stdin.take().expect("an input");
    writeln!(input, "{order}").expect("it listens");
    let output = child.wait_with_output().expect("it ends");
    let said = String::from_utf8(output.stdout).expect("text");
    let mut lines: Vec<String> = said.lines().map(str::to_owned).collect();
    let report = lines.pop().expect("a report");
    (lines, serde_json::from_str(&report).expect("a report"))
}

#[test]
fn ours_delivers_a_small_workload_whole() {
    let sink = Sink::start(Script::default()).expect("a sink");
    let (_, report) = drive(&sink, Ending::Flush, false);
    assert!(report.cpu_ns > 0 && report.wall_ns > 0);
    let said = report.said.expect("the books");
    assert!(said.contains("dropped 0"), "{said}");
    assert!(!said.contains("refused"), "{said}");
    let tally = sink.finish().expect("readable");
    assert_eq!(report.trace_ns.len(), 20, "the first trace warms up");
    assert_eq!((tally.complete(), tally.duplicates()), (105, 0));
}

#[test]
fn the_ids_that_are_told_are_those_that_arrive() {
    let sink = Sink::start(Script::default()).expect("a sink");
    let (lines, _) = drive(&sink, Ending::Return, true);
    let ids: Vec<String> = lines
        .iter()
        .flat_map(|line| line.split(' '))
        .map(str::to_owned)
        .collect();
    assert_eq!(ids.len(), 100);
    assert_eq!(sink.finish().expect("readable").complete_of(&ids), 100);
}

#[test]
fn a_service_ends_with_the_input_of_whoever_started_it() {
    let sink = Sink::start(Script::default()).expect("a sink");
    let mut child = Command::new(env!("CARGO_BIN_EXE_bench"))
        .args(["serve", "axum"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut input = child.stdin.take().expect("an input");
    writeln!(input, "{}", sink.url).expect("it listens");
    let mut output = BufReader::new(child.stdout.take().expect("an output"));
    let mut address = String::new();
    output.read_line(&mut address).expect("its address");
    let server = address.trim();
    TcpStream::connect(server).expect("it serves while the input is open");
    drop(input);
    assert!(child.wait().expect("it ends").success());
}
