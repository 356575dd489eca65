//! The core behind axum, where connections can be cut and answers trickled.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::connect_info::Connected;
use axum::extract::{ConnectInfo, Request, State};
use axum::response::Response;
use axum::serve::{IncomingStream, Listener};
use bytes::{Bytes, BytesMut};
use futures_util::{StreamExt as _, stream};
use http::{HeaderName, HeaderValue, header};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use super::core::Core;
use super::fault::ConnectionFault;
use super::mock::{LangSmithMock, Mount};
use super::request::{MockRequest, MockResponse};
#[cfg(feature = "analysis")]
use super::viewer::live;

/// Why the stand-in could not be served.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The address is reachable from other machines, and the stand-in asks for no real key. Use
    /// `127.0.0.1` or `::1`.
    #[error("{0} is not a loopback address; the stand-in serves this machine only")]
    NotLoopback(SocketAddr),
    /// The port is taken or not allowed. Use another one, or port 0 for any free port.
    #[error("cannot listen on {address}: {source}")]
    Bind {
        /// The address asked for.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
}

/// A running server; stops when dropped, after the requests under way.
#[derive(Debug)]
pub(super) struct AxumMount {
    _stop: watch::Sender<()>,
}

pub(super) async fn serve(
    core: Arc<Core>,
    address: SocketAddr,
) -> Result<LangSmithMock, ServeError> {
    if !address.ip().is_loopback() {
        return Err(ServeError::NotLoopback(address));
    }
    let bind = |source| ServeError::Bind { address, source };
    let listener = TcpListener::bind(address).await.map_err(bind)?;
    let local = listener.local_addr().map_err(bind)?;
    let (stop, mut stopped) = watch::channel(());
    let served = Served {
        core: Arc::clone(&core),
        stopped: stopped.clone(),
    };
    let app = Router::new()
        .fallback(answer)
        .with_state(served)
        .into_make_service_with_connect_info::<Scissors>();
    let server = axum::serve(Cuttable(listener), app).with_graceful_shutdown(async move {
        // An error means that the handle was dropped, which is the signal.
        let _ = stopped.changed().await;
    });
    tokio::spawn(async move { server.await });
    let mount = Mount::Axum(AxumMount { _stop: stop });
    Ok(LangSmithMock::new(core, format!("http://{local}"), mount))
}

#[derive(Debug, Clone)]
struct Served {
    core: Arc<Core>,
    // Pages that listen for news must let go of their connection at the end.
    #[cfg_attr(
        not(feature = "analysis"),
        expect(dead_code, reason = "only pages listen")
    )]
    stopped: watch::Receiver<()>,
}

async fn answer(
    State(served): State<Served>,
    ConnectInfo(scissors): ConnectInfo<Scissors>,
    request: Request,
) -> Response {
    let core = served.core;
    let limit = core.settings().limits.body_bytes;
    let (head, body) = request.into_parts();
    let mut request = MockRequest {
        method: head.method,
        path: head.uri.path().to_owned(),
        query: head.uri.query().unwrap_or_default().to_owned(),
        headers: head.headers,
        body: Bytes::new(),
        truncated: false,
    };
    #[cfg(feature = "analysis")]
    if live::is_asked_for(&request) {
        return live::stream(core, served.stopped);
    }
    let read = read_within(body, limit).await;
    let whole = read.is_ok();
    (request.body, request.truncated) = read.unwrap_or_default();
    if !whole {
        return respond(core.cut_off(&request), scissors);
    }
    // Decompressing and reading JSON would hold up other connections.
    let answered = tokio::task::spawn_blocking(move || core.handle(&request)).await;
    let Ok(answer) = answered else {
        return plain(500, Body::empty());
    };
    if let Some(delay) = answer.delay {
        tokio::time::sleep(delay).await;
    }
    respond(answer, scissors)
}

/// Reads a body up to `limit` bytes, and says whether there was more; fails if the client went away
/// before the end.
///
/// What is over the limit is thrown away, for a while: a client that is still sending would take an
/// early answer for a broken connection, and try again.
async fn read_within(body: Body, limit: usize) -> Result<(Bytes, bool), axum::Error> {
    let patience = limit.saturating_mul(16);
    let (mut read, mut total) = (BytesMut::new(), 0);
    let mut chunks = body.into_data_stream();
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk?;
        total += chunk.len();
        if total <= limit {
            read.extend_from_slice(&chunk);
        } else if total > patience {
            break;
        } else {
            read = BytesMut::new();
        }
    }
    Ok((read.freeze(), total > limit))
}

fn plain(status: u16, body: Body) -> Response {
    let mut response = Response::new(body);
    *response.status_mut() =
        http::StatusCode::from_u16(status).unwrap_or(http::StatusCode::INTERNAL_SERVER_ERROR);
    response
}

fn respond(answer: MockResponse, scissors: Scissors) -> Response {
    let length = answer.body.len();
    let body = match answer.connection {
        None => Body::from(answer.body),
        Some(ConnectionFault::CutBeforeAnswer) => {
            scissors.cut();
            Body::empty()
        }
        Some(ConnectionFault::CutInAnswer) => {
            let half = answer.body.slice(..length / 2);
            let end = stream::once(async move {
                // While this waits, the first half leaves the server's buffer.
                tokio::time::sleep(Duration::from_millis(20)).await;
                scissors.cut();
                Err(io::Error::from(io::ErrorKind::ConnectionReset))
            });
            Body::from_stream(stream::iter([Ok(half)]).chain(end))
        }
        Some(ConnectionFault::Trickle(pause)) => Body::from_stream(trickle(answer.body, pause)),
    };
    let mut response = plain(answer.status.as_u16(), body);
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static(answer.content_type),
    );
    headers.insert(header::CONTENT_LENGTH, length.into());
    for (name, value) in answer.headers {
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.insert(HeaderName::from_static(name), value);
        }
    }
    response
}

fn trickle(
    body: Bytes,
    pause: Duration,
) -> impl futures_util::Stream<Item = Result<Bytes, io::Error>> + Send {
    stream::unfold(body, move |mut rest| async move {
        if rest.is_empty() {
            return None;
        }
        tokio::time::sleep(pause).await;
        let byte = rest.split_to(1);
        Some((Ok(byte), rest))
    })
}

/// Cuts the connection that a request came over.
#[derive(Debug, Clone)]
struct Scissors(Arc<AtomicBool>);

impl Scissors {
    fn cut(&self) {
        self.0.store(true, Ordering::Release);
    }
}

impl Connected<IncomingStream<'_, Cuttable>> for Scissors {
    fn connect_info(stream: IncomingStream<'_, Cuttable>) -> Self {
        stream.io().scissors.clone()
    }
}

/// A listener whose connections can be cut from within a handler, which axum has no other way for.
struct Cuttable(TcpListener);

impl Listener for Cuttable {
    type Io = CuttableStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        let (stream, address) = Listener::accept(&mut self.0).await;
        let stream = CuttableStream {
            stream,
            scissors: Scissors(Arc::default()),
        };
        (stream, address)
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        self.0.local_addr()
    }
}

struct CuttableStream {
    stream: TcpStream,
    scissors: Scissors,
}

impl CuttableStream {
    fn check(&self) -> io::Result<()> {
        if self.scissors.0.load(Ordering::Acquire) {
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        Ok(())
    }
}

impl AsyncRead for CuttableStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for CuttableStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.check()?;
        Pin::new(&mut self.stream).poll_write(cx, data)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.check()?;
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
