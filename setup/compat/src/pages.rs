//! The parts of `docs/compatibility.md` that are rendered from their sources.
//!
//! Each stands between two markers; what is around them is written by hand.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result};

use crate::differences::Differences;
use crate::normal::DROPPED;
use crate::{features, headers};

/// The page, from the root of the repository.
pub const PAGE: &str = "docs/compatibility.md";

fn path() -> PathBuf {
    root().join(PAGE)
}

/// Returns the root of the repository.
pub(crate) fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Renders the page anew; returns whether that changed it.
///
/// # Errors
/// If a source is not as it should be, or the page has lost a marker.
pub fn write() -> Result<bool> {
    let path = path();
    let before = fs::read_to_string(&path).with_context(|| format!("reading {PAGE}"))?;
    let after = rendered(&before)?;
    if after != before {
        fs::write(&path, &after).with_context(|| format!("writing {PAGE}"))?;
    }
    Ok(after != before)
}

/// Says whether the page is what its sources say.
///
/// # Errors
/// As [`write`].
pub fn is_current() -> Result<bool> {
    let page = fs::read_to_string(path()).with_context(|| format!("reading {PAGE}"))?;
    Ok(rendered(&page)? == page)
}

fn rendered(page: &str) -> Result<String> {
    let mut dropped = String::from("| Field | Why |\n|---|---|\n");
    for (field, why) in DROPPED {
        dropped.push_str(&format!("| `{field}` | {why} |\n"));
    }
    let parts = [
        ("features", features::table()?),
        ("differences", Differences::read()?.table()),
        ("dropped", dropped),
        ("headers", headers::table()?),
    ];
    let mut page = page.to_owned();
    for (name, table) in parts {
        page = replaced(&page, name, &table)?;
    }
    Ok(page)
}

/// Puts `table` between the markers of that name.
fn replaced(page: &str, name: &str, table: &str) -> Result<String> {
    let (begin, end) = (
        format!("<!-- {name}: rendered -->\n"),
        format!("<!-- /{name} -->"),
    );
    let lost = || format!("{PAGE} has lost the markers {begin:?} and {end:?}");
    let (before, rest) = page.split_once(&begin).with_context(lost)?;
    let (_, after) = rest.split_once(&end).with_context(lost)?;
    Ok(format!("{before}{begin}\n{table}\n{end}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_between_the_markers_changes() {
        let page = "a\n<!-- t: rendered -->\nold\n<!-- /t -->\nb\n";
        let new = "a\n<!-- t: rendered -->\n\n| new |\n\n<!-- /t -->\nb\n";
        assert_eq!(replaced(page, "t", "| new |\n").expect("markers"), new);
        assert_eq!(replaced(new, "t", "| new |\n").expect("markers"), new);
        assert!(replaced("no markers", "t", "").is_err());
    }
}
