//! The page at `/`: the traces that arrived, for people.

use std::net::IpAddr;

use http::StatusCode;

use super::core::Core;
use super::request::{MockRequest, MockResponse};

/// Answers `GET /`: a page for browsers, a line of text for everyone else.
pub(super) fn page(core: &Core, request: &MockRequest) -> MockResponse {
    let accepts_html = request
        .header("accept")
        .is_some_and(|accept| accept.contains("text/html"));
    // A web page elsewhere may let its own name point here, to read what a browser then shows it.
    if !request.header("host").is_none_or(names_this_machine) {
        return MockResponse::detail(StatusCode::FORBIDDEN, "open this page by its address");
    }
    #[cfg(feature = "analysis")]
    if accepts_html {
        return html::page(core, request);
    }
    let _ = accepts_html;
    let (runs, ended) = core.state().store.counts();
    MockResponse::text(
        StatusCode::OK,
        "text/plain; charset=utf-8",
        format!("A stand-in for LangSmith: {runs} runs, {ended} of them ended.\n"),
    )
}

fn names_this_machine(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    let name = name.trim_start_matches('[').trim_end_matches(']');
    name.eq_ignore_ascii_case("localhost")
        || name
            .parse()
            .is_ok_and(|address: IpAddr| address.is_loopback())
}

#[cfg(feature = "analysis")]
mod html {
    use http::StatusCode;
    use maud::{DOCTYPE, Markup, html};

    use crate::analysis::text_tree;
    use crate::langsmith_mock::core::Core;
    use crate::langsmith_mock::request::{MockRequest, MockResponse};
    use crate::langsmith_mock::violation::Violation;
    use crate::model::{Run, RunStatus, TraceId, TraceTree};

    const STYLE: &str = "\
        :root{color-scheme:light dark}\
        body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}\
        ul{list-style:none;padding-left:1.5rem;border-left:1px solid #8888}\
        code,small{opacity:.75}.error{font-weight:bold}";

    /// Traces on one page at most.
    const SHOWN: usize = 200;

    pub(super) fn page(core: &Core, request: &MockRequest) -> MockResponse {
        let wanted: Option<TraceId> = request.query_value("trace").and_then(|id| id.parse().ok());
        let (tree, violations) = {
            let state = core.state();
            let tree = match wanted {
                Some(trace) => TraceTree::build(state.store.runs_of(trace)),
                None => TraceTree::build(state.store.runs()),
            };
            let violations: Vec<Violation> = state.store.violations.iter().cloned().collect();
            (tree, violations)
        };
        let body = match wanted {
            Some(trace) => one(&tree, trace),
            None => all(&tree, &violations),
        };
        let page = html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width";
                    title { "LangSmith stand-in" }
                    style { (STYLE) }
                }
                body { (body) }
            }
        };
        let mut answer = MockResponse::text(
            StatusCode::OK,
            "text/html; charset=utf-8",
            page.into_string(),
        );
        answer.headers = vec![
            (
                "content-security-policy",
                "default-src 'none'; style-src 'unsafe-inline'".to_owned(),
            ),
            ("x-content-type-options", "nosniff".to_owned()),
        ];
        answer
    }

    fn all(tree: &TraceTree, violations: &[Violation]) -> Markup {
        let mut tops: Vec<usize> = tree.tops().to_vec();
        tops.reverse();
        html! {
            h1 { "Traces" }
            @if tops.is_empty() { p { "No run has arrived yet." } }
            ul {
                @for top in tops.iter().take(SHOWN) {
                    @let node = &tree.nodes()[*top];
                    li {
                        a href={ "/?trace=" (node.run.trace_id) } { (line(&node.run)) }
                        @if node.is_orphan() { small { " orphan: its parent never arrived" } }
                    }
                }
            }
            @if tops.len() > SHOWN { p { (tops.len() - SHOWN) " older ones are not shown." } }
            h2 { "Violations" }
            @if violations.is_empty() { p { "None." } }
            ul { @for violation in violations.iter().rev().take(SHOWN) { li { (violation) } } }
        }
    }

    fn one(tree: &TraceTree, trace: TraceId) -> Markup {
        html! {
            p { a href="/" { "All traces" } }
            h1 { "Trace " code { (trace) } }
            pre { (text_tree(tree).to_string()) }
        }
    }

    fn line(run: &Run) -> Markup {
        let took = run.latency().map(|took| took.num_milliseconds());
        let failed = run.status() == RunStatus::Error;
        html! {
            span .error[failed] { (run.name) }
            " " small {
                (run.run_type) " · " (run.status())
                @if let Some(took) = took { " · " (took) " ms" }
            }
            @if let Some(error) = &run.error { " " (error.lines().next().unwrap_or_default()) }
        }
    }
}
