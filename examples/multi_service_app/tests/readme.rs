//! The page about this example is held to the program: its commands, options, scenarios, files.

mod told;

use std::path::Path;

use clap::{CommandFactory as _, Parser as _};
use multi_service_app::cli::Cli;
use multi_service_app::role::Role;
use multi_service_app::scenario::Scenario;

use self::told::{PAGE, tree_on_page};

#[test]
fn every_command_of_the_page_is_one() {
    let blocks = PAGE.split("```sh\n").skip(1);
    let blocks = blocks.filter_map(|rest| rest.split("```").next());
    let mut commands = 0;
    for line in blocks.flat_map(str::lines) {
        let command = line.split(" #").next().unwrap_or_default().trim();
        let Some(arguments) = command.strip_prefix("cargo run -p multi_service_app") else {
            continue;
        };
        let arguments = arguments.trim().trim_start_matches("-- ");
        // The words, and what is in quotes as one.
        let parts = arguments.split('"').enumerate();
        let words = parts.flat_map(|(at, part)| match at % 2 {
            0 => part.split_whitespace().collect(),
            _ => vec![part],
        });
        let parsed = Cli::try_parse_from(std::iter::once("multi_service_app").chain(words));
        parsed.unwrap_or_else(|error| panic!("{line}: {error}"));
        commands += 1;
    }
    assert!(commands >= 6, "{commands}");
}

#[test]
fn every_option_of_the_demonstration_is_on_the_page() {
    let program = Cli::command();
    for option in program
        .get_arguments()
        .filter_map(|argument| argument.get_long())
    {
        if !["help", "version"].contains(&option) {
            assert!(PAGE.contains(&format!("`--{option}")), "--{option}");
        }
    }
}

#[test]
fn every_scenario_and_every_service_is_on_the_page() {
    for scenario in Scenario::ALL {
        assert!(
            tree_on_page(scenario).starts_with("question "),
            "{}",
            scenario.name()
        );
    }
    for role in Role::ALL {
        let row = format!("| `{role}` | {} |", role.port());
        assert!(PAGE.contains(&row), "{row}");
    }
}

#[test]
fn every_file_that_the_page_names_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let named = PAGE.split('`').filter(|part| {
        ["src/", "tests/", "deploy/", "proto/"]
            .iter()
            .any(|start| part.starts_with(start))
    });
    let missing: Vec<_> = named.filter(|file| !root.join(file).exists()).collect();
    assert!(missing.is_empty(), "{missing:?}");
}
