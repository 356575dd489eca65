//! The program itself: what it prints, and how it ends.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use common::lab::http_client;
use common::lab::llm::{Answer, ScriptedLlm, TokenTiming};
use langgraph_agent::script::{SLIPS_AT, scripted};

const PROGRAM: &str = env!("CARGO_BIN_EXE_langgraph_agent");

/// Prepares the program in an environment that says nothing about LangSmith or a provider, without a terminal.
fn program(arguments: &[&str], folder: &Path) -> Command {
    let mut command = Command::new(PROGRAM);
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy();
        let ours = ["LANGSMITH_", "LANGCHAIN_", "WORKBOOK_", "OPENAI_"];
        if ours.iter().any(|start| name.starts_with(start)) {
            command.env_remove(&*name);
        }
    }
    // No `.env` of this machine is read, and no page is left behind.
    command
        .env("WORKBOOK_ROOT", folder)
        .current_dir(folder)
        .args(arguments)
        .stdin(Stdio::null());
    command
}

/// Runs it to its end.
fn run(arguments: &[&str], variables: &[(&str, &str)]) -> (Output, String) {
    let folder = tempfile::tempdir().expect("a folder");
    let mut command = program(arguments, folder.path());
    command.envs(variables.iter().copied());
    let output = command.output().expect("it runs");
    let page = folder.path().join("trace.html");
    if output.status.success() && !arguments.contains(&"--help") {
        let page = std::fs::read_to_string(page).expect("the pictures");
        assert!(page.contains("<svg") && !page.contains("<script"), "{page}");
    }
    let both = [&output.stdout[..], &output.stderr[..]].concat();
    let text = String::from_utf8_lossy(&both).into_owned();
    (output, text)
}

#[test]
fn the_question_of_the_lessons_is_answered_offline_with_citations_and_its_trace() {
    let (output, said) = run(&["--smoke", "how do I keep the trace across spawn?"], &[]);
    assert!(output.status.success(), "{said}");
    assert!(said.contains("The model is scripted"), "{said}");
    assert!(
        said.contains("  [1] notebooks/03_async_streaming_patterns.ipynb § Which ways to start work keep the parent?"),
        "{said}"
    );
    assert!(
        said.contains("Nothing is inherited across a bare `spawn`") && said.contains(" [1]"),
        "{said}"
    );
    for line in [
        "docs_assistant ",
        "├─ retriever",
        "search notebooks",
        "writer model",
        "Trace 1 of 2: The question (16 runs)",
        "Trace 2 of 2: Approved by itself",
        "└─ publish",
        "the trace, each call once      3 ",
        "the scripted model costs nothing",
        "/trace.html",
    ] {
        assert!(said.contains(line), "{line}: {said}");
    }
}

#[test]
fn a_question_without_an_answer_is_told_so_and_asks_one_model_only() {
    let (output, said) = run(&["--smoke", "How do I bake sourdough bread?"], &[]);
    assert!(output.status.success(), "{said}");
    assert!(
        said.contains("The documentation has no answer to this."),
        "{said}"
    );
    assert!(
        said.contains("└─ decline") && !said.contains("writer model"),
        "{said}"
    );
    assert!(
        said.contains("Trace 1 of 1") && said.contains("the trace, each call once      1 "),
        "{said}"
    );
}

#[test]
fn interactive_without_a_terminal_approves_by_itself_and_says_so() {
    let (output, said) = run(&["--smoke", "--interactive"], &[]);
    assert!(output.status.success(), "{said}");
    assert!(
        said.contains("There is no terminal to ask at") && said.contains("approved by itself"),
        "{said}"
    );
    let (_, said) = run(&["--smoke", "--yes"], &[]);
    assert!(said.contains("approved by --yes"), "{said}");
}

#[test]
fn a_real_model_without_a_key_is_told_with_the_remedy() {
    let (output, said) = run(&["--smoke"], &[("WORKBOOK_LLM", "openai")]);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("OPENAI_API_KEY"), "{said}");
}

#[test]
fn a_real_model_gets_the_same_prompts_and_nothing_is_said_of_a_script() {
    // It speaks like the provider, at another address.
    let provider = scripted(TokenTiming::NONE);
    let url = provider.url();
    let variables = [
        ("WORKBOOK_LLM", "openai"),
        ("OPENAI_API_KEY", "any"),
        ("OPENAI_BASE_URL", &*url),
    ];
    let (output, said) = run(&["--smoke"], &variables);
    assert!(output.status.success(), "{said}");
    assert!(
        said.contains("is asked at") && !said.contains("scripted"),
        "{said}"
    );
    let asked = provider.requests();
    assert_eq!(asked.len(), 3, "router, writer, reviewer: {said}");
    assert!(
        asked.iter().all(|request| request.headers.is_empty()),
        "no trace leaves for a provider"
    );
}

#[test]
fn a_comment_goes_back_to_the_writer_and_what_comes_of_it_is_approved() {
    let (output, said) = run(&["--smoke", "--comment", "shorter, please"], &[]);
    assert!(output.status.success(), "{said}");
    for part in [
        "Trace 2 of 3: Sent back to the writer: shorter, please (9 runs)",
        "Trace 3 of 3: Approved by itself",
        "writer                         2 ",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
}

#[test]
fn without_python_there_is_no_second_opinion_and_the_program_says_so() {
    let none = std::env::temp_dir().join("no python here");
    let none = none.to_str().expect("text");
    let (output, said) = run(&["--smoke", "--remote"], &[("WORKBOOK_PYTHON", none)]);
    assert!(output.status.success(), "{said}");
    assert!(
        said.contains("No second opinion: the Python environment is not here"),
        "{said}"
    );
    assert!(
        said.contains("16 runs") && !said.contains("opinion  "),
        "{said}"
    );
}

#[test]
fn a_tool_of_another_process_is_called_over_mcp_in_the_same_trace() {
    let (output, said) = run(&["--smoke", "--mcp"], &[]);
    assert!(output.status.success(), "{said}");
    for part in [
        "├─ tools ",
        "│  └─ count_words ",
        "│     └─ tools/call count_words ",
        "(tools)",
        "(19 runs)",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    let counted = said
        .lines()
        .find_map(|line| line.strip_suffix(" words, as the tool server counts."));
    let counted: Option<usize> = counted.and_then(|number| number.parse().ok());
    assert!(
        counted.is_some_and(|words| words > 4),
        "{counted:?}: {said}"
    );
    // The page about it has the same tree.
    let page = include_str!("../README.md");
    let (_, rows) = page.split_once("⋮\n").expect("the tree of --mcp");
    let (rows, _) = rows.split_once("```").expect("its end");
    for row in rows.lines() {
        let name = row.split("  ").next().expect("a name");
        assert!(said.contains(name), "{name}: {said}");
    }
}

#[cfg(unix)]
fn fake_python(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fake_python");
    folder.join(name).to_str().expect("text").to_owned()
}

#[cfg(unix)]
#[test]
fn a_python_without_the_packages_is_told_in_a_line_and_the_question_answered() {
    let python = fake_python("incomplete.sh");
    let (output, said) = run(&["--smoke", "--remote"], &[("WORKBOOK_PYTHON", &python)]);
    assert!(output.status.success(), "{said}");
    // Whether its last words came before its end is chance; how they are told, `src/second_opinion.rs` tests.
    assert!(
        said.contains("`cargo workbook open` completes the Python environment"),
        "{said}"
    );
    assert!(!said.contains("run the cell"), "{said}");
    assert!(
        said.contains("No second opinion: ") && said.contains("(16 runs)"),
        "{said}"
    );
}

#[cfg(unix)]
#[test]
fn an_agent_that_does_not_answer_is_a_failed_run_and_a_sentence() {
    let python = fake_python("deaf.sh");
    let (output, said) = run(&["--smoke", "--remote"], &[("WORKBOOK_PYTHON", &python)]);
    assert!(output.status.success(), "{said}");
    let row = said.lines().find(|line| line.starts_with("├─ opinion"));
    assert!(row.is_some_and(|row| row.contains('✗')), "{said}");
    for part in [
        "There is no second opinion: the Python service `agent` cannot be reached",
        "The agent in Python has not sent its runs: ",
        "Trace 2 of 2: Approved by itself",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
}

#[test]
fn a_step_that_fails_shows_its_trace_and_leaves_a_page_and_a_status() {
    let provider = ScriptedLlm::builder()
        .otherwise(Answer::server_error())
        .start();
    let url = provider.url();
    let folder = tempfile::tempdir().expect("a folder");
    let mut command = program(&["--smoke"], folder.path());
    command.envs([
        ("WORKBOOK_LLM", "openai"),
        ("OPENAI_API_KEY", "any"),
        ("OPENAI_BASE_URL", &*url),
    ]);
    let output = command.output().expect("it runs");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(
        said.contains("Trace 1 of 1: The question (3 runs)"),
        "{said}"
    );
    assert!(
        said.contains("├─ router") || said.contains("└─ router"),
        "{said}"
    );
    let page = std::fs::read_to_string(folder.path().join("trace.html")).expect("a page");
    assert!(page.contains("<svg"), "{page}");
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(complaint.contains("node `router` failed"), "{complaint}");
}

#[test]
fn a_page_that_cannot_be_written_is_told_before_anything_is_asked() {
    let (output, said) = run(&["--smoke", "--out", "nowhere/x.html"], &[]);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(
        said.contains("nowhere/x.html cannot be written; choose another file"),
        "{said}"
    );
    assert!(!said.contains("passages of documentation"), "{said}");
}

#[test]
fn what_has_no_words_is_refused_and_a_thread_is_told() {
    for empty in [&[""][..], &["--thread", " "], &["--comment", ""]] {
        let (output, said) = run(empty, &[]);
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains("there is nothing in it"), "{said}");
    }
    let (_, said) = run(&["--smoke", "--thread", "t-7"], &[]);
    assert!(said.contains("The thread of all traces: t-7\n"), "{said}");
    let (_, said) = run(&["--smoke"], &[]);
    assert!(said.contains("The thread of all traces: docs-"), "{said}");
}

#[test]
fn a_comment_on_what_was_declined_is_told_to_be_left_over() {
    let question = "How do I bake sourdough bread?";
    let (output, said) = run(&["--smoke", question, "--comment", "shorter"], &[]);
    assert!(output.status.success(), "{said}");
    assert!(said.contains("The comment was not needed"), "{said}");
}

#[test]
fn a_question_does_not_command_the_terminal_that_it_is_printed_on() {
    let (output, said) = run(
        &[
            "--smoke",
            "keep the trace \u{1b}]0;evil\u{7}across \u{202e}spawn?",
        ],
        &[],
    );
    assert!(output.status.success(), "{said}");
    assert!(!said.contains(['\u{1b}', '\u{7}', '\u{202e}']), "{said:?}");
    assert!(
        said.contains("? keep the trace ]0;evilacross spawn?"),
        "{said}"
    );
}

#[test]
fn at_one_question_the_script_slips_and_the_reviewer_sends_it_back() {
    let (output, said) = run(&["--smoke", SLIPS_AT], &[]);
    assert!(output.status.success(), "{said}");
    assert!(
        said.contains("writer                         2 ") && !said.contains("Penguins"),
        "{said}"
    );
}

#[test]
fn a_real_model_has_no_price_unless_one_is_given() {
    let provider = scripted(TokenTiming::NONE);
    let url = provider.url();
    let variables = [
        ("WORKBOOK_LLM", "openai"),
        ("OPENAI_API_KEY", "any"),
        ("OPENAI_BASE_URL", &*url),
    ];
    let (_, said) = run(&["--smoke"], &variables);
    assert!(
        said.contains("No price was given") && !said.contains('$'),
        "{said}"
    );
    let (_, said) = run(&["--smoke", "--price", "1,2"], &variables);
    assert!(
        said.contains("Cost at $1 for a million tokens in and $2 out"),
        "{said}"
    );
    let (output, said) = run(&["--price", "cheap"], &[]);
    assert!(
        !output.status.success() && said.contains("such as 0.15,0.60"),
        "{said}"
    );
}

/// A program that a failing test does not leave behind.
struct Kept(std::process::Child);

impl Drop for Kept {
    fn drop(&mut self) {
        // It has ended by then, unless the test failed.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn kept_open_it_shows_its_traces_until_it_is_told_to_stop() {
    for signal in ["-INT", "-TERM"] {
        let folder = tempfile::tempdir().expect("a folder");
        let child = program(&["--smoke", "--keep"], folder.path())
            .stdout(Stdio::piped())
            .spawn();
        let mut child = Kept(child.expect("it starts"));
        let output = BufReader::new(child.0.stdout.take().expect("piped"));
        let lines = tokio::task::spawn_blocking(move || {
            let mut lines = output.lines().map_while(Result::ok);
            let mut after =
                |start: &str| lines.find_map(|line| line.strip_prefix(start).map(str::to_owned));
            // The output is kept: a program that has nobody to tell is not what is looked at here.
            (after("The trace: "), after("All of them: "), lines)
        });
        let (trace, all, _open) = lines.await.expect("read");
        let all = all.expect("an address");
        let all = all.split(' ').next().expect("an address");
        assert!(all.starts_with("http://127.0.0.1:"), "{all}");
        let page = http_client().get(trace.expect("an address"));
        let page = page.header("accept", "text/html").send().await;
        let page = page.expect("it answers").text().await.expect("a page");
        assert!(
            page.contains("docs_assistant") && page.contains("router model"),
            "the question's trace: {page}"
        );
        let stopped = Command::new("kill")
            .args([signal, &child.0.id().to_string()])
            .status();
        assert!(stopped.expect("kill").success());
        let ended = child.0.wait().expect("it ends");
        assert!(ended.success(), "{signal}: {ended}");
    }
}

#[test]
fn help_has_an_example_of_each_use() {
    let (_, help) = run(&["--help"], &[]);
    for part in [
        "how do I keep the trace across spawn?",
        "-- --interactive",
        "-- --remote --mcp",
        "WORKBOOK_LLM=openai",
    ] {
        assert!(help.contains(part), "{help}");
    }
}

#[cfg(unix)]
#[test]
fn interrupted_in_the_middle_it_ends_in_order_with_a_status() {
    // A provider that takes the connection, and never answers.
    let provider = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}/v1/", provider.local_addr().expect("an address"));
    let folder = tempfile::tempdir().expect("a folder");
    let mut command = program(&["--smoke"], folder.path());
    command.envs([
        ("WORKBOOK_LLM", "openai"),
        ("OPENAI_API_KEY", "any"),
        ("OPENAI_BASE_URL", &*url),
    ]);
    let child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut child = Kept(child.expect("it starts"));
    let (connection, _) = provider.accept().expect("it asks the model");
    let stopped = Command::new("kill")
        .args(["-INT", &child.0.id().to_string()])
        .status();
    assert!(stopped.expect("kill").success());
    let ended = child.0.wait().expect("it ends");
    let mut said = String::new();
    let mut errors = child.0.stderr.take().expect("piped");
    std::io::Read::read_to_string(&mut errors, &mut said).expect("text");
    assert_eq!(ended.code(), Some(1), "{said}");
    assert!(said.contains("✗ interrupted"), "{said}");
    drop(connection);
}
