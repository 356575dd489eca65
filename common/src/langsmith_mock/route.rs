//! Which endpoint a path means.

use http::Method;
use uuid::Uuid;

/// An endpoint of LangSmith, with or without the prefix `/api/v1`.
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
    /// `GET /runs/{id}`
    ReadRun,
    /// `POST /runs/query`
    QueryRuns,
    /// `GET` and `POST /sessions`, `GET /sessions/{id}`
    Sessions,
    /// `GET /settings`
    Settings,
    /// `POST /feedback`
    Feedback,
    /// `GET /` and what is below `/traces`, `/viewer` and `/violations`: the pages for people. Faults
    /// and latency leave them alone.
    Viewer,
}

/// A path that was understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Found {
    Route(Route, Option<String>),
    /// The path is known, the method does not fit.
    WrongMethod,
    Nothing,
}

pub(super) fn find(method: &Method, path: &str) -> Found {
    let path = path.strip_prefix("/api/v1").unwrap_or(path);
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    let (get, post, patch) = (Method::GET, Method::POST, Method::PATCH);
    let (routes, id): (&[(Method, Route)], Option<&str>) = match parts.as_slice() {
        [] => (&[(get, Route::Viewer)], None),
        [first, ..] if super::viewer::PATHS.contains(first) => (&[(get, Route::Viewer)], None),
        ["info"] => (&[(get, Route::Info)], None),
        ["runs"] => (&[(post, Route::CreateRun)], None),
        ["runs", "multipart"] => (&[(post, Route::Multipart)], None),
        ["runs", "batch"] => (&[(post, Route::Batch)], None),
        ["runs", "query"] => (&[(post, Route::QueryRuns)], None),
        ["runs", id] => (
            &[(get, Route::ReadRun), (patch, Route::UpdateRun)],
            Some(id),
        ),
        ["sessions"] => (&[(get, Route::Sessions), (post, Route::Sessions)], None),
        ["sessions", id] if Uuid::parse_str(id).is_ok() => (&[(get, Route::Sessions)], Some(id)),
        ["settings"] => (&[(get, Route::Settings)], None),
        ["feedback"] => (&[(post, Route::Feedback)], None),
        _ => return Found::Nothing,
    };
    routes
        .iter()
        .find(|(allowed, _)| allowed == method)
        .map_or(Found::WrongMethod, |(_, route)| {
            Found::Route(*route, id.map(str::to_owned))
        })
}
