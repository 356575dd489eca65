//! Reading back: `/info`, runs, projects, settings.

use std::collections::HashSet;

use bytes::Bytes;
use http::StatusCode;
use serde_json::{Value, json};
use uuid::Uuid;

use super::builder::ServerInfo;
use super::decode::{self, read_id};
use super::family::Family;
use super::merge::StoredRun;
use super::projects::{self, TENANT};
use super::request::{MockRequest, MockResponse};
use super::store::Store;
use crate::model::{JsonMap, Run, Timestamp};

/// Runs per page at most, as LangSmith says.
const PAGE: usize = 100;

/// The version of LangSmith that the stand-in claims to be: one that takes all that clients send.
const VERSION: &str = "0.18.5";

pub(super) fn info(info: &ServerInfo) -> MockResponse {
    MockResponse::json(
        StatusCode::OK,
        &json!({
            "version": VERSION,
            "instance_flags": {
                "zstd_compression_enabled": info.zstd,
                "gzip_body_enabled": info.gzip,
                "dataset_examples_multipart_enabled": false,
                "ch_query_enabled": true,
                "sdb_query_enabled": false,
            },
            "batch_ingest_config": {
                "use_multipart_endpoint": info.multipart,
                "size_limit": info.size_limit,
                "size_limit_bytes": info.size_limit_bytes,
                "scale_up_qsize_trigger": 1000,
                "scale_up_nthreads_limit": 16,
                "scale_down_nempty_trigger": 4,
            },
        }),
    )
}

pub(super) fn settings() -> MockResponse {
    MockResponse::json(
        StatusCode::OK,
        &json!({
            "id": TENANT,
            "tenant_handle": null,
            "display_name": "stand-in",
            "created_at": "2026-01-01T00:00:00Z",
        }),
    )
}

pub(super) fn read_run(store: &Store, id: &str) -> MockResponse {
    let stored = read_id(id).and_then(|id| store.get(id));
    match stored.and_then(|stored| Some((stored, stored.run()?))) {
        Some((stored, run)) => {
            let runs: Vec<Run> = store.runs_of(run.trace_id).collect();
            let family = Family::of(runs.iter(), &HashSet::from([run.trace_id]));
            MockResponse::json(StatusCode::OK, &to_json(store, stored, &run, &family))
        }
        None => MockResponse::detail(StatusCode::NOT_FOUND, "Run not found"),
    }
}

/// What a `/runs/query` asks for; conditions that are not understood are answered with 422.
#[derive(Debug, Default)]
struct Query {
    session: Option<Vec<Uuid>>,
    id: Option<Vec<Uuid>>,
    trace: Option<Uuid>,
    parent_run: Option<Uuid>,
    is_root: Option<bool>,
    run_type: Option<String>,
    error: Option<bool>,
    start_time: Option<Timestamp>,
    end_time: Option<Timestamp>,
    ascending: bool,
    limit: usize,
    skip: usize,
}

impl Query {
    fn read(body: &JsonMap) -> Result<Self, String> {
        let get = |key: &str| body.get(key).filter(|value| !value.is_null());
        for key in [
            "filter",
            "trace_filter",
            "tree_filter",
            "query",
            "reference_example",
        ] {
            if get(key).is_some() {
                return Err(format!("the stand-in does not understand {key:?} yet"));
            }
        }
        let one = |key: &str| -> Result<Option<Uuid>, String> {
            get(key)
                .map(|value| {
                    let id = value.as_str().and_then(read_id);
                    id.ok_or_else(|| format!("{key:?} is no UUID"))
                })
                .transpose()
        };
        let many = |key: &str| -> Result<Option<Vec<Uuid>>, String> {
            let Some(value) = get(key) else {
                return Ok(None);
            };
            let ids = value.as_array().map(|list| {
                list.iter()
                    .map(|id| id.as_str().and_then(read_id))
                    .collect::<Option<Vec<_>>>()
            });
            ids.flatten()
                .map(Some)
                .ok_or_else(|| format!("{key:?} is no list of UUIDs"))
        };
        let limit = get("limit").map_or(Some(PAGE as u64), Value::as_u64);
        let limit = limit.and_then(|limit| usize::try_from(limit).ok());
        let Some(limit) = limit.filter(|limit| (1..=PAGE).contains(limit)) else {
            return Err(format!("\"limit\" is not within 1 to {PAGE}"));
        };
        let skip = get("cursor").map_or(Some(0), |cursor| cursor.as_str()?.parse().ok());
        Ok(Self {
            session: many("session")?,
            id: many("id")?,
            trace: one("trace")?,
            parent_run: one("parent_run")?,
            is_root: get("is_root").and_then(Value::as_bool),
            run_type: get("run_type").and_then(Value::as_str).map(str::to_owned),
            error: get("error").and_then(Value::as_bool),
            start_time: decode::run::time_of(get("start_time")),
            end_time: decode::run::time_of(get("end_time")),
            ascending: get("order").and_then(Value::as_str) == Some("asc"),
            limit,
            skip: skip.ok_or("\"cursor\" is none that was given out")?,
        })
    }

    fn fits(&self, store: &Store, run: &Run) -> bool {
        let is = |wanted: &Option<Uuid>, has: Option<Uuid>| wanted.is_none() || *wanted == has;
        let among = |wanted: &Option<Vec<Uuid>>, has: &dyn Fn() -> Uuid| {
            wanted.as_ref().is_none_or(|list| list.contains(&has()))
        };
        among(&self.id, &|| run.id.0)
            // To look a project up costs most.
            && among(&self.session, &|| session_of(store, run))
            && is(&self.trace, Some(run.trace_id.0))
            && is(&self.parent_run, run.parent_run_id.map(|id| id.0))
            && self.is_root.is_none_or(|root| root == run.is_root())
            && self
                .run_type
                .as_ref()
                .is_none_or(|t| t == run.run_type.as_str())
            && self.error.is_none_or(|error| error == run.error.is_some())
            && self.start_time.is_none_or(|from| run.start_time >= from)
            && self.end_time.is_none_or(|to| run.start_time <= to)
    }
}

pub(super) fn query_runs(store: &Store, body: &Bytes) -> MockResponse {
    let unprocessable = |why: &str| MockResponse::detail(StatusCode::UNPROCESSABLE_ENTITY, why);
    let Ok(body) = serde_json::from_slice::<JsonMap>(body) else {
        return unprocessable("the body is no JSON object");
    };
    let query = match Query::read(&body) {
        Ok(query) => query,
        Err(why) => return unprocessable(&why),
    };
    let all: Vec<(&StoredRun, Run)> = store
        .stored()
        .filter_map(|stored| Some((stored, stored.run()?)))
        .collect();
    let mut found: Vec<&(&StoredRun, Run)> = all
        .iter()
        .filter(|(_, run)| query.fits(store, run))
        .collect();
    found.sort_by_key(|(_, run)| (run.start_time, run.id));
    if !query.ascending {
        found.reverse();
    }
    // With a trace given there are no pages.
    let limit = if query.trace.is_some() {
        found.len()
    } else {
        query.limit
    };
    let end = query.skip.saturating_add(limit);
    let next = (end < found.len()).then(|| end.to_string());
    let page: Vec<_> = found.into_iter().skip(query.skip).take(limit).collect();
    let traces = page.iter().map(|(_, run)| run.trace_id).collect();
    let family = Family::of(all.iter().map(|(_, run)| run), &traces);
    let runs: Vec<Value> = page
        .into_iter()
        .map(|(stored, run)| to_json(store, stored, run, &family))
        .collect();
    MockResponse::json(
        StatusCode::OK,
        &json!({ "runs": runs, "cursors": { "next": next, "prev": null } }),
    )
}

fn session_of(store: &Store, run: &Run) -> Uuid {
    store
        .projects
        .id_of(run.project.as_deref().unwrap_or("default"))
}

/// A run as LangSmith returns it: what was sent, and what it derives.
fn to_json(store: &Store, stored: &StoredRun, run: &Run, family: &Family<'_>) -> Value {
    let mut fields = stored.merged();
    let session = session_of(store, run);
    let ancestors: Vec<Uuid> = run
        .dotted_order
        .segments()
        .iter()
        .map(|segment| segment.id.0)
        .filter(|id| *id != run.id.0)
        .collect();
    let first_token = run.events.iter().find(|event| event.name == "new_token");
    let derived = json!({
        "name": run.name,
        "run_type": run.run_type,
        "start_time": run.start_time,
        "end_time": run.end_time,
        "status": run.status(),
        "session_id": session,
        "parent_run_id": run.parent_run_id,
        "parent_run_ids": ancestors,
        "direct_child_run_ids": family.children(run),
        "child_run_ids": family.below(run),
        "first_token_time": first_token.map(|event| event.time),
        "inputs": run.inputs.clone().unwrap_or_default(),
        "app_path": format!("/o/{TENANT}/projects/p/{session}/r/{}", run.id),
        "feedback_stats": null,
        "in_dataset": false,
    });
    if let Value::Object(derived) = derived {
        fields.extend(derived);
    }
    Value::Object(fields)
}

pub(super) fn sessions(store: &Store, id: Option<&str>, request: &MockRequest) -> MockResponse {
    let count = |id: Uuid| {
        let project = |run: &&StoredRun| {
            let name = run.field("session_name").and_then(Value::as_str);
            store.projects.id_of(name.unwrap_or("default")) == id
        };
        store.stored().filter(project).count()
    };
    if let Some(id) = id {
        let project = read_id(id).and_then(|id| store.projects.by_id(id));
        return match project {
            Some(project) => {
                MockResponse::json(StatusCode::OK, &project.to_json(count(project.id)))
            }
            None => MockResponse::detail(StatusCode::NOT_FOUND, "Project not found"),
        };
    }
    let number = |name: &str| request.query_value(name).and_then(|text| text.parse().ok());
    let wanted = request.query_value("name");
    let part = request.query_value("name_contains");
    let list: Vec<Value> = store
        .projects
        .all()
        .iter()
        .filter(|project| wanted.as_ref().is_none_or(|name| *name == project.name))
        .filter(|project| part.as_ref().is_none_or(|part| project.name.contains(part)))
        .skip(number("offset").unwrap_or(0))
        .take(number("limit").unwrap_or(PAGE).min(PAGE))
        .map(|project| project.to_json(count(project.id)))
        .collect();
    MockResponse::json(StatusCode::OK, &Value::Array(list))
}

pub(super) fn create_session(
    store: &mut Store,
    request: &MockRequest,
    body: &Bytes,
    now: Timestamp,
) -> MockResponse {
    let body: JsonMap = serde_json::from_slice(body).unwrap_or_default();
    let text = |key: &str| body.get(key).and_then(Value::as_str);
    let Some(name) = text("name").filter(|name| !name.is_empty()) else {
        let status = StatusCode::UNPROCESSABLE_ENTITY;
        return MockResponse::detail(status, "\"name\" is required");
    };
    let id = text("id").and_then(read_id);
    let id = id.unwrap_or_else(|| projects::id_of(name));
    let description = text("description").map(str::to_owned);
    if let Some(project) = store.projects.create(id, name, description, now) {
        return MockResponse::json(StatusCode::OK, &project.to_json(0));
    }
    let upsert = request.query_value("upsert").as_deref() == Some("true");
    match store.projects.named(name) {
        Some(project) if upsert => MockResponse::json(StatusCode::OK, &project.to_json(0)),
        _ => MockResponse::detail(StatusCode::CONFLICT, "Session already exists"),
    }
}
