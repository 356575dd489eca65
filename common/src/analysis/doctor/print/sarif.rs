//! For code scanners: SARIF 2.1.0, <https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html>.

use serde_json::{Value, json};

use crate::analysis::doctor::code::{Fault, faults};
use crate::analysis::doctor::finding::{Finding, Report};

const SCHEMA: &str = "https://json.schemastore.org/sarif-2.1.0.json";

impl Report {
    /// Returns the report as SARIF 2.1.0. `source` is the file or address that was examined.
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
                "results": results.collect::<Vec<_>>(),
            }],
        })
    }
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

/// Writes a file's name or an address as SARIF wants it: a URI.
fn uri(source: &str) -> String {
    let kept = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/:@!$&'()*+,;=?".contains(&byte);
    let each = source.bytes().map(|byte| match kept(byte) {
        true => char::from(byte).to_string(),
        false => format!("%{byte:02X}"),
    });
    each.collect()
}
