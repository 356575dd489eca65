//! What the endpoint answered, and objected to.

use super::super::code::EvidenceKind::IngestLog;
use super::super::evidence::{Index, Objection};
use super::super::finding::{Findings, Said};
use super::super::read::id_of;

/// LT010, LT022, LT023, LT029, LT030, LT033: by status, and by what became of operations.
pub(super) fn answers(index: &Index<'_>, findings: &mut Findings<'_>) {
    let ingest = &index.evidence.ingest;
    for (number, request) in &ingest.refused {
        let Some(code) = code_of_status(request.status) else {
            continue;
        };
        let path = &request.path;
        let words = match request.status {
            409 => format!("{path} was answered with 409: all of it was known"),
            413 => format!(
                "{path} with {} bytes was answered with 413",
                request.body_bytes
            ),
            422 => format!("{path} was answered with 422: the whole batch is lost"),
            _ => format!(
                "{path} was answered with 429: {} is reached",
                limit(&request.answer)
            ),
        };
        let about = format!("request {number}");
        findings.add(Said::new(code, about, &[IngestLog], words));
    }
    for (status, more) in &ingest.more_refused {
        if let Some(code) = code_of_status(*status) {
            findings.count_more(code, *more);
        }
    }
    let (refused, first) = ingest.keys_refused;
    if refused > 0 {
        let words = format!(
            "{refused} of {} requests were refused with 401 or 403, the first is number {first}",
            ingest.requests
        );
        findings.add(Said::new("LT030", "key", &[IngestLog], words));
    }
    // A 2xx, and nothing stored.
    for (request, count, first) in ingest.accepted_and_lost() {
        let words = format!(
            "{count} operations of request {request} were accepted and not stored, as that on run {first}"
        );
        let about = format!("request {request}");
        findings.add(Said::new("LT023", about, &[IngestLog], words));
    }
}

fn code_of_status(status: u16) -> Option<&'static str> {
    Some(match status {
        409 => "LT022",
        413 => "LT010",
        422 => "LT029",
        429 => "LT033",
        _ => return None,
    })
}

fn limit(answer: &str) -> &'static str {
    match answer.to_lowercase() {
        text if text.contains("hour") => "the hourly limit",
        text if text.contains("month") || text.contains("usage limit") => "the monthly limit",
        text if text.contains("minute") => "the limit a minute",
        _ => "a limit that the answer does not name",
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
    for objection in &index.evidence.ingest.objections {
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
