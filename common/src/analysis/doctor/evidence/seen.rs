//! A run as far as rules look at it.

use super::names::Name;

/// A time that is not known.
pub(in crate::analysis::doctor) const NEVER: i64 = i64::MIN;

/// What a run says that is yes or no.
pub(in crate::analysis::doctor) mod flag {
    /// It came from an OpenTelemetry span: its id is 8 bytes, padded.
    pub(in crate::analysis::doctor) const SPAN: u32 = 1;
    /// It was asked to stream.
    pub(in crate::analysis::doctor) const STREAMS: u32 = 1 << 1;
    /// It has the event of a first token.
    pub(in crate::analysis::doctor) const TOKEN: u32 = 1 << 2;
    pub(in crate::analysis::doctor) const INPUTS: u32 = 1 << 3;
    /// It has outputs, and they are not empty.
    pub(in crate::analysis::doctor) const OUTPUTS: u32 = 1 << 4;
    /// Its outputs are `{}`.
    pub(in crate::analysis::doctor) const EMPTY_OUTPUTS: u32 = 1 << 5;
    pub(in crate::analysis::doctor) const USAGE: u32 = 1 << 6;
    pub(in crate::analysis::doctor) const ERROR: u32 = 1 << 7;
    /// Its error is a question to a human.
    pub(in crate::analysis::doctor) const INTERRUPT: u32 = 1 << 8;
    /// It says that this is no error.
    pub(in crate::analysis::doctor) const INTERRUPT_MARKED: u32 = 1 << 9;
    /// It tells which caller it did not believe.
    pub(in crate::analysis::doctor) const RESTARTED: u32 = 1 << 10;
    /// It has a thread's id, in a place where LangSmith does not look.
    pub(in crate::analysis::doctor) const THREAD_ELSEWHERE: u32 = 1 << 11;
    /// Its dotted order has one segment.
    pub(in crate::analysis::doctor) const ONE_SEGMENT: u32 = 1 << 12;
    /// Its dotted order has several.
    pub(in crate::analysis::doctor) const MORE_SEGMENTS: u32 = 1 << 13;
    /// Its dotted order begins with another trace.
    pub(in crate::analysis::doctor) const OTHER_TRACE: u32 = 1 << 14;
    /// The time within its id is more than a second from its start.
    pub(in crate::analysis::doctor) const ID_TIME: u32 = 1 << 15;
    /// It names a parent (its id may be unreadable).
    pub(in crate::analysis::doctor) const CHILD: u32 = 1 << 16;
}

/// What kind of work a run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub(in crate::analysis::doctor) enum Kind {
    #[default]
    Chain,
    Llm,
    Tool,
    Retriever,
    Embedding,
    Other,
}

impl Kind {
    pub(in crate::analysis::doctor) fn read(text: &str) -> Self {
        match text {
            "chain" | "" => Self::Chain,
            "llm" => Self::Llm,
            "tool" => Self::Tool,
            "retriever" => Self::Retriever,
            "embedding" => Self::Embedding,
            _ => Self::Other,
        }
    }

    /// Returns true for work that leaves the process.
    pub(in crate::analysis::doctor) fn is_call(self) -> bool {
        matches!(
            self,
            Self::Llm | Self::Tool | Self::Retriever | Self::Embedding
        )
    }
}

/// A run without what it was given and gave back.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::analysis::doctor) struct Seen {
    pub(in crate::analysis::doctor) id: u128,
    pub(in crate::analysis::doctor) trace: u128,
    /// 0 if it has none.
    pub(in crate::analysis::doctor) parent: u128,
    /// Microseconds since 1970, or [`NEVER`].
    pub(in crate::analysis::doctor) start: i64,
    pub(in crate::analysis::doctor) end: i64,
    /// When its first token came, or [`NEVER`].
    pub(in crate::analysis::doctor) token: i64,
    /// Hash of its inputs; 0 if it has none.
    pub(in crate::analysis::doctor) digest: u64,
    /// Hash of its outputs; 0 if it has none.
    pub(in crate::analysis::doctor) answer: u64,
    /// Microseconds that its last segment is before the one above.
    pub(in crate::analysis::doctor) behind: i64,
    /// Bytes of its JSON.
    pub(in crate::analysis::doctor) bytes: u32,
    pub(in crate::analysis::doctor) tokens: u32,
    pub(in crate::analysis::doctor) flags: u32,
    pub(in crate::analysis::doctor) name: Name,
    pub(in crate::analysis::doctor) service: Name,
    pub(in crate::analysis::doctor) project: Name,
    /// The request that it belongs to.
    pub(in crate::analysis::doctor) request: Name,
    /// The conversation.
    pub(in crate::analysis::doctor) thread: Name,
    /// Language and version of the sender.
    pub(in crate::analysis::doctor) runtime: Name,
    pub(in crate::analysis::doctor) kind: Kind,
}

impl Seen {
    pub(in crate::analysis::doctor) fn is(&self, flags: u32) -> bool {
        self.flags & flags != 0
    }

    pub(in crate::analysis::doctor) fn is_root(&self) -> bool {
        !self.is(flag::CHILD)
    }

    pub(in crate::analysis::doctor) fn is_pending(&self) -> bool {
        self.end == NEVER && !self.is(flag::ERROR)
    }

    /// Returns the last moment that is known of it, or [`NEVER`].
    pub(in crate::analysis::doctor) fn latest(&self) -> i64 {
        self.end.max(self.start)
    }

    /// Takes over what a later message about the same run says, whose inputs and outputs have so many bytes.
    pub(super) fn complete(&mut self, later: &Self, sizes: [u32; 2]) {
        self.bytes = self.bytes_with(later, sizes);
        self.flags |= later.flags;
        if later.is(flag::OUTPUTS) {
            self.flags &= !flag::EMPTY_OUTPUTS;
        }
        for (mine, other) in [
            (&mut self.name, later.name),
            (&mut self.service, later.service),
            (&mut self.request, later.request),
            (&mut self.thread, later.thread),
            (&mut self.runtime, later.runtime),
        ] {
            if other.is_some() {
                *mine = other;
            }
        }
        if !self.project.is_some() {
            self.project = later.project;
        }
        if self.parent == 0 {
            self.parent = later.parent;
        }
        if self.trace == self.id {
            self.trace = later.trace;
        }
        self.behind = self.behind.max(later.behind);
        if later.end != NEVER {
            self.end = later.end;
        }
        if self.start == NEVER {
            self.start = later.start;
        }
        if self.kind == Kind::Chain {
            self.kind = later.kind;
        }
        self.tokens = self.tokens.max(later.tokens);
        if self.digest == 0 {
            self.digest = later.digest;
        }
        if later.answer != 0 {
            self.answer = later.answer;
        }
        if self.token == NEVER {
            self.token = later.token;
        }
    }

    /// Counts what a later message brings; inputs and outputs that are said again are no more than they were.
    fn bytes_with(&self, later: &Self, [inputs, outputs]: [u32; 2]) -> u32 {
        let brings = |digest: u64, known: u64| digest != 0 && digest != known;
        let (asks, answers) = (
            brings(later.digest, self.digest),
            brings(later.answer, self.answer),
        );
        // A message without anything new may be the same one, as where a file is read twice.
        if !asks && !answers {
            return self.bytes.max(later.bytes);
        }
        let asked = if asks { 0 } else { inputs };
        let answered = if answers { 0 } else { outputs };
        let again = asked.saturating_add(answered);
        self.bytes.saturating_add(later.bytes.saturating_sub(again))
    }
}
