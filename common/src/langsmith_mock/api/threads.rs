//! Threads: the traces of one conversation.

use http::StatusCode;
use serde_json::{Value, json};

use super::Asked;
use super::v2::{required, since};
use crate::langsmith_mock::query::{self, Body, Conditions, Cursor, Seen, Unclear, Wanted};
use crate::langsmith_mock::request::MockResponse;
use crate::langsmith_mock::store::Store;
use crate::model::JsonMap;

/// A thread's id, and its traces' roots, oldest first.
type Thread<'s, 'a> = (String, Vec<&'s Seen<'a>>);

/// Returns the threads of root runs, that with the latest trace first.
fn threads<'s, 'a>(roots: Vec<&'s Seen<'a>>) -> Vec<Thread<'s, 'a>> {
    let mut threads: Vec<Thread<'s, 'a>> = Vec::new();
    for root in roots {
        let Some(id) = &root.thread else { continue };
        match threads.iter_mut().find(|(has, _)| has == id) {
            Some((_, traces)) => traces.insert(0, root),
            None => threads.push((id.clone(), vec![root])),
        }
    }
    threads
}

/// Reads a question about the roots of a project, the latest first.
fn roots_of(asked: &Asked<'_>, body: Body<'_>) -> Result<Conditions, Unclear> {
    let Some(project) = body.id("project_id")? else {
        return Err(Unclear::Field("\"project_id\" is required".to_owned()));
    };
    let mut conditions = Conditions::second(body)?;
    conditions.sessions = Some(vec![project]);
    conditions.is_root = Some(true);
    conditions.from = conditions.from.or(since(asked.at));
    Ok(conditions)
}

/// `POST /api/v2/threads/query`
pub(super) fn query(store: &Store, asked: &Asked<'_>) -> Result<MockResponse, Unclear> {
    let fields = asked.json()?;
    let body = Body(&fields);
    let conditions = roots_of(asked, body)?;
    let scene = query::scene_for(store, &conditions, Wanted::ALL);
    let all = threads(conditions.find(&scene, false));
    let limit = body.page("page_size", 20, 100)?;
    // The cursor is the thread that the page ended with.
    let begin = match body.text("cursor")? {
        None => 0,
        Some(cursor) => {
            let place = all.iter().position(|(id, _)| id == cursor);
            place.ok_or_else(|| "\"cursor\" is none that was given out".to_owned())? + 1
        }
    };
    let end = (begin + limit).min(all.len());
    let page = &all[begin..end];
    let next = page.last().filter(|_| end < all.len()).map(|(id, _)| id);
    let items: Vec<Value> = page.iter().map(described).collect();
    Ok(MockResponse::json(
        StatusCode::OK,
        &json!({ "items": items, "next_cursor": next }),
    ))
}

fn described((id, traces): &Thread<'_, '_>) -> Value {
    let figures = query::stats(traces);
    let (first, last) = (traces.first(), traces.last());
    let preview = |fields: Option<&JsonMap>| fields.map(query::preview);
    let failed = |seen: &&&Seen<'_>| seen.run.error.is_some();
    let last_error = traces.iter().rev().find(failed);
    json!({
        "thread_id": id,
        "count": traces.len(),
        "trace_id": last.map(|seen| seen.run.id),
        "first_trace_id": first.map(|seen| seen.run.id),
        "last_trace_id": last.map(|seen| seen.run.id),
        "first_inputs": first.and_then(|seen| preview(seen.run.inputs.as_ref())),
        "last_outputs": last.and_then(|seen| preview(seen.run.outputs.as_ref())),
        "last_error": last_error.and_then(|seen| seen.run.error.clone()),
        "start_time": last.map(|seen| seen.run.start_time),
        "min_start_time": first.map(|seen| seen.run.start_time),
        "max_start_time": last.map(|seen| seen.run.start_time),
        "num_errored_turns": traces.iter().filter(failed).count(),
        "latency_p50": figures["latency_p50"],
        "latency_p99": figures["latency_p99"],
        "total_tokens": figures["total_tokens"],
        "total_cost": figures["total_cost"],
        "feedback_stats": figures["feedback_stats"],
    })
}

/// `POST /api/v2/threads/stats`: figures over all threads of a project.
pub(super) fn aggregate(store: &Store, asked: &Asked<'_>) -> Result<MockResponse, Unclear> {
    let fields = asked.json()?;
    let body = Body(&fields);
    let conditions = roots_of(asked, body)?;
    let select = body.texts("select")?.unwrap_or_default();
    let scene = query::scene_for(store, &conditions, Wanted::ALL);
    let threads = threads(conditions.find(&scene, false));
    let traces: Vec<&Seen<'_>> = threads
        .iter()
        .flat_map(|(_, traces)| traces)
        .copied()
        .collect();
    let mut figures = query::stats(&traces);
    figures.insert("thread_count".to_owned(), json!(threads.len()));
    figures.insert("trace_count".to_owned(), json!(traces.len()));
    Ok(MockResponse::json(
        StatusCode::OK,
        &chosen(figures, &select),
    ))
}

fn chosen(mut figures: JsonMap, selects: &[String]) -> Value {
    let chosen: JsonMap = selects
        .iter()
        .map(|name| name.to_ascii_lowercase())
        .map(|name| {
            let value = figures.get_mut(&name).map_or(Value::Null, Value::take);
            let details = name.ends_with("_details");
            let value = if details {
                json!({ "raw": value })
            } else {
                value
            };
            (name, value)
        })
        .collect();
    Value::Object(chosen)
}

/// `GET /api/v2/threads/{id}/traces`
pub(super) fn traces(store: &Store, asked: &Asked<'_>) -> Result<MockResponse, Unclear> {
    let request = asked.request;
    let mut conditions = Conditions::of_session(required(asked, "project_id")?);
    conditions.thread = Some(asked.part(0).to_owned());
    conditions.is_root = Some(true);
    conditions.and_filter(request.query_value("filter").as_deref())?;
    let scene = query::scene_for(store, &conditions, Wanted::ALL);
    let found = conditions.find(&scene, true);
    let total = found.len();
    let limit = request
        .query_number("page_size")
        .unwrap_or(20)
        .clamp(1, 100);
    let cursor = request.query_value("cursor");
    let wanted = Wanted {
        ascending: true,
        after: Cursor::parse(cursor.as_deref())?,
        limit,
    };
    let (page, next) = query::cut(found, wanted);
    let family = scene.family(page.iter().copied());
    let selects = request.query_values("selects");
    let items: Vec<Value> = page
        .iter()
        .enumerate()
        .map(|(turn, seen)| {
            let mut item = query::second(&scene, seen, &family, &selects);
            item.remove("id");
            item.insert("trace_id".to_owned(), json!(seen.run.trace_id));
            for (name, value) in [
                ("latency", json!(seen.latency())),
                ("turn_number", json!(turn + 1)),
            ] {
                if let Some(field) = item.get_mut(name) {
                    *field = value;
                }
            }
            Value::Object(item)
        })
        .collect();
    Ok(MockResponse::json(
        StatusCode::OK,
        &json!({ "items": items, "next_cursor": next, "total": total }),
    ))
}

/// `GET /api/v2/threads/{id}/stats`
pub(super) fn stats(store: &Store, asked: &Asked<'_>) -> Result<MockResponse, Unclear> {
    let request = asked.request;
    let mut conditions = Conditions::of_session(required(asked, "session_id")?);
    conditions.thread = Some(asked.part(0).to_owned());
    conditions.is_root = Some(true);
    conditions.and_filter(request.query_value("filter").as_deref())?;
    let scene = query::scene_for(store, &conditions, Wanted::ALL);
    let found = conditions.find(&scene, true);
    let mut figures = query::stats(&found);
    let times = || found.iter().map(|seen| seen.run.start_time);
    for (name, value) in [
        ("turns", json!(found.len())),
        ("first_start_time", json!(times().min())),
        ("last_start_time", json!(times().max())),
        (
            "last_end_time",
            json!(found.iter().filter_map(|seen| seen.run.end_time).max()),
        ),
    ] {
        figures.insert(name.to_owned(), value);
    }
    let selects = request.query_values("selects");
    Ok(MockResponse::json(
        StatusCode::OK,
        &chosen(figures, &selects),
    ))
}
