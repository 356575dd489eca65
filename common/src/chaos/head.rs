//! The head of a request or an answer, as its lines came.

use std::io;

use memchr::memmem;
use tokio::io::{AsyncRead, AsyncReadExt as _};

/// Longest head that is read, in bytes: more than any server takes.
const LONGEST: usize = 1 << 20;

/// What a head ends with.
const END: &[u8] = b"\r\n\r\n";

/// The first line, and the lines of the headers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Head {
    start: Vec<u8>,
    pub(super) lines: Vec<Line>,
}

/// The line of a header. Its value has the blanks around it only if somebody put them there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) name: Vec<u8>,
    pub(super) value: Vec<u8>,
}

impl Line {
    pub(super) fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name.as_bytes())
    }

    /// Returns how long the line is, without its end.
    pub(super) fn len(&self) -> usize {
        self.name.len() + b": ".len() + self.value.len()
    }
}

impl Head {
    /// Reads a head, and leaves what is behind it in `buffer`. None if the other side closed before a head began.
    pub(super) async fn read(
        from: &mut (impl AsyncRead + Unpin),
        buffer: &mut Vec<u8>,
    ) -> io::Result<Option<Self>> {
        // Whoever writes byte by byte is not searched from the beginning each time.
        let mut searched = 0_usize;
        loop {
            let from_here = searched.saturating_sub(END.len() - 1);
            if let Some(end) = memmem::find(&buffer[from_here..], END) {
                let end = from_here + end;
                let rest = buffer.split_off(end + END.len());
                let head = std::mem::replace(buffer, rest);
                return Ok(Some(Self::parse(&head[..end])));
            }
            if buffer.len() > LONGEST {
                return Err(io::ErrorKind::InvalidData.into());
            }
            searched = buffer.len();
            if from.read_buf(buffer).await? == 0 {
                return match buffer.is_empty() {
                    true => Ok(None),
                    false => Err(io::ErrorKind::UnexpectedEof.into()),
                };
            }
        }
    }

    fn parse(text: &[u8]) -> Self {
        let mut rest = Some(text);
        let mut next = || {
            let text = rest?;
            let end = memmem::find(text, b"\r\n");
            rest = end.map(|end| &text[end + 2..]);
            Some(&text[..end.unwrap_or(text.len())])
        };
        let start = next().unwrap_or_default().to_vec();
        let lines = std::iter::from_fn(next).map(|line| {
            let colon = line.iter().position(|byte| *byte == b':');
            let (name, value) = match colon {
                Some(colon) => (&line[..colon], &line[colon + 1..]),
                None => (line, &b""[..]),
            };
            Line {
                name: name.to_vec(),
                value: value.trim_ascii().to_vec(),
            }
        });
        let lines = lines.collect();
        Self { start, lines }
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        let mut bytes = self.start.clone();
        for line in &self.lines {
            bytes.extend_from_slice(b"\r\n");
            bytes.extend_from_slice(&line.name);
            bytes.extend_from_slice(b": ");
            bytes.extend_from_slice(&line.value);
        }
        bytes.extend_from_slice(b"\r\n\r\n");
        bytes
    }

    /// Returns a word of the first line; empty if it has fewer.
    fn word(&self, at: usize) -> String {
        let mut words = self.start.split(|byte| *byte == b' ');
        String::from_utf8_lossy(words.nth(at).unwrap_or_default()).into_owned()
    }

    /// Returns the method of a request.
    pub(super) fn method(&self) -> String {
        self.word(0)
    }

    /// Returns the path of a request, without the query, which may hold what is nobody's business.
    pub(super) fn path(&self) -> String {
        let target = self.word(1);
        let path = target.split('?').next().unwrap_or_default();
        path.to_owned()
    }

    /// Returns the status of an answer; 0 if it has none.
    pub(super) fn status(&self) -> u16 {
        self.word(1).parse().unwrap_or_default()
    }

    /// Returns the length of the body that follows, if the head says it.
    pub(super) fn content_length(&self) -> Option<usize> {
        let line = self.lines.iter().find(|line| line.is("content-length"))?;
        std::str::from_utf8(&line.value).ok()?.parse().ok()
    }

    /// Says that the connection ends with this request or answer; one that becomes a WebSocket goes on.
    pub(super) fn close(&mut self) {
        let upgrades = |line: &Line| {
            line.is("connection")
                && memmem::find(&line.value.to_ascii_lowercase(), b"upgrade").is_some()
        };
        if self.lines.iter().any(upgrades) {
            return;
        }
        self.lines
            .retain(|line| !line.is("connection") && !line.is("keep-alive"));
        self.lines.push(Line {
            name: b"connection".to_vec(),
            value: b"close".to_vec(),
        });
    }
}
