//! What every driver is asked to trace, and the text that it carries.
//!
//! The text is prose made of common words, so that it compresses like what language models read and
//! write. All drivers read it from one file and cut it in the same places.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};

/// How many bytes of prose there are; a payload is a piece of it. More than any of the compressors looks
/// back, so that a piece which comes again is not found again.
const PROSE: usize = 3 * 1024 * 1024;

/// So many traces of so many runs, with so many bytes of text in each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Workload {
    /// Traces, one after the other.
    pub traces: usize,
    /// Runs of a trace: a root and its children.
    pub spans: usize,
    /// Bytes of text in a run: half of them inputs, half outputs.
    pub bytes: usize,
}

impl Workload {
    /// Returns how many runs there are in all.
    pub fn runs(self) -> usize {
        self.traces * self.spans
    }

    /// Returns the same with a part of the traces, at least eight.
    #[must_use]
    pub fn scaled(self, part: f64) -> Self {
        let traces = (self.traces as f64 * part).round() as usize;
        Self {
            traces: traces.max(8).min(self.traces),
            ..self
        }
    }
}

/// The workloads of the table, as `docs/performance.md` names them.
pub const WORKLOADS: [(&str, &str, Workload); 3] = [
    (
        "W1",
        "5 runs x 1 KB",
        Workload {
            traces: 2_000,
            spans: 5,
            bytes: 1_024,
        },
    ),
    (
        "W2",
        "5 runs x 64 KB",
        Workload {
            traces: 200,
            spans: 5,
            bytes: 65_536,
        },
    ),
    (
        "W3",
        "5 runs x 200 B, a burst",
        Workload {
            traces: 20_000,
            spans: 5,
            bytes: 200,
        },
    ),
];

/// Writes the prose into `folder` and returns the file.
///
/// # Errors
/// If it cannot be written.
pub fn write_prose(folder: &Path) -> Result<PathBuf> {
    let path = folder.join("prose.txt");
    std::fs::write(&path, prose()).context("writing the text that the drivers carry")?;
    Ok(path)
}

fn prose() -> String {
    const WORDS: &str = "the of and to in a is that for it was on are as with they be at one have \
        this from by hot word but what some we can out other were all there when up use your how said \
        an each she which do their time if will way about many then them write would like so these her \
        long make thing see him two has look more day could go come did number sound no most people my \
        over know water than call first who may down side been now find service trace header parent \
        request answer question retriever document model token context span latency budget queue \
        customer order invoice refund contract paragraph summary evidence citation";
    let words: Vec<&str> = WORDS.split_whitespace().collect();
    let mut text = String::with_capacity(PROSE + 16);
    let mut state: u64 = 0x9e37_79b9_7f4a_7c15;
    let mut since_stop = 0;
    while text.len() < PROSE {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let draw = (state >> 33) as usize;
        // Two draws multiplied: the first words are the frequent ones, as in a language.
        let at = (draw % words.len()) * ((draw >> 12) % words.len()) / words.len();
        text.push_str(words[at]);
        since_stop += 1;
        if since_stop > 6 + draw % 9 {
            text.push('.');
            since_stop = 0;
        }
        text.push(' ');
    }
    text
}

/// Cuts payloads from the prose.
#[derive(Debug)]
pub struct Payloads {
    prose: String,
    bytes: usize,
    at: usize,
}

impl Payloads {
    /// Reads the prose; each run gets `bytes` of it.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn read(path: &Path, bytes: usize) -> Result<Self> {
        let prose = std::fs::read_to_string(path).context("reading the text to carry")?;
        Ok(Self {
            prose,
            bytes,
            at: 0,
        })
    }

    /// Returns inputs and outputs of the next run.
    pub fn next_pair(&mut self) -> (String, String) {
        let half = self.bytes / 2;
        (self.piece(half), self.piece(half))
    }

    fn piece(&mut self, length: usize) -> String {
        if self.at + length > self.prose.len() {
            self.at = 0;
        }
        let from = self.at;
        self.at += length;
        self.prose[from..self.at].to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_packs_like_prose_and_not_like_a_pattern() {
        let text = prose();
        let packed = zstd::encode_all(&text.as_bytes()[..65_536], 1).expect("packed");
        let ratio = 65_536.0 / packed.len() as f64;
        assert!((2.0..4.5).contains(&ratio), "{ratio}");
    }

    #[test]
    fn a_tenth_has_a_tenth_of_the_traces_and_never_none() {
        let (_, _, first) = WORKLOADS[0];
        assert_eq!(first.scaled(0.1).runs(), 1_000);
        assert_eq!(first.scaled(0.0).traces, 8);
    }
}
