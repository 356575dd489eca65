//! Each row of the README's table is held by something that is there.

use std::collections::BTreeSet;
use std::path::Path;

use serde::Deserialize;

#[derive(Deserialize)]
struct Recorded {
    case: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
}

fn read(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn each_row_of_the_readme_is_held_by_a_test_or_a_recorded_difference() {
    let recorded: Recorded =
        toml::from_str(&read("../../setup/compat/headers.toml")).expect("TOML");
    let recorded: BTreeSet<String> = recorded.case.into_iter().map(|case| case.name).collect();
    let readme = read("README.md");
    let section = readme
        .split("## Beside the official middleware")
        .nth(1)
        .expect("the section");
    let section = section.split("\n## ").next().expect("its text");
    let rows: Vec<&str> = section
        .lines()
        .filter(|line| line.starts_with("| "))
        .skip(1)
        .collect();
    assert!(rows.len() >= 15, "{} rows", rows.len());
    for row in rows {
        let held_by = row
            .trim_end_matches([' ', '|'])
            .rsplit(" | ")
            .next()
            .expect("a last cell");
        let holders: Vec<&str> = held_by.split('`').skip(1).step_by(2).collect();
        assert!(!holders.is_empty(), "nothing holds: {row}");
        for holder in holders {
            if let Some(case) = holder.strip_prefix("headers.toml: ") {
                assert!(recorded.contains(case), "no such case: {holder}");
            } else {
                let (file, test) = holder.split_once("::").expect("file::test");
                let tests = read(&format!("tests/{file}.rs"));
                assert!(
                    tests.contains(&format!("fn {test}()")),
                    "no such test: {holder}"
                );
            }
        }
    }
}

#[test]
fn what_the_readme_points_to_is_there() {
    let readme = read("README.md");
    for link in readme.split("](").skip(1) {
        let target = link.split(')').next().expect("a target");
        read(target);
    }
    for option in ["--keep", "--policy", "--langsmith", "--port"] {
        assert!(readme.contains(option), "{option}");
    }
}
