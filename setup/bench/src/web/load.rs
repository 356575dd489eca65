//! A small load: requests one after the other on a few connections that stay open.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// Connections side by side.
const CONNECTIONS: usize = 16;

/// What a caller with a trace sends: headers as the official SDKs write them, and one of W3C.
const HEADERS: &str = "langsmith-trace: 20261122T100538926531Z01a202b7-f0ee-7646-9e7b-a245c1fc89c2.\
    20261122T100538927531Z01a202b7-f0ef-7646-9e7b-a245c1fc89c3\r\n\
    baggage: langsmith-metadata=%7B%22customer%22%3A%20%22example-corp%22%7D,langsmith-project=bench\r\n\
    traceparent: 00-01a202b7f0ee76469e7ba245c1fc89c2-9e7ba245c1fc89c3-01\r\n";

/// A server with the connections to it, which stay open: to accept one costs as much as some requests.
pub(super) struct Server {
    address: String,
    streams: Vec<TcpStream>,
    control: TcpStream,
    /// Requests sent so far.
    pub(super) sent: usize,
}

impl Server {
    pub(super) async fn connect(address: &str) -> Result<Self> {
        let mut streams = Vec::with_capacity(CONNECTIONS);
        for _ in 0..CONNECTIONS {
            streams.push(connect(address).await?);
        }
        Ok(Self {
            address: address.to_owned(),
            streams,
            control: connect(address).await?,
            sent: 0,
        })
    }

    /// Sends at least so many requests; returns the server's CPU for one of them and how long it took.
    pub(super) async fn load(&mut self, requests: usize) -> Result<(Duration, Duration)> {
        let each = requests.div_ceil(CONNECTIONS);
        let before = self.cpu().await?;
        let began = Instant::now();
        self.send(each).await?;
        let took = began.elapsed();
        let cpu = self.cpu().await?.saturating_sub(before);
        let requests = u32::try_from(each * CONNECTIONS)?;
        Ok((cpu / requests, took / requests))
    }

    /// Sends so many requests on each connection.
    async fn send(&mut self, each: usize) -> Result<()> {
        let request = format!(
            "GET /answer HTTP/1.1\r\nhost: {}\r\n{HEADERS}\r\n",
            self.address
        );
        let mut connections = JoinSet::new();
        for mut stream in self.streams.drain(..) {
            let request = request.clone();
            connections.spawn(async move {
                for _ in 0..each {
                    ask(&mut stream, request.as_bytes()).await?;
                }
                anyhow::Ok(stream)
            });
        }
        while let Some(ended) = connections.join_next().await {
            self.streams.push(ended.context("a connection")??);
            self.sent += each;
        }
        Ok(())
    }

    /// Asks the server what it has cost so far, once all that it holds is sent.
    async fn cpu(&mut self) -> Result<Duration> {
        let request = format!("GET /cpu HTTP/1.1\r\nhost: {}\r\n\r\n", self.address);
        let said = ask(&mut self.control, request.as_bytes()).await?;
        let nanos = said.trim().parse().context("the server's CPU")?;
        Ok(Duration::from_nanos(nanos))
    }
}

async fn connect(address: &str) -> Result<TcpStream> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

async fn ask(stream: &mut TcpStream, request: &[u8]) -> Result<String> {
    stream.write_all(request).await?;
    let mut answer = Vec::with_capacity(512);
    loop {
        let read = stream.read_buf(&mut answer).await?;
        ensure!(read > 0, "the server closed the connection");
        if let Some(body) = complete(&answer)? {
            return Ok(body);
        }
    }
}

/// Returns the body once the answer is there whole.
fn complete(answer: &[u8]) -> Result<Option<String>> {
    let mut headers = [httparse::EMPTY_HEADER; 32];
    let mut response = httparse::Response::new(&mut headers);
    let httparse::Status::Complete(head) = response.parse(answer)? else {
        return Ok(None);
    };
    ensure!(
        response.code == Some(200),
        "the server answered {:?}",
        response.code
    );
    let length = response
        .headers
        .iter()
        .find(|header| header.name.eq_ignore_ascii_case("content-length"))
        .context("an answer without a length")?;
    let length: usize = std::str::from_utf8(length.value)?.trim().parse()?;
    let body = answer.get(head..head + length);
    Ok(body.map(|body| String::from_utf8_lossy(body).into_owned()))
}
