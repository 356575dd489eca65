//! What a browser does before a page may call a service of another origin.
//!
//! ```text
//! page ──post──► OPTIONS, without the headers: may I send `baggage,content-type,langsmith-trace`?
//!                  ├─ not allowed ──► the request is never sent, and the page gets an error
//!                  └─ allowed ──────► POST, with the headers ──► PageCall
//! ```
//!
//! Start at [`Browser::on`].

use std::fmt;

use axum::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_REQUEST_HEADERS,
    ACCESS_CONTROL_REQUEST_METHOD, ORIGIN,
};
use axum::http::{HeaderMap, HeaderName};
use reqwest::Method;
use serde_json::Value;

use crate::middleware::TraceRequestExt as _;
use crate::trace::RunTree;

/// A browser with a page open, as far as calls to other origins go (the CORS protocol of the Fetch
/// standard, for requests without cookies).
///
/// ```
/// use common::lab::{Browser, Lesson};
/// use common::prelude::story;
/// use common::middleware::TracingLayer;
/// use serde_json::json;
///
/// # #[tokio::main]
/// # async fn main() {
/// let lesson = Lesson::start("cors").await;
/// // No layer answers the preflight.
/// let layer = TracingLayer::new(lesson.client("retriever").tracer());
/// let service = lesson.serve("retriever", story::retriever(layer));
/// let run = lesson.client("page").run("page").start();
/// let page = Browser::on("https://docs.example");
/// let call = page.post(&service.url("/retrieve"), &json!({"question": "why?"}), &run).await;
/// assert!(call.outcome.is_err());
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Browser {
    origin: String,
}

/// What became of a page's call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageCall {
    /// The headers for which the page asked, as the browser named them before it sent any.
    pub asked: String,
    /// The headers that the service allows, as it answered.
    pub allowed: String,
    /// The status of the request itself; or why it was not sent, as the browser's console says it.
    pub outcome: Result<u16, String>,
}

impl Browser {
    /// Opens a page of this origin, such as `https://docs.example`.
    pub fn on(origin: impl Into<String>) -> Self {
        Self {
            origin: origin.into(),
        }
    }

    /// Lets the page's script post JSON below a run.
    pub async fn post(&self, url: &str, body: &Value, run: &RunTree) -> PageCall {
        let http = super::http::http_client();
        let request = http
            .post(url)
            .json(body)
            .trace(run)
            .header(ORIGIN, &self.origin);
        let request = match request.build() {
            Ok(request) => request,
            Err(error) => return PageCall::broken(error.to_string()),
        };
        let asked = unsafe_names(request.headers());
        let preflight = http
            .request(Method::OPTIONS, url)
            .header(ORIGIN, &self.origin)
            .header(ACCESS_CONTROL_REQUEST_METHOD, "POST")
            .header(ACCESS_CONTROL_REQUEST_HEADERS, asked.join(","));
        let answer = match preflight.send().await {
            Ok(answer) => answer,
            Err(error) => return PageCall::broken(error.to_string()),
        };
        let allowed = words(answer.headers(), &ACCESS_CONTROL_ALLOW_HEADERS);
        let refused = self.refusal(&asked, &allowed, &answer);
        let outcome = match refused {
            Some(why) => Err(why),
            None => match http.execute(request).await {
                Ok(answer) => Ok(answer.status().as_u16()),
                Err(error) => Err(error.to_string()),
            },
        };
        PageCall {
            asked: asked.join(", "),
            allowed: allowed.join(", "),
            outcome,
        }
    }

    /// Says in the words of a browser's console why the request is not sent.
    fn refusal(
        &self,
        asked: &[String],
        allowed: &[String],
        answer: &reqwest::Response,
    ) -> Option<String> {
        if !answer.status().is_success() {
            return Some("the response to the preflight has no HTTP ok status".to_owned());
        }
        let origins = words(answer.headers(), &ACCESS_CONTROL_ALLOW_ORIGIN);
        if !origins
            .iter()
            .any(|origin| origin == "*" || *origin == self.origin)
        {
            return Some(
                "no access-control-allow-origin header names the page's origin".to_owned(),
            );
        }
        let is_allowed = |name: &&String| {
            allowed
                .iter()
                .any(|one| one == "*" || one.eq_ignore_ascii_case(name))
        };
        let refused = asked.iter().find(|name| !is_allowed(name))?;
        Some(format!(
            "request header field {refused} is not allowed by access-control-allow-headers"
        ))
    }
}

/// Returns the headers that a browser does not send to another origin without asking, in its order.
fn unsafe_names(headers: &HeaderMap) -> Vec<String> {
    const SAFE: [&str; 5] = [
        "accept",
        "accept-language",
        "content-language",
        "range",
        "origin",
    ];
    let mut names: Vec<String> = headers
        .keys()
        .map(|name| name.as_str().to_owned())
        .collect();
    names.retain(|name| !SAFE.contains(&name.as_str()));
    names.sort_unstable();
    names
}

fn words(headers: &HeaderMap, name: &HeaderName) -> Vec<String> {
    let lines = headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok());
    let words = lines.flat_map(|line| line.split(','));
    words.map(|word| word.trim().to_owned()).collect()
}

impl PageCall {
    fn broken(why: String) -> Self {
        Self {
            asked: String::new(),
            allowed: String::new(),
            outcome: Err(why),
        }
    }
}

impl fmt::Display for PageCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let allowed = match self.allowed.as_str() {
            "" => "nothing",
            allowed => allowed,
        };
        writeln!(f, "OPTIONS  asks for   {}", self.asked)?;
        writeln!(f, "         allowed    {allowed}")?;
        match &self.outcome {
            Ok(status) => write!(f, "POST     answered   {status}"),
            Err(why) => write!(f, "POST     not sent   {why}"),
        }
    }
}
