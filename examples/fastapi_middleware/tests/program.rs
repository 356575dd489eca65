//! The program itself: what it prints, and how it ends.

use std::io::{BufRead as _, BufReader, Read as _};
use std::net::TcpListener;
use std::process::{Child, Command, Output, Stdio};

use common::lab::http_client;
use common::langsmith_mock::LangSmithMock;

const PROGRAM: &str = env!("CARGO_BIN_EXE_fastapi_middleware");

/// Prepares the program in an environment that says nothing about LangSmith.
fn program(arguments: &[&str]) -> Command {
    let mut command = Command::new(PROGRAM);
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy();
        if name.starts_with("LANGSMITH_") || name.starts_with("LANGCHAIN_") {
            command.env_remove(&*name);
        }
    }
    command
        .args(arguments)
        .env_remove("WORKBOOK_TARGET")
        .env_remove("TRACE_SECRET")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// Starts `serve` and reads its first line.
fn serve(arguments: &[&str]) -> (Child, String) {
    let arguments = [&["serve", "--port", "0"], arguments].concat();
    let mut child = program(&arguments)
        .env("LANGSMITH_API_KEY", "any")
        .spawn()
        .expect("it starts");
    let mut first = String::new();
    let mut output = BufReader::new(child.stdout.take().expect("piped"));
    output.read_line(&mut first).expect("a line");
    let url = first.trim_end().to_owned();
    assert!(url.starts_with("http://127.0.0.1:"), "{url}");
    (child, url)
}

/// Ends it as a container platform does, and returns how it ended and what it said.
fn terminate(mut child: Child) -> (bool, String) {
    let asked = Command::new("kill")
        .arg(child.id().to_string())
        .status()
        .expect("kill");
    assert!(asked.success());
    let mut said = String::new();
    let mut errors = child.stderr.take().expect("piped");
    errors.read_to_string(&mut said).expect("text");
    (child.wait().expect("it ends").success(), said)
}

fn text(output: &Output) -> String {
    let both = [&output.stdout[..], &output.stderr[..]].concat();
    String::from_utf8_lossy(&both).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn served_alone_it_answers_and_on_sigterm_sends_what_it_holds() {
    let mock = LangSmithMock::start().await;
    let (child, url) = serve(&["--langsmith", mock.url(), "--project", "ours"]);
    let reply = http_client().get(&url).send().await.expect("it answers");
    assert_eq!(reply.status(), 200);
    let (success, said) = terminate(child);
    assert!(success, "{said}");
    let runs = mock.runs();
    assert_eq!(runs.len(), 1, "{said}");
    assert_eq!(
        (&*runs[0].name, runs[0].project.as_deref()),
        ("GET /", Some("ours"))
    );
    assert!(runs[0].end_time.is_some(), "sent before it ended");
    assert!(
        said.contains("delivered 2") && said.contains("absent 1"),
        "{said}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn without_langsmith_the_service_answers_all_the_same_and_says_what_was_lost() {
    // Port 9 (discard) is reserved and nothing listens on it.
    let (child, url) = serve(&["--langsmith", "http://127.0.0.1:9"]);
    let reply = http_client()
        .get(format!("{url}/"))
        .send()
        .await
        .expect("it answers");
    assert_eq!(reply.status(), 200);
    let (success, said) = terminate(child);
    assert!(success, "{said}");
    assert!(said.contains("runs were lost"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_is_left_open_does_not_hold_up_the_end() {
    use tokio::io::AsyncWriteExt as _;
    let mock = LangSmithMock::start().await;
    let (child, url) = serve(&["--langsmith", mock.url()]);
    let address = url.trim_start_matches("http://");
    let mut half = tokio::net::TcpStream::connect(address)
        .await
        .expect("loopback");
    half.write_all(b"POST /ask HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n{")
        .await
        .expect("sent");
    let (success, said) = tokio::task::spawn_blocking(|| terminate(child))
        .await
        .expect("it ends");
    assert!(success, "{said}");
}

#[test]
fn a_port_that_is_taken_is_told_with_the_remedy() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = taken.local_addr().expect("bound").port().to_string();
    let output = program(&[
        "serve",
        "--port",
        &port,
        "--langsmith",
        "http://127.0.0.1:9",
    ])
    .output()
    .expect("it ends");
    let said = text(&output);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        said.contains("--port 0") && output.stdout.is_empty(),
        "{said}"
    );
}

#[test]
fn without_a_key_for_the_hosted_langsmith_it_says_where_runs_could_go() {
    let output = program(&["serve", "--port", "0"])
        .output()
        .expect("it ends");
    let said = text(&output);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        said.contains("LANGSMITH_API_KEY") && said.contains("--langsmith"),
        "{said}"
    );
}

#[test]
fn an_address_or_policy_that_makes_no_sense_is_refused_and_the_key_is_not_shown() {
    let mut bad = program(&["serve", "--port", "0", "--langsmith", "no url"]);
    let output = bad
        .env("LANGSMITH_API_KEY", "lsv2_pt_hidden")
        .output()
        .expect("it ends");
    let said = text(&output);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        said.contains("it is no URL") && !said.contains("hidden"),
        "{said}"
    );
    let output = program(&["serve", "--policy", "maybe"])
        .output()
        .expect("it ends");
    assert_eq!(output.status.code(), Some(2));
    for policy in ["restart", "trust", "continue", "ignore"] {
        assert!(text(&output).contains(policy), "{}", text(&output));
    }
}

#[test]
fn help_has_an_example_of_each_use() {
    let help = text(&program(&["--help"]).output().expect("it ends"));
    assert!(
        help.contains("cargo run -p fastapi_middleware -- --keep"),
        "{help}"
    );
    let help = text(&program(&["serve", "--help"]).output().expect("it ends"));
    assert!(
        help.contains("--policy continue") && help.contains("LANGSMITH_API_KEY"),
        "{help}"
    );
}

#[test]
fn without_python_it_says_so_shows_the_rust_half_and_succeeds() {
    let folder = tempfile::tempdir().expect("a folder");
    let output = program(&["--smoke"])
        .current_dir(folder.path())
        .env("WORKBOOK_PYTHON", folder.path().join("none"))
        .env("WORKBOOK_JAVASCRIPT", folder.path().join("none"))
        .output()
        .expect("it ends");
    let said = text(&output);
    assert!(output.status.success(), "{said}");
    assert!(said.contains("Python environment is not here"), "{said}");
    assert!(
        said.contains("Rust → second axum → Rust: one trace"),
        "{said}"
    );
    assert!(said.contains("trace completeness     100 %"), "{said}");
    let page = folder.path().join("trace.html");
    assert!(page.exists());
    let told = page.canonicalize().expect("it is there");
    assert!(said.contains("/trace.html") && told.is_absolute(), "{said}");
}

#[test]
fn a_python_that_cannot_serve_is_told_with_its_last_words_and_the_remedy() {
    let folder = tempfile::tempdir().expect("a folder");
    let output = program(&["--smoke"])
        .current_dir(folder.path())
        // Prints the script's name and ends, which is no service.
        .env("WORKBOOK_PYTHON", "/bin/ls")
        .env("WORKBOOK_ROOT", folder.path())
        .output()
        .expect("it ends");
    let said = text(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(
        said.contains("ends at once") && said.contains("workbook doctor"),
        "{said}"
    );
    assert!(!said.contains("the cell"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn kept_open_it_shows_its_traces_until_it_is_told_to_stop() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut child = program(&["--smoke", "--keep"])
        .current_dir(folder.path())
        .env("WORKBOOK_PYTHON", folder.path().join("none"))
        .env("WORKBOOK_JAVASCRIPT", folder.path().join("none"))
        .spawn()
        .expect("it starts");
    let output = BufReader::new(child.stdout.take().expect("piped"));
    let line = tokio::task::spawn_blocking(move || {
        let mut lines = output.lines().map_while(Result::ok);
        lines.find(|line| line.starts_with("All of them: "))
    });
    let line = line.await.expect("read").expect("it says where");
    let url = line.split(' ').nth(3).expect("an address").to_owned();
    let page = http_client().get(url).header("accept", "text/html");
    let page = page.send().await.expect("it answers");
    let page = page.text().await.expect("a page");
    assert!(page.contains("question that fails"), "{page}");
    let (success, said) = terminate(child);
    assert!(success, "{said}");
}
