//! Runs by id and by condition, and figures about them.

use http::StatusCode;
use serde_json::{Value, json};

use super::Asked;
use crate::langsmith_mock::query::{self, Body, Conditions, Cursor, Scene, Unclear, Wanted};
use crate::langsmith_mock::request::MockResponse;
use crate::langsmith_mock::store::Store;

/// Runs per page at most, as LangSmith says.
pub(super) const PAGE: usize = 100;

/// What can be selected; anything else is a slip of the pen.
const SELECTABLE: [&str; 60] = [
    "id",
    "name",
    "run_type",
    "start_time",
    "end_time",
    "latency",
    "status",
    "error",
    "extra",
    "events",
    "inputs",
    "inputs_preview",
    "inputs_s3_urls",
    "inputs_or_signed_url",
    "outputs",
    "outputs_preview",
    "outputs_s3_urls",
    "outputs_or_signed_url",
    "s3_urls",
    "error_or_signed_url",
    "events_or_signed_url",
    "extra_or_signed_url",
    "serialized_or_signed_url",
    "serialized",
    "parent_run_id",
    "parent_run_ids",
    "manifest_id",
    "manifest_s3_id",
    "session_id",
    "reference_example_id",
    "reference_dataset_id",
    "total_tokens",
    "prompt_tokens",
    "prompt_token_details",
    "completion_tokens",
    "completion_token_details",
    "total_cost",
    "prompt_cost",
    "prompt_cost_details",
    "completion_cost",
    "completion_cost_details",
    "price_model_id",
    "first_token_time",
    "trace_id",
    "dotted_order",
    "last_queued_at",
    "feedback_stats",
    "child_run_ids",
    "direct_child_run_ids",
    "tags",
    "in_dataset",
    "app_path",
    "share_token",
    "trace_tier",
    "trace_upgrade",
    "ttl_seconds",
    "trace_min_start_time",
    "trace_max_start_time",
    "thread_id",
    "is_root",
];

/// `GET /runs/{id}`
pub(super) fn read(store: &Store, asked: &Asked<'_>) -> Result<MockResponse, Unclear> {
    let missing = || MockResponse::not_found("Run");
    if asked.id(0).is_ok_and(|id| store.is_hidden(id)) {
        return Ok(MockResponse::detail(
            StatusCode::NOT_FOUND,
            "Run not found: the time in its id is not its start_time (violation id_time_differs)",
        ));
    }
    // A path that is no id finds nothing, as any other unknown one.
    let Ok(id) = asked.id(0) else {
        return Ok(missing());
    };
    let trace = store.open(id).and_then(|stored| stored.run());
    let Some(trace) = trace.map(|run| run.trace_id) else {
        return Ok(missing());
    };
    let scene = Scene::of_trace(store, trace);
    Ok(scene.find(id).map_or_else(missing, |seen| {
        let run = query::first(&scene, seen, &scene.family([seen]));
        MockResponse::json(StatusCode::OK, &Value::Object(run))
    }))
}

/// `POST /runs/query`
pub(super) fn query(store: &Store, asked: &Asked<'_>) -> Result<MockResponse, Unclear> {
    let fields = asked.json()?;
    let body = Body(&fields);
    let conditions = Conditions::first(body)?;
    let wanted = wanted(body)?;
    let scene = query::scene_for(store, &conditions, wanted);
    page(&scene, &conditions, body, wanted)
}

/// Reads which page is asked for, and in which order.
pub(super) fn wanted(body: Body<'_>) -> Result<Wanted, Unclear> {
    let ascending = match body.text("order")? {
        None | Some("desc") => false,
        Some("asc") => true,
        Some(other) => return Err(Unclear::Field(format!("\"order\" is {other:?}"))),
    };
    Ok(Wanted {
        ascending,
        after: Cursor::parse(body.text("cursor")?)?,
        limit: body.page("limit", PAGE, PAGE)?,
    })
}

/// Answers with a page of what fulfils the conditions.
pub(super) fn page(
    scene: &Scene<'_>,
    conditions: &Conditions,
    body: Body<'_>,
    wanted: Wanted,
) -> Result<MockResponse, Unclear> {
    let select = body.texts("select")?;
    if let Some(odd) = select
        .iter()
        .flatten()
        .find(|name| !SELECTABLE.contains(&name.as_str()))
    {
        return Err(Unclear::Field(format!("{odd:?} cannot be selected")));
    }
    let found = conditions.find(scene, wanted.ascending);
    // With a trace given there are no pages.
    let (page, next) = match conditions.trace {
        Some(_) => (found, None),
        None => query::cut(found, wanted),
    };
    let family = scene.family(page.iter().copied());
    let runs: Vec<Value> = page
        .into_iter()
        .map(|seen| query::selected(query::first(scene, seen, &family), select.as_deref()).into())
        .collect();
    Ok(MockResponse::json(
        StatusCode::OK,
        &json!({ "runs": runs, "cursors": { "next": next, "prev": null } }),
    ))
}

/// `POST /runs/stats`
pub(super) fn stats(store: &Store, asked: &Asked<'_>) -> Result<MockResponse, Unclear> {
    let fields = asked.json()?;
    let conditions = Conditions::first(Body(&fields))?;
    let scene = query::scene_for(store, &conditions, Wanted::ALL);
    let found = conditions.find(&scene, false);
    let stats = query::stats(&found);
    Ok(MockResponse::json(StatusCode::OK, &stats.into()))
}
