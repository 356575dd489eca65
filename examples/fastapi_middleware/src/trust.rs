//! Whose traces the service continues.
//!
//! ```text
//! request ──► policy ──┬─ continue ─► below the caller's run, whoever it is
//!                      ├─ trust ────► the same, if the caller can show that it is one of ours
//!                      ├─ restart ──► a trace of its own; a valid header is kept as metadata
//!                      └─ ignore ───► a trace of its own; nobody looks
//! ```
//!
//! Start at [`Policy`].

use std::net::SocketAddr;

use axum::extract::ConnectInfo;
use axum::http::request::Parts;
use clap::ValueEnum;
use common::middleware::TracingLayer;
use common::propagation::TrustPolicy;
use secrecy::{ExposeSecret as _, SecretString};

/// The header by which a service of ours shows that it is one. Have your gateway strip it from what
/// comes from outside, as it strips other internal headers.
pub const SECRET_HEADER: &str = "x-trace-secret";
/// The variable with the secret.
pub const SECRET_VARIABLE: &str = "TRACE_SECRET";

/// Whose traces are continued.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Policy {
    /// Nobody's: each request is a trace of its own. Right for a public edge.
    Restart,
    /// Those of callers with the secret TRACE_SECRET in x-trace-secret; without a secret, those of this machine.
    Trust,
    /// Everybody's, as the official middleware does. For a service that only your own can reach.
    Continue,
    /// Nobody's, and the headers are not even read.
    Ignore,
}

impl Policy {
    /// Gives the policy to a layer; `secret` is for [`Policy::Trust`].
    pub fn apply(self, layer: TracingLayer, secret: Option<SecretString>) -> TracingLayer {
        match self {
            Self::Restart => layer.policy(TrustPolicy::Restart),
            Self::Continue => layer.policy(TrustPolicy::Continue),
            Self::Ignore => layer.policy(TrustPolicy::Ignore),
            Self::Trust => {
                layer.trust_request(move |request| vouched_for(request, secret.as_ref()))
            }
        }
    }
}

/// Reads the secret from the environment; a blank one is none.
pub fn secret() -> Option<SecretString> {
    let secret = std::env::var(SECRET_VARIABLE).ok()?;
    let secret = secret.trim();
    (!secret.is_empty()).then(|| secret.into())
}

/// Tells whether a request comes from one of ours.
fn vouched_for(request: &Parts, secret: Option<&SecretString>) -> bool {
    match secret {
        Some(secret) => {
            let mut shown = request.headers.get_all(SECRET_HEADER).iter();
            // Shown twice is shown by two: somebody on the way adds what the caller left out.
            match (shown.next(), shown.next()) {
                (Some(shown), None) => equal(shown.as_bytes(), secret.expose_secret().as_bytes()),
                _ => false,
            }
        }
        None => {
            let peer = request.extensions.get::<ConnectInfo<SocketAddr>>();
            // A proxy on this machine speaks for callers that are not on it. One that adds none of these
            // headers (nginx, unless it is told to) looks like a caller: behind a proxy, set a secret.
            let is_relayed = ["forwarded", "x-forwarded-for", "via"]
                .iter()
                .any(|name| request.headers.contains_key(*name));
            peer.is_some_and(|peer| peer.0.ip().to_canonical().is_loopback()) && !is_relayed
        }
    }
}

/// Compares in a time that does not tell how much of a guess was right.
fn equal(shown: &[u8], secret: &[u8]) -> bool {
    let difference = shown
        .iter()
        .zip(secret)
        .fold(0, |sum, (a, b)| sum | (a ^ b));
    shown.len() == secret.len() && difference == 0
}
