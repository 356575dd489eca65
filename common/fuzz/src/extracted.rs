//! What must hold of whatever came out of headers.

use common::model::{JsonMap, RunContext};
use common::propagation::limits::{
    MAX_BAGGAGE_BYTES, MAX_METADATA_DEPTH, MAX_METADATA_KEYS, MAX_METADATA_VALUE_BYTES,
    MAX_PROJECT_BYTES, MAX_TAG_BYTES, MAX_TAGS, MAX_TRACE_BYTES, MAX_TRACE_SEGMENTS,
    is_reserved_metadata,
};
use common::propagation::{Extracted, LangSmithPropagator, Outcome, Propagator as _, TrustPolicy};
use serde_json::Value;

/// The projects that the readers here allow.
pub(crate) const PROJECTS: [&str; 2] = ["docs-assistant", "other project"];

/// Panics if the outcome contradicts the context, or something in it is past a limit.
pub(crate) fn check(extracted: &Extracted) {
    let continued = matches!(extracted.outcome, Outcome::Continued);
    assert_eq!(extracted.context.is_some(), continued);
    assert_eq!(
        extracted.unlinked_metadata().is_some(),
        matches!(extracted.outcome, Outcome::Untrusted { .. })
    );
    let shown = extracted.to_string();
    assert!(
        shown.len() < 1024,
        "a line of the log: {} bytes",
        shown.len()
    );
    assert!(!shown.contains(char::is_control), "{shown:?}");
    if let Some(context) = &extracted.context {
        within_limits(context);
    } else {
        assert_eq!(extracted.ignored().total(), 0, "baggage of nobody was read");
    }
}

fn within_limits(context: &RunContext) {
    let order = &context.dotted_order;
    assert!(order.as_str().len() <= MAX_TRACE_BYTES && order.depth() < MAX_TRACE_SEGMENTS);
    let baggage = &context.baggage;
    assert!(baggage.tags.len() <= MAX_TAGS);
    for (at, tag) in baggage.tags.iter().enumerate() {
        assert!(!tag.is_empty() && tag.len() <= MAX_TAG_BYTES);
        assert!(!baggage.tags[..at].contains(tag), "{tag:?} is there twice");
    }
    if let Some(project) = &baggage.project {
        assert!(project.len() <= MAX_PROJECT_BYTES);
        assert!(PROJECTS.contains(&project.as_str()), "{project:?}");
    }
    assert!(baggage.metadata.len() <= MAX_METADATA_KEYS);
    for (key, value) in &*baggage.metadata {
        assert!(!is_reserved_metadata(key), "{key:?} is not for strangers");
        assert!(depth(value) < MAX_METADATA_DEPTH, "{value}");
    }
}

fn depth(value: &Value) -> usize {
    match value {
        Value::Array(list) => 1 + list.iter().map(depth).max().unwrap_or(0),
        Value::Object(map) => 1 + map.values().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

/// Panics unless the next service reads what this one read, as far as it was sent on.
pub(crate) fn check_passing_on(extracted: &Extracted) {
    let Some(context) = &extracted.context else {
        return;
    };
    let writer = LangSmithPropagator::new();
    let headers = writer.headers(context);
    assert_eq!(headers[0].1, context.dotted_order.as_str());
    assert!(headers.len() <= 2);
    for (name, value) in &headers {
        assert!(
            value.len() <= MAX_BAGGAGE_BYTES,
            "{name}: {} bytes",
            value.len()
        );
        let plain = |byte: u8| (b'!'..=b'~').contains(&byte);
        assert!(value.bytes().all(plain), "{name} is no header: {value:?}");
    }
    let next = LangSmithPropagator::new()
        .policy(TrustPolicy::Continue)
        .allow_projects(PROJECTS);
    let again = next.extract(&headers);
    check(&again);
    let read = again.context.as_ref().expect("what we write, we read");
    assert_eq!(read.dotted_order, context.dotted_order);
    let whole = writer.counters().left_out == 0 && fits_again(&context.baggage.metadata);
    if whole {
        assert_eq!(again.ignored().total(), 0, "{}", again.ignored());
        assert_eq!(read, context, "the next service reads something else");
    }
}

/// A number may be longer as we write it (`1e9` becomes `1000000000.0`), and so too long to be read.
fn fits_again(metadata: &JsonMap) -> bool {
    let fits = |value: &Value| match value {
        Value::String(_) => true,
        other => other.to_string().len() <= MAX_METADATA_VALUE_BYTES,
    };
    metadata.values().all(fits)
}
