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
