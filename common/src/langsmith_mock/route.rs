//! Which endpoint a path means.

use http::Method;

/// An endpoint of LangSmith. Those of the first version of the API are served with and without the
/// prefix `/api/v1` (or `/api`), those of the second under `/api/v2`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Route {
    /// `GET /info`
    Info,
    /// `POST /runs/multipart`
    Multipart,
    /// `POST /runs/batch`
    Batch,
    /// `POST /runs`
    CreateRun,
    /// `PATCH /runs/{id}`
    UpdateRun,
    /// `POST /otel/v1/traces`
    OtlpTraces,
    /// `GET /runs/{id}`
    ReadRun,
    /// `POST /runs/query`
    QueryRuns,
    /// `POST /runs/stats`
    RunStats,
    /// `PUT`, `GET` and `DELETE /runs/{id}/share`
    ShareRun,
    /// `GET /public/{token}/run`, `GET /public/{token}/run/{id}`
    PublicRun,
    /// `POST /public/{token}/runs/query`
    PublicRuns,
    /// `GET` and `POST /sessions`
    Sessions,
    /// `GET`, `PATCH` and `DELETE /sessions/{id}`
    Session,
    /// `GET /settings`
    Settings,
    /// `GET` and `POST /feedback`
    Feedback,
    /// `GET`, `PATCH` and `DELETE /feedback/{id}`
    FeedbackItem,
    /// `POST /api/v2/runs/query`
    QueryRunsV2,
    /// `GET /api/v2/runs/{id}`
    ReadRunV2,
    /// `GET /api/v2/runs/{id}/url`
    RunUrlV2,
    /// `POST` and `DELETE /api/v2/runs/{id}/share`
    ShareRunV2,
    /// `GET /api/v2/public/{token}/run/{id}`
    PublicRunV2,
    /// `POST /api/v2/public/{token}/runs/query`
    PublicRunsV2,
    /// `POST /api/v2/traces/query`
    QueryTracesV2,
    /// `GET /api/v2/traces/{id}/runs`
    TraceRunsV2,
    /// `POST /api/v2/threads/query`
    QueryThreadsV2,
    /// `POST /api/v2/threads/stats`
    ThreadsStatsV2,
    /// `GET /api/v2/threads/{id}/traces`
    ThreadTracesV2,
    /// `GET /api/v2/threads/{id}/stats`
    ThreadStatsV2,
    /// `GET /` and what is below `/playground`, `/traces`, `/viewer` and `/violations`: the pages for people; `POST
    /// /playground` too. Faults and latency leave them alone.
    Viewer,
    /// `GET /_stand_in/dump`, everything stored as JSON; no such path exists at LangSmith
    Dump,
    /// `GET /_stand_in/capture`, everything that arrived, as lines that the trace doctor reads
    Capture,
    /// `GET /_stand_in/attachments/{run}/{name}`, where a run's JSON points for its files
    Attachment,
}

impl Route {
    /// Returns true for what a browser may be shown without a key; the host name is checked instead.
    pub(super) fn is_page(self) -> bool {
        matches!(
            self,
            Self::Viewer | Self::Dump | Self::Capture | Self::Attachment
        )
    }

    /// Returns true for what gives away what others sent, or changes it. Any key opens, so a web page
    /// that lets its own name point at this machine could ask as well.
    pub(super) fn tells(self) -> bool {
        !matches!(
            self,
            Self::Info
                | Self::Multipart
                | Self::Batch
                | Self::CreateRun
                | Self::UpdateRun
                | Self::OtlpTraces
        )
    }

    /// Returns true for what needs no key at LangSmith either.
    pub(super) fn is_public(self) -> bool {
        matches!(
            self,
            Self::Info
                | Self::PublicRun
                | Self::PublicRuns
                | Self::PublicRunV2
                | Self::PublicRunsV2
        )
    }
}

/// A path that was understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Found {
    /// The route, and what stands in the path's variable places.
    Route(Route, Vec<String>),
    /// The path is known, the method does not fit.
    WrongMethod,
    Nothing,
}

pub(super) fn find(method: &Method, path: &str) -> Found {
    let mut parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    let second = parts.starts_with(&["api", "v2"]);
    for prefix in [&["api", "v2"][..], &["api", "v1"], &["api"]] {
        if parts.starts_with(prefix) {
            parts.drain(..prefix.len());
            break;
        }
    }
    let found = if second {
        second_version(&parts)
    } else {
        first_version(&parts)
    };
    let Some((routes, variables)) = found else {
        return Found::Nothing;
    };
    routes
        .iter()
        .find(|(allowed, _)| *allowed == method.as_str())
        .map_or(Found::WrongMethod, |(_, route)| {
            Found::Route(*route, variables.into_iter().map(unescaped).collect())
        })
}

fn unescaped(part: &str) -> String {
    let decoded = percent_encoding::percent_decode_str(part);
    decoded.decode_utf8_lossy().into_owned()
}

type Methods = &'static [(&'static str, Route)];

fn first_version<'a>(parts: &[&'a str]) -> Option<(Methods, Vec<&'a str>)> {
    let (routes, variables): (Methods, Vec<&str>) = match *parts {
        [] => (&[("GET", Route::Viewer)], vec![]),
        ["playground"] => (&[("GET", Route::Viewer), ("POST", Route::Viewer)], vec![]),
        [first, ..] if super::viewer::PATHS.contains(&first) => (&[("GET", Route::Viewer)], vec![]),
        ["_stand_in", "dump"] => (&[("GET", Route::Dump)], vec![]),
        ["_stand_in", "capture"] => (&[("GET", Route::Capture)], vec![]),
        ["_stand_in", "attachments", run, name] => (&[("GET", Route::Attachment)], vec![run, name]),
        ["info"] => (&[("GET", Route::Info)], vec![]),
        ["otel", "v1", "traces"] => (&[("POST", Route::OtlpTraces)], vec![]),
        ["runs"] => (&[("POST", Route::CreateRun)], vec![]),
        ["runs", "multipart"] => (&[("POST", Route::Multipart)], vec![]),
        ["runs", "batch"] => (&[("POST", Route::Batch)], vec![]),
        ["runs", "query"] => (&[("POST", Route::QueryRuns)], vec![]),
        ["runs", "stats"] => (&[("POST", Route::RunStats)], vec![]),
        ["runs", id] => (
            &[("GET", Route::ReadRun), ("PATCH", Route::UpdateRun)],
            vec![id],
        ),
        ["runs", id, "share"] => (
            &[
                ("PUT", Route::ShareRun),
                ("GET", Route::ShareRun),
                ("DELETE", Route::ShareRun),
            ],
            vec![id],
        ),
        ["public", token, "run"] => (&[("GET", Route::PublicRun)], vec![token]),
        ["public", token, "run", id] => (&[("GET", Route::PublicRun)], vec![token, id]),
        ["public", token, "runs", "query"] => (&[("POST", Route::PublicRuns)], vec![token]),
        ["sessions"] => (
            &[("GET", Route::Sessions), ("POST", Route::Sessions)],
            vec![],
        ),
        ["sessions", id] => (
            &[
                ("GET", Route::Session),
                ("PATCH", Route::Session),
                ("DELETE", Route::Session),
            ],
            vec![id],
        ),
        ["settings"] => (&[("GET", Route::Settings)], vec![]),
        ["feedback"] => (
            &[("GET", Route::Feedback), ("POST", Route::Feedback)],
            vec![],
        ),
        ["feedback", id] => (
            &[
                ("GET", Route::FeedbackItem),
                ("PATCH", Route::FeedbackItem),
                ("DELETE", Route::FeedbackItem),
            ],
            vec![id],
        ),
        _ => return None,
    };
    Some((routes, variables))
}

fn second_version<'a>(parts: &[&'a str]) -> Option<(Methods, Vec<&'a str>)> {
    let (routes, variables): (Methods, Vec<&str>) = match *parts {
        ["runs", "query"] => (&[("POST", Route::QueryRunsV2)], vec![]),
        ["runs", id] => (&[("GET", Route::ReadRunV2)], vec![id]),
        ["runs", id, "url"] => (&[("GET", Route::RunUrlV2)], vec![id]),
        ["runs", id, "share"] => (
            &[("POST", Route::ShareRunV2), ("DELETE", Route::ShareRunV2)],
            vec![id],
        ),
        ["public", token, "run", id] => (&[("GET", Route::PublicRunV2)], vec![token, id]),
        ["public", token, "runs", "query"] => (&[("POST", Route::PublicRunsV2)], vec![token]),
        ["traces", "query"] => (&[("POST", Route::QueryTracesV2)], vec![]),
        ["traces", id, "runs"] => (&[("GET", Route::TraceRunsV2)], vec![id]),
        ["threads", "query"] => (&[("POST", Route::QueryThreadsV2)], vec![]),
        ["threads", "stats"] => (&[("POST", Route::ThreadsStatsV2)], vec![]),
        ["threads", id, "traces"] => (&[("GET", Route::ThreadTracesV2)], vec![id]),
        ["threads", id, "stats"] => (&[("GET", Route::ThreadStatsV2)], vec![id]),
        _ => return None,
    };
    Some((routes, variables))
}
