//! Rows 46 and 51: `baggage`, which others write to as well, and which has an end.

use axum::Router;
use axum::http::{HeaderMap, HeaderValue, Method};
use serde_json::json;

use super::edges::{ask, asked_below, continuing, retriever};
use super::stage::{Played, Stage, Way};
use crate::lab::services::HeaderProxy;
use crate::propagation::{BAGGAGE_HEADER, LangSmithPropagator, Propagator as _};

/// What a proxy passes on in one line.
const LINE: usize = 8_192;

/// Row 46: OpenTelemetry's `inject` assigns `baggage`, where LangSmith's members were.
pub(super) async fn baggage_assigned(stage: &Stage, way: Way) -> Played {
    let callee = stage.client("retriever")?;
    let layer = continuing(&callee);
    let service = stage.serve("retriever", false, retriever(Router::new()).layer(layer));
    let client = stage.client("gateway")?;
    let root = client
        .run("answer")
        .metadata("team", "search")
        .tag("beta")
        .start();
    let theirs = HeaderValue::from_static("tenant=acme");
    let mut headers = HeaderMap::new();
    match way {
        Way::Broken => {
            headers = asked_below(&root);
            // What the library of the caller believes to send.
            stage.sent("gateway", "retriever", &headers);
            headers.insert(BAGGAGE_HEADER, theirs);
        }
        Way::Repaired => {
            headers.insert(BAGGAGE_HEADER, theirs);
            if let Some(context) = root.context() {
                LangSmithPropagator::new().inject(&context, &mut headers);
            }
        }
    }
    let url = service.url("/search");
    stage
        .call(Method::GET, url, "gateway", "retriever", headers)
        .await?;
    root.end();
    Ok(())
}

/// Row 51: nine kilobytes of metadata in a header, and a proxy that takes eight.
pub(super) async fn oversize(stage: &Stage, way: Way) -> Played {
    let callee = stage.client("retriever")?;
    let router = retriever(Router::new()).layer(continuing(&callee));
    let service = stage.serve("retriever", false, router);
    let proxy = HeaderProxy::before(&service).limit(LINE).start();
    let document = "x".repeat(9_000);
    let client = stage.client("gateway")?;
    let root = client.run("answer").metadata("document", document.clone());
    let root = root.start();
    match way {
        Way::Broken => {
            let mut headers = asked_below(&root);
            let metadata = json!({ "document": document }).to_string();
            let metadata = metadata.replace('{', "%7B").replace('}', "%7D");
            let metadata = metadata.replace('"', "%22").replace(':', "%3A");
            let value = HeaderValue::from_str(&format!("langsmith-metadata={metadata}"));
            if let Ok(value) = value {
                headers.insert(BAGGAGE_HEADER, value);
            }
            let url = proxy.url("/search");
            stage
                .call(Method::GET, url, "gateway", "retriever", headers)
                .await?;
        }
        // What does not fit is left out, and counted.
        Way::Repaired => ask(stage, &root, proxy.url("/search")).await?,
    }
    root.end();
    Ok(())
}
