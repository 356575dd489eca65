//! Projects, which the wire calls sessions.

use http::{Method, StatusCode};
use serde_json::Value;
use uuid::Uuid;

use super::Asked;
use super::runs::PAGE;
use crate::langsmith_mock::decode::read_id;
use crate::langsmith_mock::projects::{self, Change, Project};
use crate::langsmith_mock::query::{self, Body, Conditions, Seen, Unclear, Wanted};
use crate::langsmith_mock::request::MockResponse;
use crate::langsmith_mock::store::Store;

/// `GET` and `POST /sessions`
pub(super) fn all(store: &mut Store, asked: &Asked<'_>) -> Result<MockResponse, Unclear> {
    if *asked.method() == Method::GET {
        return Ok(list(store, asked));
    }
    let fields = asked.json()?;
    let body = Body(&fields);
    let Some(name) = body.text("name")?.filter(|name| !name.is_empty()) else {
        return Err(Unclear::Field("\"name\" is required".to_owned()));
    };
    let id = body.id("id")?.unwrap_or_else(|| projects::id_of(name));
    let change = Change::read(body)?;
    if let Some(project) = store.projects.create(id, name, asked.at) {
        project.change(change);
        return Ok(MockResponse::json(StatusCode::OK, &project.to_json(None)));
    }
    let upsert = asked.request.query_flag("upsert") == Some(true);
    Ok(match store.projects.named_mut(name) {
        Some(project) if upsert => {
            project.change(change);
            MockResponse::json(StatusCode::OK, &project.to_json(None))
        }
        _ => MockResponse::detail(StatusCode::CONFLICT, "Session already exists"),
    })
}

fn list(store: &Store, asked: &Asked<'_>) -> MockResponse {
    let request = asked.request;
    let (wanted, part) = (
        request.query_value("name"),
        request.query_value("name_contains"),
    );
    let ids = request.query_values("id");
    let ids: Vec<Option<Uuid>> = ids.iter().map(|id| read_id(id)).collect();
    let metadata = request.query_value("metadata");
    let metadata: Option<Value> = metadata.and_then(|text| serde_json::from_str(&text).ok());
    let reference_free = request.query_flag("reference_free");
    let dataset = request.query_value("reference_dataset");
    let page: Vec<&Project> = store
        .projects
        .all()
        .iter()
        .filter(|project| wanted.as_ref().is_none_or(|name| *name == project.name))
        .filter(|project| part.as_ref().is_none_or(|part| project.name.contains(part)))
        .filter(|project| ids.is_empty() || ids.contains(&Some(project.id)))
        .filter(|project| {
            metadata
                .as_ref()
                .is_none_or(|has| project.has_metadata(has))
        })
        .filter(|project| {
            reference_free.is_none_or(|free| free == project.reference_dataset.is_none())
        })
        .filter(|project| {
            dataset
                .as_ref()
                .is_none_or(|id| read_id(id) == project.reference_dataset)
        })
        .skip(request.query_number("offset").unwrap_or(0))
        .take(request.query_number("limit").unwrap_or(PAGE).min(PAGE))
        .collect();
    let list = page
        .into_iter()
        .map(|project| described(store, asked, project));
    MockResponse::json(StatusCode::OK, &list.collect())
}

/// A project with its number of runs, and with figures if they are asked for.
fn described(store: &Store, asked: &Asked<'_>, project: &Project) -> Value {
    if asked.request.query_flag("include_stats") != Some(true) {
        return project.to_json(Some(store.count_of(project.id)));
    }
    let conditions = Conditions::of_session(project.id);
    let scene = query::scene_for(store, &conditions, Wanted::ALL);
    let of_project = scene.seen.iter().filter(|seen| seen.session == project.id);
    let runs: Vec<&Seen<'_>> = of_project.collect();
    let mut json = project.to_json(Some(runs.len()));
    if let Value::Object(fields) = &mut json {
        for (key, value) in query::stats(&runs) {
            // Costs of projects are decimal text.
            let value = match value {
                Value::Number(cost) if key.ends_with("_cost") => Value::String(cost.to_string()),
                value => value,
            };
            fields.insert(key, value);
        }
        let of_project = store.feedback.iter().filter(|entry| {
            let run = entry["run_id"].is_null() && entry["trace_id"].is_null();
            run && entry["session_id"].as_str().and_then(read_id) == Some(project.id)
        });
        let of_project: Vec<&Value> = of_project.collect();
        let stats = query::feedback_stats(&of_project);
        fields.insert("session_feedback_stats".to_owned(), stats);
    }
    json
}

/// `GET`, `PATCH` and `DELETE /sessions/{id}`
pub(super) fn one(store: &mut Store, asked: &Asked<'_>) -> Result<MockResponse, Unclear> {
    let id = asked.id(0)?;
    match *asked.method() {
        Method::PATCH => {
            let fields = asked.json()?;
            let change = Change::read(Body(&fields))?;
            let name = change.name.clone();
            let taken = name.and_then(|name| store.projects.named(&name).map(|other| other.id));
            if taken.is_some_and(|other| other != id) {
                let detail = "Session already exists";
                return Ok(MockResponse::detail(StatusCode::CONFLICT, detail));
            }
            if let Some(project) = store.projects.by_id_mut(id) {
                let before = project.name.clone();
                project.change(change);
                let (json, after) = (project.to_json(None), project.name.clone());
                store.rename_session(&before, &after);
                return Ok(MockResponse::json(StatusCode::OK, &json));
            }
        }
        Method::DELETE => {
            if store.projects.by_id(id).is_some() {
                store.drop_session(id);
                store.projects.remove(id);
                let done = serde_json::json!({ "message": "Session deleted" });
                return Ok(MockResponse::json(StatusCode::ACCEPTED, &done));
            }
        }
        _ => {
            if let Some(project) = store.projects.by_id(id) {
                let json = described(store, asked, project);
                return Ok(MockResponse::json(StatusCode::OK, &json));
            }
        }
    }
    Ok(MockResponse::not_found("Project"))
}
