//! What pages are made of besides HTML, and the headers that guard them.
//!
//! Start at [`find`].

use http::StatusCode;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

use super::{facts, live, shell};
use crate::langsmith_mock::core::Core;
use crate::langsmith_mock::request::{MockRequest, MockResponse};
use crate::model::RunId;

pub(super) const HTML: &str = "text/html; charset=utf-8";
pub(super) const STYLE: &str = "/viewer/viewer.css";
pub(super) const SCRIPT: &str = "/viewer/viewer.js";
pub(super) const ICON: &str = "/viewer/icon.svg";

/// Nothing but files of this server, and no script within a page.
const PAGE_POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; \
    connect-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; \
    frame-ancestors 'none'";
/// For what clients sent: it may show, and do nothing.
const FOREIGN_POLICY: &str = "default-src 'none'; sandbox; frame-ancestors 'none'";

/// The images that a browser may show; their media types are written by us, not by clients.
const IMAGES: [&str; 4] = ["image/png", "image/jpeg", "image/gif", "image/webp"];

/// Answers with a file of the pages, or with something that a client sent.
pub(super) fn find(core: &Core, request: &MockRequest, file: &str) -> MockResponse {
    let own =
        |content_type, text: &'static str| MockResponse::text(StatusCode::OK, content_type, text);
    match file {
        "viewer.css" => own("text/css; charset=utf-8", include_str!("assets/viewer.css")),
        "viewer.js" => own(
            "text/javascript; charset=utf-8",
            include_str!("assets/viewer.js"),
        ),
        "icon.svg" => own("image/svg+xml", include_str!("assets/icon.svg")),
        "events" => live::once(core),
        "run.json" => foreign(raw(core, request)),
        "attachment" => foreign(attachment(core, request)),
        _ => shell::missing(core, "There is no such file."),
    }
}

/// Adds the headers that every answer to a browser has.
pub(super) fn guarded(mut answer: MockResponse) -> MockResponse {
    let mut add = |name: &'static str, value: &str| {
        if answer.headers.iter().all(|(has, _)| *has != name) {
            answer.headers.push((name, value.to_owned()));
        }
    };
    add("content-security-policy", PAGE_POLICY);
    add("x-content-type-options", "nosniff");
    add("x-frame-options", "DENY");
    add("referrer-policy", "no-referrer");
    add("cross-origin-opener-policy", "same-origin");
    add("cross-origin-resource-policy", "same-origin");
    add("cache-control", "no-store");
    answer
}

fn foreign(mut answer: MockResponse) -> MockResponse {
    answer
        .headers
        .push(("content-security-policy", FOREIGN_POLICY.to_owned()));
    answer
}

pub(super) fn raw_href(run: RunId) -> String {
    format!("/viewer/run.json?run={run}")
}

pub(super) fn attachment_href(run: RunId, name: &str) -> String {
    let name = utf8_percent_encode(name, NON_ALPHANUMERIC);
    format!("/viewer/attachment?run={run}&name={name}")
}

/// Says whether a browser may show an attachment of this type.
pub(super) fn is_image(content_type: &str) -> bool {
    IMAGES.contains(&content_type)
}

fn asked_for(request: &MockRequest) -> Option<RunId> {
    request.query_value("run")?.parse().ok()
}

fn raw(core: &Core, request: &MockRequest) -> MockResponse {
    let state = core.state();
    let run = asked_for(request).and_then(|id| state.store.get(id.0));
    let Some(fields) = run.map(|stored| Value::Object(stored.merged())) else {
        return nothing("There is no such run.");
    };
    let text = state.scrub(&format!("{fields:#}"));
    MockResponse::text(StatusCode::OK, "application/json", text)
}

fn attachment(core: &Core, request: &MockRequest) -> MockResponse {
    let name = request.query_value("name").unwrap_or_default();
    let run = asked_for(request).and_then(|id| facts::run(&core.state(), id));
    let files = run.map(|run| run.attachments).unwrap_or_default();
    let Some(file) = files.into_iter().find(|file| file.name == name) else {
        return nothing("There is no such attachment.");
    };
    let image = IMAGES.into_iter().find(|image| *image == file.content_type);
    let content_type = image.unwrap_or("application/octet-stream");
    let mut answer = MockResponse::text(StatusCode::OK, content_type, file.data);
    if image.is_none() {
        let plain = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        let name: String = name.chars().filter(plain).take(64).collect();
        let disposition = format!("attachment; filename=\"attachment_{name}\"");
        answer.headers.push(("content-disposition", disposition));
    }
    answer
}

fn nothing(words: &'static str) -> MockResponse {
    MockResponse::text(StatusCode::NOT_FOUND, "text/plain; charset=utf-8", words)
}
