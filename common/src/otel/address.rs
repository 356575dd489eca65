//! Where LangSmith takes spans.

use crate::client::is_hosted;
use crate::export::DEFAULT_ENDPOINT;

/// Returns the whole address that spans go to, for an address of LangSmith.
///
/// | address | spans |
/// |---|---|
/// | hosted, any region: `https://eu.api.smith.langchain.com` | `…/otel/v1/traces` |
/// | self-hosted: `https://host`, `https://host/api`, `https://host/api/v1` | `https://host/api/v1/otel/v1/traces` |
/// | ends in `/otel`, as OpenTelemetry's variables have it | `…/otel/v1/traces` |
/// | ends in `/v1/traces`: a collector, or all said | as it is |
///
/// ```
/// use common::client::Region;
/// use common::otel::traces_url;
///
/// assert_eq!(traces_url(Region::Eu.endpoint()), "https://eu.api.smith.langchain.com/otel/v1/traces");
/// assert_eq!(traces_url("https://langsmith.example/api/v1"), "https://langsmith.example/api/v1/otel/v1/traces");
/// assert_eq!(traces_url("http://127.0.0.1:4318/v1/traces"), "http://127.0.0.1:4318/v1/traces");
/// ```
pub fn traces_url(endpoint: &str) -> String {
    let base = match endpoint.trim().trim_end_matches('/') {
        "" => DEFAULT_ENDPOINT,
        base => base,
    };
    let rest = if base.ends_with("/v1/traces") {
        ""
    } else if base.ends_with("/otel") {
        "/v1/traces"
    } else if base.ends_with("/api/v1") || is_hosted(base) {
        // The short way is there at the hosted service alone.
        "/otel/v1/traces"
    } else if base.ends_with("/api") {
        "/v1/otel/v1/traces"
    } else {
        "/api/v1/otel/v1/traces"
    };
    format!("{base}{rest}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_an_address_ends_where_spans_are_taken() {
        for (address, spans) in [
            ("", "https://api.smith.langchain.com/otel/v1/traces"),
            (
                "https://api.smith.langchain.com/",
                "https://api.smith.langchain.com/otel/v1/traces",
            ),
            (
                "https://apac.api.smith.langchain.com:443/api/v1",
                "https://apac.api.smith.langchain.com:443/api/v1/otel/v1/traces",
            ),
            (
                "https://api.smith.langchain.com.example",
                "https://api.smith.langchain.com.example/api/v1/otel/v1/traces",
            ),
            (
                "https://host.example/api",
                "https://host.example/api/v1/otel/v1/traces",
            ),
            (
                "http://127.0.0.1:1984",
                "http://127.0.0.1:1984/api/v1/otel/v1/traces",
            ),
            (
                "http://127.0.0.1:1984/otel/",
                "http://127.0.0.1:1984/otel/v1/traces",
            ),
        ] {
            assert_eq!(traces_url(address), spans, "{address}");
        }
    }
}
