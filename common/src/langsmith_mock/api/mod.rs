//! Everything but ingest: runs read back, projects, feedback, links, in both versions of the API.
//!
//! ```text
//! core ─► answer ─► runs · sessions · feedback · share      /api/v1
//!            └────► v2 · threads                            /api/v2
//!         page  ─► dump · attachments                       no key, this machine's name only
//! ```
//!
//! Start at [`answer`].

mod capture;
mod dump;
mod feedback;
mod runs;
mod sessions;
mod share;
mod threads;
mod v2;

use bytes::Bytes;
use http::{Method, StatusCode};
use serde_json::json;
use uuid::Uuid;

use super::builder::{QueryBackend, ServerInfo};
use super::core::{Core, State};
use super::decode::read_id;
use super::projects::TENANT;
use super::query::Unclear;
use super::request::{MockRequest, MockResponse};
use super::route::Route;
use crate::model::{JsonMap, Timestamp};

pub(super) use capture::capture;
pub(super) use dump::dump;

/// The version of LangSmith that the stand-in claims to be: one that takes all that clients send.
const VERSION: &str = "0.18.5";

/// What is known of a question.
struct Asked<'a> {
    request: &'a MockRequest,
    /// The variable parts of the path.
    ids: &'a [String],
    body: &'a Bytes,
    at: Timestamp,
}

impl Asked<'_> {
    fn method(&self) -> &Method {
        &self.request.method
    }

    /// Returns a variable part of the path; empty if there is none.
    fn part(&self, at: usize) -> &str {
        self.ids.get(at).map_or("", String::as_str)
    }

    /// Returns a variable part of the path that has to be an id.
    fn id(&self, at: usize) -> Result<Uuid, Unclear> {
        let wrong = || Unclear::Field(format!("{:?} is no UUID", self.part(at)));
        read_id(self.part(at)).ok_or_else(wrong)
    }

    /// Returns the body as a JSON object; none is an empty one.
    fn json(&self) -> Result<JsonMap, Unclear> {
        if self.body.is_empty() {
            return Ok(JsonMap::new());
        }
        let wrong = |_| Unclear::Field("the body is no JSON object".to_owned());
        serde_json::from_slice(self.body).map_err(wrong)
    }
}

/// Answers a request that is let in and brings no runs.
pub(super) fn answer(
    core: &Core,
    request: &MockRequest,
    route: Route,
    ids: &[String],
    body: &Bytes,
    at: Timestamp,
) -> MockResponse {
    let asked = Asked {
        request,
        ids,
        body,
        at,
    };
    let mut state = core.state();
    let State { store, .. } = &mut *state;
    let answered = match route {
        Route::Settings => Ok(settings()),
        Route::ReadRun => runs::read(store, &asked),
        Route::QueryRuns => runs::query(store, &asked),
        Route::RunStats => runs::stats(store, &asked),
        Route::Sessions => sessions::all(store, &asked),
        Route::Session => sessions::one(store, &asked),
        Route::Feedback => feedback::all(&mut state, &asked),
        Route::FeedbackItem => feedback::one(store, &asked),
        Route::ShareRun => share::share(store, &asked),
        Route::PublicRun => share::public_run(store, &asked),
        Route::PublicRuns => share::public_runs(store, &asked),
        Route::ShareRunV2 => share::share_v2(store, &asked),
        Route::QueryRunsV2 => v2::query(store, &asked),
        Route::ReadRunV2 => v2::read(store, &asked),
        Route::RunUrlV2 => v2::url(store, &asked),
        Route::PublicRunV2 => v2::public_run(store, &asked),
        Route::PublicRunsV2 => v2::public_runs(store, &asked),
        Route::QueryTracesV2 => v2::traces(store, &asked),
        Route::TraceRunsV2 => v2::runs_of_trace(store, &asked),
        Route::QueryThreadsV2 => threads::query(store, &asked),
        Route::ThreadsStatsV2 => threads::aggregate(store, &asked),
        Route::ThreadTracesV2 => threads::traces(store, &asked),
        Route::ThreadStatsV2 => threads::stats(store, &asked),
        _ => Ok(MockResponse::not_found("Route")),
    };
    answered.unwrap_or_else(|unclear| unclear.answer())
}

/// Answers what needs no key, to who asked this machine by a name of its own.
pub(super) fn page(core: &Core, route: Route, ids: &[String]) -> MockResponse {
    let state = core.state();
    match route {
        Route::Attachment => dump::attachment(&state.store, ids),
        Route::Capture => {
            let at = core.settings().clock.now();
            let lines = capture(&state.store, &state.keys, at);
            MockResponse::text(StatusCode::OK, "application/jsonl", lines)
        }
        // No key is asked for, so none may stand in it.
        _ => {
            let text = state.keys.scrub(&dump(&state.store).to_string());
            MockResponse::text(StatusCode::OK, "application/json", text)
        }
    }
}

/// Answers `GET /info`.
pub(super) fn info(info: &ServerInfo) -> MockResponse {
    MockResponse::json(
        StatusCode::OK,
        &json!({
            "version": VERSION,
            "instance_flags": {
                "zstd_compression_enabled": info.zstd,
                "gzip_body_enabled": info.gzip,
                "dataset_examples_multipart_enabled": false,
                "ch_query_enabled": info.backend != QueryBackend::SmithDb,
                "sdb_query_enabled": info.backend != QueryBackend::ClickHouse,
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

fn settings() -> MockResponse {
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
