//! For code scanners: SARIF 2.1.0, <https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html>.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::analysis::doctor::code::{Fault, faults};
use crate::analysis::doctor::finding::{Finding, Report};

const SCHEMA: &str = "https://json.schemastore.org/sarif-2.1.0.json";

impl Report {
    /// Returns the report as SARIF 2.1.0. `source` is the file or address that was examined; of a file
    /// outside of the current folder only its name is told, and of an address neither user nor query.
    pub fn to_sarif(&self, source: &str) -> Value {
        let rules: Vec<&Fault> = faults().collect();
        let results = self.findings.iter().map(|finding| {
            let place = rules
                .iter()
                .position(|rule| rule.code == finding.fault.code);
            result(finding, place.unwrap_or(0), source)
        });
        json!({
            "$schema": SCHEMA,
            "version": "2.1.0",
            "runs": [{
                "tool": { "driver": {
                    "name": "trace-doctor",
                    "version": env!("CARGO_PKG_VERSION"),
                    "rules": rules.iter().map(|rule| describe(rule)).collect::<Vec<_>>(),
                }},
                "columnKind": "unicodeCodePoints",
                "invocations": [{
                    "executionSuccessful": true,
                    "toolExecutionNotifications": self.limits.iter().map(notification).collect::<Vec<_>>(),
                }],
                "results": results.collect::<Vec<_>>(),
            }],
        })
    }
}

/// What was not looked at.
fn notification(limit: &String) -> Value {
    json!({ "level": "warning", "message": { "text": limit } })
}

fn describe(rule: &Fault) -> Value {
    let cause = rule.causes.first();
    json!({
        "id": rule.code,
        "name": rule.name,
        "shortDescription": { "text": cause.map_or(rule.name, |cause| cause.symptom) },
        "fullDescription": { "text": cause.map_or(rule.name, |cause| cause.cause) },
        "help": { "text": cause.map_or("", |cause| cause.fix) },
        "defaultConfiguration": { "level": rule.level.as_str() },
    })
}

fn result(finding: &Finding, place: usize, source: &str) -> Value {
    let logical = |name: String, kind: &str| json!({ "fullyQualifiedName": name, "kind": kind });
    let mut logicals: Vec<Value> = finding
        .runs
        .iter()
        .map(|run| logical(format!("{}/{}", run.trace, run.id), "element"))
        .collect();
    if logicals.is_empty() {
        logicals.push(logical(finding.about.clone(), "resource"));
    }
    json!({
        "ruleId": finding.fault.code,
        "ruleIndex": place,
        "level": finding.fault.level.as_str(),
        "message": { "text": finding.words },
        "locations": [{
            "physicalLocation": { "artifactLocation": { "uri": uri(source) } },
            "logicalLocations": logicals,
        }],
        // The same fault in the same place is the same result in the next report.
        "partialFingerprints": { "fault/v1": format!("{}:{}", finding.fault.code, finding.about) },
    })
}

/// Writes a file's name or an address as a reference by RFC 3986, which SARIF asks for.
fn uri(source: &str) -> String {
    let scheme = ["http://", "https://"]
        .into_iter()
        .find(|scheme| source.starts_with(scheme));
    match scheme {
        Some(scheme) => address(scheme, &source[scheme.len()..]),
        None if source == "-" => "stdin".to_owned(),
        None => file(source),
    }
}

/// An address without what may be a secret: a user, a query.
fn address(scheme: &str, rest: &str) -> String {
    let end = rest.find(['?', '#']).unwrap_or(rest.len());
    let rest = &rest[..end];
    let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let host = host.rsplit('@').next().unwrap_or_default();
    // What is encoded already stays.
    let (host, path) = (encoded(host, b":[]%"), encoded(path, b"/:@!$&'()*+,;=%"));
    format!("{scheme}{host}{path}")
}

/// A file, seen from the current folder. A path from the root would tell the names of its users.
fn file(path: &str) -> String {
    let path = Path::new(path);
    let here = std::env::current_dir().ok();
    let below = here.and_then(|here| path.strip_prefix(here).ok().map(Path::to_owned));
    let shown = match below {
        Some(below) => below,
        None if path.is_relative() => path.to_owned(),
        None => PathBuf::from(path.file_name().unwrap_or_default()),
    };
    // A colon in the first part would make it a scheme.
    encoded(&shown.to_string_lossy(), b"/@!$&'()*+,;=")
}

fn encoded(text: &str, kept: &[u8]) -> String {
    let kept =
        |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) || kept.contains(&byte);
    let each = text.bytes().map(|byte| match kept(byte) {
        true => char::from(byte).to_string(),
        false => format!("%{byte:02X}"),
    });
    each.collect()
}

#[cfg(test)]
mod tests {
    use super::uri;

    #[test]
    fn a_place_is_a_valid_reference_and_tells_no_user() {
        let here = std::env::current_dir().expect("a folder");
        let below = here.join("runs/a b.json");
        for (source, wanted) in [
            ("a capture.jsonl", "a%20capture.jsonl"),
            ("runs/a:b?c#d%e.json", "runs/a%3Ab%3Fc%23d%25e.json"),
            (below.to_str().expect("UTF-8"), "runs/a%20b.json"),
            ("/home/ada/secret/runs.json", "runs.json"),
            ("-", "stdin"),
            ("http://[::1]:1984", "http://[::1]:1984"),
            (
                "https://ada:key@example.com/a%20b/c d?key=1#x",
                "https://example.com/a%20b/c%20d",
            ),
        ] {
            assert_eq!(uri(source), wanted);
        }
    }
}
