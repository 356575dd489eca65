//! What is demanded of one run: place, maker, time, outcome.

use chrono::TimeDelta;
use serde_json::Value;

use super::apart;
use super::capture::{Capture, service_of};
use super::facts::Fact;
use super::wrong::Wrong;
use crate::model::{Run, RunStatus};

/// Says what is wrong with one run of the name.
pub(super) fn wrong(fact: &Fact, run: &Run, capture: &Capture) -> Option<Wrong> {
    let name = run.name.as_str();
    let parent = capture.tree().parent_of(run.id);
    let told = |note: &'static str, goal: &str, sentence: String| {
        Some(Wrong::at(
            name,
            note,
            goal,
            format!("run `{name}` {sentence}"),
        ))
    };
    match fact {
        Fact::Root { .. } => match (run.is_root(), parent) {
            (true, _) => None,
            (false, Some(parent)) => told(
                "not a root",
                "a root",
                format!("should be a root, and is below `{}`", parent.name),
            ),
            (false, None) => told(
                "parent not here",
                "a root",
                "should be a root, and names a parent that never arrived".to_owned(),
            ),
        },
        Fact::Below { parent: wanted, .. } => below(run, parent, wanted, capture),
        Fact::Service { service, .. } => match service_of(run) {
            Some(found) if found == service => None,
            Some(found) => told(
                "wrong service",
                "",
                format!("comes from `{found}`, not from the service `{service}`"),
            ),
            None => told(
                "no service",
                "",
                format!("names no service; make it with the client of `{service}`"),
            ),
        },
        Fact::Type { run_type, .. } => (run.run_type != *run_type).then(|| {
            let sentence = format!(
                "is of type `{}`, not `{}`",
                run.run_type.as_str(),
                run_type.as_str()
            );
            Wrong::at(
                name,
                "wrong type",
                run_type.as_str(),
                format!("run `{name}` {sentence}"),
            )
        }),
        Fact::Within { .. } => match parent {
            Some(parent) => within(run, parent),
            None => told(
                "no parent",
                "within its parent",
                "has no parent to lie within".to_owned(),
            ),
        },
        Fact::After { earlier, .. } => {
            let ends = capture.runs(earlier).filter_map(|other| other.end_time);
            let Some(other) = ends.max() else {
                return told(
                    "after nothing",
                    "later",
                    format!("should begin after `{earlier}`, and no run of that name has ended"),
                );
            };
            let early = other - run.start_time;
            (early > TimeDelta::zero())
                .then(|| format!("began {} before `{earlier}` had ended", millis(early)))
                .and_then(|sentence| told("too early", "later", sentence))
        }
        Fact::Alongside { other, .. } => {
            let overlaps = |found: &Run| {
                let end = |run: &Run| run.end_time.unwrap_or(run.start_time);
                // Of its own name it is one too, and runs at the same time as itself.
                found.id != run.id && run.start_time < end(found) && found.start_time < end(run)
            };
            let found = capture.runs(other).any(overlaps);
            (!found)
                .then(|| {
                    format!("did not run at the same time as `{other}`: one waited for the other")
                })
                .and_then(|sentence| told("alone", "at the same time", sentence))
        }
        Fact::AtLeast { millis: wanted, .. } => {
            let took = run.latency()?;
            (took < TimeDelta::milliseconds(i64::from(*wanted)))
                    .then(|| format!("took {}, and should take {wanted} ms at least: it ended before its work did", millis(took)))
                    .and_then(|sentence| told("too short", "", sentence))
        }
        Fact::Streamed { .. } => match run.first_token_time() {
            Some(_) => None,
            None => told(
                "in one piece",
                "a first token",
                "answered in one piece: its users wait for all of it".to_owned(),
            ),
        },
        Fact::Succeeded { .. } => match run.status() {
            RunStatus::Success => None,
            status => told(
                "error",
                "no error",
                format!(
                    "should succeed, and its status is {status}: {}",
                    first_line(run)
                ),
            ),
        },
        Fact::Failed { words, .. } => match run.error.as_deref() {
            Some(error) if error.contains(words.as_str()) => None,
            Some(_) => told(
                "another error",
                "",
                format!("failed with “{}”, not with “{words}”", first_line(run)),
            ),
            None => told(
                "no error",
                "an error",
                format!("ended without an error, and should tell of “{words}”"),
            ),
        },
        Fact::Metadata { key, value, .. } => match run.extra.metadata.get(key) {
            Some(found) if found == value => None,
            Some(found) => told(
                "wrong metadata",
                "",
                format!("has {found} as metadata `{key}`, not {value}"),
            ),
            None => told(
                "no metadata",
                "",
                format!("has no metadata `{key}`; it should be {value}"),
            ),
        },
        Fact::Predicted {
            key, value, look, ..
        } => match run.extra.metadata.get(key) {
            Some(found) if found == value => None,
            Some(found) if is_something(found) && found.as_u64() != Some(0) => told(
                "another prediction",
                "",
                format!("predicts {found} as `{key}`, and the trace says otherwise: {look}"),
            ),
            _ => told(
                "no prediction",
                "",
                format!("predicts nothing as `{key}` yet: write what you expect"),
            ),
        },
        Fact::Tagged { tag, .. } => (!run.tags.contains(tag))
            .then(|| format!("has no tag `{tag}`"))
            .and_then(|sentence| told("no tag", "", sentence)),
        Fact::Project { project, .. } => match run.project.as_deref() {
            Some(found) if found == project => None,
            found => told(
                "wrong project",
                "",
                format!(
                    "is filed under `{}`, not under `{project}`",
                    found.unwrap_or("default")
                ),
            ),
        },
        Fact::Input { key, .. } => match run.inputs.as_ref().and_then(|inputs| inputs.get(key)) {
            Some(input) if is_something(input) => None,
            Some(_) => told(
                "nothing in",
                "",
                format!("has nothing in its input `{key}`: did the one who calls pass it on?"),
            ),
            None => told("no input", "", format!("has no input `{key}`")),
        },
        Fact::Output { key, .. } => match run.outputs.as_ref().and_then(|outputs| outputs.get(key))
        {
            Some(output) if is_something(output) => None,
            Some(_) => told(
                "nothing out",
                "",
                format!("has nothing in its output `{key}`"),
            ),
            None => told("no output", "", format!("has no output `{key}`")),
        },
        Fact::Said { key, words, .. } => {
            let input = run.inputs.as_ref().and_then(|inputs| inputs.get(key));
            (!input.is_some_and(|input| says(input, words)))
                .then(|| format!("does not say “{words}” in its input `{key}`"))
                .and_then(|sentence| told("other words", "", sentence))
        }
        Fact::Used { input, output, .. } => match run.usage() {
            Some(usage) if (usage.input_tokens, usage.output_tokens) == (*input, *output) => None,
            Some(usage) => told(
                "wrong usage",
                "",
                format!(
                    "used {} tokens in and {} out, not {input} and {output}",
                    usage.input_tokens, usage.output_tokens
                ),
            ),
            None => told(
                "no usage",
                "",
                "does not say how many tokens it used".to_owned(),
            ),
        },
        _ => None,
    }
}

/// Returns true if a text at whatever depth has these words in it.
fn says(value: &Value, words: &str) -> bool {
    match value {
        Value::String(text) => text.contains(words),
        Value::Array(items) => items.iter().any(|item| says(item, words)),
        Value::Object(entries) => entries.values().any(|entry| says(entry, words)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

fn is_something(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Object(entries) => !entries.is_empty(),
        Value::Bool(_) | Value::Number(_) => true,
    }
}

fn below(run: &Run, parent: Option<&Run>, wanted: &str, capture: &Capture) -> Option<Wrong> {
    let goal = format!("below {wanted}");
    let name = run.name.as_str();
    let told = |note, sentence: String| Some(Wrong::at(name, note, goal.clone(), sentence));
    match parent {
        Some(parent) if parent.name == wanted && parent.trace_id == run.trace_id => None,
        Some(parent) if parent.name == wanted => told(
            "another trace",
            format!("run `{name}` is below `{wanted}`, but names another trace"),
        ),
        Some(parent) => {
            let cause = apart::other_parent(run, parent);
            let found = &parent.name;
            told(
                "wrong parent",
                format!("run `{name}` is below `{found}`, not below `{wanted}`{cause}"),
            )
        }
        None if !run.is_root() => told(
            "parent not here",
            format!("run `{name}` names a parent that never arrived: was it ended, and sent?"),
        ),
        None => {
            let cause = match capture.runs(wanted).next() {
                Some(parent) => apart::no_parent(run, parent, capture),
                None => format!("no run is named `{wanted}`"),
            };
            told("no parent", format!("run `{name}` has no parent: {cause}"))
        }
    }
}

fn within(run: &Run, parent: &Run) -> Option<Wrong> {
    let (name, above) = (&run.name, &parent.name);
    let early = parent.start_time - run.start_time;
    if early > TimeDelta::zero() {
        let sentence = format!(
            "run `{name}` began {} before its parent `{above}`",
            millis(early)
        );
        return Some(Wrong::at(name, "too early", "within its parent", sentence));
    }
    let Some(end) = parent.end_time else {
        let sentence =
            format!("the parent of run `{name}`, `{above}`, never ended: call `end` on it");
        return Some(Wrong::at(above, "not ended", "", sentence));
    };
    let late = run.end_time? - end;
    let sentence = format!(
        "run `{name}` ended {} after its parent `{above}`: the parent did not wait for it",
        millis(late)
    );
    (late > TimeDelta::zero()).then(|| Wrong::at(name, "too late", "within its parent", sentence))
}

fn first_line(run: &Run) -> &str {
    let error = run.error.as_deref().unwrap_or("no error");
    error.lines().next().unwrap_or_default()
}

fn millis(span: TimeDelta) -> String {
    let millis = span.num_microseconds().unwrap_or(i64::MAX) as f64 / 1000.0;
    match millis {
        1.0.. => format!("{millis:.0} ms"),
        _ => "less than 1 ms".to_owned(),
    }
}
