//! Links between the repository's pages and notebooks lead somewhere.

use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Returns the targets of `](…)` that are files of this repository.
fn local_links(text: &str) -> Vec<String> {
    text.split("](")
        .skip(1)
        .filter_map(|rest| rest.split(')').next())
        .filter(|link| !link.contains("://") && !link.starts_with('#') && !link.contains('\\'))
        .map(|link| link.split('#').next().unwrap_or_default().to_owned())
        .filter(|link| !link.is_empty() && !link.contains(char::is_whitespace))
        .collect()
}

#[test]
fn every_link_inside_the_repository_resolves() {
    let folders = [
        "",
        "common",
        "docs",
        "examples",
        "notebooks",
        "notebooks/solutions",
        "setup",
    ];
    let mut checked = 0;
    let mut broken = Vec::new();
    for folder in folders.map(|folder| root().join(folder)) {
        for entry in std::fs::read_dir(&folder).expect("a folder of the layout") {
            let page = entry.expect("a readable entry").path();
            let extension = page.extension().and_then(|extension| extension.to_str());
            if !matches!(extension, Some("md" | "ipynb")) {
                continue;
            }
            let text = std::fs::read_to_string(&page).expect("UTF-8");
            for link in local_links(&text) {
                checked += 1;
                if !folder.join(&link).exists() {
                    broken.push(format!("{}: {link}", page.display()));
                }
            }
        }
    }
    assert!(checked > 10, "only {checked} links were found");
    assert!(broken.is_empty(), "{broken:#?}");
}

#[test]
fn a_link_is_told_from_an_address_and_an_anchor() {
    let text = "[a](b.md#c) [d](https://e.example) [f](#g) ![h](i/j.svg)";
    assert_eq!(local_links(text), ["b.md", "i/j.svg"]);
}

/// Returns the commands of a page, each with the remark on the line before it.
fn commands(text: &str) -> Vec<(String, String)> {
    let mut parts = text.split("```");
    let mut remark = String::new();
    let mut found = Vec::new();
    while let Some(words) = parts.next() {
        if let Some(before) = words.trim_end().lines().last() {
            remark = before.trim().to_owned();
        }
        if let Some(fence) = parts.next()
            && let Some(commands) = fence.strip_prefix("sh\n")
        {
            found.push((remark.clone(), commands.to_owned()));
        }
    }
    found
}

/// Runs the commands that can be run, in the repository; those of the collector where it is installed.
#[cfg(all(feature = "lab", unix))]
#[test]
fn every_command_of_the_page_on_collectors_runs_or_says_why_it_is_not_run() {
    let page = root().join("docs/collector.md");
    let commands = commands(&std::fs::read_to_string(page).expect("the page"));
    assert_eq!(commands.len(), 4, "{commands:?}");
    for (remark, command) in commands {
        if remark != "<!-- run -->" {
            assert!(remark.starts_with("<!-- not run: "), "{remark}: {command}");
            continue;
        }
        let required = std::env::var("CI").is_ok_and(|value| value == "true");
        if let Some(why) = common::lab::Collector::missing() {
            assert!(!required, "CI needs the collector: {why}");
            continue;
        }
        let mut shell = std::process::Command::new("sh");
        let ended = shell.args(["-ec", &command]).current_dir(root()).output();
        let ended = ended.expect("a shell");
        assert!(ended.status.success(), "{command}: {ended:?}");
    }
}

#[test]
fn a_command_is_found_with_the_remark_before_it() {
    let text = "Words.\n\n<!-- run -->\n```sh\ntrue\n```\nmore\n```rust\nfn a() {}\n```\n";
    let found = commands(text);
    assert_eq!(found, [("<!-- run -->".to_owned(), "true\n".to_owned())]);
}

/// Puts together all that is written in a folder's Rust files, and in those below.
fn sources(folder: &Path) -> String {
    let entries = std::fs::read_dir(folder).expect("a folder");
    let each = entries.map(|entry| {
        let path = entry.expect("a readable entry").path();
        match path.extension() {
            _ if path.is_dir() => sources(&path),
            Some(extension) if extension == "rs" => std::fs::read_to_string(&path).expect("UTF-8"),
            _ => String::new(),
        }
    });
    each.collect()
}

#[test]
fn every_test_that_the_pages_on_opentelemetry_name_is_there() {
    let common = Path::new(env!("CARGO_MANIFEST_DIR"));
    let tests = sources(&common.join("tests")) + &sources(&common.join("src/otel"));
    let mut named = 0;
    for page in ["opentelemetry.md", "collector.md"] {
        let text = std::fs::read_to_string(root().join("docs").join(page)).expect("the page");
        let words = text.split('`').skip(1).step_by(2);
        // Names of tests are sentences.
        for test in words.filter(|word| word.matches('_').count() > 4 && !word.contains('/')) {
            if test.starts_with("otelcol_") || test.starts_with("OTEL_") {
                continue;
            }
            assert!(tests.contains(&format!("fn {test}(")), "{page}: {test}");
            named += 1;
        }
    }
    assert!(named > 25, "only {named} tests are named");
}
