//! The place that everything is sent to: one thread that answers at once and looks into bodies later.
//!
//! ```text
//!   driver ─► connection ─► script: any trouble now? ─► 202 ─► taken ──finish──► Tally
//!                                   └─► reset · 5xx · silence · …
//! ```
//!
//! A sink that decodes while it is measured would be measured too. It speaks to LangSmith's clients and
//! to OpenTelemetry's. Start at [`Sink::start`].

mod decode;
mod script;
mod tally;
mod wire;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::task::JoinSet;

pub use script::{Script, Trouble};
pub use tally::Tally;
pub use wire::Request;

use script::Dice;
use wire::{Answer, Connection, Head};

/// What the sink says about itself: as the hosted service, with both kinds of compression.
const INFO: &str = r#"{"version":"0.18.5","batch_ingest_config":{"use_multipart_endpoint":true,"size_limit":100,"size_limit_bytes":20971520,"scale_up_qsize_trigger":1000,"scale_up_nthreads_limit":16,"scale_down_nempty_trigger":4},"instance_flags":{"zstd_compression_enabled":true,"gzip_body_enabled":true}}"#;

/// A running sink.
#[derive(Debug)]
pub struct Sink {
    /// Its address, without a `/` at its end.
    pub url: String,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    script: Script,
    books: Mutex<Books>,
    /// Rings when the first request with runs came.
    begun: Notify,
    stop: Notify,
}

#[derive(Debug, Default)]
struct Books {
    dice: Dice,
    first: Option<Instant>,
    requests: usize,
    saw_key: bool,
    taken: Vec<Request>,
}

impl Shared {
    fn books(&self) -> std::sync::MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn trouble(&self) -> Option<Trouble> {
        let since = self.books().first.map(|first| first.elapsed());
        self.script.at(since).cloned()
    }

    fn falls(&self, percent: u64) -> bool {
        self.books().dice.falls(percent)
    }
}

impl Sink {
    /// Opens a sink on a free port of loopback.
    ///
    /// # Errors
    /// If it cannot listen.
    pub fn start(script: Script) -> Result<Self> {
        let listener =
            std::net::TcpListener::bind(("127.0.0.1", 0)).context("opening the sink's port")?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            script,
            books: Mutex::default(),
            begun: Notify::new(),
            stop: Notify::new(),
        });
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .context("starting the sink")?;
        let served = shared.clone();
        let thread = std::thread::Builder::new()
            .name("sink".to_owned())
            .spawn(move || runtime.block_on(serve(listener, address, &served)))?;
        Ok(Self {
            url: format!("http://{address}"),
            shared,
            thread: Some(thread),
        })
    }

    /// Returns how many requests came, the ones that it did not take among them.
    pub fn requests(&self) -> usize {
        self.shared.books().requests
    }

    /// Returns how many requests with runs were taken so far.
    pub fn taken(&self) -> usize {
        self.shared.books().taken.len()
    }

    /// Returns true if any request brought a key.
    pub fn saw_key(&self) -> bool {
        self.shared.books().saw_key
    }

    /// Ends the sink and looks into what was taken.
    ///
    /// # Errors
    /// If something was taken that cannot be read: then the figures would be wrong.
    pub fn finish(mut self) -> Result<Tally> {
        self.shared.stop.notify_one();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
        let taken = std::mem::take(&mut self.shared.books().taken);
        Tally::of(&taken)
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        self.shared.stop.notify_one();
    }
}

async fn serve(listener: std::net::TcpListener, address: SocketAddr, shared: &Arc<Shared>) {
    let Ok(listener) = TcpListener::from_std(listener) else {
        return;
    };
    let mut listener = Some(listener);
    let mut connections = JoinSet::new();
    let outage = outage(shared);
    tokio::pin!(outage);
    let mut is_over = false;
    loop {
        let accept = async {
            match &listener {
                Some(listener) => listener.accept().await.ok(),
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            accepted = accept => {
                if let Some((stream, _)) = accepted {
                    connections.spawn(converse(Connection::new(stream), shared.clone()));
                }
            }
            lasts = &mut outage, if !is_over => {
                is_over = true;
                listener = None;
                connections.shutdown().await;
                if let Some(lasts) = lasts {
                    tokio::select! {
                        () = tokio::time::sleep(lasts) => {}
                        () = shared.stop.notified() => return,
                    }
                    listener = listen_again(address).await;
                }
            }
            Some(_) = connections.join_next() => {}
            () = shared.stop.notified() => return,
        }
    }
}

/// Ends when nobody is to listen any more, with how long; never if the script has no such thing.
async fn outage(shared: &Shared) -> Option<Duration> {
    if shared.script.trouble != Some(Trouble::Down) {
        return std::future::pending().await;
    }
    if shared.script.after > Duration::ZERO {
        shared.begun.notified().await;
        tokio::time::sleep(shared.script.after).await;
    }
    shared.script.lasts
}

/// Opens the same port; another process may have had it for a moment.
async fn listen_again(address: SocketAddr) -> Option<TcpListener> {
    for _ in 0..200 {
        if let Ok(listener) = TcpListener::bind(address).await {
            return Some(listener);
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    None
}

async fn converse(mut connection: Connection, shared: Arc<Shared>) {
    if let Some(Trouble::ResetAtOnce { percent }) = shared.trouble()
        && shared.falls(percent)
    {
        return connection.reset();
    }
    while let Ok(Some(head)) = connection.head().await {
        match exchange(connection, head, &shared).await {
            Some(kept) => connection = kept,
            None => return,
        }
    }
}

/// Takes one request; returns the connection if it lives on.
async fn exchange(
    mut connection: Connection,
    head: Head,
    shared: &Arc<Shared>,
) -> Option<Connection> {
    let carries_runs = head.request.carries_runs();
    {
        let mut books = shared.books();
        books.requests += 1;
        books.saw_key |= head.request.has_key;
        if carries_runs && books.first.is_none() {
            books.first = Some(Instant::now());
            shared.begun.notify_one();
        }
    }
    let trouble = shared.trouble().filter(|_| carries_runs);
    if let Some(Trouble::ResetInBody { percent }) = trouble
        && shared.falls(percent)
    {
        let _ = connection.some_of_the_body().await;
        connection.reset();
        return None;
    }
    let request = connection.body(head).await.ok()?;
    if !carries_runs {
        connection.answer(&info(&request)).await.ok()?;
        return Some(connection);
    }
    let otlp = request.is_otlp();
    let taken = if otlp { 200 } else { 202 };
    let mut answer = Answer {
        status: taken,
        headers: vec![("content-type", content_type(otlp).to_owned())],
        body: if otlp { "" } else { "{}" }.to_owned(),
    };
    match &trouble {
        Some(Trouble::Status { status, percent }) if shared.falls(*percent) => {
            answer.status = *status;
        }
        Some(Trouble::TooMany) => {
            answer.status = 429;
            answer.headers.push(("retry-after", "1".to_owned()));
        }
        Some(Trouble::Hang) => {
            // Held until the client gives up and closes it.
            let _ = connection.head().await;
            return None;
        }
        Some(Trouble::Redirect { to }) => {
            answer.status = 307;
            let location = format!("{to}{}", request.target);
            answer.headers.push(("location", location));
        }
        Some(Trouble::Refuse { status }) if decode::names_bad(&request) => {
            answer.status = *status;
        }
        Some(Trouble::TooLarge { over })
            if decode::unpacked(&request).is_ok_and(|body| body.len() > *over) =>
        {
            answer.status = 413;
        }
        _ => {}
    }
    let is_taken = answer.status == taken;
    // Before the answer: a client may go away as soon as it has read the status.
    if is_taken && !shared.script.forgets {
        shared.books().taken.push(request);
    }
    match trouble {
        Some(Trouble::Trickle { pause }) => connection.trickle(&answer, pause).await.ok()?,
        _ => connection.answer(&answer).await.ok()?,
    }
    Some(connection)
}

fn content_type(otlp: bool) -> &'static str {
    if otlp {
        "application/x-protobuf"
    } else {
        "application/json"
    }
}

fn info(request: &Request) -> Answer {
    Answer {
        status: 200,
        headers: vec![("content-type", "application/json".to_owned())],
        body: if request.target.ends_with("/info") {
            INFO.to_owned()
        } else {
            "[]".to_owned()
        },
    }
}
