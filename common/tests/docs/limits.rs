//! The tables of limits on the page about the wire are those of the code.

use std::collections::BTreeMap;

use common::export;
use common::model::Segment;
use common::propagation::limits;

use super::markdown::root;

/// The rows `| `NAME` | value | … |` of the page.
fn rows() -> BTreeMap<String, String> {
    let page = std::fs::read_to_string(root().join("docs/wire_format.md")).expect("the page");
    let rows = page.lines().filter_map(|line| {
        let mut cells = line.strip_prefix("| `")?.split(" | ");
        let name = cells.next()?.trim_end_matches('`');
        let is_constant = name.chars().all(|c| c.is_ascii_uppercase() || c == '_');
        is_constant.then(|| {
            (
                name.to_owned(),
                cells.next().unwrap_or_default().trim().to_owned(),
            )
        })
    });
    rows.collect()
}

/// Writes thousands as pages do.
fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[test]
fn the_limits_on_the_page_are_those_of_the_code() {
    let seconds = |time: std::time::Duration| match time.as_millis() {
        millis if millis.is_multiple_of(1000) => format!("{} s", millis / 1000),
        millis => format!("{millis} ms"),
    };
    let expected = [
        (
            "MAX_TRACE_BYTES",
            format!("{} bytes", grouped(limits::MAX_TRACE_BYTES)),
        ),
        ("MAX_TRACE_SEGMENTS", grouped(limits::MAX_TRACE_SEGMENTS)),
        (
            "MAX_BAGGAGE_BYTES",
            format!("{} bytes", grouped(limits::MAX_BAGGAGE_BYTES)),
        ),
        ("MAX_BAGGAGE_MEMBERS", grouped(limits::MAX_BAGGAGE_MEMBERS)),
        ("MAX_METADATA_KEYS", grouped(limits::MAX_METADATA_KEYS)),
        ("MAX_METADATA_DEPTH", grouped(limits::MAX_METADATA_DEPTH)),
        (
            "MAX_METADATA_VALUE_BYTES",
            format!("{} bytes", grouped(limits::MAX_METADATA_VALUE_BYTES)),
        ),
        ("MAX_TAGS", grouped(limits::MAX_TAGS)),
        (
            "MAX_TAG_BYTES",
            format!("{} bytes", grouped(limits::MAX_TAG_BYTES)),
        ),
        (
            "MAX_PROJECT_BYTES",
            format!("{} bytes", grouped(limits::MAX_PROJECT_BYTES)),
        ),
        ("MAX_ENTRIES", grouped(limits::MAX_ENTRIES)),
        (
            "MAX_FILE_BYTES",
            format!("{} bytes", grouped(limits::MAX_FILE_BYTES)),
        ),
        ("MAX_LINKS", grouped(limits::MAX_LINKS)),
        ("DEFAULT_BATCH_OPS", grouped(export::DEFAULT_BATCH_OPS)),
        (
            "DEFAULT_BATCH_BYTES",
            format!("{} bytes", grouped(export::DEFAULT_BATCH_BYTES)),
        ),
        ("DEFAULT_LINGER", seconds(export::DEFAULT_LINGER)),
        ("DEFAULT_QUEUE_OPS", grouped(export::DEFAULT_QUEUE_OPS)),
        (
            "DEFAULT_QUEUE_BYTES",
            format!("{} bytes", grouped(export::DEFAULT_QUEUE_BYTES)),
        ),
        (
            "DEFAULT_REQUEST_TIMEOUT",
            seconds(export::DEFAULT_REQUEST_TIMEOUT),
        ),
        (
            "DEFAULT_MAX_IN_FLIGHT",
            grouped(export::DEFAULT_MAX_IN_FLIGHT),
        ),
        (
            "DEFAULT_SHUTDOWN_TIMEOUT",
            seconds(export::DEFAULT_SHUTDOWN_TIMEOUT),
        ),
        (
            "DEFAULT_COMPRESSION_LEVEL",
            export::DEFAULT_COMPRESSION_LEVEL.to_string(),
        ),
    ];
    let rows = rows();
    for (name, value) in &expected {
        assert_eq!(rows.get(*name), Some(value), "{name}");
    }
    assert_eq!(
        rows.len(),
        expected.len(),
        "rows that no constant holds: {rows:?}"
    );
}

#[test]
fn no_limit_of_the_code_is_missing_on_the_page() {
    let rows = rows();
    for file in [
        "common/src/propagation/limits.rs",
        "common/src/export/config.rs",
    ] {
        let code = std::fs::read_to_string(root().join(file)).expect("the code");
        let names = code
            .lines()
            .filter_map(|line| line.strip_prefix("pub const "));
        for name in names.filter_map(|rest| rest.split(':').next()) {
            let is_number = name.starts_with("MAX_") || name.starts_with("DEFAULT_");
            if is_number && name != "DEFAULT_ENDPOINT" {
                assert!(
                    rows.contains_key(name),
                    "{file}: {name} is not in docs/wire_format.md"
                );
            }
        }
    }
}

#[test]
fn a_segment_is_as_long_as_the_page_says() {
    let page = std::fs::read_to_string(root().join("docs/wire_format.md")).expect("the page");
    assert!(page.contains(&format!("22 + 36 = {} bytes", Segment::LEN)));
}
