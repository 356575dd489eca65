//! Carries requests of the OpenTelemetry SDK on a thread of its own.
//!
//! ```text
//! SDK's thread, or any ──request──► channel ──► thread: small runtime ──► transport ──► LangSmith
//!         └───────────────answer───────────────────────┘                  that of native runs
//! ```
//!
//! The thread owns connections and runtime: nothing needs a runtime of the program's, nothing is built or
//! dropped inside of one, and the SDK may call from wherever it likes. The transport is that of native
//! runs: it follows no redirect, asks for the key of each request and shows none.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, header};
use opentelemetry_http::{HttpClient, HttpError};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use prost::Message as _;
use tokio::sync::{mpsc, oneshot};

use crate::export::{
    Destination, EncodedBody, Encoding, HttpRequest, HttpResponse, ReqwestTransport, StartError,
    Transport, TransportError,
};

type Answer = Result<HttpResponse, TransportError>;
type Job = (HttpRequest, oneshot::Sender<Answer>);

/// The SDK's way to LangSmith.
pub(super) struct Courier {
    jobs: mpsc::UnboundedSender<Job>,
    timeout: Duration,
    rejected: Rejected,
}

/// How many spans LangSmith refused while it took others of the same request.
#[derive(Debug, Clone, Default)]
pub(super) struct Rejected(Arc<AtomicU64>);

impl Rejected {
    /// Returns the count, and begins anew.
    pub(super) fn take(&self) -> u64 {
        self.0.swap(0, Ordering::Relaxed)
    }

    fn read(&self, answer: &HttpResponse) {
        self.0.fetch_add(refused_in(answer), Ordering::Relaxed);
    }
}

/// Reads from an answer with 200, which is empty where all were taken, how many spans were not.
pub(super) fn refused_in(answer: &HttpResponse) -> u64 {
    if answer.status != 200 || answer.body.is_empty() {
        return 0;
    }
    let read = ExportTraceServiceResponse::decode(answer.body.clone());
    let partial = read.ok().and_then(|read| read.partial_success);
    let count = partial.map_or(0, |partial| partial.rejected_spans);
    u64::try_from(count).unwrap_or(0)
}

/// Does work on a plain thread, with a runtime of its own and without tracing.
///
/// The runtime is made there: one that is dropped inside of another panics, which is what would become of it
/// here if there were no thread to be had.
pub(super) fn on_thread<F, W>(name: &str, work: W) -> Result<(), StartError>
where
    F: Future<Output = ()>,
    W: FnOnce() -> F + Send + 'static,
{
    let (tell, told) = std::sync::mpsc::channel();
    let begin = move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        let runtime = match runtime {
            Ok(runtime) => runtime,
            Err(error) => return drop(tell.send(error.to_string())),
        };
        drop(tell);
        // Whatever is traced about sending would be sent, and traced.
        let nobody = tracing::Dispatch::none();
        tracing::dispatcher::with_default(&nobody, || runtime.block_on(work()));
    };
    std::thread::Builder::new()
        .name(name.to_owned())
        .spawn(begin)
        .map_err(|error| StartError::HttpClient(error.to_string()))?;
    match told.recv() {
        Ok(why) => Err(StartError::HttpClient(why)),
        Err(_) => Ok(()),
    }
}

impl Courier {
    /// Starts the thread. What LangSmith takes in part is counted in `rejected`.
    pub(super) fn start(
        to: &Destination,
        timeout: Duration,
        rejected: Rejected,
    ) -> Result<Self, StartError> {
        let transport = ReqwestTransport::new(to)?;
        let (jobs, queue) = mpsc::unbounded_channel();
        on_thread("langsmith-otlp", move || carry(transport, queue))?;
        Ok(Self {
            jobs,
            timeout,
            rejected,
        })
    }

    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let (tell, told) = oneshot::channel();
        let request = rewritten(request, self.timeout);
        // Once the thread is gone, both of these fail.
        let _ = self.jobs.send((request, tell));
        let answer = match told.await {
            Ok(Ok(answer)) => answer,
            // The SDK gives up at once where nobody answered, and tries again after a 503.
            Ok(Err(_)) => HttpResponse {
                status: 503,
                ..HttpResponse::default()
            },
            Err(_) => return Err("the thread that sends spans is gone".into()),
        };
        self.rejected.read(&answer);
        let mut response = Response::builder().status(answer.status);
        if let Some(after) = answer.retry_after {
            response = response.header(header::RETRY_AFTER, after);
        }
        Ok(response.body(answer.body)?)
    }
}

async fn carry(transport: ReqwestTransport, mut queue: mpsc::UnboundedReceiver<Job>) {
    while let Some((request, tell)) = queue.recv().await {
        let _ = tell.send(transport.exchange(request).await);
    }
}

/// Returns the request without headers that are not about its body: the environment may have put another
/// backend's credentials there (`OTEL_EXPORTER_OTLP_HEADERS`).
fn rewritten(request: Request<Bytes>, timeout: Duration) -> HttpRequest {
    let (head, body) = request.into_parts();
    let text = |name: header::HeaderName| text_of(&head.headers, &name);
    let encoding = match text(header::CONTENT_ENCODING).as_deref() {
        Some("gzip") => Encoding::Gzip,
        Some("zstd") => Encoding::Zstd,
        _ => Encoding::Identity,
    };
    let body = EncodedBody {
        content_type: text(header::CONTENT_TYPE).unwrap_or_else(|| PROTOBUF.to_owned()),
        encoding,
        data_size: body.len(),
        chunks: vec![body],
    };
    HttpRequest::new(Method::POST, "", timeout).body(body)
}

const PROTOBUF: &str = "application/x-protobuf";

fn text_of(headers: &HeaderMap, name: &header::HeaderName) -> Option<String> {
    Some(headers.get(name)?.to_str().ok()?.to_owned())
}

impl HttpClient for Courier {
    // What `async_trait` would write, without the dependency.
    fn send_bytes<'a, 'async_trait>(
        &'a self,
        request: Request<Bytes>,
    ) -> Pin<Box<dyn Future<Output = Result<Response<Bytes>, HttpError>> + Send + 'async_trait>>
    where
        'a: 'async_trait,
        Self: 'async_trait,
    {
        Box::pin(self.send(request))
    }
}

impl fmt::Debug for Courier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Courier").finish_non_exhaustive()
    }
}
