//! What is demanded of the trace as a whole: how many runs, no others, nothing lost.

use super::capture::Capture;
use super::wrong::Wrong;

pub(super) fn number(name: &str, times: usize, capture: &Capture) -> Option<Wrong> {
    let found = capture.runs(name).count();
    let at = |note, sentence: String| Some(Wrong::at(name, note, "", sentence));
    match found {
        0 if times > 0 => {
            let there: Vec<String> = capture
                .tree()
                .walk()
                .into_iter()
                .take(6)
                .map(|at| format!("`{}`", capture.tree().nodes()[at].run.name))
                .collect();
            at(
                "",
                format!(
                    "no run is named `{name}`; what arrived is {}",
                    there.join(", ")
                ),
            )
        }
        _ if found > times => at(
            "once too often",
            format!(
                "{found} runs are named `{name}`, and there should be {times}; does the cell begin with `lesson.clear()`?"
            ),
        ),
        _ if found < times => at(
            "too few",
            format!("{found} of {times} runs named `{name}` arrived"),
        ),
        _ => capture
            .runs(name)
            .find(|run| run.end_time.is_none() && run.error.is_none())
            .and_then(|_| {
                at(
                    "not ended",
                    format!("run `{name}` never ended: call `end` on it, on every way out"),
                )
            }),
    }
}

pub(super) fn stranger(capture: &Capture, known: &[&str]) -> Option<Wrong> {
    let nodes = capture.tree().nodes().iter();
    let run = nodes
        .map(|node| &node.run)
        .find(|run| !known.contains(&run.name.as_str()))?;
    let sentence = format!(
        "run `{}` arrived as well, and nobody asked for it",
        run.name
    );
    Some(Wrong::at(&run.name, "not asked for", "", sentence))
}

pub(super) fn lost(capture: &Capture) -> Option<Wrong> {
    let nodes = capture.tree().nodes().iter().map(|node| &node.run);
    let mut pending = nodes.filter(|run| run.end_time.is_none() && run.error.is_none());
    if let Some(run) = pending.next() {
        let sentence = format!(
            "the end of run `{}` was lost: it never ended, or nobody sent it",
            run.name
        );
        return Some(Wrong::at(&run.name, "not ended", "", sentence));
    }
    let orphan = capture.tree().orphans().into_iter().next();
    if let Some(run) = orphan {
        let sentence = format!("the parent of run `{}` was lost", run.name);
        return Some(Wrong::at(&run.name, "parent not here", "", sentence));
    }
    capture.losses().first().map(Wrong::of)
}
