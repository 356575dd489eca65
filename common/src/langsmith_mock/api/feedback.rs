//! Feedback, made and read.

use http::{Method, StatusCode};
use serde_json::Value;
use uuid::Uuid;

use super::Asked;
use super::runs::PAGE;
use crate::langsmith_mock::core::State;
use crate::langsmith_mock::decode::read_id;
use crate::langsmith_mock::feedback;
use crate::langsmith_mock::query::Unclear;
use crate::langsmith_mock::request::MockResponse;
use crate::langsmith_mock::store::Store;
use crate::langsmith_mock::violation::{Violation, ViolationCode};
use crate::model::RunId;

/// `GET` and `POST /feedback`
pub(super) fn all(state: &mut State, asked: &Asked<'_>) -> Result<MockResponse, Unclear> {
    if *asked.method() == Method::GET {
        return Ok(list(&state.store, asked));
    }
    let fields = asked.json()?;
    if let Some(why) = feedback::objection(&fields) {
        return Err(Unclear::Field(why));
    }
    let State { store, keys, .. } = state;
    let feedback = store.feedback.receive(Value::Object(fields), asked.at);
    if let Some(run) = feedback::run_of(&feedback)
        && store.get(run).is_none()
    {
        let message = format!(
            "feedback {} is about a run that is not known",
            feedback["id"]
        );
        let code = ViolationCode::FeedbackOrphan;
        store.object(Violation::new(code, Some(RunId(run)), message).tidied(keys));
    }
    store.forget_oldest();
    Ok(MockResponse::json(StatusCode::OK, &feedback))
}

fn list(store: &Store, asked: &Asked<'_>) -> MockResponse {
    let request = asked.request;
    let runs: Vec<Uuid> = read_ids(&request.query_values("run"));
    let sessions: Vec<Uuid> = read_ids(&request.query_values("session"));
    let (keys, sources) = (request.query_values("key"), request.query_values("source"));
    let among = |wanted: &[String], has: &Value| {
        wanted.is_empty()
            || has
                .as_str()
                .is_some_and(|has| wanted.iter().any(|one| one == has))
    };
    let id = |entry: &Value, key: &str| entry[key].as_str().and_then(read_id);
    let found: Vec<Value> = store
        .feedback
        .iter()
        .rev()
        .filter(|entry| {
            runs.is_empty() || feedback::run_of(entry).is_some_and(|run| runs.contains(&run))
        })
        .filter(|entry| {
            sessions.is_empty()
                || id(entry, "session_id").is_some_and(|session| sessions.contains(&session))
        })
        .filter(|entry| among(&keys, &entry["key"]))
        .filter(|entry| among(&sources, &entry["feedback_source"]["type"]))
        .skip(request.query_number("offset").unwrap_or(0))
        .take(request.query_number("limit").unwrap_or(PAGE).min(PAGE))
        .map(whole)
        .collect();
    MockResponse::json(StatusCode::OK, &Value::Array(found))
}

fn read_ids(texts: &[String]) -> Vec<Uuid> {
    texts.iter().filter_map(|text| read_id(text)).collect()
}

/// Feedback with every field that a reader expects.
fn whole(feedback: &Value) -> Value {
    let mut whole = feedback.clone();
    if let Value::Object(fields) = &mut whole {
        for key in [
            "run_id",
            "trace_id",
            "session_id",
            "score",
            "value",
            "comment",
            "correction",
            "feedback_source",
            "extra",
        ] {
            fields.entry(key).or_insert(Value::Null);
        }
    }
    whole
}

/// `GET`, `PATCH` and `DELETE /feedback/{id}`
pub(super) fn one(store: &mut Store, asked: &Asked<'_>) -> Result<MockResponse, Unclear> {
    let id = asked.id(0)?;
    let found = match *asked.method() {
        Method::PATCH => {
            let update = asked.json()?;
            let score = update.get("score").unwrap_or(&Value::Null);
            if let Some(why) = feedback::score_objection(score) {
                return Err(Unclear::Field(why));
            }
            store.feedback.change(id, update, asked.at)
        }
        Method::DELETE => {
            if store.feedback.remove(id) {
                return Ok(MockResponse::json(StatusCode::OK, &serde_json::json!({})));
            }
            None
        }
        _ => store.feedback.get(id),
    };
    Ok(found.map_or_else(
        || MockResponse::not_found("Feedback"),
        |feedback| MockResponse::json(StatusCode::OK, &whole(feedback)),
    ))
}
