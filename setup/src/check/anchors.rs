//! What a link may name behind `#`: the headings of a page, and the ids that it writes itself.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use super::page::Page;

/// Says whether a file has a place of this name; of a file that has no headings, nothing is known.
pub(super) fn has(file: &Path, place: &str) -> bool {
    let text = fs::read_to_string(file).unwrap_or_default();
    let extension = file.extension().and_then(|extension| extension.to_str());
    match extension {
        Some("md") => is_in(&text, place),
        Some("ipynb") => {
            Page::parse("", "", &text).map_or(true, |page| is_in(&words(&page), place))
        }
        _ => true,
    }
}

/// Joins the words of a page.
pub(super) fn words(page: &Page) -> String {
    let cells: Vec<&str> = page.prose().map(|cell| cell.source.as_str()).collect();
    cells.join("\n\n")
}

/// Says whether the text has a heading or an id of this name: as the web shows it, or as Jupyter does.
pub(super) fn is_in(markdown: &str, place: &str) -> bool {
    let mut slugs = BTreeSet::new();
    for heading in headings(markdown) {
        let first = slug(heading);
        let mut own = first.clone();
        let mut again = 0;
        while !slugs.insert(own) {
            again += 1;
            own = format!("{first}-{again}");
        }
        slugs.insert(heading.replace(' ', "-"));
    }
    let place = place.replace("%20", "-");
    slugs.contains(&place)
        || ["id", "name"]
            .iter()
            .any(|name| markdown.contains(&format!("{name}=\"{place}\"")))
}

/// Returns the headings of sections, `## …`.
pub(super) fn sections(markdown: &str) -> impl Iterator<Item = &str> {
    let all = leveled(markdown).filter(|(level, _)| *level == 2);
    all.map(|(_, heading)| heading)
}

fn headings(markdown: &str) -> impl Iterator<Item = &str> {
    leveled(markdown).map(|(_, heading)| heading)
}

/// Returns the headings outside of code, with their levels and without their signs.
fn leveled(markdown: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut in_code = false;
    markdown.lines().filter_map(move |line| {
        if line.trim_start().starts_with("```") {
            in_code = !in_code;
        }
        let heading = line.trim_start_matches('#');
        let level = line.len() - heading.len();
        let is_heading = !in_code && (1..=6).contains(&level) && heading.starts_with(' ');
        is_heading.then(|| (level, heading.trim()))
    })
}

fn slug(heading: &str) -> String {
    let kept = heading.to_lowercase();
    let kept = kept
        .chars()
        .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_a_heading_as_the_web_or_jupyter_names_it() {
        let text = "# 01 · A `page`\n## Two commands\n```sh\n# not a heading\n```\n## Two commands\n\
            <a id=\"by-hand\"></a>";
        for place in [
            "01--a-page",
            "two-commands",
            "two-commands-1",
            "Two-commands",
            "by-hand",
        ] {
            assert!(is_in(text, place), "{place}");
        }
        for place in ["not-a-heading", "three", "two-commands-2"] {
            assert!(!is_in(text, place), "{place}");
        }
    }
}
