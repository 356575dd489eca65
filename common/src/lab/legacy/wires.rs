//! Services without a framework that would take a layer.

use std::convert::Infallible;
use std::io;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, Response};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

use super::{context, ours};
use crate::client::Client;
use crate::lab::{Lesson, Service, http_client};
use crate::middleware::TraceRequestExt as _;
use crate::model::TraceTree;
use crate::propagation::{Entries, Propagator as _};

/// What the line protocol says before a command that belongs to a run.
const CONTEXT: &str = "CONTEXT ";

/// A service that has nothing but requests and answers, as bare hyper hands them out, reads the headers by itself. Two
/// runs: `ask` and, below it, `answer by hand`.
///
/// # Errors
/// When the service does not answer.
pub async fn service_by_hand(lesson: &Lesson) -> io::Result<TraceTree> {
    let client = lesson.client("by hand");
    let handler = move |request| by_hand(client.clone(), request);
    let router = Router::new().fallback(move |request: Request<Body>| {
        let answered = handler(request);
        async move { answered.await.unwrap_or_else(|never| match never {}) }
    });
    let service = Service::start("by hand", router);
    let ask = lesson.client("gateway").run("ask").start();
    let request = http_client().get(service.url("/")).trace(&ask);
    let answer = request.send().await.map_err(io::Error::other)?;
    ask.end_with(serde_json::json!({"status": answer.status().as_u16()}));
    Ok(lesson.tree(2).await)
}

/// What `hyper::service::service_fn` would be given.
async fn by_hand(client: Client, request: Request<Body>) -> Result<Response<Body>, Infallible> {
    let read = ours().extract(request.headers());
    let mut run = client.run("answer by hand");
    // Who is not believed is named all the same.
    for (key, value) in read.unlinked_metadata().into_iter().flatten() {
        run = run.metadata(key, value);
    }
    let run = run.parent(read.context).start();
    run.end_with(serde_json::json!({"status": 200}));
    Ok(Response::new(Body::from("by hand")))
}

/// A service that takes commands, a line each, over TCP. A line `CONTEXT {…}` says to which run the next command
/// belongs; a command without one is a trace of its own. Three runs in two traces: `count` and, below it, `SEARCH`;
/// and a `PING`.
///
/// # Errors
/// When no port can be bound, or the connection breaks.
pub async fn line_protocol(lesson: &Lesson) -> io::Result<TraceTree> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let client = lesson.client("lines");
    let served = async move {
        let (stream, _) = listener.accept().await?;
        serve(client, stream).await
    };
    let count = lesson.client("gateway").run("count").start();
    let entries = Entries::of(&ours(), &context(&count)?);
    let asked = async move {
        let mut stream = TcpStream::connect(address).await?;
        let said = format!(
            "{CONTEXT}{}\nSEARCH baggage\nPING\n",
            serde_json::to_string(&entries)?
        );
        stream.write_all(said.as_bytes()).await?;
        stream.shutdown().await?;
        let mut answers = BufReader::new(stream).lines();
        while answers.next_line().await?.is_some() {}
        count.end();
        io::Result::Ok(())
    };
    // If one of them fails, nobody waits for the other.
    tokio::try_join!(served, asked)?;
    Ok(lesson.tree(3).await)
}

async fn serve(client: Client, stream: TcpStream) -> io::Result<()> {
    let mut lines = BufReader::new(stream).lines();
    let mut entries = Entries::new();
    while let Some(line) = lines.next_line().await? {
        // A client that knows nothing of it never writes one, and a line that is broken says nothing.
        if let Some(told) = line.strip_prefix(CONTEXT) {
            entries = serde_json::from_str(told).unwrap_or_default();
            continue;
        }
        let parent = ours().extract(&std::mem::take(&mut entries)).context;
        let name = line.split(' ').next().unwrap_or_default().to_owned();
        client.run(name).parent(parent).start().end();
        lines.get_mut().write_all(b"OK\n").await?;
    }
    Ok(())
}
