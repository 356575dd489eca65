//! What all pages share: head, navigation, and the frame that the script renews.
//!
//! Start at [`page`].

use http::StatusCode;
use maud::{DOCTYPE, Markup, html};

use super::facts::Counts;
use super::text::number;
use super::{facts, files};
use crate::langsmith_mock::core::Core;
use crate::langsmith_mock::request::{MockRequest, MockResponse};
use crate::model::{RunId, TraceId};

/// Which entry of the navigation is the present page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Here {
    List,
    Trace,
    Violations,
    Playground,
    Elsewhere,
}

/// Puts a page around its content.
///
/// The script renews every element with `data-live`; each of them needs an id.
pub(super) fn page(counts: &Counts, here: Here, title: &str, content: &Markup) -> MockResponse {
    let wrong = counts.errors + counts.warnings;
    let current = |entry: Here| (entry == here).then_some("page");
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) " · LangSmith stand-in" }
                link rel="icon" href=(files::ICON) type="image/svg+xml";
                link rel="stylesheet" href=(files::STYLE);
                script src=(files::SCRIPT) defer {}
            }
            body {
                a .skip href="#main" { "Skip to the content" }
                header .top {
                    a .brand href="/" { "LangSmith " span { "stand-in" } }
                    nav #pages data-live aria-label="Pages" {
                        a #to-traces href="/" aria-current=[current(Here::List)] { "Traces" }
                        a #to-violations href="/violations" aria-current=[current(Here::Violations)] {
                            "Violations "
                            span .pill.bad[counts.errors > 0] { (number(wrong as u64)) }
                        }
                        a href="/playground" aria-current=[current(Here::Playground)] { "Playground" }
                    }
                    div .live {
                        noscript { a href="" { "Reload" } " to see what is new" }
                        p #live role="status" aria-live="polite" {}
                    }
                }
                main #main tabindex="-1" data-version=(counts.version) { (content) }
                footer {
                    p #mode data-live {
                        @if counts.strict {
                            "Strict: a run with an error is answered with 202 and dropped, as LangSmith does."
                        } @else {
                            "Lenient: runs are kept in spite of their errors."
                        }
                        " Times are UTC. Nothing leaves this machine."
                    }
                }
            }
        }
    };
    MockResponse::text(StatusCode::OK, files::HTML, page.into_string())
}

/// Says that something is not here, with a way back.
pub(super) fn missing(core: &Core, words: &str) -> MockResponse {
    let counts = facts::counts(core, &core.state());
    let content = html! {
        h1 { "Not found" }
        p { (words) }
        p { a href="/" { "All traces" } }
    };
    let mut answer = page(&counts, Here::Elsewhere, "Not found", &content);
    answer.status = StatusCode::NOT_FOUND;
    answer
}

/// Returns the address of a trace, and of a run and a page of runs in it.
pub(super) fn trace_href(trace: TraceId, run: Option<RunId>, page: Option<usize>) -> String {
    let mut href = format!("/?trace={trace}");
    if let Some(page) = page.filter(|page| *page > 1) {
        href.push_str(&format!("&page={page}"));
    }
    if let Some(run) = run {
        href.push_str(&format!("&run={run}#run"));
    }
    href
}

/// Reads the number of a page from the query; the first is 1.
pub(super) fn page_number(request: &MockRequest) -> Option<usize> {
    let page = request.query_value("page")?.parse().ok()?;
    Some(std::cmp::max(page, 1))
}

/// Links to the pages before and after this one, if there are several.
pub(super) fn pager(now: usize, pages: usize, href: impl Fn(usize) -> String) -> Markup {
    html! {
        @if pages > 1 {
            nav .pager aria-label="Pages of this list" {
                @if now > 1 { a rel="prev" href=(href(now - 1)) { "← Previous" } }
                span { "Page " (now) " of " (pages) }
                @if now < pages { a rel="next" href=(href(now + 1)) { "Next →" } }
            }
        }
    }
}

/// Returns the endpoint under which a browser reached this page.
///
/// The name of the host was checked: it is this machine's.
pub(super) fn endpoint(request: &MockRequest) -> String {
    let host = request.header("host").unwrap_or("localhost:1984");
    format!("http://{host}")
}
