//! The service that is put under load, bare or with a layer.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, bail};
use axum::Router;
use axum::routing::get;
use common::client::Client;
use common::middleware::TracingLayer;
use common::propagation::TrustPolicy;

use crate::clocks;

/// Sends what is held, so that its cost is in the figure.
type Flush = Arc<dyn Fn() + Send + Sync>;

/// Serves in the way `name` until the process is ended; prints the address first.
///
/// # Errors
/// If there is no such way in this build, or no port.
pub fn serve(name: &str, sink: &str) -> Result<()> {
    let answer = Router::new().route("/answer", get(|| async { "forty-two" }));
    let (router, flush) = dressed(name, sink, answer)?;
    let cpu = move || {
        let flush = flush.clone();
        async move {
            let _ = tokio::task::spawn_blocking(move || flush()).await;
            clocks::process_cpu().as_nanos().to_string()
        }
    };
    let app = router.route("/cpu", get(cpu));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await?;
        println!("{}", listener.local_addr()?);
        axum::serve(listener, app).await?;
        Ok(())
    })
}

fn dressed(name: &str, sink: &str, answer: Router) -> Result<(Router, Flush)> {
    let nothing: Flush = Arc::new(|| {});
    Ok(match name {
        "axum" => (answer, nothing),
        "axum-context" | "axum-run" => {
            let client = Client::builder()
                .endpoint(sink)
                .api_key("not-a-real-key")
                .project("bench")
                .build()?;
            let layer = TracingLayer::new(client.tracer())
                .policy(TrustPolicy::Continue)
                .allow_projects(["bench"]);
            let layer = match name {
                "axum-run" => layer,
                _ => layer.propagate_only(),
            };
            let flush = move || {
                let _ = client.flush(Duration::from_secs(30));
            };
            (answer.layer(layer), Arc::new(flush))
        }
        #[cfg(feature = "peers")]
        "axum-tower-http" => {
            let layer = tower_http::trace::TraceLayer::new_for_http();
            (answer.layer(layer), nothing)
        }
        #[cfg(feature = "peers")]
        "axum-otel" => otel(sink, answer)?,
        other => bail!("there is no way {other:?} in this build"),
    })
}

#[cfg(feature = "peers")]
fn otel(sink: &str, answer: Router) -> Result<(Router, Flush)> {
    use opentelemetry::propagation::TextMapPropagator as _;
    use opentelemetry::trace::TracerProvider as _;
    use opentelemetry_http::HeaderExtractor;
    use opentelemetry_sdk::propagation::TraceContextPropagator;
    use tower_http::trace::TraceLayer;
    use tracing_opentelemetry::OpenTelemetrySpanExt as _;
    use tracing_subscriber::layer::SubscriberExt as _;

    let provider = crate::drivers::otel::provider(sink, Some(200_000), false)?;
    let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("bench"));
    tracing::subscriber::set_global_default(tracing_subscriber::registry().with(layer))?;
    let flush = move || {
        let _ = provider.force_flush();
    };
    // As the documentation of both shows it: a span for each request, below the caller's.
    let propagator = TraceContextPropagator::new();
    let span = move |request: &axum::extract::Request| {
        let (method, path) = (request.method().as_str(), request.uri().path());
        let span = tracing::info_span!("request", http.method = method, http.path = path);
        let _ = span.set_parent(propagator.extract(&HeaderExtractor(request.headers())));
        span
    };
    let layer = TraceLayer::new_for_http().make_span_with(span);
    Ok((answer.layer(layer), Arc::new(flush)))
}
