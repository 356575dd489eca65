//! What the checks of the pages share: which pages there are, and what stands on one.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// The repository's root.
pub(crate) fn root() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    root.canonicalize().expect("the repository's root")
}

/// A page of Markdown, or a notebook, which is read as the Markdown of its cells.
#[derive(Debug)]
pub(crate) struct Page {
    /// Its place below the root.
    pub(crate) path: String,
    pub(crate) text: String,
}

/// A fenced block of code.
#[derive(Debug, PartialEq)]
pub(crate) struct Fence {
    /// What stands behind the backticks: `rust,no_run`.
    pub(crate) info: String,
    pub(crate) code: String,
    /// The last line with words before it.
    pub(crate) remark: String,
}

impl Fence {
    /// Returns the first word behind the backticks.
    pub(crate) fn language(&self) -> &str {
        self.info.split(',').next().unwrap_or_default().trim()
    }

    /// Returns what a remark `<!-- kind: words -->` says.
    pub(crate) fn remarked(&self, kind: &str) -> Option<&str> {
        let words = self.remark.strip_prefix("<!--")?.strip_suffix("-->")?;
        words
            .trim()
            .strip_prefix(kind)?
            .trim()
            .strip_prefix(':')
            .map(str::trim)
    }
}

/// Reads every page of the repository, those of hidden folders and of build output apart.
pub(crate) fn pages() -> Vec<Page> {
    let root = root();
    let mut files = Vec::new();
    collect(&root, &mut files);
    files.sort();
    let pages = files.iter().map(|file| {
        let text = std::fs::read_to_string(file).expect("UTF-8");
        let is_notebook = file
            .extension()
            .is_some_and(|extension| extension == "ipynb");
        let path = file.strip_prefix(&root).expect("below the root");
        Page {
            path: path.to_str().expect("a name in UTF-8").to_owned(),
            text: if is_notebook { cells(&text) } else { text },
        }
    });
    pages.collect()
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("a folder of the repository") {
        let path = entry.expect("a readable entry").path();
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or_default();
        let is_hidden = name.starts_with('.') && name != ".devcontainer";
        if is_hidden || ["target", "node_modules", "corpus"].contains(&name) {
            continue;
        }
        let extension = path.extension().and_then(|extension| extension.to_str());
        if path.is_dir() {
            collect(&path, files);
        } else if matches!(extension, Some("md" | "ipynb")) {
            files.push(path);
        }
    }
}

/// Joins the Markdown cells of a notebook.
pub(crate) fn cells(notebook: &str) -> String {
    let notebook: serde_json::Value = serde_json::from_str(notebook).expect("a notebook");
    let cells = notebook["cells"].as_array().into_iter().flatten();
    let words =
        cells
            .filter(|cell| cell["cell_type"] == "markdown")
            .map(|cell| match &cell["source"] {
                serde_json::Value::Array(lines) => {
                    lines.iter().filter_map(|line| line.as_str()).collect()
                }
                other => other.as_str().unwrap_or_default().to_owned(),
            });
    words.collect::<Vec<String>>().join("\n\n")
}

/// Takes a page apart into its lines of prose and its fences.
fn parts(text: &str) -> (String, Vec<Fence>) {
    let mut prose = String::new();
    let mut fences = Vec::new();
    let mut remark = String::new();
    let mut open: Option<(usize, Fence)> = None;
    for line in text.lines() {
        let trimmed = line.trim_start();
        let ticks = trimmed.len() - trimmed.trim_start_matches('`').len();
        match &mut open {
            Some((width, fence))
                if ticks >= *width && trimmed.trim_matches('`').trim().is_empty() =>
            {
                fences.push(std::mem::replace(fence, empty("", "")));
                open = None;
            }
            Some((_, fence)) => {
                fence.code.push_str(line);
                fence.code.push('\n');
            }
            None if ticks >= 3 => open = Some((ticks, empty(&trimmed[ticks..], &remark))),
            None => {
                if !line.trim().is_empty() {
                    line.trim().clone_into(&mut remark);
                }
                prose.push_str(line);
                prose.push('\n');
            }
        }
    }
    assert!(open.is_none(), "a fence is not closed: {open:?}");
    (prose, fences)
}

fn empty(info: &str, remark: &str) -> Fence {
    Fence {
        info: info.trim().to_owned(),
        code: String::new(),
        remark: remark.to_owned(),
    }
}

/// Returns the fenced blocks of a page.
pub(crate) fn fences(text: &str) -> Vec<Fence> {
    parts(text).1
}

/// Returns the targets of `[…](target)`, `[…]: target`, `href="target"` and `src="target"`, outside of code.
pub(crate) fn links(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for line in parts(text).0.lines() {
        let is_quoted = |at: usize| line[..at].matches('`').count() % 2 == 1;
        for (at, _) in line.match_indices("](") {
            let target = line[at + 2..].split([')', ' ']).next().unwrap_or_default();
            if !is_quoted(at) || line[..at].ends_with('`') {
                found.push(target.to_owned());
            }
        }
        let defined = line.trim_start().strip_prefix('[');
        if let Some((_, target)) = defined.and_then(|rest| rest.split_once("]: ")) {
            found.extend(target.split_whitespace().next().map(str::to_owned));
        }
        for attribute in ["href=\"", "src=\""] {
            let places = line
                .match_indices(attribute)
                .filter(|(at, _)| !is_quoted(*at));
            let targets =
                places.filter_map(|(at, _)| line[at + attribute.len()..].split('"').next());
            found.extend(targets.map(str::to_owned));
        }
    }
    found
}

/// Returns the names that a link may use behind `#`: of headings as the web writes them and as Jupyter does, and
/// of ids in the text.
pub(crate) fn anchors(text: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let prose = parts(text).0;
    for line in prose.lines() {
        let heading = line.trim_start_matches('#');
        if (1..=6).contains(&(line.len() - heading.len())) && heading.starts_with(' ') {
            let heading = heading.trim();
            let first = slug(heading);
            let mut again = 0;
            let mut own = first.clone();
            while !names.insert(own) {
                again += 1;
                own = format!("{first}-{again}");
            }
            names.insert(heading.replace(' ', "-"));
        }
        for attribute in ["id=\"", "name=\""] {
            let ids = line
                .split(attribute)
                .skip(1)
                .filter_map(|rest| rest.split('"').next());
            names.extend(ids.map(str::to_owned));
        }
    }
    names
}

fn slug(heading: &str) -> String {
    let kept = heading.to_lowercase();
    let kept = kept
        .chars()
        .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}

#[test]
fn links_are_found_in_all_their_forms_and_not_in_code() {
    let text = "[a](one.md#c) ![`b`](two.svg \"title\") `[c](not)`\n[d]: three.md 'title'\n\
        <a href=\"four.html\">e</a> <img src=\"five.png\">\n```text\n[h](not)\n```\n[g](#here)";
    let expected = [
        "one.md#c",
        "two.svg",
        "three.md",
        "four.html",
        "five.png",
        "#here",
    ];
    assert_eq!(links(text), expected);
}

#[test]
fn a_fence_is_found_with_its_kind_its_code_and_the_remark_before_it() {
    let text = "Words.\n\n<!-- not run: it has no end -->\n```sh\ntrue\n```\nmore\n````rust,no_run\n```\n````\n";
    let found = fences(text);
    assert_eq!(found.len(), 2);
    assert_eq!(
        (found[0].language(), found[0].code.as_str()),
        ("sh", "true\n")
    );
    assert_eq!(found[0].remarked("not run"), Some("it has no end"));
    assert_eq!(found[0].remarked("run by"), None);
    assert_eq!(
        (found[1].info.as_str(), found[1].code.as_str()),
        ("rust,no_run", "```\n")
    );
    assert_eq!(found[1].remark, "more");
}

#[test]
fn a_place_is_a_heading_as_the_web_or_jupyter_names_it() {
    let found = anchors(
        "# 01 · A `page`\n## Two commands\n```sh\n# none\n```\n## Two commands\n<a id=\"by-hand\">",
    );
    for name in [
        "01--a-page",
        "two-commands",
        "two-commands-1",
        "Two-commands",
        "by-hand",
    ] {
        assert!(found.contains(name), "{name} is not in {found:?}");
    }
    assert!(!found.contains("none"));
}
