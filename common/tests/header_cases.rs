//! What the propagator makes of every recorded header, beside what the official SDKs make of it.

use common::model::{JsonMap, ParseDottedOrderError as Why};
use common::propagation::{
    Extracted, IgnoredEntries, LangSmithPropagator, Outcome, Propagator as _, TrustPolicy,
};
use serde_json::{Value, json};

#[path = "vectors/cases.rs"]
mod recorded;

use recorded::{cases, headers};

const A: &str = "20260101T000000000000Z01990000-0000-7000-8000-00000000000a";

fn open_to_all() -> LangSmithPropagator {
    LangSmithPropagator::new()
        .policy(TrustPolicy::Continue)
        .allow_any_project()
}

/// Where we part from the Python SDK, and why. Everything else must agree with it.
const DEVIATIONS: &[(&str, &str)] = &[
    (
        "fullwidth digits in timestamp",
        "only ASCII: the server sorts bytes",
    ),
    ("same id twice", "a run cannot be its own ancestor"),
    ("tags only", "tags keep their order; Python sorts them"),
    (
        "space after comma (legal W3C OWS)",
        "W3C allows it; Python loses the member",
    ),
    (
        "foreign member without '=' first",
        "one bad member does not spoil the rest",
    ),
    (
        "W3C property after value",
        "a property is no part of the value",
    ),
    (
        "percent-encoded invalid UTF-8",
        "ignored rather than mangled",
    ),
    (
        "percent-encoded NUL and CRLF",
        "no control characters in a project",
    ),
    (
        "metadata: JSON array",
        "ignored; Python raises and answers 500",
    ),
    (
        "metadata: JSON string",
        "ignored; Python raises and answers 500",
    ),
    (
        "metadata: JSON number",
        "ignored; Python raises and answers 500",
    ),
    (
        "metadata: lone surrogate escape",
        "no UTF-8 text: the entry is ignored",
    ),
    ("metadata: 60 kB value", "over the budget"),
    (
        "metadata: reserved ls keys and thread_id",
        "only when allow-listed",
    ),
    ("replicas: legacy tuple", "replicas are never read"),
    (
        "replicas: legacy tuple, hostile updates",
        "replicas are never read",
    ),
    (
        "replicas: two primaries",
        "replicas are never read; Python answers 500",
    ),
    ("replicas: primary not boolean", "replicas are never read"),
    ("replicas: 1000 entries", "replicas are never read"),
    (
        "address and project together",
        "the address is ignored, the project counts",
    ),
];

#[test]
fn every_case_agrees_with_python_or_is_a_deviation_with_a_reason() {
    let cases = cases();
    assert_eq!(cases.len(), 59);
    for case in &cases {
        let name = case["name"].as_str().expect("name");
        let extracted = open_to_all().extract(&headers(case));
        let agrees = agrees_with_python(&extracted, &case["python_from_headers"]);
        let deviates = DEVIATIONS.iter().any(|(deviation, _)| *deviation == name);
        assert_ne!(agrees, deviates, "{name}: {extracted:?}");
    }
}

fn agrees_with_python(ours: &Extracted, python: &Value) -> bool {
    let Some(context) = &ours.context else {
        // No parent here is what an exception or `None` is there.
        return python["result"] != "parsed";
    };
    let metadata = match &python["metadata"] {
        Value::Object(map) => map.clone(),
        Value::Null => JsonMap::new(),
        // A placeholder for 60 kB of it.
        _ => return false,
    };
    let project = python["project"].as_str().filter(|p| *p != "env-project");
    python["result"] == "parsed"
        && python["id"] == context.run_id().to_string()
        && python["trace_id"] == context.trace_id().to_string()
        && python["dotted_order"] == context.dotted_order.as_str()
        && python["parent_run_id"]
            == json!(
                context
                    .dotted_order
                    .parent_run_id()
                    .map(|id| id.to_string())
            )
        && metadata == *context.baggage.metadata
        && python["tags"] == json!(context.baggage.tags)
        && project == context.baggage.project.as_deref()
        && python["replicas"] == json!([])
}

#[test]
fn each_refused_trace_header_has_its_reason() {
    let expected = [
        ("second 61", Outcome::Malformed(Why::BadTime)),
        ("uuid without hyphens", Outcome::Malformed(Why::BadId)),
        ("uuid in braces", Outcome::Malformed(Why::BadId)),
        ("uuid too long", Outcome::Malformed(Why::BadId)),
        ("timestamp only", Outcome::Malformed(Why::TooShort)),
        ("empty value", Outcome::Absent),
        ("literal null", Outcome::Malformed(Why::TooShort)),
        ("leading dot", Outcome::Malformed(Why::TooShort)),
        ("double dot", Outcome::Malformed(Why::TooShort)),
        ("comma-joined duplicate header", Outcome::Ambiguous),
        ("non-ascii", Outcome::Malformed(Why::NotAscii)),
        (
            "fullwidth digits in timestamp",
            Outcome::Malformed(Why::NotAscii),
        ),
        ("same id twice", Outcome::Malformed(Why::RepeatedId)),
        ("path traversal as id", Outcome::Malformed(Why::TooShort)),
    ];
    for case in cases() {
        let name = case["name"].as_str().expect("name");
        let outcome = open_to_all().extract(&headers(&case)).outcome;
        let reason = expected.iter().find(|(refused, _)| *refused == name);
        assert_eq!(
            outcome,
            reason.map_or(Outcome::Continued, |r| r.1),
            "{name}"
        );
    }
}

#[test]
fn each_ignored_entry_is_counted_under_its_reason() {
    let expected: &[(&str, &str, u64)] = &[
        ("foreign member without '=' first", "bad_member", 1),
        ("foreign member without '=' last", "bad_member", 1),
        ("percent-encoded invalid UTF-8", "bad_member", 1),
        ("percent-encoded NUL and CRLF", "bad_project", 1),
        ("metadata: JSON array", "bad_metadata", 1),
        ("metadata: JSON string", "bad_metadata", 1),
        ("metadata: JSON number", "bad_metadata", 1),
        ("metadata: empty array", "bad_metadata", 1),
        ("metadata: lone surrogate escape", "bad_metadata", 1),
        ("metadata: 5000-deep nesting", "over_budget", 1),
        ("metadata: 60 kB value", "over_budget", 1),
        (
            "metadata: reserved ls keys and thread_id",
            "reserved_metadata",
            4,
        ),
        ("replicas: api_url only (no project)", "never_read", 1),
        ("replicas: camelCase SSRF (JS names)", "never_read", 1),
        ("replicas: legacy tuple", "never_read", 1),
        ("replicas: legacy tuple, hostile updates", "never_read", 1),
        ("replicas: two primaries", "never_read", 1),
        ("replicas: primary not boolean", "never_read", 1),
        ("replicas: list of strings and null", "never_read", 1),
        ("replicas: 1000 entries", "over_budget", 1),
        ("replicas: empty list", "never_read", 1),
        ("address and project together", "never_read", 1),
        ("address malformed", "never_read", 1),
    ];
    for case in cases() {
        let name = case["name"].as_str().expect("name");
        let ignored = open_to_all().extract(&headers(&case)).ignored();
        let found: Vec<(&str, u64)> = ignored
            .by_reason()
            .into_iter()
            .filter(|(_, count)| *count > 0)
            .collect();
        let wanted: Vec<(&str, u64)> = expected
            .iter()
            .filter(|(case, _, _)| *case == name)
            .map(|(_, reason, count)| (*reason, *count))
            .collect();
        assert_eq!(found, wanted, "{name}");
    }
}

#[test]
fn by_default_no_case_gives_a_parent() {
    let propagator = LangSmithPropagator::new();
    for case in cases() {
        assert_eq!(propagator.extract(&headers(&case)).context, None);
    }
    let counters = propagator.counters();
    assert_eq!(counters.continued, 0);
    assert!(counters.untrusted > 40, "{counters}");
}

#[test]
fn the_baggage_that_python_sent_reads_back_as_it_was_and_ours_says_the_same() {
    let vector: Value =
        serde_json::from_str(include_str!("vectors/05_baggage_encoding.json")).expect("JSON");
    let stdout = vector["program_stdout"].as_str().expect("text");
    let sent: Vec<Value> = serde_json::from_str(stdout).expect("the program printed JSON");
    assert_eq!(sent.len(), 4);
    for case in sent {
        let python: Vec<(String, String)> = case["headers"]
            .as_object()
            .expect("headers")
            .iter()
            .map(|(name, value)| (name.clone(), value.as_str().expect("text").to_owned()))
            .collect();
        let extracted = open_to_all().extract(&python);
        assert_eq!(extracted.ignored(), IgnoredEntries::default());
        let context = extracted.context.expect("valid");
        let baggage = &context.baggage;
        assert_eq!(Value::Object((*baggage.metadata).clone()), case["metadata"]);
        assert_eq!(json!(baggage.project), case["project"]);
        // A tag with a comma is split on arrival, there as here.
        let tags: Vec<String> = case["tags"]
            .as_array()
            .expect("tags")
            .iter()
            .flat_map(|tag| tag.as_str().expect("text").split(','))
            .map(str::to_owned)
            .collect();
        assert_eq!(baggage.tags, tags);

        let ours = open_to_all().headers(&context);
        // Python leaves `/` as it is; nothing else differs.
        let [(_, trace), (_, members)] = ours.as_slice() else {
            panic!("two headers: {ours:?}");
        };
        assert_eq!(trace, &case["headers"]["langsmith-trace"]);
        assert_eq!(&members.replace("%2F", "/"), &case["headers"]["baggage"]);
    }
}

#[test]
fn two_lines_are_ambiguous_and_a_header_past_the_limits_is_oversize() {
    let propagator = open_to_all();
    let outcome = |headers: Vec<(&str, String)>| propagator.extract(&headers).outcome;
    let trace = |value: String| ("langsmith-trace", value);
    let a = || trace(A.to_owned());
    assert_eq!(outcome(vec![a(), a()]), Outcome::Ambiguous);
    assert_eq!(
        outcome(vec![a(), ("LangSmith-Trace", String::new())]),
        Outcome::Ambiguous
    );
    assert_eq!(outcome(vec![trace(" \t".into())]), Outcome::Absent);
    let chain = |levels: usize| {
        let segments: Vec<String> = (1..=levels)
            .map(|n| format!("20260101T000000000000Z01990000-0000-7000-8000-{n:012x}"))
            .collect();
        segments.join(".")
    };
    assert_eq!(outcome(vec![trace(chain(128))]), Outcome::Continued);
    assert_eq!(outcome(vec![trace(chain(129))]), Outcome::Oversize);
    assert_eq!(outcome(vec![trace("x".repeat(8193))]), Outcome::Oversize);
    let counters = propagator.counters();
    assert_eq!(
        (
            counters.ambiguous,
            counters.absent,
            counters.oversize,
            counters.continued
        ),
        (2, 1, 2, 1)
    );
}

#[test]
fn every_deviation_has_its_row_in_the_docs() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/compatibility.md");
    let page = std::fs::read_to_string(page).expect("docs/compatibility.md");
    for (what, why) in DEVIATIONS {
        assert!(
            page.contains(&format!("| {what} | {why} |")),
            "no row for: {what}"
        );
    }
}
