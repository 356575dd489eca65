//! Requests of OTLP over HTTP, and their answers.

use std::io::Read as _;

use bytes::Bytes;
use flate2::read::GzDecoder;
use http::{HeaderMap, Response, StatusCode, header};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message as _;

use super::spans::{Loose, loosen};
use super::weigh::is_light;

/// Most bytes of one request, unpacked.
const MAX_REQUEST_BYTES: u64 = 32 << 20;
const PROTOBUF: &str = "application/x-protobuf";

/// Why a request is not taken: a status and a text.
pub(super) struct Refusal(StatusCode, &'static str);

impl Refusal {
    pub(super) fn answer(self) -> Response<Bytes> {
        respond(self.0, "text/plain", Bytes::from_static(self.1.as_bytes()))
    }
}

/// Reads the spans of a request.
pub(super) fn read(headers: &HeaderMap, body: &Bytes) -> Result<Vec<Loose>, Refusal> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let kind = text(header::CONTENT_TYPE).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    if !kind.eq_ignore_ascii_case(PROTOBUF) {
        return Err(Refusal(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "send application/x-protobuf (OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf)",
        ));
    }
    let body = match text(header::CONTENT_ENCODING).unwrap_or("identity") {
        "identity" | "" => body.clone(),
        "gzip" => unpacked(body)?,
        _ => {
            return Err(Refusal(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "send gzip (OTEL_EXPORTER_OTLP_COMPRESSION=gzip) or nothing packed",
            ));
        }
    };
    if body.len() as u64 > MAX_REQUEST_BYTES {
        return Err(TOO_LARGE);
    }
    if !is_light(&body) {
        return Err(TOO_LARGE);
    }
    let request = ExportTraceServiceRequest::decode(body);
    let request = request.map_err(|_| Refusal(StatusCode::BAD_REQUEST, "the body is no OTLP"))?;
    Ok(loosen(request))
}

pub(super) const TOO_LARGE: Refusal = Refusal(
    StatusCode::PAYLOAD_TOO_LARGE,
    "send fewer spans at once (OTEL_BSP_MAX_EXPORT_BATCH_SIZE)",
);

fn unpacked(body: &Bytes) -> Result<Bytes, Refusal> {
    let mut plain = Vec::new();
    let mut reader = GzDecoder::new(&body[..]).take(MAX_REQUEST_BYTES + 1);
    match reader.read_to_end(&mut plain) {
        Ok(read) if read as u64 > MAX_REQUEST_BYTES => Err(TOO_LARGE),
        Ok(_) => Ok(plain.into()),
        Err(_) => Err(Refusal(
            StatusCode::BAD_REQUEST,
            "the body is not what its Content-Encoding says",
        )),
    }
}

/// Answers that all spans were taken: the message without fields.
pub(super) fn taken() -> Response<Bytes> {
    respond(StatusCode::OK, PROTOBUF, Bytes::new())
}

/// Answers that there is no room: exporters of OpenTelemetry try again.
pub(super) fn full() -> Response<Bytes> {
    let why = Bytes::from_static(b"the relay is full");
    let mut answer = respond(StatusCode::SERVICE_UNAVAILABLE, "text/plain", why);
    let soon = http::HeaderValue::from_static("1");
    answer.headers_mut().insert(header::RETRY_AFTER, soon);
    answer
}

fn respond(status: StatusCode, kind: &'static str, body: Bytes) -> Response<Bytes> {
    let mut answer = Response::new(body);
    *answer.status_mut() = status;
    let kind = http::HeaderValue::from_static(kind);
    answer.headers_mut().insert(header::CONTENT_TYPE, kind);
    answer
}
