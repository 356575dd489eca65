//! The program itself: what it prints, and how it ends.

use std::process::{Command, Output, Stdio};

use common::lab::llm::TokenTiming;
use langgraph_agent::script::scripted;

const PROGRAM: &str = env!("CARGO_BIN_EXE_langgraph_agent");

/// Runs the program in an environment that says nothing about LangSmith or a provider, without a terminal.
fn run(arguments: &[&str], variables: &[(&str, &str)]) -> (Output, String) {
    let mut command = Command::new(PROGRAM);
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy();
        let ours = ["LANGSMITH_", "LANGCHAIN_", "WORKBOOK_", "OPENAI_"];
        if ours.iter().any(|start| name.starts_with(start)) {
            command.env_remove(&*name);
        }
    }
    // No `.env` of this machine is read.
    command.env("WORKBOOK_ROOT", std::env::temp_dir());
    command
        .args(arguments)
        .envs(variables.iter().copied())
        .stdin(Stdio::null());
    let output = command.output().expect("it runs");
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
        "docs assistant",
        "├─ search",
        "search notebooks",
        "writer model",
        "3 calls of a model:",
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
        said.contains("1 call of a model:") && !said.contains("writer model"),
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
fn help_has_an_example_of_each_use() {
    let (_, help) = run(&["--help"], &[]);
    for part in [
        "how do I keep the trace across spawn?",
        "-- --interactive",
        "WORKBOOK_LLM=openai",
    ] {
        assert!(help.contains(part), "{help}");
    }
}
