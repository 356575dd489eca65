//! The stand-in as a program: what scripts and people rely on.

#![cfg(all(feature = "serve", unix))]
#![allow(clippy::unwrap_used, reason = "a failed step fails the test")]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command, Output, Stdio};

fn program(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_langsmith-mock"));
    command
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// A program that serves, with its URL; killed when a test fails.
struct Serving {
    child: Child,
    output: BufReader<std::process::ChildStdout>,
    url: String,
}

impl Serving {
    fn start(arguments: &[&str]) -> Self {
        let mut child = program(arguments).spawn().unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let mut url = String::new();
        output.read_line(&mut url).unwrap();
        Self {
            child,
            output,
            url: url.trim_end().to_owned(),
        }
    }

    fn ask(&self, method: &str, path: &str, accept: &str, body: &str) -> String {
        let address = self.url.strip_prefix("http://").unwrap();
        let mut stream = TcpStream::connect(address).unwrap();
        let length = body.len();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\naccept: {accept}\r\n\
             x-api-key: any\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n"
        );
        stream.write_all((head + body).as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    /// Sends the signal of Ctrl-C and returns what was printed, and whether it ended well.
    fn interrupt(mut self) -> (String, bool) {
        let pid = self.child.id().to_string();
        assert!(
            Command::new("kill")
                .args(["-INT", &pid])
                .status()
                .unwrap()
                .success()
        );
        let mut rest = String::new();
        self.output.read_to_string(&mut rest).unwrap();
        (rest, self.child.wait().unwrap().success())
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
    }
}

fn words(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn the_first_line_is_the_url_and_an_interrupt_ends_with_a_summary() {
    let serving = Serving::start(&["--port", "0"]);
    assert!(
        serving.url.starts_with("http://127.0.0.1:"),
        "{}",
        serving.url
    );
    let page = serving.ask("GET", "/", "text/html", "");
    assert!(page.starts_with("HTTP/1.1 200") && page.contains(&serving.url));
    let run = r#"{"post":[{"id":"nonsense"}]}"#;
    assert!(
        serving
            .ask("POST", "/runs/batch", "*/*", run)
            .starts_with("HTTP/1.1 202")
    );
    let (rest, is_well) = serving.interrupt();
    assert!(is_well);
    for line in [
        "export LANGSMITH_ENDPOINT=http://127.0.0.1:",
        "0 runs in 0 traces, 0 orphans; 1 op",
        "error id_malformed",
    ] {
        assert!(rest.contains(line), "{line}: {rest}");
    }
}

#[test]
fn faults_on_order_meet_runs_and_leave_the_page_alone() {
    let serving = Serving::start(&[
        "--port",
        "0",
        "--fail",
        "100:503",
        "--latency",
        "1",
        "--lenient",
    ]);
    assert!(
        serving
            .ask("POST", "/runs/batch", "*/*", "{}")
            .starts_with("HTTP/1.1 503")
    );
    assert!(
        serving
            .ask("GET", "/info", "*/*", "")
            .starts_with("HTTP/1.1 200")
    );
    let page = serving.ask("GET", "/", "text/html", "");
    assert!(page.starts_with("HTTP/1.1 200") && page.contains("Lenient:"));
}

#[test]
fn a_chaos_proxy_stands_before_it_and_both_addresses_are_told() {
    let mut serving =
        Serving::start(&["--port", "0", "--chaos", "503:/runs/batch:1x,strip=x-other"]);
    let direct = serving.url.clone();
    let mut line = String::new();
    serving.output.read_line(&mut line).unwrap();
    let told = line.strip_prefix("Through the chaos proxy: ").unwrap();
    let (proxy, orders) = told.trim_end().split_once(' ').unwrap();
    assert_eq!(orders, "(status=503:/runs/batch:1x,strip=x-other)");
    serving.url = proxy.to_owned();
    for status in ["HTTP/1.1 503", "HTTP/1.1 202"] {
        let answer = serving.ask("POST", "/runs/batch", "*/*", "{}");
        assert!(answer.starts_with(status), "{answer}");
    }
    let (rest, is_well) = serving.interrupt();
    assert!(is_well && proxy != direct);
    for words in [
        format!("export LANGSMITH_ENDPOINT={proxy}\n"),
        format!("Look at it: {direct}/\n"),
        "chaos: 2 requests: 1 untouched, 1 passed, 1 answered by the proxy".to_owned(),
    ] {
        assert!(rest.contains(&words), "{words}: {rest}");
    }
    let refused = program(&["--chaos", "stripp=baggage"]).output().unwrap();
    assert!(words(&refused).contains("`stripp=baggage` is no switch"));
}

#[test]
fn a_port_that_is_taken_is_told_with_a_way_out() {
    let serving = Serving::start(&["--port", "0"]);
    let port = serving.url.rsplit(':').next().unwrap();
    let output = program(&["--port", port]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(output.stdout.is_empty());
    let words = words(&output);
    assert!(
        words.contains("cannot listen on") && words.contains("--port 0"),
        "{words}"
    );
}

#[test]
fn arguments_that_make_no_sense_are_refused_in_words() {
    for (arguments, expected) in [
        (&["--fail", "20"][..], "for example 20:503"),
        (&["--fail", "101:503"], "0 to 100"),
        (&["--fail", "20:200"], "400 to 599"),
        (&["--strict", "--lenient"], "cannot be used with"),
        (&["--port", "70000"], "65535"),
    ] {
        let output = program(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(words(&output).contains(expected), "{}", words(&output));
    }
}

#[test]
fn whoever_reads_the_first_line_only_does_not_end_the_program() {
    let mut serving = Serving::start(&["--port", "0"]);
    // Closes the pipe, as `head -1` does.
    let empty = program(&["--help"]).spawn().unwrap().stdout.take().unwrap();
    drop(std::mem::replace(
        &mut serving.output,
        BufReader::new(empty),
    ));
    assert!(
        serving
            .ask("GET", "/info", "*/*", "")
            .starts_with("HTTP/1.1 200")
    );
}
