//! News for open pages: a number that changes with everything that arrives.
//!
//! ```text
//! arrival ──Notify──► stream ──► event: change, data: 17 ──► script fetches the page anew
//! ```
//!
//! A server that cannot stream sends one event and ends; the browser comes back by itself after the
//! pause that the event names. Start at [`stream`].

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use futures_util::stream;
use http::{HeaderValue, Method, StatusCode, header};
use tokio::sync::watch;

use crate::langsmith_mock::core::Core;
use crate::langsmith_mock::request::{MockRequest, MockResponse};

const PATH: &str = "/viewer/events";
const MEDIA: &str = "text/event-stream";
/// After this the browser comes back when a stream has ended.
const RETRY: Duration = Duration::from_secs(1);
/// Arrivals within this time are told as one.
const TOGETHER: Duration = Duration::from_millis(100);
/// After this without news a comment is sent: a connection that has died shows only in writing.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// Says whether a request wants the stream; another one with this path is answered by the core.
pub(in crate::langsmith_mock) fn is_asked_for(request: &MockRequest) -> bool {
    request.path == PATH && request.method == Method::GET && request.is_for_this_machine()
}

/// Answers with what is known now, and ends.
pub(super) fn once(core: &Core) -> MockResponse {
    let version = core.state().store.request_count;
    MockResponse::text(StatusCode::OK, MEDIA, event(version))
}

fn event(version: u64) -> String {
    let retry = RETRY.as_millis();
    format!("retry: {retry}\nevent: change\ndata: {version}\n\n")
}

/// Answers with an event now and at each change, until the stand-in or the browser goes.
pub(in crate::langsmith_mock) fn stream(core: Arc<Core>, stopped: watch::Receiver<()>) -> Response {
    let events = stream::unfold(
        (core, stopped, None),
        |(core, mut stopped, told)| async move {
            let text = tokio::select! {
                // An error means that the handle was dropped.
                _ = stopped.changed() => return None,
                version = news(&core, told) => version,
            };
            let (told, text) = match text {
                Some(version) => (Some(version), event(version)),
                None => (told, ": still here\n\n".to_owned()),
            };
            let chunk = Ok::<_, std::convert::Infallible>(Bytes::from(text));
            Some((chunk, (core, stopped, told)))
        },
    );
    let mut response = Response::new(Body::from_stream(events));
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_TYPE, MEDIA),
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

/// Waits for another version than the one that was told; none after a while without.
async fn news(core: &Core, told: Option<u64>) -> Option<u64> {
    let look = async {
        if told.is_some() {
            tokio::time::sleep(TOGETHER).await;
        }
        loop {
            let mut arrived = pin!(core.arrived_async.notified());
            // Before looking, or an arrival between the look and the wait would be missed.
            arrived.as_mut().enable();
            let version = core.state().store.request_count;
            if told != Some(version) {
                return version;
            }
            arrived.await;
        }
    };
    tokio::time::timeout(HEARTBEAT, look).await.ok()
}
