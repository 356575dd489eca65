//! Who answers a lesson: the script, unless a variable of the workbook's own says otherwise.
#![cfg(feature = "lab")]

use std::process::Command;

use common::lab::llm::{Model, Provider, ScriptedLlm};

const CHILD: &str = "LLM_TARGET_CHILD";

/// Asks this test again in a process of its own, with these variables, and returns what it says.
fn told(variables: &[(&str, &str)]) -> String {
    let mut command = Command::new(std::env::current_exe().expect("this program"));
    command
        .args(["--exact", "says_who_answers", "--nocapture"])
        .env(CHILD, "1");
    for name in [
        "WORKBOOK_LLM",
        "WORKBOOK_LLM_MODEL",
        "OPENAI_API_KEY",
        "OPENAI_BASE_URL",
    ] {
        command.env_remove(name);
    }
    // No `.env` of this machine is read.
    command.env("WORKBOOK_ROOT", std::env::temp_dir());
    let output = command
        .envs(variables.iter().copied())
        .output()
        .expect("it runs");
    let text = String::from_utf8_lossy(&output.stdout);
    let line = text.lines().find_map(|line| line.split_once("told: "));
    line.unwrap_or_else(|| panic!("{text}")).1.to_owned()
}

#[test]
#[allow(clippy::print_stdout, reason = "another process reads it")]
fn says_who_answers() {
    if std::env::var_os(CHILD).is_none() {
        return;
    }
    let llm = ScriptedLlm::start();
    match Model::from_env(&llm) {
        Ok(model) if model.provider() == Provider::Scripted => {
            println!("told: scripted {}", model.name())
        }
        Ok(model) => println!("told: {}", model.to_string().replace('\n', " ")),
        Err(error) => println!("told: {error}"),
    }
}

#[test]
fn an_exported_key_changes_nothing() {
    assert_eq!(told(&[]), "scripted gpt-4o-mini");
    assert_eq!(
        told(&[("OPENAI_API_KEY", "sk-real")]),
        "scripted gpt-4o-mini"
    );
    assert_eq!(
        told(&[("WORKBOOK_LLM", "1"), ("OPENAI_API_KEY", "sk-real")]),
        "scripted gpt-4o-mini"
    );
}

#[test]
fn the_real_one_is_asked_for_by_name_and_needs_a_key() {
    let openai = ("WORKBOOK_LLM", "openai");
    assert_eq!(told(&[openai]), "WORKBOOK_LLM=openai needs OPENAI_API_KEY");
    let key = ("OPENAI_API_KEY", "sk-real");
    assert_eq!(
        told(&[openai, key]),
        "`gpt-4o-mini` is asked at https://api.openai.com/v1/."
    );
    let elsewhere = [
        ("OPENAI_BASE_URL", "http://127.0.0.1:9/v1"),
        ("WORKBOOK_LLM_MODEL", "local"),
    ];
    let told = told(&[openai, key, elsewhere[0], elsewhere[1]]);
    assert_eq!(told, "`local` is asked at http://127.0.0.1:9/v1/.");
}
