//! What is saved under the cells: made from these sources, and nothing private.

use std::env;
use std::path::Path;

use serde_json::Value;

use super::finding::Finding;
use super::page::{Cell, Page};
use super::pictures;
use crate::fingerprint::Fingerprint;

/// Looks at sources and outputs of all cells.
pub(super) fn findings(page: &Page, root: &Path) -> Vec<Finding> {
    let mut found = Vec::new();
    for cell in &page.cells {
        found.extend(private(page, cell, root));
        found.extend(pictures::findings(page, cell));
    }
    found.extend(stale(page));
    if let Some(key) = key(&page.metadata.to_string()) {
        let what = format!("something shaped like a key is in the metadata: `{key}…`");
        found.push(Finding::page(
            &page.path,
            what,
            "revoke that key, and take it out",
        ));
    }
    found
}

/// Finds cells whose source is another one than the outputs were made from.
fn stale(page: &Page) -> Vec<Finding> {
    let made_from = &page.metadata["workbook"]["made_from"];
    let remedy = format!("cargo workbook refresh {}", page.number);
    if !made_from.is_object() {
        let what = "nothing says from which sources the outputs were made";
        return vec![Finding::page(&page.path, what, remedy)];
    }
    page.code()
        .filter(|cell| made_from[&cell.id] != Fingerprint::new().text(&cell.source).hex().as_str())
        .map(|cell| {
            let what = "the outputs are stale: the cell has changed since they were made";
            Finding::cell(&page.path, &cell.id, what, &remedy)
        })
        .collect()
}

/// Finds keys, paths of somebody's machine, and the name of whoever executed the page.
fn private(page: &Page, cell: &Cell, root: &Path) -> Vec<Finding> {
    let user = env::var("USER")
        .or_else(|_| env::var("LOGNAME"))
        .unwrap_or_default();
    let mut texts = cell.output_texts();
    let metadata = match &cell.metadata {
        Value::Null => String::new(),
        metadata => metadata.to_string(),
    };
    texts.extend([cell.source.clone(), metadata]);
    // In a page of tags, words begin behind a tag.
    for text in texts.iter_mut().filter(|text| text.contains("</")) {
        *text = text.replace('>', "> ");
    }
    let mut found = Vec::new();
    let mut tell = |what: String, remedy: &str| {
        let finding = Finding::cell(&page.path, &cell.id, what, remedy);
        if !found.contains(&finding) {
            found.push(finding);
        }
    };
    for text in &texts {
        if let Some(key) = key(text) {
            // Never the key itself: this text ends up in logs.
            tell(
                format!("something shaped like a key is in it: `{key}…`"),
                "revoke that key, take it out, and refresh: cells must not print secrets",
            );
        }
        if let Some(path) = absolute_path(text, &root.to_string_lossy()) {
            let what = format!("an absolute path is in it: `{path}`");
            tell(
                what,
                "say where something is relative to the repository, and refresh",
            );
        }
        if is_telling(&user) && words(text).any(|word| word == user) {
            let what = format!("the user name `{user}` is in it");
            tell(what, "take it out, and refresh");
        }
    }
    found
}

/// What begins a key, and how many characters of key follow at least.
const KEYS: [(&str, usize); 14] = [
    ("lsv2_pt_", 8),
    ("lsv2_sk_", 8),
    ("ls__", 16),
    ("sk-", 20),
    ("ghp_", 20),
    ("gho_", 20),
    ("ghs_", 20),
    ("github_pat_", 20),
    ("glpat-", 20),
    ("hf_", 30),
    ("xoxb-", 20),
    ("xoxp-", 20),
    ("AKIA", 16),
    ("eyJhbGciOi", 16),
];

/// Returns how a key in the text begins.
pub(super) fn key(text: &str) -> Option<&'static str> {
    let is_key = |rest: &str, least: usize| {
        let inside = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
        rest.chars().take_while(inside).count() >= least
    };
    KEYS.into_iter()
        .find(|(start, least)| {
            text.match_indices(start).any(|(at, _)| {
                let before = text[..at].chars().next_back();
                // In the middle of a word it begins nothing: `disk-`, `ask-`.
                !before.is_some_and(|c| c.is_ascii_alphanumeric())
                    && is_key(&text[at + start.len()..], *least)
            })
        })
        .map(|(start, _)| start)
}

/// Returns a path that means something on one machine only.
pub(super) fn absolute_path(text: &str, root: &str) -> Option<String> {
    const STARTS: [&str; 10] = [
        "/home/",
        "/Users/",
        "/root/",
        "/tmp/",
        "/var/",
        "/private/",
        "/mnt/",
        "/opt/",
        "C:\\",
        "file:///",
    ];
    let starts = STARTS
        .into_iter()
        .chain([root].into_iter().filter(|root| root.len() > 1));
    let mut found = starts.filter_map(|start| {
        let at = text.match_indices(start).find_map(|(at, _)| {
            let before = text[..at].chars().next_back();
            // `notebooks/home/` and `https://example.org/home/` are no paths of a machine.
            let begins = !before.is_some_and(|c| {
                c.is_alphanumeric() || matches!(c, '/' | '.' | '_' | '-' | '}' | '>')
            });
            begins.then_some(at)
        })?;
        let path: String = text[at..]
            .chars()
            .take_while(|c| !c.is_whitespace() && !"\"'`<>()".contains(*c))
            .collect();
        (path.len() > start.len()).then_some(path)
    });
    found.next()
}

/// Says whether a user name is more than a word that pages use anyway.
fn is_telling(user: &str) -> bool {
    const COMMON: [&str; 9] = [
        "root", "user", "runner", "admin", "rust", "test", "jovyan", "ubuntu", "debian",
    ];
    user.len() > 2 && !COMMON.contains(&user)
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric() && c != '_')
}
