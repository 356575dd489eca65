//! The core behind a wiremock server, for tests and notebooks.

use std::net::TcpListener;
use std::sync::Arc;

use bytes::Bytes;
use http::StatusCode;
use wiremock::{Mock, MockServer, Request, Respond, ResponseTemplate, matchers};

use super::core::Core;
use super::mock::{LangSmithMock, Mount};
use super::request::{MockRequest, MockResponse};

struct Responder(Arc<Core>);

impl Respond for Responder {
    fn respond(&self, request: &Request) -> ResponseTemplate {
        let answer = self.0.handle(&MockRequest {
            method: request.method.clone(),
            path: request.url.path().to_owned(),
            query: request.url.query().unwrap_or_default().to_owned(),
            headers: request.headers.clone(),
            body: Bytes::copy_from_slice(&request.body),
            truncated: false,
        });
        let answer = match answer.connection {
            None => answer,
            Some(_) => MockResponse::detail(
                StatusCode::INTERNAL_SERVER_ERROR,
                "this mount cannot harm connections; start the stand-in with serve()",
            ),
        };
        let mut template = ResponseTemplate::new(answer.status.as_u16());
        for (name, value) in answer.headers {
            template = template.insert_header(name, value);
        }
        if let Some(delay) = answer.delay {
            template = template.set_delay(delay);
        }
        template.set_body_raw(answer.body, answer.content_type)
    }
}

/// Starts a server of its own, not one of wiremock's pool, so that dropping it frees the port.
pub(super) async fn start(core: Arc<Core>) -> LangSmithMock {
    let mut builder = MockServer::builder().disable_request_recording();
    // Without a free port wiremock says so itself, by a panic: nothing could be tested then.
    if let Ok(listener) = TcpListener::bind(("127.0.0.1", 0)) {
        builder = builder.listener(listener);
    }
    let server = builder.start().await;
    Mock::given(matchers::any())
        .respond_with(Responder(Arc::clone(&core)))
        .mount(&server)
        .await;
    LangSmithMock::new(core, server.uri(), Mount::Wiremock(server))
}
