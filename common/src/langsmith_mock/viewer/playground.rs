//! The header playground: paste headers, see what becomes of them.
//!
//! Start at [`page`].

use http::Method;
use maud::html;

use super::facts;
use super::shell::{self, Here};
use crate::langsmith_mock::core::Core;
use crate::langsmith_mock::request::{MockRequest, MockResponse};
use crate::playground::read;

/// What stands in the form at first.
const EXAMPLE: &str = "langsmith-trace: 20260101T000000000000Z01990000-0000-7000-8000-00000000000a\n\
    baggage: langsmith-tags=t1, langsmith-project=proj";
/// Longest text of the form, in bytes.
const LONGEST: usize = 128 * 1024;

/// Answers with the form, and with the reading of what was sent with it; a form may come in the address or in the body.
pub(super) fn page(core: &Core, request: &MockRequest) -> MockResponse {
    let sent = match request.method {
        Method::POST => {
            let body = request.body.slice(..request.body.len().min(LONGEST * 3));
            let query = String::from_utf8_lossy(&body);
            MockRequest::new(Method::GET, &format!("/?{query}"), "").query_value("headers")
        }
        _ => request.query_value("headers"),
    };
    let counts = facts::counts(core, &core.state());
    let text = sent.as_deref().unwrap_or(EXAMPLE);
    let content = html! {
        h1 { "Header playground" }
        p { "Paste headers as they are, or what curl -v shows. They are read here as a service reads them that trusts its \
             caller; nothing is kept, and nothing leaves this machine." }
        form #playground method="post" action="/playground" {
            p { label for="headers" { "Headers" } }
            textarea #headers name="headers" rows="6" cols="100" spellcheck="false" { "\n" (super::text::visible(text)) }
            p { button type="submit" { "Read them" } }
        }
        @if sent.is_some() {
            section #reading aria-label="What becomes of them" { (read(text).markup()) }
        }
    };
    shell::page(&counts, Here::Playground, "Header playground", &content)
}
