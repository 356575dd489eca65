//! The page about this example is held to the program: its commands, its options, its files.

use std::path::Path;

use clap::{CommandFactory as _, Parser as _};
use production_monitoring::cli::Cli;

const PAGE: &str = include_str!("../README.md");

#[test]
fn every_command_of_the_page_is_one() {
    let mut commands = 0;
    let lines = PAGE
        .lines()
        .filter_map(|line| line.strip_prefix("cargo run -p production_monitoring"));
    for line in lines {
        let arguments = line.split(" #").next().unwrap_or_default();
        let arguments = arguments
            .trim()
            .trim_start_matches("-- ")
            .split_whitespace();
        let parsed = Cli::try_parse_from(std::iter::once("production_monitoring").chain(arguments));
        parsed.unwrap_or_else(|error| panic!("{line}: {error}"));
        commands += 1;
    }
    assert!(commands >= 6, "{commands}");
}

#[test]
fn every_option_is_on_the_page_and_no_other() {
    let command = Cli::command();
    let options = command.get_arguments().filter_map(|one| one.get_long());
    let options: Vec<String> = options
        .filter(|name| !["help", "version"].contains(name))
        .map(|name| format!("`--{name}"))
        .collect();
    let missing: Vec<_> = options
        .iter()
        .filter(|option| !PAGE.contains(&***option))
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn every_file_that_the_page_names_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let files = PAGE.split('`').filter(|part| {
        ["src/", "tests/", "deploy/"]
            .iter()
            .any(|folder| part.starts_with(folder))
    });
    let files: Vec<&str> = files.collect();
    let missing: Vec<_> = files
        .iter()
        .filter(|file| !root.join(file).exists())
        .collect();
    assert!(missing.is_empty() && files.len() > 10, "{missing:?}");
}
