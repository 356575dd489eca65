//! The second version of the API: only what is selected comes back, and only of projects named.

use http::StatusCode;
use serde_json::{Value, json};

use super::{Asked, share};
use crate::langsmith_mock::projects::TENANT;
use crate::langsmith_mock::query::{self, Body, Conditions, Cursor, Scene, Seen, Unclear, Wanted};
use crate::langsmith_mock::request::MockResponse;
use crate::langsmith_mock::store::Store;
use crate::model::{Timestamp, TraceId};

/// How far back a question goes that does not say.
const DAY: chrono::TimeDelta = chrono::TimeDelta::days(1);

/// `POST /api/v2/runs/query`
pub(super) fn query(store: &Store, asked: &Asked<'_>) -> Result<MockResponse, Unclear> {
    let fields = asked.json()?;
    let body = Body(&fields);
    let mut conditions = Conditions::second(body)?;
    // No project is bound to a dataset here, so such a question finds nothing.
    if body.id("reference_dataset_id")?.is_some() {
        conditions.sessions.get_or_insert_default();
    }
    if conditions.sessions.is_none() {
        let why = "one of \"project_ids\" and \"reference_dataset_id\" is required";
        return Err(Unclear::Field(why.to_owned()));
    }
    conditions.from = conditions.from.or(since(asked.at));
    let selects = selects(body)?;
    let wanted = wanted(body, 100, 1_000)?;
    let scene = query::scene_for(store, &conditions, wanted);
    let (page, next) = query::cut(conditions.find(&scene, false), wanted);
    let items = rendered(&scene, &page, &selects);
    Ok(MockResponse::json(
        StatusCode::OK,
        &json!({ "items": items, "next_cursor": next }),
    ))
}

/// Reads which page is asked for; the latest come first.
fn wanted(body: Body<'_>, usual: usize, most: usize) -> Result<Wanted, Unclear> {
    Ok(Wanted {
        ascending: false,
        after: Cursor::parse(body.text("cursor")?)?,
        limit: body.page("page_size", usual, most)?,
    })
}

pub(super) fn since(now: Timestamp) -> Option<Timestamp> {
    now.checked_sub_signed(DAY)
}

fn selects(body: Body<'_>) -> Result<Vec<String>, Unclear> {
    Ok(body.texts("selects")?.unwrap_or_default())
}

fn rendered(scene: &Scene<'_>, runs: &[&Seen<'_>], selects: &[String]) -> Vec<Value> {
    let family = scene.family(runs.iter().copied());
    let render = |seen: &&Seen<'_>| query::second(scene, seen, &family, selects).into();
    runs.iter().map(render).collect()
}

/// `GET /api/v2/runs/{id}`
pub(super) fn read(store: &Store, asked: &Asked<'_>) -> Result<MockResponse, Unclear> {
    let project = required(asked, "project_id")?;
    let id = asked.id(0)?;
    let trace = store.open(id).and_then(|stored| stored.run());
    let found = trace.and_then(|run| {
        let scene = Scene::of_trace(store, run.trace_id);
        let seen = scene.find(id).filter(|seen| seen.session == project)?;
        let selects = asked.request.query_values("selects");
        rendered(&scene, &[seen], &selects).pop()
    });
    Ok(found.map_or_else(
        || MockResponse::not_found("Run"),
        |run| MockResponse::json(StatusCode::OK, &run),
    ))
}

pub(super) fn required(asked: &Asked<'_>, name: &str) -> Result<uuid::Uuid, Unclear> {
    let given = asked.request.query_value(name);
    let id = given
        .as_deref()
        .and_then(crate::langsmith_mock::decode::read_id);
    id.ok_or_else(|| Unclear::Field(format!("{name:?} is required, and a UUID")))
}

/// `GET /api/v2/runs/{id}/url`
pub(super) fn url(store: &Store, asked: &Asked<'_>) -> Result<MockResponse, Unclear> {
    let (id, project) = (asked.id(0)?, required(asked, "project_id")?);
    required(asked, "trace_id")?;
    if store.open(id).is_none() {
        return Ok(MockResponse::not_found("Run"));
    }
    let host = asked.request.header("host").unwrap_or("localhost");
    let url = format!("http://{host}/o/{TENANT}/projects/p/{project}/r/{id}?poll=true");
    Ok(MockResponse::json(StatusCode::OK, &json!({ "url": url })))
}

/// `GET /api/v2/public/{token}/run/{id}`
pub(super) fn public_run(store: &Store, asked: &Asked<'_>) -> Result<MockResponse, Unclear> {
    let id = asked.id(1)?;
    let found = share::opened(store, asked.part(0)).and_then(|(_, scene)| {
        let seen = scene.find(id)?;
        let selects = asked.request.query_values("selects");
        rendered(&scene, &[seen], &selects).pop()
    });
    Ok(found.map_or_else(
        || MockResponse::not_found("Shared run"),
        |run| MockResponse::json(StatusCode::OK, &run),
    ))
}

/// `POST /api/v2/public/{token}/runs/query`
pub(super) fn public_runs(store: &Store, asked: &Asked<'_>) -> Result<MockResponse, Unclear> {
    let fields = asked.json()?;
    let selects = selects(Body(&fields))?;
    Ok(share::opened(store, asked.part(0)).map_or_else(
        || MockResponse::not_found("Shared run"),
        |(_, scene)| {
            let runs = Conditions::default().find(&scene, true);
            let items = rendered(&scene, &runs, &selects);
            MockResponse::json(StatusCode::OK, &json!({ "items": items }))
        },
    ))
}

/// `POST /api/v2/traces/query`: root runs, with the figures of their traces beside them.
pub(super) fn traces(store: &Store, asked: &Asked<'_>) -> Result<MockResponse, Unclear> {
    let fields = asked.json()?;
    let body = Body(&fields);
    let mut conditions = Conditions::second(body)?;
    let Some(project) = body.id("project_id")? else {
        return Err(Unclear::Field("\"project_id\" is required".to_owned()));
    };
    conditions.sessions = Some(vec![project]);
    conditions.is_root = Some(true);
    conditions.from = conditions.from.or(since(asked.at));
    let of_trace =
        |name: &String| ["TOTAL_TOKENS", "TOTAL_COST", "FIRST_TOKEN_TIME"].contains(&name.as_str());
    let (aggregates, selects): (Vec<String>, Vec<String>) =
        selects(body)?.into_iter().partition(of_trace);
    let wanted = wanted(body, 20, 100)?;
    let scene = query::scene_for(store, &conditions, wanted);
    let (page, next) = query::cut(conditions.find(&scene, false), wanted);
    let roots = rendered(&scene, &page, &selects);
    let figures = rendered(&scene, &page, &aggregates);
    let items: Vec<Value> = roots
        .into_iter()
        .zip(figures)
        .map(|(root, mut figures)| {
            if let Some(figures) = figures.as_object_mut() {
                figures.remove("id");
            }
            json!({ "root_run": root, "trace_aggregates": figures })
        })
        .collect();
    Ok(MockResponse::json(
        StatusCode::OK,
        &json!({ "items": items, "next_cursor": next }),
    ))
}

/// `GET /api/v2/traces/{id}/runs`
pub(super) fn runs_of_trace(store: &Store, asked: &Asked<'_>) -> Result<MockResponse, Unclear> {
    let trace = asked.id(0)?;
    let request = asked.request;
    let mut conditions = Conditions::of_session(required(asked, "project_id")?);
    conditions.trace = Some(trace);
    conditions.and_filter(request.query_value("filter").as_deref())?;
    let scene = Scene::of_trace(store, TraceId(trace));
    let runs = conditions.find(&scene, true);
    let items = rendered(&scene, &runs, &request.query_values("selects"));
    Ok(MockResponse::json(
        StatusCode::OK,
        &json!({ "items": items }),
    ))
}
