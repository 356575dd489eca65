//! Holds the repository's pages to what they say: links and places in them, programs, commands, rules with their
//! proofs, tables of limits.

#[path = "docs/markdown.rs"]
mod markdown;

#[path = "docs/container.rs"]
mod container;
#[path = "docs/fences.rs"]
mod fences;
#[path = "docs/limits.rs"]
mod limits;
#[path = "docs/links.rs"]
mod links;
#[path = "docs/rules.rs"]
mod rules;
#[path = "docs/site.rs"]
mod site;

use std::path::Path;

use markdown::root;

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
