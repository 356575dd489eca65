//! Links to runs that anybody may read.

use http::{Method, StatusCode};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Asked, runs};
use crate::langsmith_mock::decode::read_id;
use crate::langsmith_mock::query::{self, Body, Conditions, Scene, Unclear};
use crate::langsmith_mock::request::MockResponse;
use crate::langsmith_mock::store::Store;
use crate::model::TraceId;

/// `PUT`, `GET` and `DELETE /runs/{id}/share`
pub(super) fn share(store: &mut Store, asked: &Asked<'_>) -> Result<MockResponse, Unclear> {
    let run = asked.id(0)?;
    if store.open(run).is_none() {
        return Ok(MockResponse::not_found("Run"));
    }
    let token = match *asked.method() {
        Method::PUT => {
            let fields = asked.json()?;
            let wanted = Body(&fields).id("share_token")?;
            Some(store.shares.share(run, wanted))
        }
        Method::DELETE => {
            store.shares.unshare(run);
            return Ok(MockResponse::json(StatusCode::OK, &json!({})));
        }
        _ => store.shares.token_of(run),
    };
    let body = token.map(|token| json!({ "run_id": run, "share_token": token }));
    Ok(MockResponse::json(StatusCode::OK, &json!(body)))
}

/// `POST` and `DELETE /api/v2/runs/{id}/share`: a run shares its whole trace.
pub(super) fn share_v2(store: &mut Store, asked: &Asked<'_>) -> Result<MockResponse, Unclear> {
    let id = asked.id(0)?;
    let fields = asked.json()?;
    if Body(&fields).id("session_id")?.is_none() {
        return Err(Unclear::Field("\"session_id\" is required".to_owned()));
    }
    let run = store.get(id).and_then(|stored| stored.run());
    if *asked.method() == Method::DELETE {
        let root = run.map_or(id, |run| run.trace_id.0);
        store.shares.unshare(root);
        return Ok(MockResponse::no_content());
    }
    Ok(run.map_or_else(
        || MockResponse::not_found("Run"),
        |run| {
            let token = store.shares.share(run.trace_id.0, None);
            MockResponse::json(StatusCode::OK, &json!({ "share_token": token }))
        },
    ))
}

/// What a token opens: the shared run's id, and a look at its trace.
pub(super) fn opened<'a>(store: &'a Store, token: &str) -> Option<(Uuid, Scene<'a>)> {
    let shared = store.shares.run_of(token)?;
    let trace = store.get(shared)?.run()?.trace_id;
    Some((shared, Scene::of_trace(store, trace)))
}

/// `GET /public/{token}/run` and `GET /public/{token}/run/{id}`
pub(super) fn public_run(store: &Store, asked: &Asked<'_>) -> Result<MockResponse, Unclear> {
    let found = opened(store, asked.part(0)).and_then(|(shared, scene)| {
        let wanted = match asked.part(1) {
            "" => shared,
            id => read_id(id)?,
        };
        let seen = scene.find(wanted)?;
        let run = query::first(&scene, seen, &scene.family([seen]));
        Some(MockResponse::json(StatusCode::OK, &Value::Object(run)))
    });
    Ok(found.unwrap_or_else(|| MockResponse::not_found("Shared run")))
}

/// `POST /public/{token}/runs/query`
pub(super) fn public_runs(store: &Store, asked: &Asked<'_>) -> Result<MockResponse, Unclear> {
    let Some((shared, scene)) = opened(store, asked.part(0)) else {
        return Ok(MockResponse::not_found("Shared run"));
    };
    let fields = asked.json()?;
    let body = Body(&fields);
    let mut conditions = Conditions::first(body)?;
    let trace = scene.find(shared).map(|seen| seen.run.trace_id);
    conditions.trace = trace.map(|TraceId(id)| id);
    runs::page(&scene, &conditions, body, runs::wanted(body)?)
}
