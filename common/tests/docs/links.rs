//! Links between the repository's pages and notebooks lead somewhere.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};

use super::markdown::{anchors, links, pages, root};

/// What pages may name before it is there. Whoever adds one of them takes its line out: the test fails as long
/// as a line names something that exists, so the list can only become shorter.
const COMING: [&str; 0] = [];

/// Resolves `..`; returns nothing for what leaves the repository.
///
/// `setup/src/check/links.rs` has these lines again: `setup` has to be built in seconds, so it does not depend on this
/// crate, and no crate of its own is worth a dozen lines.
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

#[test]
fn every_link_inside_the_repository_leads_to_a_file_and_to_a_place_in_it() {
    let pages = pages();
    let places: BTreeMap<&str, BTreeSet<String>> = pages
        .iter()
        .map(|page| (page.path.as_str(), anchors(&page.text)))
        .collect();
    let (mut checked, mut anchored) = (0, 0);
    let mut broken = Vec::new();
    for page in &pages {
        let folder = Path::new(&page.path).parent().expect("a folder");
        for link in links(&page.text) {
            if ["http://", "https://", "mailto:", "data:"]
                .iter()
                .any(|web| link.starts_with(web))
            {
                continue;
            }
            checked += 1;
            let (file, place) = link.split_once('#').unwrap_or((&link, ""));
            let target = match file {
                "" => Some(PathBuf::from(&page.path)),
                _ => inside(&folder.join(file)),
            };
            let target = target.and_then(|target| target.to_str().map(str::to_owned));
            let Some(target) = target else {
                broken.push(format!("{}: {link} leaves the repository", page.path));
                continue;
            };
            if COMING.contains(&target.as_str()) {
                continue;
            }
            if !root().join(&target).exists() {
                broken.push(format!("{}: {link} leads nowhere", page.path));
            } else if let (false, Some(names)) = (place.is_empty(), places.get(target.as_str())) {
                anchored += 1;
                if !names.contains(place) && !names.contains(&place.replace("%20", "-")) {
                    broken.push(format!("{}: {link} names no place of that page", page.path));
                }
            }
        }
    }
    assert!(
        checked > 250 && anchored > 20,
        "{checked} links, {anchored} with a place"
    );
    assert!(broken.is_empty(), "{broken:#?}");
}

#[test]
fn what_has_come_is_no_longer_called_coming() {
    for path in COMING {
        assert!(
            !root().join(path).exists(),
            "{path} is there: take it out of `COMING`"
        );
    }
}
