//! Figures under the cells: with a size and with words beside them, shown as people read them.

use super::finding::Finding;
use super::page::{Cell, Page, joined};

/// Bytes of a picture.
const MOST_BYTES: usize = 60_000;

/// Pixels that a page has for a picture.
const MOST_WIDE: f64 = 640.0;

/// Looks at what one cell shows.
pub(super) fn findings(page: &Page, cell: &Cell) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut tell = |what: String, remedy: &str| {
        found.push(Finding::cell(&page.path, &cell.id, what, remedy));
    };
    for data in cell.outputs.iter().map(|output| &output["data"]) {
        let (svg, text) = (joined(&data["image/svg+xml"]), joined(&data["text/plain"]));
        if text.trim() == "()" {
            tell(
                "the cell shows `()`, which says nothing".into(),
                "end the cell in `;`",
            );
        }
        if is_debug(&text) {
            tell(
                "the cell shows a value of `common` as Rust's `Debug`, not as people read it"
                    .into(),
                "let the last expression move no variable: give it a reference or a clone",
            );
        }
        let is_picture = !svg.is_empty() || data["image/png"].is_string();
        if is_picture && text.trim().is_empty() {
            tell(
                "the figure has no text alternative".into(),
                "show it with a figure of `common::analysis`, which brings one",
            );
        }
        let has = |part: &str| svg.is_empty() || svg.contains(part);
        if !has("<title>") || !has("role=\"img\"") {
            tell(
                "the figure names no title to those who cannot see it".into(),
                "show it with a figure of `common::analysis`: `role=\"img\"` and `<title>`",
            );
        }
        match size(&svg) {
            _ if svg.is_empty() => {}
            None => tell(
                "the figure states no size".into(),
                "give the `<svg>` a width and a height",
            ),
            Some((width, _)) if width > MOST_WIDE => tell(
                format!("the figure is {width} wide, {MOST_WIDE} are the most"),
                "show it with a figure of `common::analysis`, which fits the page",
            ),
            Some(_) => {}
        }
        for picture in [&svg, &joined(&data["image/png"])] {
            if picture.len() > MOST_BYTES {
                let what = format!(
                    "the figure has {} kB, {} are the most",
                    picture.len() / 1000,
                    MOST_BYTES / 1000
                );
                tell(what, "show fewer runs in it");
            }
        }
        if images(&joined(&data["text/html"])).any(|image| !has_words(image, "alt=\"")) {
            tell(
                "an image in the output has no text alternative".into(),
                "give the `<img>` an `alt`",
            );
        }
    }
    if !cell.is_code {
        let mut alternatives = cell.source.split("![").skip(1);
        if alternatives.any(|rest| {
            rest.split_once("](")
                .is_some_and(|(alt, _)| alt.trim().is_empty())
        }) {
            tell(
                "an image has no text alternative".into(),
                "write what it shows: `![…](…)`",
            );
        }
        if images(&cell.source).any(|image| !has_words(image, "alt=\"")) {
            tell(
                "an image has no text alternative".into(),
                "give the `<img>` an `alt`",
            );
        }
    }
    found
}

/// Returns true if this is the inside of something that has a better way to show itself. The kernel falls
/// back to `Debug` where the last expression of a cell moves a variable that was made before it.
fn is_debug(text: &str) -> bool {
    const SHOWN: [&str; 7] = [
        "Figure",
        "Table",
        "TextTree",
        "Scorecard",
        "Check",
        "Hint",
        "LessonCard",
    ];
    let name = text.trim_start().split_once(" {").map(|(name, _)| name);
    name.is_some_and(|name| SHOWN.contains(&name))
}

/// Returns the width and height that a picture states for itself, rather than for a part of it.
fn size(svg: &str) -> Option<(f64, f64)> {
    let tag = svg.split_once("<svg")?.1.split('>').next()?;
    let number = |name: &str| {
        let value = tag
            .split_once(&format!(" {name}=\""))?
            .1
            .split('"')
            .next()?;
        value.trim_end_matches("px").parse::<f64>().ok()
    };
    Some((number("width")?, number("height")?))
}

/// Returns the inside of each `<img …>`.
fn images(html: &str) -> impl Iterator<Item = &str> {
    html.split("<img")
        .skip(1)
        .map(|rest| rest.split('>').next().unwrap_or_default())
}

fn has_words(tag: &str, attribute: &str) -> bool {
    let value = tag
        .split(attribute)
        .nth(1)
        .and_then(|rest| rest.split('"').next());
    value.is_some_and(|value| !value.trim().is_empty())
}
