//! Runs as the API returns them, in both of its versions.

use serde_json::{Value, json};
use uuid::Uuid;

use super::scene::{Scene, Seen};
use super::stats::feedback_stats;
use crate::langsmith_mock::family::Family;
use crate::langsmith_mock::projects::TENANT;
use crate::langsmith_mock::violation::cut;
use crate::model::{JsonMap, RunStatus};

/// Characters of inputs and outputs in a preview.
const PREVIEW: usize = 150;

/// Fields that a run has whatever was selected: no SDK can read one without them.
const ALWAYS: [&str; 8] = [
    "id",
    "name",
    "run_type",
    "start_time",
    "trace_id",
    "dotted_order",
    "session_id",
    "status",
];

/// Returns a run as the first version does: what was sent, and what is derived.
pub(in crate::langsmith_mock) fn first(
    scene: &Scene<'_>,
    seen: &Seen<'_>,
    family: &Family<'_>,
) -> JsonMap {
    let run = &seen.run;
    let mut fields = seen.stored.merged();
    let ancestors: Vec<Uuid> = run
        .dotted_order
        .segments()
        .iter()
        .map(|segment| segment.id.0)
        .filter(|id| *id != run.id.0)
        .collect();
    let own = json!({
        "id": run.id,
        "trace_id": run.trace_id,
        "name": run.name,
        "run_type": run.run_type,
        "start_time": run.start_time,
        "end_time": run.end_time,
        "status": run.status(),
        "error": run.error,
        "latency": seen.latency(),
        "tags": run.tags,
        "events": run.events,
        "extra": run.extra,
        "inputs": run.inputs.clone().unwrap_or_default(),
        "outputs": run.outputs,
        "inputs_preview": run.inputs.as_ref().map(preview),
        "outputs_preview": run.outputs.as_ref().map(preview),
        "s3_urls": files(seen),
        "reference_example_id": run.reference_example_id,
    });
    let begins = scene.begins(run.trace_id);
    let place = json!({
        "is_root": run.is_root(),
        "depth": run.dotted_order.depth(),
        "parent_run_id": run.parent_run_id,
        "parent_run_ids": ancestors,
        "direct_child_run_ids": family.children(run),
        "child_run_ids": family.below(run),
        "session_id": seen.session,
        "thread_id": seen.thread,
        "trace_min_start_time": begins.map(|(first, _)| first),
        "trace_max_start_time": begins.map(|(_, last)| last),
        "app_path": format!("/o/{TENANT}/projects/p/{}/r/{}", seen.session, run.id),
        "share_token": scene.store.shares.token_of(run.id.0),
        "feedback_stats": feedback_stats(&seen.feedback),
        "first_token_time": seen.first_token,
    });
    let never = json!({
        "reference_dataset_id": null,
        "manifest_id": null,
        "price_model_id": null,
        "last_queued_at": null,
        "in_dataset": false,
        "trace_tier": "longlived",
        "trace_upgrade": false,
    });
    for part in [own, place, usage(seen), never] {
        if let Value::Object(part) = part {
            fields.extend(part);
        }
    }
    fields
}

fn usage(seen: &Seen<'_>) -> Value {
    let tally = seen.tally.clone().unwrap_or_default();
    json!({
        "prompt_tokens": tally.prompt_tokens,
        "completion_tokens": tally.completion_tokens,
        "total_tokens": tally.total_tokens,
        "prompt_token_details": tally.prompt_token_details,
        "completion_token_details": tally.completion_token_details,
        "prompt_cost": tally.prompt_cost,
        "completion_cost": tally.completion_cost,
        "total_cost": tally.total_cost,
        "prompt_cost_details": tally.prompt_cost_details,
        "completion_cost_details": tally.completion_cost_details,
    })
}

/// Leaves what was selected, and what every run has.
pub(in crate::langsmith_mock) fn selected(
    mut fields: JsonMap,
    select: Option<&[String]>,
) -> JsonMap {
    if let Some(select) = select {
        fields.retain(|key, _| {
            ALWAYS.contains(&key.as_str()) || select.iter().any(|wanted| wanted == key)
        });
    }
    fields
}

/// Returns a run as the second version does: only what was selected, and else its id.
pub(in crate::langsmith_mock) fn second(
    scene: &Scene<'_>,
    seen: &Seen<'_>,
    family: &Family<'_>,
    selects: &[String],
) -> JsonMap {
    let mut from = first(scene, seen, family);
    let mut fields = JsonMap::new();
    fields.insert("id".to_owned(), json!(seen.run.id));
    for name in selects.iter().map(|name| name.to_ascii_lowercase()) {
        let mut take = |key: &str| from.get_mut(key).map_or(Value::Null, Value::take);
        let value = match name.as_str() {
            "id" => continue,
            "project_id" => json!(seen.session),
            "latency_seconds" => json!(seen.latency()),
            "metadata" => json!(seen.run.extra.metadata),
            "error_preview" => json!(seen.run.error.clone().map(|text| cut(text, PREVIEW))),
            "run_type" => json!(seen.run.run_type.as_str().to_uppercase()),
            "status" => json!(status(seen.run.status())),
            "is_in_dataset" => json!(false),
            "manifest" => take("serialized"),
            "attachments" => json!(attachment_urls(seen)),
            "share_url" => json!(
                scene
                    .store
                    .shares
                    .token_of(seen.run.id.0)
                    .map(|token| format!("/public/{token}/r"))
            ),
            details if details.ends_with("_details") => json!({ "raw": take(details) }),
            other => take(other),
        };
        fields.insert(name, value);
    }
    fields
}

/// The second version knows three states.
fn status(status: RunStatus) -> &'static str {
    match status {
        RunStatus::Pending => "PENDING",
        RunStatus::Success => "SUCCESS",
        RunStatus::Error | RunStatus::Interrupted => "ERROR",
    }
}

/// Text for a list: the only text there is, else JSON, cut.
pub(in crate::langsmith_mock) fn preview(fields: &JsonMap) -> String {
    let mut values = fields.values();
    let text = match (values.next(), values.next()) {
        (Some(Value::String(text)), None) => text.clone(),
        _ => serde_json::to_string(fields).unwrap_or_default(),
    };
    cut(text, PREVIEW)
}

fn attachment_urls(seen: &Seen<'_>) -> JsonMap {
    let id = seen.run.id;
    let url = |name: &str| {
        let name = percent_encoding::utf8_percent_encode(name, percent_encoding::NON_ALPHANUMERIC);
        json!(format!("/_stand_in/attachments/{id}/{name}"))
    };
    let files = seen.stored.attachments().iter();
    files
        .map(|file| (file.name.clone(), url(&file.name)))
        .collect()
}

fn files(seen: &Seen<'_>) -> Value {
    let described = attachment_urls(seen).into_iter().map(|(name, url)| {
        let file = seen
            .stored
            .attachments()
            .iter()
            .find(|file| file.name == name);
        let kind = file.map(|file| file.content_type.clone());
        let entry = json!({ "presigned_url": url, "s3_url": null, "mime_type": kind });
        (format!("attachment.{name}"), entry)
    });
    let files: JsonMap = described.collect();
    if files.is_empty() {
        return Value::Null;
    }
    Value::Object(files)
}
