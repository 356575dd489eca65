//! What an agent says of its work while it is at it: server-sent events, one by one.
//!
//! ```text
//! response ──chunks──► held back until a blank line ──► AgentEvent
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
    held_back: Vec<u8>,
    whole: bool,
}

impl AgentEvents {
    pub(super) fn of(response: reqwest::Response) -> Self {
        Self {
            response,
            held_back: Vec::new(),
            whole: false,
        }
    }

    /// Waits for the next event; nothing after the last one.
    ///
    /// # Errors
    /// When the connection breaks, or ends before the agent has said that it is done.
    pub async fn next(&mut self) -> Result<Option<AgentEvent>, PeerError> {
        while !self.whole {
            if let Some(block) = self.block() {
                let (name, data) = parse(&block);
                let text = |key: &str| data[key].as_str().unwrap_or_default().to_owned();
                match name {
                    "messages" => {
                        let (node, text) = (text("node"), text("content"));
                        return Ok(Some(AgentEvent::Message { node, text }));
                    }
                    "updates" => return Ok(Some(AgentEvent::Ended { node: text("node") })),
                    "end" => self.whole = true,
                    // Comments, and what a later agent may say.
                    _ => {}
                }
                continue;
            }
            let failed = |why: String| PeerError::Unreachable {
                peer: "agent's stream".into(),
                why,
            };
            match self.response.chunk().await {
                Ok(Some(chunk)) => self.held_back.extend_from_slice(&chunk),
                Ok(None) => return Err(failed("it broke off before its end".into())),
                Err(error) => return Err(failed(error.to_string())),
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

    /// Takes the next event out of what has come, if all of it has.
    fn block(&mut self) -> Option<String> {
        let end = self.held_back.windows(2).position(|two| two == b"\n\n")?;
        let block: Vec<u8> = self.held_back.drain(..end + 2).collect();
        Some(String::from_utf8_lossy(&block).into_owned())
    }
}

/// Takes an event apart: its name and its data.
fn parse(block: &str) -> (&str, Value) {
    let field = |name: &str| block.lines().find_map(|line| line.strip_prefix(name));
    let data = field("data: ").and_then(|data| serde_json::from_str(data).ok());
    (
        field("event: ").unwrap_or_default(),
        data.unwrap_or_default(),
    )
}
