//! The pages of the stand-in: what arrived, for people.
//!
//! ```text
//!             ┌─ facts, derived ──► list · trace (tree with times) · run · violations · playground ──► shell ──► HTML
//! GET ──host──┤
//!             └─ live (a number that grows) · files (raw JSON, attachments, style, script)
//! ```
//!
//! What runs say about themselves is foreign text: it is written by a template engine that escapes it,
//! cut, and shown with its control characters visible. No page holds a script of its own, all of them
//! read well without one, and none is shown under another name than this machine's. Start at
//! [`answer`].

#[cfg(feature = "analysis")]
mod derived;
#[cfg(feature = "analysis")]
mod facts;
#[cfg(feature = "analysis")]
mod files;
#[cfg(feature = "analysis")]
mod known;
#[cfg(feature = "analysis")]
mod list;
#[cfg(feature = "analysis")]
pub(super) mod live;
#[cfg(feature = "analysis")]
mod playground;
#[cfg(feature = "analysis")]
mod run;
#[cfg(feature = "analysis")]
mod shell;
#[cfg(feature = "analysis")]
mod text;
#[cfg(feature = "analysis")]
mod trace;
#[cfg(feature = "analysis")]
mod tree;
#[cfg(feature = "analysis")]
mod value;
#[cfg(feature = "analysis")]
mod violations;

use http::StatusCode;

#[cfg(feature = "analysis")]
pub(super) use known::Known;

use super::core::Core;
use super::request::{MockRequest, MockResponse};

/// The first part of every path below which a page or one of its files is found.
pub(super) const PATHS: [&str; 4] = ["playground", "traces", "viewer", "violations"];

/// Answers a request for a page: HTML for browsers, at `/` a line of text for everyone else.
pub(super) fn answer(core: &Core, request: &MockRequest) -> MockResponse {
    let wants_html = request
        .header("accept")
        .is_some_and(|accept| accept.contains("text/html"));
    #[cfg(feature = "analysis")]
    if wants_html || request.path != "/" {
        return files::guarded(page(core, request));
    }
    let _ = wants_html;
    let (runs, ended) = core.state().store.counts();
    MockResponse::text(
        StatusCode::OK,
        "text/plain; charset=utf-8",
        format!("A stand-in for LangSmith: {runs} runs, {ended} of them ended.\n"),
    )
}

#[cfg(feature = "analysis")]
fn page(core: &Core, request: &MockRequest) -> MockResponse {
    let id = |name: &str| request.query_value(name).and_then(|id| id.parse().ok());
    let parts: Vec<&str> = request.path.split('/').filter(|p| !p.is_empty()).collect();
    match parts.as_slice() {
        [] if request.query_value("trace").is_some() => trace::page(core, request, id("trace")),
        [] if request.query_value("run").is_some() => trace::page_of_run(core, request),
        [] => list::page(core, request),
        ["traces"] => list::page(core, request),
        ["traces", trace] => trace::page(core, request, trace.parse().ok()),
        ["playground"] => playground::page(core, request),
        ["violations"] => violations::page(core, request),
        ["viewer", file] => files::find(core, request, file),
        _ => shell::missing(core, "There is no such page."),
    }
}
