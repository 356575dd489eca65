//! What the endpoint answered, and objected to.

use std::collections::{BTreeMap, HashMap};

use super::super::code::EvidenceKind::IngestLog;
use super::super::evidence::{Index, Objection};
use super::super::finding::{Findings, Said};
use super::super::read::id_of;

/// LT010, LT022, LT023, LT029, LT030, LT033: by status, and by what became of operations.
pub(super) fn answers(index: &Index<'_>, findings: &mut Findings<'_>) {
    let evidence = index.evidence;
    let mut refused: Vec<u64> = Vec::new();
    let mut statuses: HashMap<u64, u16> = HashMap::new();
    for request in &evidence.requests {
        statuses.insert(request.number, request.status);
        let brings = ["/runs", "/otel"]
            .iter()
            .any(|path| request.path.contains(path));
        let reads = request.method == "GET" || request.path.ends_with("/query");
        let path = &request.path;
        let about = format!("request {}", request.number);
        let limit = match request.answer.to_lowercase() {
            text if text.contains("hour") => "the hourly limit",
            text if text.contains("month") || text.contains("usage limit") => "the monthly limit",
            text if text.contains("minute") => "the limit a minute",
            _ => "a limit that the answer does not name",
        };
        let said = match request.status {
            401 | 403 => {
                refused.push(request.number);
                continue;
            }
            _ if !brings || reads => continue,
            409 => (
                "LT022",
                format!("{path} was answered with 409: all of it was known"),
            ),
            413 => (
                "LT010",
                format!(
                    "{path} with {} bytes was answered with 413",
                    request.body_bytes
                ),
            ),
            422 => (
                "LT029",
                format!("{path} was answered with 422: the whole batch is lost"),
            ),
            429 => (
                "LT033",
                format!("{path} was answered with 429: {limit} is reached"),
            ),
            _ => continue,
        };
        findings.add(Said::new(said.0, about, &[IngestLog], said.1));
    }
    if let Some(first) = refused.first() {
        let words = format!(
            "{} of {} requests were refused with 401 or 403, the first is number {first}",
            refused.len(),
            evidence.requests.len()
        );
        findings.add(Said::new("LT030", "key", &[IngestLog], words));
    }
    lost(index, &statuses, findings);
}

/// LT023: a 2xx, and nothing stored. LT044 if it was a span.
fn lost(index: &Index<'_>, statuses: &HashMap<u64, u16>, findings: &mut Findings<'_>) {
    let mut lost: BTreeMap<u64, Vec<&str>> = BTreeMap::new();
    for operation in &index.evidence.operations {
        let accepted = statuses
            .get(&operation.request)
            .is_none_or(|status| (200..300).contains(status));
        let gone = matches!(operation.outcome.as_str(), "rejected" | "dropped");
        let is_span = id_of(&operation.id) >> 64 == 0;
        if accepted && gone && !is_span {
            lost.entry(operation.request)
                .or_default()
                .push(&operation.id);
        }
    }
    for (request, ids) in lost {
        let words = format!(
            "{} operations of request {request} were accepted and not stored, as that on run {}",
            ids.len(),
            ids.first().copied().unwrap_or_default()
        );
        let about = format!("request {request}");
        findings.add(Said::new("LT023", about, &[IngestLog], words));
    }
}

/// Returns the code for a rule that the endpoint holds to.
fn code_of(objection: &Objection) -> Option<&'static str> {
    Some(match objection.code.as_str() {
        "body_too_large" => "LT010",
        "root_with_ancestors" => "LT019",
        "child_without_ancestors" => "LT018",
        "trace_id_mismatch" => "LT020",
        "child_before_parent" => "LT004",
        // Near ones are only untidy; the message of those that are not says what happens.
        "id_time_differs" if objection.message.contains("404") => "LT021",
        "project_changed" => "LT009",
        "already_received" => "LT022",
        "int_too_big" => "LT029",
        "trace_too_large" => "LT034",
        "workspace_changed" => "LT050",
        "feedback_orphan" => "LT040",
        "span_orphan" | "span_filtered" => "LT044",
        _ => return None,
    })
}

/// What the endpoint listed, by rule and trace.
pub(super) fn objections(index: &Index<'_>, findings: &mut Findings<'_>) {
    if index.evidence.objections.is_empty() {
        return;
    }
    for objection in &index.evidence.objections {
        let Some(code) = code_of(objection) else {
            continue;
        };
        let run = objection.run.as_deref().map(id_of);
        let stored = run.and_then(|id| index.find(id));
        // A run that was kept out has no trace here; then it is about the run.
        let about = match (stored, &objection.run) {
            (Some(at), _) => super::super::finding::trace_id(index.run(at)),
            (None, Some(run)) => run.clone(),
            (None, None) => "endpoint".to_owned(),
        };
        let said = Said::new(code, about, &[IngestLog], objection.message.clone());
        findings.add(said.runs(stored));
    }
}
