//! The HTTP client of lessons: plain `reqwest`, quickly made.
//!
//! ```text
//! the platform's roots ──read once──► TLS ──► http_client() · http_client() · …
//! ```
//!
//! Start at [`http_client`].

use std::sync::{Arc, LazyLock};

use rustls::ClientConfig;
use rustls_platform_verifier::BuilderVerifierExt as _;

/// Reading the platform's roots takes many milliseconds, which would show in the traces of lessons that
/// make a client for a call.
static TLS: LazyLock<Option<ClientConfig>> = LazyLock::new(|| {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider);
    let builder = builder.with_safe_default_protocol_versions().ok()?;
    let builder = builder.with_platform_verifier().ok()?;
    Some(builder.with_no_client_auth())
});

/// Makes an HTTP client for loopback, whatever proxy the environment names.
pub(in crate::lab) fn loopback() -> reqwest::ClientBuilder {
    outside().no_proxy()
}

/// Makes an HTTP client for the world outside, through the proxy that the environment names.
pub(in crate::lab) fn outside() -> reqwest::ClientBuilder {
    crate::lab::kernel::start();
    let builder = reqwest::Client::builder();
    match TLS.clone() {
        Some(tls) => builder.tls_backend_preconfigured(tls),
        None => builder,
    }
}

/// Makes an HTTP client for the services of a lesson: a plain `reqwest` one that no proxy comes between.
///
/// # Panics
/// Never, unless the platform gives no randomness.
#[allow(clippy::expect_used, reason = "lessons stop where they cannot go on")]
pub fn http_client() -> reqwest::Client {
    loopback().build().expect("a client without certificates")
}
