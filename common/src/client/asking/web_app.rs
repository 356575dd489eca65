//! Where people look at runs: addresses of pages, made without asking anybody.

use reqwest::Url;
use uuid::Uuid;

use crate::export::is_loopback;
use crate::model::{RunId, TraceId};

/// The web pages that belong to an API, and the addresses in it.
///
/// ```
/// use common::client::WebApp;
///
/// let host = |endpoint: &str| WebApp::of(endpoint).host().to_owned();
/// assert_eq!(host("https://api.smith.langchain.com"), "https://smith.langchain.com");
/// assert_eq!(host("https://eu.api.smith.langchain.com"), "https://eu.smith.langchain.com");
/// assert_eq!(host("https://traces.example.com/api/v1"), "https://traces.example.com");
///
/// let stand_in = WebApp::of("http://127.0.0.1:1984");
/// let trace = "01990000-0000-7000-8000-000000000001".parse()?;
/// assert_eq!(
///     stand_in.trace_in_viewer(trace).as_deref(),
///     Some("http://127.0.0.1:1984/?trace=01990000-0000-7000-8000-000000000001"),
/// );
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebApp {
    host: String,
    is_viewer: bool,
}

/// The domain of the hosted service.
const HOSTED: &str = "smith.langchain.com";

impl WebApp {
    /// Finds the pages that belong to the address of an API.
    ///
    /// As the Python SDK 0.15: the hosted service has its pages beside its API, region by region, and a
    /// self-hosted one has them where its address has `/api` or `/api/v1`. Unlike it, another address
    /// without these is taken for its own web host instead of the public one, and one on this machine
    /// for a stand-in, whose viewer answers at `/?trace=…`. If neither is so, say where:
    /// [`ClientBuilder::web_url`](crate::client::ClientBuilder::web_url).
    pub fn of(endpoint: &str) -> Self {
        let endpoint = endpoint.trim().trim_end_matches('/');
        let url = Url::parse(endpoint).ok();
        let host = url.as_ref().and_then(Url::host_str).unwrap_or_default();
        if host == HOSTED || host.ends_with(&format!(".{HOSTED}")) {
            let region = host.split('.').next().unwrap_or_default();
            let region = match region {
                "eu" | "aws" | "apac" | "dev" | "beta" => format!("{region}."),
                _ => String::new(),
            };
            return Self::at(format!("https://{region}{HOSTED}"));
        }
        let below_api = ["/api/v1", "/api"]
            .into_iter()
            .find_map(|end| endpoint.strip_suffix(end));
        Self {
            host: below_api.unwrap_or(endpoint).to_owned(),
            is_viewer: below_api.is_none() && url.as_ref().is_some_and(is_loopback),
        }
    }

    /// Names the address of the pages.
    pub fn at(host: impl Into<String>) -> Self {
        Self {
            host: host.into().trim().trim_end_matches('/').to_owned(),
            is_viewer: false,
        }
    }

    /// Returns the address in front of every page, without a `/` at its end.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Returns the page of a run. It waits for the run if that is still on its way, as a link of the
    /// Python SDK does.
    pub fn run(&self, workspace: Uuid, project: Uuid, run: RunId) -> String {
        format!("{}/r/{run}?poll=true", self.project(workspace, project))
    }

    /// Returns the page of a project.
    pub fn project(&self, workspace: Uuid, project: Uuid) -> String {
        format!("{}/o/{workspace}/projects/p/{project}", self.host)
    }

    /// Returns the page that anybody may see who has its token.
    pub fn shared(&self, token: Uuid) -> String {
        format!("{}/public/{token}/r", self.host)
    }

    /// Returns the page of a trace in a stand-in's viewer; none if the pages are LangSmith's, which need
    /// workspace and project.
    pub fn trace_in_viewer(&self, trace: TraceId) -> Option<String> {
        self.is_viewer
            .then(|| format!("{}/?trace={trace}", self.host))
    }

    /// Returns the page that the server itself names. A path that is not one of LangSmith's own would
    /// lead elsewhere (`@other.host/`), so it is none.
    pub(super) fn page(&self, app_path: &str) -> Option<String> {
        let plain = |c: char| {
            c.is_ascii_alphanumeric() || matches!(c, '/' | '-' | '_' | '.' | '?' | '=' | '&')
        };
        let ours =
            app_path.starts_with("/o/") && !app_path.contains("..") && app_path.chars().all(plain);
        ours.then(|| format!("{}{app_path}", self.host))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_form_of_an_address_has_its_web_host() {
        for (endpoint, host) in [
            (
                "https://api.smith.langchain.com",
                "https://smith.langchain.com",
            ),
            (
                "https://api.smith.langchain.com/api/v1/",
                "https://smith.langchain.com",
            ),
            (
                "https://eu.api.smith.langchain.com",
                "https://eu.smith.langchain.com",
            ),
            (
                "https://apac.api.smith.langchain.com",
                "https://apac.smith.langchain.com",
            ),
            (
                "https://aws.api.smith.langchain.com",
                "https://aws.smith.langchain.com",
            ),
            (
                "https://dev.api.smith.langchain.com",
                "https://dev.smith.langchain.com",
            ),
            (
                "https://beta.api.smith.langchain.com",
                "https://beta.smith.langchain.com",
            ),
            (
                "https://traces.example.com/api",
                "https://traces.example.com",
            ),
            (
                "https://example.com:8443/ls/api/v1",
                "https://example.com:8443/ls",
            ),
            ("https://traces.example.com", "https://traces.example.com"),
            (
                "https://eu.evil-smith.langchain.com.example",
                "https://eu.evil-smith.langchain.com.example",
            ),
            ("http://localhost:1984/api/v1", "http://localhost:1984"),
            ("http://[::1]:1984/", "http://[::1]:1984"),
        ] {
            assert_eq!(WebApp::of(endpoint).host(), host, "{endpoint}");
        }
    }

    #[test]
    fn only_an_address_of_this_machine_without_an_api_path_has_a_viewer() {
        let trace = TraceId(Uuid::from_u128(7));
        for (endpoint, is_viewer) in [
            ("http://127.0.0.1:1984", true),
            ("http://localhost:1984/", true),
            ("http://[::1]:1984", true),
            ("http://localhost:1984/api/v1", false),
            ("https://traces.example.com", false),
        ] {
            let page = WebApp::of(endpoint).trace_in_viewer(trace);
            assert_eq!(page.is_some(), is_viewer, "{endpoint}");
        }
    }

    #[test]
    fn a_path_of_the_servers_cannot_lead_to_another_host() {
        let app = WebApp::at("https://smith.langchain.com/");
        assert_eq!(
            app.page("/o/t/projects/p/s/r/i").as_deref(),
            Some("https://smith.langchain.com/o/t/projects/p/s/r/i")
        );
        for path in [
            "@evil.example/o/",
            ".evil.example/",
            "//evil.example",
            "/o/\u{1b}[31m",
            "/o/../x",
        ] {
            assert_eq!(app.page(path), None, "{path}");
        }
    }
}
