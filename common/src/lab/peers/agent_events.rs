//! What an agent says of its work while it is at it: server-sent events, one by one.
//!
//! ```text
//! response ──chunks──► lines, held back until a blank one ──► AgentEvent
//! ```

use serde_json::Value;

use super::peer::PeerError;

/// What an agent has said of its work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AgentEvent {
    /// A node has said something: a word of a model, or what a tool found.
    Message {
        /// Which node, such as `agent`.
        node: String,
        /// What it said; empty where the model calls a tool.
        text: String,
    },
    /// A node has ended.
    Ended {
        /// Which node.
        node: String,
    },
}

/// The events of an answer that is being written. Whoever drops it breaks the connection.
#[derive(Debug)]
pub struct AgentEvents {
    response: reqwest::Response,
    unread: Unread,
    whole: bool,
}

impl AgentEvents {
    pub(super) fn of(response: reqwest::Response) -> Self {
        Self {
            response,
            unread: Unread::default(),
            whole: false,
        }
    }

    /// Waits for the next event; nothing after the last one.
    ///
    /// # Errors
    /// When nothing comes for a minute, when the connection breaks or ends before the agent has said that it is
    /// done, or when an event is longer than a megabyte.
    pub async fn next(&mut self) -> Result<Option<AgentEvent>, PeerError> {
        while !self.whole {
            if let Some((name, data)) = self.unread.event() {
                let text = |key: &str| data[key].as_str().unwrap_or_default().to_owned();
                match &*name {
                    "messages" => {
                        let (node, text) = (text("node"), text("content"));
                        return Ok(Some(AgentEvent::Message { node, text }));
                    }
                    "updates" => return Ok(Some(AgentEvent::Ended { node: text("node") })),
                    "end" => self.whole = true,
                    // What a later agent may say.
                    _ => {}
                }
                continue;
            }
            let peer = || "agent's stream".to_owned();
            let failed = |why: &str| PeerError::Unreachable {
                peer: peer(),
                why: why.to_owned(),
            };
            if self.unread.len() > MAX_EVENT_BYTES {
                return Err(failed("an event of it is longer than a megabyte"));
            }
            match self.response.chunk().await {
                Ok(Some(chunk)) => self.unread.bytes.extend_from_slice(&chunk),
                Ok(None) => return Err(failed("it broke off before its end")),
                Err(error) if error.is_timeout() => return Err(PeerError::Slow { peer: peer() }),
                Err(error) => return Err(failed(&error.without_url().to_string())),
            }
        }
        Ok(None)
    }

    /// Reads to the end; returns all that is left.
    ///
    /// # Errors
    /// As [`next`](Self::next).
    pub async fn rest(mut self) -> Result<Vec<AgentEvent>, PeerError> {
        let mut events = Vec::new();
        while let Some(event) = self.next().await? {
            events.push(event);
        }
        Ok(events)
    }
}

/// How much of one event is held back.
const MAX_EVENT_BYTES: usize = 1 << 20;

/// What has come and is no whole event yet.
#[derive(Debug, Default)]
struct Unread {
    bytes: Vec<u8>,
    // So many of them hold no end of a line, and are not looked through again.
    looked: usize,
    name: String,
    data: String,
}

impl Unread {
    fn len(&self) -> usize {
        self.bytes.len() + self.data.len()
    }

    /// Takes the next event out, its name and its data, if all of it has come. Lines end in `\n` or `\r\n`.
    fn event(&mut self) -> Option<(String, Value)> {
        loop {
            let unseen = &self.bytes[self.looked..];
            let Some(end) = unseen.iter().position(|byte| *byte == b'\n') else {
                self.looked = self.bytes.len();
                return None;
            };
            let line: Vec<u8> = self.bytes.drain(..=self.looked + end).collect();
            self.looked = 0;
            let line = String::from_utf8_lossy(&line);
            let line = line.trim_end_matches(['\n', '\r']);
            if line.is_empty() {
                let (name, data) = (
                    std::mem::take(&mut self.name),
                    std::mem::take(&mut self.data),
                );
                // An event without data is none, and a comment may stand alone.
                if data.is_empty() {
                    continue;
                }
                return Some((name, serde_json::from_str(&data).unwrap_or_default()));
            }
            let (field, value) = line.split_once(':').unwrap_or((line, ""));
            let value = value.strip_prefix(' ').unwrap_or(value);
            match field {
                "event" => value.clone_into(&mut self.name),
                "data" => {
                    self.data.push_str(value);
                    self.data.push('\n');
                }
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn however_an_event_is_cut_and_its_lines_end_it_is_the_same() {
        let stream = ": ping\n\nevent: updates\ndata: {\"node\":\ndata:\"größe\"}\n\nevent: end\ndata: {}\n\n";
        for stream in [stream.to_owned(), stream.replace('\n', "\r\n")] {
            for size in [1, 2, 7, stream.len()] {
                let mut unread = Unread::default();
                let mut events = Vec::new();
                for chunk in stream.as_bytes().chunks(size) {
                    unread.bytes.extend_from_slice(chunk);
                    events.extend(std::iter::from_fn(|| unread.event()));
                }
                let told = |name: &str, data| (name.to_owned(), data);
                assert_eq!(
                    events,
                    [
                        told("updates", serde_json::json!({"node": "größe"})),
                        told("end", serde_json::json!({}))
                    ],
                    "{size}"
                );
                assert_eq!(unread.len(), 0);
            }
        }
    }

    #[cfg(unix)]
    #[tokio::test(start_paused = true)]
    async fn a_stream_may_take_longer_than_an_answer_as_long_as_it_goes_on() {
        use std::process::Command;
        use std::time::Duration;

        use serde_json::json;
        use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

        use crate::client::Client;
        use crate::lab::peers::peer::{ANSWER, Peer};

        // As long as a thread is busy, time moves only when it is told to.
        let (_held, wait) = std::sync::mpsc::channel::<()>();
        tokio::task::spawn_blocking(move || wait.recv());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await;
        let listener = listener.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("bound"));
        let mut command = Command::new("sh");
        let ready = json!({"url": url, "sdk": ""}).to_string();
        command.args(["-c", r#"echo "$0"; cat"#, &ready]);
        let peer = Peer::start("agent".into(), &mut command, PeerError::NotInstalled);
        let peer = peer.await.expect("it starts");
        let client = Client::builder().enabled(false).build().expect("a client");
        let run = client.run("caller").start();
        let begun = async {
            let (mut server, _) = listener.accept().await.expect("asked");
            let mut asked = Vec::new();
            while !asked.ends_with(b"{}") {
                server.read_buf(&mut asked).await.expect("a request");
            }
            let head = b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n";
            server.write_all(head).await.expect("written");
            server
        };
        let body = json!({});
        let (response, mut server) = tokio::join!(peer.open("/stream", &body, &run), begun);
        let mut events = AgentEvents::of(response.expect("it begins"));
        for node in ["a", "b", "c"] {
            let said = format!("event: updates\ndata: {{\"node\": \"{node}\"}}\n\n");
            server.write_all(said.as_bytes()).await.expect("written");
            let event = events.next().await.expect("an event");
            assert_eq!(event, Some(AgentEvent::Ended { node: node.into() }));
            tokio::time::advance(ANSWER * 2 / 3).await;
        }
        let patience = tokio::time::advance(ANSWER + Duration::from_secs(1));
        let (late, ()) = tokio::join!(events.next(), patience);
        assert!(matches!(late, Err(PeerError::Slow { .. })), "{late:?}");
    }
}
