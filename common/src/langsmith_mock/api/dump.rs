//! Everything stored, as JSON, and the files of runs.

use http::StatusCode;
use serde_json::{Value, json};

use crate::langsmith_mock::decode::read_id;
use crate::langsmith_mock::query::{self, Scene, Seen};
use crate::langsmith_mock::request::MockResponse;
use crate::langsmith_mock::store::Store;

/// Returns all traces, in the order of their runs' places, with feedback and violations.
///
/// The same requests give the same text, whatever the order in which they came, as far as ids and
/// times are the same.
pub(in crate::langsmith_mock) fn dump(store: &Store) -> Value {
    let scene = Scene::of_all(store);
    let family = scene.family(&scene.seen);
    let mut seen: Vec<&Seen<'_>> = scene.seen.iter().collect();
    seen.sort_by_key(|seen| (seen.run.trace_id.0, seen.run.dotted_order.clone()));
    let mut traces: Vec<Value> = Vec::new();
    for seen in seen {
        let run = Value::Object(query::first(&scene, seen, &family));
        let id = json!(seen.run.trace_id);
        match traces.last_mut().filter(|trace| trace["trace_id"] == id) {
            Some(trace) => {
                if let Some(runs) = trace["runs"].as_array_mut() {
                    runs.push(run);
                }
            }
            None => traces.push(json!({ "trace_id": id, "runs": [run] })),
        }
    }
    let mut feedback: Vec<&Value> = store.feedback.iter().collect();
    feedback.sort_by_key(|entry| entry["id"].as_str().map(str::to_owned));
    let projects = store
        .projects
        .all()
        .iter()
        .map(|project| project.to_json(None));
    let violations = store.violations.iter().map(|violation| {
        json!({
            "code": violation.code.as_str(),
            "severity": violation.severity().to_string(),
            "run_id": violation.run,
            "message": violation.message,
        })
    });
    json!({
        "version": 1,
        "projects": projects.collect::<Vec<_>>(),
        "traces": traces,
        "feedback": feedback,
        "violations": violations.collect::<Vec<_>>(),
    })
}

/// Answers `GET /_stand_in/attachments/{run}/{name}`.
pub(super) fn attachment(store: &Store, ids: &[String]) -> MockResponse {
    let [run, name] = ids else {
        return MockResponse::not_found("Attachment");
    };
    let stored = read_id(run).and_then(|id| store.get(id));
    let file = stored.and_then(|stored| {
        let mut files = stored.attachments().iter();
        files.find(|file| file.name == *name)
    });
    file.map_or_else(
        || MockResponse::not_found("Attachment"),
        |file| {
            // Whoever sent it chose its type: a browser is to save it, not to show it.
            let kind = "application/octet-stream";
            let mut answer = MockResponse::text(StatusCode::OK, kind, file.data.clone());
            answer.headers = vec![
                ("content-disposition", "attachment".to_owned()),
                ("x-content-type-options", "nosniff".to_owned()),
            ];
            answer
        },
    )
}
