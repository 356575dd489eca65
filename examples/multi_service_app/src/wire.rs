//! What the services say to each other, and the gateway to the page: JSON, and events that carry JSON.
//!
//! ```text
//! data: {"kind":"token","text":"The "}⏎⏎        one event of a stream, as browsers read them
//! ```
//!
//! Start at [`Event`].

use std::convert::Infallible;

use axum::body::{Body, Bytes};
use axum::http::header;
use axum::response::Response;
use futures_util::stream;
use langgraph_agent::index::Hit;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

/// A question.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Question {
    /// What somebody wants to know.
    pub question: String,
}

/// What the retriever found.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Found {
    /// Passages, good and bad.
    pub passages: Vec<Hit>,
}

/// A piece of an answer on its way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Event {
    /// Where the trace of this answer is to be seen: the first event that the page gets.
    Trace {
        /// Its id.
        id: String,
        /// Its page, if it has one.
        url: Option<String>,
    },
    /// What is being done, in words.
    Step {
        /// The words.
        text: String,
    },
    /// The next words of the answer.
    Token {
        /// The words.
        text: String,
    },
    /// The answer begins anew: forget the words so far.
    Again,
    /// The answer is complete.
    Done {
        /// Where each cited passage is found, by number.
        citations: Vec<(usize, String)>,
    },
    /// There is no answer, or no more of it.
    Problem {
        /// Why.
        message: String,
    },
}

impl Event {
    /// Writes it as an event of a stream.
    pub fn frame(&self) -> Bytes {
        // Texts as keys and values cannot fail to be JSON; in one line, as JSON escapes line breaks.
        let json = serde_json::to_string(self).unwrap_or_default();
        format!("data: {json}\n\n").into()
    }
}

/// Where a service puts its events. Whoever reads them may be slower: it waits then.
pub type Sender = mpsc::Sender<Event>;

/// Makes the two ends of a stream of events.
pub fn channel() -> (Sender, mpsc::Receiver<Event>) {
    mpsc::channel(16)
}

/// Makes the response that carries events to a browser, or to another service.
pub fn respond(mut events: mpsc::Receiver<Event>) -> Response {
    let frames = stream::poll_fn(move |cx| events.poll_recv(cx));
    let frames =
        futures_util::StreamExt::map(frames, |event: Event| Ok::<_, Infallible>(event.frame()));
    let mut response = Response::new(Body::from_stream(frames));
    let headers = response.headers_mut();
    let values = [
        (header::CONTENT_TYPE, "text/event-stream"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    for (name, value) in values {
        headers.insert(name, header::HeaderValue::from_static(value));
    }
    response
}

/// Most bytes of one event.
const MOST: usize = 1 << 20;

/// Why the next event did not come.
#[derive(Debug, thiserror::Error)]
pub enum Broken {
    /// The service went away in the middle.
    #[error("the stream broke off")]
    Off,
    /// What came is no event of ours.
    #[error("the stream holds something else")]
    Other,
}

/// Reads the events of a response.
#[derive(Debug)]
pub struct Events {
    response: reqwest::Response,
    read: Vec<u8>,
}

impl Events {
    /// Begins to read.
    pub fn of(response: reqwest::Response) -> Self {
        Self {
            response,
            read: Vec::new(),
        }
    }

    /// Waits for the next event; returns nothing when the stream has ended.
    ///
    /// # Errors
    /// If it breaks off, or holds what is no event.
    pub async fn next(&mut self) -> Result<Option<Event>, Broken> {
        loop {
            if let Some(end) = self.read.windows(2).position(|two| two == b"\n\n") {
                let frame: Vec<u8> = self.read.drain(..end + 2).collect();
                let data = frame.strip_prefix(b"data: ").ok_or(Broken::Other)?;
                return serde_json::from_slice(data)
                    .map(Some)
                    .map_err(|_| Broken::Other);
            }
            if self.read.len() > MOST {
                return Err(Broken::Other);
            }
            match self.response.chunk().await.map_err(|_| Broken::Off)? {
                Some(chunk) => self.read.extend_from_slice(&chunk),
                None if self.read.is_empty() => return Ok(None),
                None => return Err(Broken::Off),
            }
        }
    }
}

/// Says of a call what went wrong, without the address: it can hold a password.
pub fn why(error: &reqwest::Error) -> String {
    match error.status() {
        Some(status) => format!("HTTP {status}"),
        None if error.is_connect() => "nobody listens there".to_owned(),
        None if error.is_timeout() => "no answer in time".to_owned(),
        None => "the answer broke off".to_owned(),
    }
}
