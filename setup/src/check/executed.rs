//! What running a page tells: exercises as shipped and as solved, and outputs that are no longer true.

use std::collections::BTreeMap;

use serde_json::Value;

use super::exercises::{self, solution};
use super::finding::Finding;
use super::page::Page;

/// Where an exercise's hints, minutes and facts are written.
const SOURCES: &str = "common/src/lab/exercises/";

/// Judges the pages by what the runner told of them.
pub(super) fn findings(pages: &[Page], events: &[Value]) -> Vec<Finding> {
    let mut found = Vec::new();
    for page in pages {
        let own: Vec<&Value> = events
            .iter()
            .filter(|event| event["path"] == page.path.as_str())
            .collect();
        let of = |kind: &str| {
            own.iter()
                .copied()
                .filter(|event| event["event"] == kind)
                .collect::<Vec<_>>()
        };
        let failures = of("failure");
        found.extend(failures.iter().map(|event| failure(page, event)));
        found.extend(of("stale").iter().map(|event| stale(page, event)));
        found.extend(checks(page, &of("check"), failures.is_empty()));
    }
    found
}

fn failure(page: &Page, event: &Value) -> Finding {
    let error = event["error"].as_str().unwrap_or_default();
    let index = event["index"]
        .as_u64()
        .and_then(|index| usize::try_from(index).ok());
    let cell = index.and_then(|index| page.code().nth(index.checked_sub(1)?));
    let what = format!("the cell does not run as it is shipped:\n{error}");
    match cell {
        Some(cell) => Finding::cell(
            &page.path,
            &cell.id,
            what,
            "mend the cell; `cargo workbook run` shows more",
        ),
        None => Finding::page(
            &page.path,
            what,
            "cargo workbook doctor  names what is missing",
        ),
    }
}

fn stale(page: &Page, event: &Value) -> Finding {
    let text = |name: &str| event[name].as_str().unwrap_or_default();
    let (was, now) = (text("was"), text("now"));
    let at = was
        .bytes()
        .zip(now.bytes())
        .take_while(|(was, now)| was == now)
        .count();
    let excerpt = |text: &str| {
        text.char_indices()
            .filter(|(place, _)| *place + 20 >= at)
            .map(|(_, c)| c)
            .take(90)
            .collect::<String>()
    };
    let what = format!(
        "the output is stale: running the cell shows something else\nsaved  …{}…\nnow    …{}…",
        excerpt(was),
        excerpt(now)
    );
    let remedy = format!(
        "cargo workbook refresh {}; tag the cell `measured` if its numbers differ each time, `unordered` if \
         the order of its lines does",
        page.number
    );
    Finding::cell(&page.path, text("cell"), what, remedy)
}

/// Judges each exercise: fails as shipped, passes as solved, has what a learner needs.
fn checks(page: &Page, events: &[&Value], ran: bool) -> Vec<Finding> {
    let mut by_cell: BTreeMap<&str, Vec<&Value>> = BTreeMap::new();
    for event in events {
        by_cell
            .entry(event["cell"].as_str().unwrap_or_default())
            .or_default()
            .push(event);
    }
    let mut found = Vec::new();
    for exercise in exercises::of(page) {
        let Some(cell) = exercise.check else { continue };
        let own = by_cell.remove(cell.id.as_str()).unwrap_or_default();
        let id = exercise.id;
        let mut tell = |what: String, remedy: String| {
            found.push(Finding::cell(
                &page.path,
                &cell.id,
                format!("the exercise {id} {what}"),
                remedy,
            ));
        };
        let in_phase = |phase: &str| {
            own.iter()
                .copied()
                .filter(|event| event["phase"] == phase)
                .collect::<Vec<_>>()
        };
        let (shipped, solved) = (in_phase("shipped"), in_phase("solved"));
        match shipped.first().map(|event| &event["found"]) {
            None if ran => tell(
                "is not checked: its check cell looks at no exercise".into(),
                format!("end the cell in `lesson.check(\"{id}\").await`"),
            ),
            None => {}
            Some(entry) => {
                if entry["exercise"] != id {
                    tell(
                        format!("is checked as {}", entry["exercise"]),
                        format!("write `lesson.check(\"{id}\").await`"),
                    );
                }
                if entry["passed"] == true {
                    tell("passes as it is shipped".into(), "take the solution out of the cell to begin with, or demand more in its facts".into());
                }
                for (lacks, what, word) in [
                    (entry["hints"] == 0, "has no hint", ".hint(\"…\")"),
                    (
                        entry["minutes"] == 0,
                        "has no estimate of minutes",
                        ".minutes(10)",
                    ),
                    (entry["goal"] == false, "states no goal", ".goal(\"…\")"),
                    (
                        entry["why"] == false,
                        "does not say why its solution works",
                        ".why(\"…\")",
                    ),
                ] {
                    if lacks {
                        tell(what.into(), format!("add `{word}` to it in {SOURCES}"));
                    }
                }
            }
        }
        let path = solution(id);
        let remedy = format!(
            "mend {}, or the facts of the exercise in {SOURCES}",
            path.display()
        );
        if ran && solved.is_empty() && !shipped.is_empty() {
            tell(
                "was not tried with its solution".into(),
                format!("write {}, the source of the whole cell", path.display()),
            );
        }
        if let Some(error) = solved.iter().find_map(|event| event["error"].as_str()) {
            tell(
                format!("has a solution that does not run:\n{error}"),
                remedy,
            );
        } else if let Some(last) = solved.last().map(|event| &event["found"]) {
            if last["passed"] != true {
                let wrong = last["wrong"].as_str().unwrap_or_default();
                tell(
                    format!("has a solution that fails its check: {wrong}"),
                    remedy,
                );
            }
        }
    }
    found
}
