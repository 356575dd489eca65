//! Just enough HTTP/1.1 to take bodies fast, and to misbehave where a real server library would not let us.

use std::io;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Most bytes of a request's head.
const MAX_HEAD: usize = 64 * 1024;

/// A request, its body as it came over the wire.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// Such as `POST`.
    pub method: String,
    /// Path and query.
    pub target: String,
    /// `Content-Type`.
    pub content_type: String,
    /// `Content-Encoding`.
    pub encoding: String,
    /// Whether a key came along, in either of the headers that LangSmith knows.
    pub has_key: bool,
    /// The body, still compressed.
    pub body: Vec<u8>,
}

impl Request {
    /// Returns true for what carries runs, and not for a question such as `/info`.
    pub fn carries_runs(&self) -> bool {
        matches!(self.method.as_str(), "POST" | "PATCH")
            && (self.target.contains("/runs") || self.target.contains("/v1/traces"))
    }

    /// Returns true if it speaks the protocol of OpenTelemetry.
    pub fn is_otlp(&self) -> bool {
        self.target.contains("/v1/traces")
    }
}

/// One connection, and what was read of it and not yet used.
#[derive(Debug)]
pub(super) struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

/// The head of a request, and what follows it.
#[derive(Debug)]
pub(super) struct Head {
    pub(super) request: Request,
    length: Length,
}

#[derive(Debug, Clone, Copy)]
enum Length {
    Known(usize),
    Chunked,
}

impl Connection {
    pub(super) fn new(stream: TcpStream) -> Self {
        let _ = stream.set_nodelay(true);
        Self {
            stream,
            buffer: Vec::with_capacity(64 * 1024),
        }
    }

    /// Reads the next head; nothing if the peer has gone.
    pub(super) async fn head(&mut self) -> io::Result<Option<Head>> {
        loop {
            if let Some((head, used)) = parse(&self.buffer)? {
                self.buffer.drain(..used);
                return Ok(Some(head));
            }
            if self.buffer.len() > MAX_HEAD {
                return Err(malformed("a head without end"));
            }
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                return Ok(None);
            }
        }
    }

    /// Reads the body that belongs to `head`.
    pub(super) async fn body(&mut self, head: Head) -> io::Result<Request> {
        let mut request = head.request;
        request.body = match head.length {
            Length::Known(length) => self.take(length).await?,
            Length::Chunked => self.chunks().await?,
        };
        Ok(request)
    }

    /// Reads some of the body and no more.
    pub(super) async fn some_of_the_body(&mut self) -> io::Result<()> {
        if self.buffer.is_empty() {
            self.stream.read_buf(&mut self.buffer).await?;
        }
        Ok(())
    }

    async fn take(&mut self, length: usize) -> io::Result<Vec<u8>> {
        let missing = length.saturating_sub(self.buffer.len());
        self.buffer.reserve(missing);
        while self.buffer.len() < length {
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        let rest = self.buffer.split_off(length);
        Ok(std::mem::replace(&mut self.buffer, rest))
    }

    async fn chunks(&mut self) -> io::Result<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let line = self.line().await?;
            let size = line.split(';').next().unwrap_or_default().trim();
            let size = usize::from_str_radix(size, 16).map_err(|_| malformed("a chunk's size"))?;
            body.extend(self.take(size).await?);
            self.line().await?;
            if size == 0 {
                return Ok(body);
            }
        }
    }

    async fn line(&mut self) -> io::Result<String> {
        loop {
            if let Some(at) = memchr::memmem::find(&self.buffer, b"\r\n") {
                let line: Vec<u8> = self.buffer.drain(..at + 2).take(at).collect();
                return String::from_utf8(line).map_err(|_| malformed("a line"));
            }
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }

    /// Writes an answer.
    pub(super) async fn answer(&mut self, answer: &Answer) -> io::Result<()> {
        self.stream.write_all(&answer.bytes()).await
    }

    /// Writes an answer byte by byte, `pause` between them.
    pub(super) async fn trickle(
        &mut self,
        answer: &Answer,
        pause: std::time::Duration,
    ) -> io::Result<()> {
        for byte in answer.bytes() {
            self.stream.write_all(&[byte]).await?;
            tokio::time::sleep(pause).await;
        }
        Ok(())
    }

    /// Ends the connection with a reset instead of an orderly close.
    pub(super) fn reset(self) {
        let _ = self.stream.set_zero_linger();
    }
}

/// What is answered.
#[derive(Debug, Clone, Default)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: String,
}

impl Answer {
    fn bytes(&self) -> Vec<u8> {
        let mut text = format!("HTTP/1.1 {} -\r\n", self.status);
        for (name, value) in &self.headers {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        text.push_str(&format!("content-length: {}\r\n\r\n", self.body.len()));
        text.push_str(&self.body);
        text.into_bytes()
    }
}

fn malformed(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

fn parse(bytes: &[u8]) -> io::Result<Option<(Head, usize)>> {
    let mut headers = [httparse::EMPTY_HEADER; 64];
    let mut parsed = httparse::Request::new(&mut headers);
    let status = parsed
        .parse(bytes)
        .map_err(|error| malformed(&error.to_string()))?;
    let httparse::Status::Complete(used) = status else {
        return Ok(None);
    };
    let mut request = Request {
        method: parsed.method.unwrap_or_default().to_owned(),
        target: parsed.path.unwrap_or_default().to_owned(),
        ..Request::default()
    };
    let mut length = Length::Known(0);
    for header in parsed.headers.iter() {
        let value = String::from_utf8_lossy(header.value);
        match header.name.to_ascii_lowercase().as_str() {
            "content-length" => {
                let said = value.trim().parse();
                length = Length::Known(said.map_err(|_| malformed("a length"))?);
            }
            "transfer-encoding" if value.trim().eq_ignore_ascii_case("chunked") => {
                length = Length::Chunked;
            }
            "content-type" => request.content_type = value.into_owned(),
            "content-encoding" => request.encoding = value.trim().to_ascii_lowercase(),
            "x-api-key" | "authorization" => request.has_key = true,
            _ => {}
        }
    }
    Ok(Some((Head { request, length }, used)))
}
