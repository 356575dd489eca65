//! A request as a file of a corpus holds it: header lines, an empty line, the body.

use bytes::Bytes;
use common::langsmith_mock::MockRequest;
use http::{HeaderName, HeaderValue, Method};

/// Reads a request to `target`. Lines that are no headers are left out, so that every input is one.
pub(crate) fn read(data: &[u8], target: &str) -> MockRequest {
    let (head, body) = halves(data);
    let mut request = MockRequest::new(Method::POST, target, Bytes::copy_from_slice(body));
    for line in head.split(|byte| *byte == b'\n') {
        let Some(at) = line.iter().position(|byte| *byte == b':') else {
            continue;
        };
        let name = HeaderName::from_bytes(line[..at].trim_ascii());
        let value = HeaderValue::from_bytes(line[at + 1..].trim_ascii());
        if let (Ok(name), Ok(value)) = (name, value) {
            request.headers.append(name, value);
        }
    }
    // Who has no key does not get in; what lies behind the door is what is looked at here.
    let key = HeaderValue::from_static("any");
    request.headers.insert("x-api-key", key);
    request.headers.remove("host");
    request
}

fn halves(data: &[u8]) -> (&[u8], &[u8]) {
    let at = data.windows(2).position(|two| two == b"\n\n");
    at.map_or((data, &[]), |at| (&data[..at], &data[at + 2..]))
}
