//! What gRPC says of a call, which HTTP answers with 200 however it ends.
//!
//! ```text
//! head ──grpc-status──► refused at once           body … trailers ──grpc-status──► how it ended
//! ```
//!
//! The codes are those of the gRPC specification (`doc/statuscodes.md`), and which of them are the server's own
//! failure is what OpenTelemetry's conventions for RPC say of server spans.

use http::{HeaderMap, header};

/// The name of the header, or trailer, with the code.
const STATUS: &str = "grpc-status";

/// How a gRPC call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct GrpcStatus(u16);

/// Names of the codes, from 0.
const NAMES: [&str; 17] = [
    "OK",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
];

/// Returns true if a response is one of gRPC, in any of its encodings.
pub(super) fn is_grpc(head: &HeaderMap) -> bool {
    let kind = head.get(header::CONTENT_TYPE).map(|kind| kind.as_bytes());
    kind.and_then(|kind| kind.strip_prefix(b"application/grpc"))
        .is_some_and(|rest| matches!(rest.first(), None | Some(b'+' | b'-' | b';')))
}

impl GrpcStatus {
    /// Reads the status from the head or the trailers of a gRPC response.
    pub(super) fn of(headers: &HeaderMap) -> Option<Self> {
        let code = headers.get(STATUS)?.to_str().ok()?;
        code.parse().ok().map(Self)
    }

    /// Reads the status of a call that was refused before it had a body.
    pub(super) fn of_head(head: &HeaderMap) -> Option<Self> {
        is_grpc(head).then(|| Self::of(head)).flatten()
    }

    /// Returns the number.
    pub(super) fn code(self) -> u16 {
        self.0
    }

    /// Returns why the server failed; nothing if it did not. A caller who asks for what is not there, or for what it
    /// may not, makes no failure of the server, as with the statuses 400 to 499 of HTTP.
    pub(super) fn failure(self) -> Option<String> {
        match self.0 {
            0 | 1 | 3 | 5..=11 | 16 => None,
            code => {
                let name = NAMES.get(usize::from(code)).unwrap_or(&"of no known code");
                Some(format!("gRPC {code} {name}"))
            }
        }
    }
}
