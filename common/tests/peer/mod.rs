//! A tiny HTTP/1.1 peer on loopback, written for these tests alone: it shares no code with the crate,
//! runs on threads of its own, and answers as it is told.
#![allow(dead_code, unreachable_pub, reason = "each test file uses its part")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::{Arc, Condvar, Mutex};

use serde_json::Value;

/// A request as it arrived.
#[derive(Debug, Clone)]
pub struct Received {
    pub method: String,
    pub path: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Received {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }
}

/// An answer: status, headers, body.
pub type Answer = (u16, Vec<(&'static str, String)>, String);

pub fn status(status: u16) -> Answer {
    (status, Vec::new(), "{}".to_owned())
}

#[derive(Default)]
struct Log {
    requests: Mutex<Vec<Received>>,
    changed: Condvar,
}

/// The peer. It answers for as long as the test runs.
pub struct Peer {
    pub url: String,
    log: Arc<Log>,
}

type Handler = dyn Fn(&Received, usize) -> Answer + Send + Sync;

impl Peer {
    /// Answers each request with what `handler` says; its second argument counts the requests to the
    /// same path, from 0.
    pub fn start(handler: impl Fn(&Received, usize) -> Answer + Send + Sync + 'static) -> Self {
        Self::serve("http", None, handler)
    }

    pub fn start_tls(
        config: Arc<rustls::ServerConfig>,
        handler: impl Fn(&Received, usize) -> Answer + Send + Sync + 'static,
    ) -> Self {
        Self::serve("https", Some(config), handler)
    }

    fn serve(
        scheme: &str,
        tls: Option<Arc<rustls::ServerConfig>>,
        handler: impl Fn(&Received, usize) -> Answer + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback");
        let address = listener.local_addr().expect("bound");
        let log = Arc::new(Log::default());
        let handler: Arc<Handler> = Arc::new(handler);
        let for_thread = log.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (log, handler, tls) = (for_thread.clone(), handler.clone(), tls.clone());
                std::thread::spawn(move || match tls {
                    None => talk(stream, &log, &*handler),
                    Some(config) => {
                        let session = rustls::ServerConnection::new(config).expect("config");
                        talk(rustls::StreamOwned::new(session, stream), &log, &*handler);
                    }
                });
            }
        });
        Self {
            url: format!("{scheme}://localhost:{}", address.port()),
            log,
        }
    }

    /// Returns the requests so far.
    pub fn requests(&self) -> Vec<Received> {
        self.log.requests.lock().expect("log").clone()
    }

    /// Returns the requests to a path so far.
    pub fn to(&self, path: &str) -> Vec<Received> {
        let mut requests = self.requests();
        requests.retain(|request| request.path == path);
        requests
    }

    /// Waits until `done` is true of the requests so far.
    pub fn wait_until(&self, done: impl Fn(&[Received]) -> bool) {
        let guard = self.log.requests.lock().expect("log");
        drop(
            self.log
                .changed
                .wait_while(guard, |requests| !done(requests))
                .expect("log"),
        );
    }
}

fn talk<S: Read + Write>(stream: S, log: &Log, handler: &Handler) {
    let mut stream = BufReader::new(stream);
    while let Some(request) = read_request(&mut stream) {
        let count = {
            let mut requests = log.requests.lock().expect("log");
            let before = requests.iter().filter(|r| r.path == request.path).count();
            requests.push(request.clone());
            log.changed.notify_all();
            before
        };
        let (status, headers, body) = handler(&request, count);
        let mut answer = format!("HTTP/1.1 {status} X\r\nContent-Length: {}\r\n", body.len());
        for (name, value) in headers {
            answer.push_str(&format!("{name}: {value}\r\n"));
        }
        answer.push_str("\r\n");
        answer.push_str(&body);
        let out = stream.get_mut();
        if out.write_all(answer.as_bytes()).is_err() || out.flush().is_err() {
            return;
        }
    }
}

fn read_request(stream: &mut impl BufRead) -> Option<Received> {
    let mut line = String::new();
    stream.read_line(&mut line).ok().filter(|read| *read > 0)?;
    let mut words = line.split_whitespace();
    let (method, path) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).ok()?;
        match line.trim_end().split_once(':') {
            Some((name, value)) => headers.push((name.to_owned(), value.trim().to_owned())),
            None => break,
        }
    }
    let mut request = Received {
        method,
        path,
        headers,
        body: Vec::new(),
    };
    let length = request.header("content-length").map_or(Ok(0), str::parse);
    request.body = vec![0; length.ok()?];
    stream.read_exact(&mut request.body).ok()?;
    Some(request)
}

/// A port on which nobody listens.
pub fn closed_port() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback");
    let address = listener.local_addr().expect("bound");
    format!("http://{address}")
}

/// A port that accepts connections and never answers.
pub fn silent_port() -> (String, TcpListener) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback");
    let address = listener.local_addr().expect("bound");
    (format!("http://{address}"), listener)
}

/// A part of a multipart body; the JSON of one that has another type is the list of its bytes.
#[derive(Debug, Clone, PartialEq)]
pub struct Part {
    pub name: String,
    pub headers: Vec<(String, String)>,
    pub json: Value,
}

/// Reads a multipart body strictly: every byte has to be where the grammar says.
pub fn parse_multipart(content_type: &str, body: &[u8]) -> Vec<Part> {
    let boundary = content_type
        .strip_prefix("multipart/form-data; boundary=")
        .expect("a multipart type");
    let mut rest = body;
    let mut parts = Vec::new();
    loop {
        rest = rest
            .strip_prefix(format!("--{boundary}").as_bytes())
            .expect("a delimiter");
        if rest == b"--\r\n" {
            return parts;
        }
        rest = rest.strip_prefix(b"\r\n").expect("a line break");
        let end = rest
            .windows(4)
            .position(|window| window == b"\r\n\r\n")
            .expect("the end of the headers");
        let head = std::str::from_utf8(&rest[..end]).expect("headers are text");
        let headers: Vec<(String, String)> = head
            .split("\r\n")
            .map(|line| {
                let (name, value) = line.split_once(": ").expect("a header");
                (name.to_owned(), value.to_owned())
            })
            .collect();
        rest = &rest[end + 4..];
        let length: usize = headers
            .iter()
            .find(|(name, _)| name == "Content-Length")
            .map(|(_, value)| value.parse().expect("a length"))
            .expect("every part says its length");
        let name = headers[0]
            .1
            .strip_prefix("form-data; name=\"")
            .and_then(|name| name.strip_suffix('"'))
            .expect("a name");
        let data = &rest[..length];
        let is_json = headers[1].1 == "application/json";
        parts.push(Part {
            name: name.to_owned(),
            headers: headers.clone(),
            json: match is_json {
                true => serde_json::from_slice(data).expect("JSON"),
                false => data.into(),
            },
        });
        rest = rest[length..].strip_prefix(b"\r\n").expect("a line break");
    }
}

/// Returns the parts of a request.
pub fn parts_of(request: &Received) -> Vec<Part> {
    parse_multipart(
        request.header("content-type").expect("a type"),
        &unpacked(request),
    )
}

/// Returns the body of a request, unpacked as its header says.
pub fn unpacked(request: &Received) -> Vec<u8> {
    match request.header("content-encoding") {
        None => request.body.clone(),
        Some("zstd") => zstd::decode_all(&*request.body).expect("whole frames"),
        Some(other) => panic!("nobody asked for {other}"),
    }
}
