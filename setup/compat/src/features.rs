//! The table of features: `docs/features.toml`.

use std::fmt::Write as _;
use std::fs;

use anyhow::{Context as _, Result};
use serde::Deserialize;

use crate::pages;

const SOURCE: &str = "docs/features.toml";

/// One capability.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Feature {
    /// What one can do.
    name: String,
    /// How in Python; `–` if not at all.
    python: String,
    /// How in JavaScript.
    javascript: String,
    /// How here, or when: `with notebook 03`, `later`, `n/a: …`, `out of scope`.
    ours: String,
    /// What proves it: `file.rs::test_name`, or `compat SCENARIO`.
    #[serde(default)]
    tests: Vec<String>,
}

impl Feature {
    /// Says whether it is here now, rather than promised or left out.
    #[cfg(test)]
    fn is_here(&self) -> bool {
        let words = ["with ", "later", "n/a", "out of scope"];
        !words.iter().any(|word| self.ours.starts_with(word))
    }
}

fn read() -> Result<Vec<Feature>> {
    #[derive(Deserialize)]
    struct File {
        feature: Vec<Feature>,
    }
    let text = fs::read_to_string(pages::root().join(SOURCE))
        .with_context(|| format!("reading {SOURCE}"))?;
    let file: File = toml::from_str(&text).context(SOURCE)?;
    Ok(file.feature)
}

/// Writes the table of the page.
pub(crate) fn table() -> Result<String> {
    let mut table =
        String::from("| Capability | Python | JavaScript | ours | Test |\n|---|---|---|---|---|\n");
    for feature in read()? {
        let tests: Vec<String> = feature
            .tests
            .iter()
            .map(|test| format!("`{test}`"))
            .collect();
        let Feature {
            name,
            python,
            javascript,
            ours,
            ..
        } = &feature;
        let tests = tests.join("<br>");
        let _ = writeln!(
            table,
            "| {name} | {python} | {javascript} | {ours} | {tests} |"
        );
    }
    Ok(table)
}

/// Returns what is wrong with the table: a test that is not there, a capability without one.
#[cfg(test)]
fn problems() -> Result<Vec<String>> {
    let mut problems = Vec::new();
    for feature in read()? {
        let name = &feature.name;
        if feature.is_here() && feature.tests.is_empty() {
            problems.push(format!("{name}: is here and names no test"));
        }
        for test in &feature.tests {
            if !exists(test) {
                problems.push(format!("{name}: there is no {test}"));
            }
        }
    }
    Ok(problems)
}

/// Finds a test by its name: in `common/tests`, or where the path says.
#[cfg(test)]
fn exists(test: &str) -> bool {
    if let Some(id) = test.strip_prefix("compat ") {
        return crate::scenarios::names()
            .iter()
            .any(|(known, _)| *known == id);
    }
    let Some((file, function)) = test.split_once("::") else {
        return false;
    };
    let path = match file.contains('/') {
        true => pages::root().join(file),
        false => pages::root().join("common/tests").join(file),
    };
    let text = fs::read_to_string(path).unwrap_or_default();
    text.contains(&format!("fn {function}("))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_capability_that_is_here_names_a_test_that_exists() {
        let problems = problems().expect("the table");
        assert!(problems.is_empty(), "{problems:#?}");
    }

    #[test]
    fn a_test_that_is_not_there_is_told() {
        assert!(exists(
            "common/tests/run_tree.rs::a_panic_ends_the_run_and_says_so"
        ));
        assert!(exists("compat simple"));
        for absent in [
            "config.rs::nothing_of_the_kind",
            "nowhere.rs::a",
            "compat nothing",
            "words",
        ] {
            assert!(!exists(absent), "{absent}");
        }
    }
}
