//! What the tests of the stand-in share: requests built by hand and from recordings.

#![allow(
    dead_code,
    clippy::unwrap_used,
    reason = "each test file uses its own share, and a broken fixture may panic"
)]

use bytes::Bytes;
use common::langsmith_mock::{LangSmithMock, MockRequest, MockResponse, Violation, ViolationCode};
use http::{HeaderName, HeaderValue, Method};
use serde_json::{Value, json};

pub(crate) const KEY: &str = "lsv2_pt_not-a-real-key_AAAAAA";
pub(crate) const BOUNDARY: &str = "----a-boundary";

/// How a part says its length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Length {
    /// `Content-Length`, as Python and Go do.
    Header,
    /// `; length=` in the type, as JavaScript does.
    InType,
    None,
    /// A header that is one too high.
    Wrong,
}

/// A part: name, media type, data.
pub(crate) type Part = (String, String, Vec<u8>);

pub(crate) fn json_part(name: impl Into<String>, value: &Value) -> Part {
    (
        name.into(),
        "application/json".to_owned(),
        value.to_string().into_bytes(),
    )
}

pub(crate) fn multipart(parts: &[Part], length: Length) -> Vec<u8> {
    let mut body = Vec::new();
    for (name, content_type, data) in parts {
        body.extend(format!("--{BOUNDARY}\r\n").bytes());
        body.extend(format!("Content-Disposition: form-data; name=\"{name}\"\r\n").bytes());
        let size = data.len();
        let described = match length {
            Length::Header => format!("Content-Type: {content_type}\r\nContent-Length: {size}\r\n"),
            Length::InType => format!("Content-Type: {content_type}; length={size}\r\n"),
            Length::None => format!("Content-Type: {content_type}\r\n"),
            Length::Wrong => {
                format!(
                    "Content-Type: {content_type}\r\nContent-Length: {}\r\n",
                    size + 1
                )
            }
        };
        body.extend(described.bytes());
        body.extend(b"\r\n");
        body.extend(data);
        body.extend(b"\r\n");
    }
    body.extend(format!("--{BOUNDARY}--\r\n").bytes());
    body
}

pub(crate) fn with(mut request: MockRequest, headers: &[(&str, &str)]) -> MockRequest {
    for (name, value) in headers {
        request.headers.insert(
            HeaderName::from_bytes(name.as_bytes()).unwrap(),
            HeaderValue::from_str(value).unwrap(),
        );
    }
    request
}

pub(crate) fn request(method: Method, target: &str, body: impl Into<Bytes>) -> MockRequest {
    with(
        MockRequest::new(method, target, body),
        &[("x-api-key", KEY)],
    )
}

pub(crate) fn multipart_request(body: impl Into<Bytes>) -> MockRequest {
    let content_type = format!("multipart/form-data; boundary={BOUNDARY}");
    with(
        request(Method::POST, "/runs/multipart", body),
        &[("content-type", &content_type)],
    )
}

pub(crate) fn json_request(method: Method, target: &str, body: &Value) -> MockRequest {
    with(
        request(method, target, body.to_string()),
        &[("content-type", "application/json")],
    )
}

pub(crate) fn send_parts(mock: &LangSmithMock, parts: &[Part]) -> MockResponse {
    mock.handle(multipart_request(multipart(parts, Length::Header)))
}

pub(crate) fn batch(mock: &LangSmithMock, post: &[Value], patch: &[Value]) -> MockResponse {
    let body = json!({ "post": post, "patch": patch });
    mock.handle(json_request(Method::POST, "/runs/batch", &body))
}

pub(crate) fn body_json(response: &MockResponse) -> Value {
    serde_json::from_slice(&response.body).unwrap()
}

pub(crate) fn codes(violations: &[Violation]) -> Vec<ViolationCode> {
    violations.iter().map(|violation| violation.code).collect()
}

/// The id, dotted order segment and start time of run `n`: valid UUIDv7s, one millisecond apart.
pub(crate) fn id(n: u64) -> String {
    let millis = 1_795_342_674_000 + n;
    let (high, low) = (millis >> 16, millis & 0xffff);
    format!("{high:08x}-{low:04x}-7000-8000-{n:012x}")
}

pub(crate) fn start(n: u64) -> String {
    format!("2026-11-22T10:17:{:02}.{:03}000Z", 54 + n / 1000, n % 1000)
}

pub(crate) fn segment(n: u64) -> String {
    let time = start(n).replace(['-', ':', '.'], "");
    format!("{time}{}", id(n))
}

/// A create of run `n` below the runs `above`, root first.
pub(crate) fn post(n: u64, above: &[u64]) -> Value {
    let mut order: Vec<String> = above.iter().map(|n| segment(*n)).collect();
    order.push(segment(n));
    let mut run = json!({
        "id": id(n),
        "trace_id": id(*above.first().unwrap_or(&n)),
        "dotted_order": order.join("."),
        "name": format!("run {n}"),
        "run_type": "chain",
        "start_time": start(n),
        "session_name": "tests",
    });
    if let Some(parent) = above.last() {
        run["parent_run_id"] = json!(id(*parent));
    }
    run
}

/// An update that ends run `n` one second after its start.
pub(crate) fn patch(n: u64, above: &[u64]) -> Value {
    let mut run = post(n, above);
    run["end_time"] = json!(start(n + 1_000));
    run["outputs"] = json!({ "n": n });
    run
}

/// The requests of a recording, rebuilt: method and target, headers, and the uncompressed body.
pub(crate) struct Recorded {
    pub(crate) request: MockRequest,
    pub(crate) encoding: Option<String>,
    pub(crate) status: u64,
}

pub(crate) fn recording(file: &str, length: Length) -> Vec<Recorded> {
    let path = format!("{}/tests/vectors/{file}.json", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(path).unwrap();
    let vector: Value = serde_json::from_str(&text).unwrap();
    let requests = vector["requests"].as_array().unwrap();
    requests
        .iter()
        .map(|entry| rebuilt(entry, length))
        .collect()
}

fn rebuilt(entry: &Value, length: Length) -> Recorded {
    let line: Vec<&str> = entry["request_line"].as_str().unwrap().split(' ').collect();
    let method = Method::from_bytes(line[0].as_bytes()).unwrap();
    let mut encoding = None;
    let base = if let Some(parts) = entry.get("parts") {
        let parts: Vec<Part> = parts.as_array().unwrap().iter().map(rebuilt_part).collect();
        multipart_request(multipart(&parts, length))
    } else if let Some(body) = entry.get("json") {
        json_request(method.clone(), line[1], body)
    } else {
        request(method.clone(), line[1], "")
    };
    for header in entry["headers"].as_array().unwrap() {
        if header[0]
            .as_str()
            .unwrap()
            .eq_ignore_ascii_case("content-encoding")
        {
            encoding = header[1].as_str().map(str::to_owned);
        }
    }
    Recorded {
        request: MockRequest {
            method,
            path: line[1].to_owned(),
            ..base
        },
        encoding,
        status: entry["response_status"].as_u64().unwrap(),
    }
}

fn rebuilt_part(part: &Value) -> Part {
    let content_type = part["part_headers"][1][1].as_str().unwrap();
    let content_type = content_type.split(';').next().unwrap().to_owned();
    let data = match part.get("json") {
        Some(value) => value.to_string().into_bytes(),
        None => match part["base64"].as_str() {
            Some("AQID") => vec![1, 2, 3],
            other => other.unwrap_or_default().as_bytes().to_vec(),
        },
    };
    (
        part["name"].as_str().unwrap().to_owned(),
        content_type,
        data,
    )
}
