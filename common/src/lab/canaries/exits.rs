//! The ways by which something leaves a process.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

use super::plant::Plant;
use crate::lab::Tapped;

/// A way out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Exit {
    /// The addresses, headers and bodies of requests to LangSmith; all but the client's key in `x-api-key`.
    Wire,
    /// The address and all headers of a call of another service of ours.
    Headers,
    /// The files of the spool.
    Spool,
    /// The log of the threads that record: every line of every level, of this crate and of those below it.
    Log,
    /// What `Debug` and `Display` show of client, runs, contexts and books.
    Debug,
}

impl Exit {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Wire,
        Self::Headers,
        Self::Spool,
        Self::Log,
        Self::Debug,
    ];

    /// Returns its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Wire => "wire",
            Self::Headers => "headers",
            Self::Spool => "spool",
            Self::Log => "log",
            Self::Debug => "Debug",
        }
    }
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// All that left, by way.
#[derive(Debug, Default)]
pub(super) struct Left(BTreeMap<Exit, Vec<u8>>);

impl Left {
    pub(super) fn add(&mut self, exit: Exit, bytes: &[u8]) {
        let all = self.0.entry(exit).or_default();
        all.extend_from_slice(bytes);
        // Two pieces make no secret together.
        all.push(b'\n');
    }

    pub(super) fn bytes(&self, exit: Exit) -> usize {
        self.0.get(&exit).map_or(0, Vec::len)
    }

    fn has(&self, exit: Exit, text: &str) -> bool {
        let all = self.0.get(&exit).map_or(&[][..], |all| all);
        memchr::memmem::find(all, text.as_bytes()).is_some()
    }

    /// Returns the ways by which a secret left, whole or in the pieces it was planted in.
    pub(super) fn secret(&self, plant: Plant) -> Vec<Exit> {
        let core = plant.core();
        let pieces: Vec<&str> = match plant {
            Plant::SplitInput => vec![&core[..16], &core[16..]],
            _ => vec![&core],
        };
        let mut exits = Exit::ALL.to_vec();
        exits.retain(|exit| pieces.iter().any(|piece| self.has(*exit, piece)));
        exits
    }

    /// Returns true if the word that stood beside a secret left.
    pub(super) fn beside(&self, plant: Plant) -> bool {
        let word = plant.beside();
        Exit::ALL.iter().any(|exit| self.has(*exit, &word))
    }

    /// Adds all of a request: its address, its headers and its body.
    ///
    /// The client's key is passed over in the one place where it belongs: alone in `x-api-key`, on the way to
    /// LangSmith. Anything else there leaves, and so does the key on the way to anybody else.
    pub(super) fn add_request(&mut self, exit: Exit, one: &Tapped, key: &str) {
        self.add(exit, one.path.as_bytes());
        self.add(exit, one.query.as_bytes());
        for (name, value) in &one.headers {
            let belongs =
                exit == Exit::Wire && name == "x-api-key" && value.as_bytes() == key.as_bytes();
            if !belongs {
                self.add(exit, name.as_str().as_bytes());
                self.add(exit, value.as_bytes());
            }
        }
        self.add(exit, &one.body);
    }

    /// Adds the content of all files below a folder.
    pub(super) fn add_files(&mut self, exit: Exit, folder: &Path) -> std::io::Result<()> {
        for entry in std::fs::read_dir(folder)? {
            let path = entry?.path();
            match path.is_dir() {
                true => self.add_files(exit, &path)?,
                false => self.add(exit, &std::fs::read(&path)?),
            }
        }
        Ok(())
    }
}

/// Keeps every line of the log, as text.
#[derive(Debug, Clone, Default)]
pub(super) struct Ear(Arc<Mutex<String>>);

impl Ear {
    pub(super) fn heard(&self) -> String {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn add(&self, line: &str) {
        let mut heard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        heard.push_str(line);
        heard.push('\n');
    }
}

impl Subscriber for Ear {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, attributes: &Attributes<'_>) -> Id {
        let mut line = Line::default();
        attributes.record(&mut line);
        self.add(&line.0);
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, values: &Record<'_>) {
        let mut line = Line::default();
        values.record(&mut line);
        self.add(&line.0);
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut line = Line::default();
        event.record(&mut line);
        self.add(&line.0);
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

#[derive(Default)]
struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        // Writing to a String cannot fail.
        let _ = write!(self.0, "{}={value:?} ", field.name());
    }
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderMap, HeaderValue, Method};

    use super::*;

    fn request(query: &str, name: &'static str, value: &str) -> Tapped {
        let value = HeaderValue::from_str(value).expect("a value");
        Tapped {
            method: Method::GET,
            path: "/retriever".to_owned(),
            query: query.to_owned(),
            headers: HeaderMap::from_iter([(axum::http::HeaderName::from_static(name), value)]),
            body: Default::default(),
            status: 202,
        }
    }

    /// Returns whether a secret is seen to leave in a request, and by which ways.
    fn seen(exit: Exit, plant: Plant, one: &Tapped) -> Vec<Exit> {
        let mut left = Left::default();
        left.add_request(exit, one, &Plant::ApiKey.secret());
        left.secret(plant)
    }

    #[test]
    fn the_key_belongs_into_one_header_on_its_way_to_langsmith_alone() {
        let key = Plant::ApiKey.secret();
        let at = |exit, name, value: &str| seen(exit, Plant::ApiKey, &request("", name, value));
        assert!(at(Exit::Wire, "x-api-key", &key).is_empty());
        let beside = format!("{key}, another");
        assert_eq!(at(Exit::Wire, "x-api-key", &beside), [Exit::Wire]);
        assert_eq!(at(Exit::Wire, "authorization", &key), [Exit::Wire]);
        assert_eq!(at(Exit::Headers, "x-api-key", &key), [Exit::Headers]);
    }

    #[test]
    fn another_secret_leaves_in_the_header_of_the_key_too_and_in_a_query() {
        let secret = Plant::Metadata.secret();
        for exit in [Exit::Wire, Exit::Headers] {
            let header = request("", "x-api-key", &secret);
            assert_eq!(seen(exit, Plant::Metadata, &header), [exit]);
            let query = request(&format!("name={secret}"), "accept", "*/*");
            assert_eq!(seen(exit, Plant::Metadata, &query), [exit]);
        }
    }
}
