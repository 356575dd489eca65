//! What the workspace is built from: licences, sources, versions, weight. The rules are in `deny.toml`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

/// The crates that a service with the default features builds, ours included, at most.
const DEFAULT_WEIGHT: usize = 150;

fn root() -> PathBuf {
    let here = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    here.parent().expect("setup is in the root").to_owned()
}

/// Runs cargo over what the lock file says, and returns what it prints.
fn cargo(arguments: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO"));
    command.current_dir(root()).args(arguments);
    let output = command
        .args(["--locked", "--offline"])
        .output()
        .expect("cargo runs");
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "cargo {arguments:?}: {told}");
    String::from_utf8(output.stdout).expect("text")
}

/// Returns what is built on this platform: nothing else need be here to be looked at.
fn packages() -> Vec<Value> {
    let rustc = Command::new("rustc")
        .arg("-vV")
        .output()
        .expect("rustc runs");
    let told = String::from_utf8(rustc.stdout).expect("text");
    let host = told
        .lines()
        .find_map(|line| line.strip_prefix("host: "))
        .expect("a host");
    let arguments = ["metadata", "--format-version=1", "--filter-platform", host];
    let metadata: Value = serde_json::from_str(&cargo(&arguments)).expect("JSON");
    let packages = metadata["packages"].as_array().expect("packages").clone();
    assert!(
        packages.len() > 100,
        "cargo told of {} packages",
        packages.len()
    );
    packages
}

/// Returns what the lock file names, for all platforms.
fn locked() -> Vec<toml::Value> {
    let text = std::fs::read_to_string(root().join("Cargo.lock")).expect("the lock file");
    let lock: toml::Table = text.parse().expect("TOML");
    lock["package"].as_array().expect("packages").clone()
}

fn rules() -> toml::Table {
    let text = std::fs::read_to_string(root().join("deny.toml")).expect("the rules");
    text.parse().expect("TOML")
}

fn listed(rules: &toml::Table, [table, list]: [&str; 2]) -> BTreeSet<String> {
    let name = |entry: &toml::Value| {
        let text = entry.as_str().or_else(|| entry.get("name")?.as_str());
        text.expect("a name").to_owned()
    };
    rules[table][list]
        .as_array()
        .expect("a list")
        .iter()
        .map(name)
        .collect()
}

#[test]
fn every_licence_is_one_that_we_allow() {
    let allowed = listed(&rules(), ["licenses", "allow"]);
    for package in packages() {
        let name = &package["name"];
        let text = package["license"]
            .as_str()
            .unwrap_or_else(|| panic!("{name} names no licence"));
        let licence = spdx::Expression::parse_mode(text, spdx::ParseMode::LAX);
        let licence = licence.unwrap_or_else(|error| panic!("{name}: {error}"));
        let fine = licence.evaluate(|needed| allowed.contains(&needed.to_string()));
        assert!(fine, "{name} has the licence {text}");
    }
}

#[test]
fn every_dependency_comes_from_the_registry() {
    for package in locked() {
        let source = package.get("source").and_then(toml::Value::as_str);
        let ours = source.is_none();
        let registry = source.is_some_and(|source| source.starts_with("registry+"));
        assert!(
            ours || registry,
            "{:?} comes from {source:?}",
            package["name"]
        );
    }
}

#[test]
fn what_is_there_twice_has_its_reason_and_what_has_a_reason_is_there_twice() {
    let mut versions: BTreeMap<String, usize> = BTreeMap::new();
    for package in locked() {
        *versions
            .entry(package["name"].as_str().expect("a name").to_owned())
            .or_default() += 1;
    }
    let twice: BTreeSet<String> = versions
        .into_iter()
        .filter_map(|(name, count)| (count > 1).then_some(name))
        .collect();
    assert_eq!(twice, listed(&rules(), ["bans", "skip"]));
}

#[test]
fn the_default_client_stays_light() {
    let tree = cargo(&[
        "tree",
        "--package=common",
        "--edges=normal",
        "--prefix=none",
    ]);
    let crates: BTreeSet<&str> = tree
        .lines()
        .filter_map(|line| line.split(' ').next())
        .filter(|name| !name.is_empty())
        .collect();
    assert!(
        crates.contains("reqwest"),
        "the default client sends over HTTP"
    );
    assert!(crates.len() <= DEFAULT_WEIGHT, "{} crates", crates.len());
    for heavy in [
        "wiremock",
        "plotters",
        "maud",
        "axum",
        "opentelemetry",
        "clap",
    ] {
        assert!(!crates.contains(heavy), "{heavy} is in the default client");
    }
}
