//! Addresses and headers: what they may be, and how much of them may be shown.

use std::net::IpAddr;

use reqwest::Url;
use reqwest::header::HeaderName;

use super::transport::StartError;

/// Returns an address as it may be shown: scheme, host, port and path, and nothing that may be secret.
///
/// Of what is no address not one character shows: it may be a key that was put into the wrong variable.
pub(crate) fn show_endpoint(endpoint: &str) -> String {
    let url = Url::parse(endpoint.trim()).ok();
    let url = url.filter(|url| matches!(url.scheme(), "http" | "https"));
    match url.as_ref().map(|url| (url, url.host_str())) {
        Some((url, Some(host))) => {
            let port = url.port().map(|port| format!(":{port}"));
            let shown = format!(
                "{}://{host}{}{}",
                url.scheme(),
                port.unwrap_or_default(),
                url.path()
            );
            shown.trim_end_matches('/').to_owned()
        }
        _ => format!("not an address: {} characters", endpoint.chars().count()),
    }
}

pub(super) fn parse_endpoint(endpoint: &str) -> Result<Url, StartError> {
    check_endpoint(endpoint).map_err(|why| StartError::InvalidEndpoint {
        endpoint: show_endpoint(endpoint),
        why,
    })
}

/// Reads an address; if it cannot be used, says why, and nothing of what it holds.
pub(crate) fn check_endpoint(endpoint: &str) -> Result<Url, &'static str> {
    let url = Url::parse(endpoint).map_err(|_| "it is no URL")?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err("it begins with neither https:// nor http://");
    }
    if url.host_str().is_none_or(str::is_empty) {
        return Err("it names no host");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("it holds a user name or password");
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err("it has a query or a fragment");
    }
    Ok(url)
}

/// Returns true for an address of this machine.
pub(crate) fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost"
        || host.ends_with(".localhost")
        || bare.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// Returns the name of a header as it may be shown. What cannot be a name is perhaps a value, which
/// may be a credential: of that not one character shows.
pub(crate) fn show_header(name: &str) -> String {
    match HeaderName::from_bytes(name.as_bytes()) {
        Ok(_) => name.to_owned(),
        Err(_) => format!("not a name: {} characters", name.chars().count()),
    }
}
