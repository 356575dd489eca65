//! What is demanded of the headers that a service received.

use percent_encoding::percent_decode_str;

use super::capture::{Capture, service_of};
use super::wrong::Wrong;
use crate::model::DottedOrder;
use crate::propagation::TRACE_HEADER;

/// Returns the service whose requests a run was made for.
fn receiver<'a>(run: &str, capture: &'a Capture) -> &'a str {
    capture.runs(run).find_map(service_of).unwrap_or_default()
}

pub(super) fn arrived(
    run: &str,
    header: &str,
    words: Option<&str>,
    capture: &Capture,
) -> Option<Wrong> {
    let service = receiver(run, capture);
    let arrivals = capture.arrivals_at(service);
    let told = |sentence: String| {
        Some(Wrong::at(
            run,
            "header",
            format!("{header} arrives"),
            sentence,
        ))
    };
    if arrivals.is_empty() {
        // Nobody watched the requests. A parent in another service cannot come from anywhere else.
        let crossed = capture.runs(run).all(|run| {
            let parent = capture.tree().parent_of(run.id);
            parent.is_some_and(|parent| service_of(parent) != service_of(run))
        });
        if header.eq_ignore_ascii_case(TRACE_HEADER) && words.is_none() && crossed {
            return None;
        }
        return told(format!(
            "no request reached the service `{service}`, so no `{header}` did"
        ));
    }
    let values: Vec<&str> = arrivals
        .iter()
        .filter_map(|arrival| arrival.header(header))
        .collect();
    let Some(last) = values.last() else {
        return told(format!("no `{header}` arrived at the service `{service}`"));
    };
    if header.eq_ignore_ascii_case(TRACE_HEADER) && last.trim().parse::<DottedOrder>().is_err() {
        return told(format!(
            "the `{header}` that arrived at `{service}` is no dotted order"
        ));
    }
    let words = words?;
    let has_words = |value: &&str| {
        percent_decode_str(value)
            .decode_utf8_lossy()
            .contains(words)
            || value.contains(words)
    };
    if values.iter().any(has_words) {
        return None;
    }
    told(format!(
        "the `{header}` that arrived at `{service}` says nothing of “{words}”"
    ))
}

pub(super) fn kept_out(run: &str, header: &str, capture: &Capture) -> Option<Wrong> {
    let service = receiver(run, capture);
    let arrivals = capture.arrivals_at(service);
    let sentence = format!("`{header}` arrived at the service `{service}`, and should not");
    arrivals
        .iter()
        .any(|arrival| arrival.header(header).is_some())
        .then(|| Wrong::at(run, "header", format!("no {header}"), sentence))
}
