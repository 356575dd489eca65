//! Each rule of the page on best practices is whole, and what it says proves it is there.

use super::markdown::{links, root};

fn page() -> String {
    std::fs::read_to_string(root().join("docs/best_practices.md")).expect("the page")
}

/// The rules: number, title, and the lines of each by their words.
fn rules(page: &str) -> Vec<(String, Vec<(String, String)>)> {
    let each = page.split("\n### BP-").skip(1).map(|rule| {
        let rule = rule.split("\n## ").next().unwrap_or_default();
        let title = rule.lines().next().unwrap_or_default().to_owned();
        let parts = rule.split("\n- **").skip(1).map(|part| {
            let (name, words) = part.split_once("**:").expect("`- **Name**: words`");
            (
                name.to_owned(),
                words.split_whitespace().collect::<Vec<_>>().join(" "),
            )
        });
        (title, parts.collect())
    });
    each.collect()
}

#[test]
fn every_rule_says_what_to_do_what_to_avoid_why_and_what_it_costs() {
    let page = page();
    let rules = rules(&page);
    assert!(rules.len() >= 40, "{} rules", rules.len());
    for (at, (title, parts)) in rules.iter().enumerate() {
        let number = format!("{:02} · ", at + 1);
        assert!(title.starts_with(&number), "BP-{title} is rule {}", at + 1);
        let names: Vec<&str> = parts.iter().map(|(name, _)| name.as_str()).collect();
        let expected = [
            "Do",
            "Avoid",
            "Because",
            "Measured",
            "Prevents",
            "Proved by",
        ];
        assert_eq!(names, expected, "BP-{title}");
        for (name, words) in parts {
            assert!(words.len() > 12, "BP-{title}: {name}: {words}");
        }
    }
}

#[test]
fn every_cost_is_a_place_where_it_was_measured_or_a_reason_why_there_is_none() {
    for (title, parts) in rules(&page()) {
        let measured = &parts[3].1;
        let is_measured = links(measured)
            .iter()
            .any(|link| link.starts_with("performance.md") || link.contains(".ipynb"));
        let is_said =
            measured.starts_with("no cost of its own") || measured.starts_with("not measured");
        assert!(is_measured || is_said, "BP-{title}: {measured}");
        let has_figure = measured.chars().any(|c| c.is_ascii_digit());
        assert!(
            is_measured || !has_figure,
            "BP-{title}: a figure without a place: {measured}"
        );
    }
}

#[test]
fn every_rule_names_a_symptom_and_who_met_it() {
    for (title, parts) in rules(&page()) {
        let prevents = &parts[4].1;
        assert!(
            prevents.starts_with('*'),
            "BP-{title}: the symptom comes first, in italics: {prevents}"
        );
        assert!(
            !links(prevents).is_empty(),
            "BP-{title}: a source is wanted: {prevents}"
        );
    }
}

/// As long as the page on troubleshooting is still to come, there is nothing to compare with.
#[test]
fn every_code_of_a_symptom_is_one_of_the_page_on_troubleshooting() {
    let mut named = 0;
    let known = std::fs::read_to_string(root().join("docs/troubleshooting.md"));
    for (title, parts) in rules(&page()) {
        let words = parts[4].1.split(|c: char| !c.is_ascii_alphanumeric());
        for code in words.filter(|word| word.len() == 5 && word.starts_with("LT0")) {
            named += 1;
            if let Ok(known) = &known {
                assert!(known.contains(code), "BP-{title}: {code} is no code");
            }
        }
    }
    assert!(named >= 40, "{named} codes");
}

#[test]
fn every_test_that_proves_a_rule_is_there() {
    let mut proofs = 0;
    for (title, parts) in rules(&page()) {
        let named: Vec<&str> = parts[5].1.split('`').skip(1).step_by(2).collect();
        assert!(!named.is_empty(), "BP-{title} is proved by nothing");
        for test in named {
            let (file, name) = test
                .split_once("::")
                .unwrap_or_else(|| panic!("BP-{title}: {test}"));
            let file = root().join(file);
            let text = std::fs::read_to_string(&file)
                .unwrap_or_else(|error| panic!("BP-{title}: {test}: {error}"));
            let is_there = text
                .lines()
                .any(|line| line.trim_start().contains(&format!("fn {name}(")));
            assert!(is_there, "BP-{title}: no test {test}");
            proofs += 1;
        }
    }
    assert!(proofs >= 40, "{proofs} proofs");
}
