//! Programs of pages compile, commands are run or say why not.

use super::markdown::{Fence, fences, pages, root};

/// What a block may be. A block without a kind would be taken for Rust by the compiler of doctests.
const KINDS: [&str; 13] = [
    "rust",
    "sh",
    "text",
    "toml",
    "json",
    "yaml",
    "python",
    "javascript",
    "http",
    "mermaid",
    "promql",
    "html",
    "dockerfile",
];

fn all() -> Vec<(String, Fence)> {
    let pages = pages()
        .into_iter()
        .filter(|page| page.path.ends_with(".md"));
    let each = pages.flat_map(|page| {
        let fences = fences(&page.text).into_iter();
        fences
            .map(move |fence| (page.path.clone(), fence))
            .collect::<Vec<_>>()
    });
    each.collect()
}

#[test]
fn every_block_of_every_page_says_what_it_is() {
    for (page, fence) in all() {
        assert!(
            KINDS.contains(&fence.language()),
            "{page}: a block of kind `{}`",
            fence.info
        );
    }
}

#[test]
fn every_program_of_every_page_is_compiled_with_the_tests() {
    let list = std::fs::read_to_string(root().join("common/src/pages.rs")).expect("the list");
    let mut programs = 0;
    for (page, fence) in all() {
        if fence.language() != "rust" {
            continue;
        }
        if fence.info.contains("ignore") {
            let why = fence.remarked("not compiled").unwrap_or_default();
            let reason =
                "a program that is not compiled has `<!-- not compiled: why -->` before it";
            assert!(why.split_whitespace().count() > 3, "{page}: {reason}");
            continue;
        }
        programs += 1;
        let named = format!("\"../../{page}\"");
        assert!(
            list.contains(&named),
            "{page} has programs: name it in common/src/pages.rs"
        );
    }
    assert!(programs > 25, "only {programs} programs were found");
    for line in list.lines().filter(|line| line.contains("\"../../")) {
        let page = line
            .split('"')
            .nth(1)
            .expect("a path")
            .trim_start_matches("../../");
        assert!(
            root().join(page).exists(),
            "common/src/pages.rs names {page}"
        );
    }
}

/// The test that a remark `<!-- run by: path::name -->` names.
fn holder(named: &str) -> Result<(), String> {
    let (file, test) = named.split_once("::").ok_or("path::name is wanted")?;
    let file = root().join(file);
    let text =
        std::fs::read_to_string(&file).map_err(|error| format!("{}: {error}", file.display()))?;
    let is_there = [format!("fn {test}("), format!("def {test}(")]
        .iter()
        .any(|line| text.contains(line.as_str()));
    is_there.then_some(()).ok_or(format!("{named} is no test"))
}

#[test]
fn every_command_of_every_page_is_run_or_says_why_not() {
    let mut commands = 0;
    for (page, fence) in all() {
        if fence.language() != "sh" {
            continue;
        }
        commands += 1;
        if fence.remark == "<!-- run -->" {
            run(&page, &fence.code);
        } else if let Some(named) = fence.remarked("run by") {
            holder(named).unwrap_or_else(|error| panic!("{page}: {error}"));
        } else {
            let why = fence.remarked("not run").unwrap_or_else(|| {
                panic!("{page}: `<!-- run -->`, `<!-- run by: path::test -->` or `<!-- not run: why -->` before\n{}", fence.code)
            });
            assert!(
                why.split_whitespace().count() >= 3,
                "{page}: `{why}` is no reason"
            );
        }
    }
    assert!(commands > 12, "only {commands} commands were found");
}

/// Runs a command in the repository; one of the collector where it is installed.
#[cfg(all(feature = "lab", unix))]
fn run(page: &str, command: &str) {
    if page == "docs/collector.md" {
        let required = std::env::var("CI").is_ok_and(|value| value == "true");
        if let Some(why) = common::lab::Collector::missing() {
            assert!(!required, "CI needs the collector: {why}");
            return;
        }
    }
    let mut shell = std::process::Command::new("sh");
    let ended = shell
        .args(["-ec", command])
        .current_dir(root())
        .output()
        .expect("a shell");
    assert!(ended.status.success(), "{page}: {command}: {ended:?}");
}

#[cfg(not(all(feature = "lab", unix)))]
fn run(_: &str, _: &str) {}

#[test]
fn every_package_that_a_command_names_is_one_of_the_workspace() {
    let manifest = std::fs::read_to_string(root().join("Cargo.toml")).expect("the manifest");
    let mut named = 0;
    for (page, fence) in all() {
        for line in fence
            .code
            .lines()
            .filter(|line| line.contains("cargo run -p "))
        {
            let package = line
                .split("cargo run -p ")
                .nth(1)
                .and_then(|rest| rest.split_whitespace().next());
            let package = package.expect("a package");
            let is_member = ["common", "common-fuzz", "workbook"].contains(&package)
                || manifest.contains(&format!("\"examples/{package}\""))
                || manifest.contains(&format!("\"setup/{package}\""));
            assert!(is_member, "{page}: {line}");
            named += 1;
        }
    }
    assert!(named > 5, "only {named} were found");
}
