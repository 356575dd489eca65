//! `LANGSMITH_RUNS_ENDPOINTS`: replicas as JSON.

use http::HeaderValue;
use serde_json::Value;

use crate::client::replica::Replica;
use crate::export::{Destination, check_endpoint};
use crate::model::JsonMap;

/// Reads the replicas of a value. An item that cannot be used is left out, with a warning that shows
/// nothing of what may be a key.
///
/// # Errors
/// With the reason, if nothing of it can be used.
pub(super) fn read(
    variable: &str,
    text: &str,
    warnings: &mut Vec<String>,
) -> Result<Vec<Replica>, String> {
    let value: Value =
        serde_json::from_str(text).map_err(|error| format!("no JSON, {}", place(&error)))?;
    let mut replicas = Vec::new();
    let mut first_bad = None;
    let mut take = |name: String, item: Result<Replica, &'static str>| match item {
        Ok(replica) => replicas.push(replica),
        Err(why) => {
            warnings.push(format!("{variable}: {name} is left out, {why}"));
            first_bad.get_or_insert(format!("{name} cannot be used, {why}"));
        }
    };
    match value {
        Value::Array(items) => {
            for (at, item) in items.iter().enumerate() {
                take(format!("item {}", at + 1), from_item(item));
            }
        }
        Value::Object(pairs) => {
            for (at, (url, key)) in pairs.iter().enumerate() {
                let key = key.as_str().ok_or("its key is no text");
                take(
                    format!("entry {}", at + 1),
                    key.and_then(|key| at_address(url, key)),
                );
            }
        }
        _ => return Err("neither a list nor an object".to_owned()),
    }
    if replicas.is_empty() {
        return Err(first_bad.unwrap_or_else(|| "it is empty".to_owned()));
    }
    Ok(replicas)
}

fn from_item(item: &Value) -> Result<Replica, &'static str> {
    let item = item.as_object().ok_or("it is no object")?;
    let url = text(item, "api_url", "its api_url is no text")?.ok_or("it has no api_url")?;
    let key = text(item, "api_key", "its api_key is no text")?.ok_or("it has no api_key")?;
    let mut replica = at_address(url, key)?;
    replica.project = text(item, "project_name", "its project_name is no text")?
        .filter(|project| !project.trim().is_empty())
        .map(str::to_owned);
    // As in the Python SDK, a workspace that is no text spoils nothing else.
    replica.workspace_id = item
        .get("workspace_id")
        .and_then(Value::as_str)
        .map(str::trim)
        .filter(|workspace| !workspace.is_empty())
        .map(str::to_owned);
    if !replica.workspace_id.as_deref().is_none_or(fits_a_header) {
        return Err("its workspace_id has a character that a header cannot carry");
    }
    replica.primary = match item.get("primary") {
        None => None,
        Some(primary) => Some(
            primary
                .as_bool()
                .ok_or("its primary is not true or false")?,
        ),
    };
    Ok(replica)
}

/// Returns a text of an item; none if it is not there or null.
fn text<'a>(
    item: &'a JsonMap,
    name: &str,
    otherwise: &'static str,
) -> Result<Option<&'a str>, &'static str> {
    match item.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(otherwise),
    }
}

fn at_address(url: &str, key: &str) -> Result<Replica, &'static str> {
    let url = url.trim().trim_end_matches('/');
    check_endpoint(url)?;
    if key.trim().is_empty() {
        return Err("its key is blank");
    }
    if !fits_a_header(key.trim()) {
        return Err("its key has a character that a header cannot carry");
    }
    let mut replica = Replica::at(Destination::new(url).api_key(key));
    replica.listed = true;
    Ok(replica)
}

fn fits_a_header(text: &str) -> bool {
    HeaderValue::from_str(text).is_ok()
}

/// Says where the JSON ends to be JSON, and no word of what stands there.
fn place(error: &serde_json::Error) -> String {
    format!("from line {}, column {} on", error.line(), error.column())
}
