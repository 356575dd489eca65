//! Links that lead somewhere, within the repository.

use std::path::{Component, Path, PathBuf};

use super::anchors;
use super::finding::Finding;
use super::page::Page;

/// Follows the links of all markdown cells; what leads out to the web is not followed.
pub(super) fn findings(page: &Page, root: &Path) -> Vec<Finding> {
    let folder = Path::new(&page.path).parent().unwrap_or(Path::new(""));
    let mut found = Vec::new();
    for cell in page.prose() {
        for link in links(&cell.source) {
            let Some((what, remedy)) = wrong(page, link, folder, root) else {
                continue;
            };
            found.push(Finding::cell(
                &page.path,
                &cell.id,
                format!("the link `{link}` {what}"),
                remedy,
            ));
        }
    }
    found
}

/// Says what is wrong with a link, and what mends it.
fn wrong(
    page: &Page,
    link: &str,
    folder: &Path,
    root: &Path,
) -> Option<(&'static str, &'static str)> {
    const NO_PLACE: (&str, &str) = (
        "names a place that the page does not have",
        "write the heading behind `#` in small letters, blanks as `-`, other signs left out",
    );
    let (target, place) = link.split_once('#').unwrap_or((link, ""));
    let target = target.split('?').next().unwrap_or_default();
    if is_web(link) {
        return None;
    }
    if target.is_empty() && !place.is_empty() {
        return (!anchors::is_in(&anchors::words(page), place)).then_some(NO_PLACE);
    }
    let path = inside(&folder.join(target.replace("%20", " ")));
    match path.map(|path| root.join(path)) {
        None => Some((
            "leads out of the repository",
            "link to a file of the repository, or to the web",
        )),
        Some(path) if target.is_empty() || !path.exists() => Some((
            "leads nowhere",
            "name a file that is there, relative to this notebook",
        )),
        Some(path) if !place.is_empty() && !anchors::has(&path, place) => Some(NO_PLACE),
        Some(_) => None,
    }
}

fn is_web(link: &str) -> bool {
    ["http://", "https://", "mailto:", "data:"]
        .iter()
        .any(|start| link.starts_with(start))
}

/// Returns the targets of `[…](target)`, `[…]: target`, `<a href="target">` and `<img src="target">`, outside
/// of code.
fn links(markdown: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut in_code = false;
    for line in markdown.lines() {
        if line.trim_start().starts_with("```") {
            in_code = !in_code;
        }
        if in_code {
            continue;
        }
        // An odd number of backticks before it: it is quoted.
        let is_quoted = |at: usize| line[..at].matches('`').count() % 2 == 1;
        for (at, _) in line.match_indices("](") {
            let target = line[at + 2..].split([')', ' ']).next().unwrap_or_default();
            if !is_quoted(at) || line[..at].ends_with('`') {
                found.push(target);
            }
        }
        let defined = line.trim_start().strip_prefix('[');
        if let Some((_, target)) = defined.and_then(|rest| rest.split_once("]: ")) {
            found.push(target.split_whitespace().next().unwrap_or_default());
        }
        for attribute in ["href=", "src="] {
            let places = line
                .match_indices(attribute)
                .filter(|(at, _)| !is_quoted(*at));
            found.extend(places.filter_map(|(at, _)| value(&line[at + attribute.len()..])));
        }
    }
    found
}

/// Returns the value of an attribute: what stands between its quotes, or up to the end of the word.
fn value(text: &str) -> Option<&str> {
    match text.chars().next()? {
        quote @ ('"' | '\'') => text[1..].split(quote).next(),
        _ => text.split([' ', '>']).next(),
    }
}

/// Resolves `..`, and refuses what leaves the root.
fn inside(path: &Path) -> Option<PathBuf> {
    let mut resolved = PathBuf::new();
    for part in path.components() {
        match part {
            Component::Normal(name) => resolved.push(name),
            Component::CurDir => {}
            Component::ParentDir if resolved.pop() => {}
            _ => return None,
        }
    }
    Some(resolved)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_found_in_all_their_forms_and_not_in_code() {
        let markdown = "[a](one.md) ![`b`](two.svg \"title\") `[c](not)`\n[d]: three.md 'title'\n\
            <a class=\"x\" href=\"four.html#part\">e</a> <img src='five.png' alt=\"f\"> <a href=six>g</a>\n\
            `<img src=\"not\">`\n```\n[h](not)\n```\n";
        assert_eq!(
            links(markdown),
            [
                "one.md",
                "two.svg",
                "three.md",
                "four.html#part",
                "six",
                "five.png"
            ]
        );
    }
}
