//! The text of a baggage → what it says, where somebody wants to know.
//!
//! ```text
//! lines ──► Unread ──(first look)──► Members ──► metadata · tags · project, and what was ignored
//! ```
//!
//! Most services that a request passes need the caller's place alone, so the text is put by. The limits
//! are the same whenever it is read. Start at [`Unread::take`].

use std::fmt;
use std::sync::{Arc, OnceLock};

use super::{METADATA, OURS, PROJECT, ReadRules, TAGS, begins_like_one_of, metadata};
use crate::model::{Baggage, LazyBaggage, UnreadBaggage};
use crate::propagation::BAGGAGE_HEADER;
use crate::propagation::baggage::{Budget, decode, members};
use crate::propagation::carrier::Extractor;
use crate::propagation::extracted::IgnoredEntries;
use crate::propagation::limits::{MAX_BAGGAGE_BYTES, MAX_PROJECT_BYTES, MAX_TAG_BYTES, MAX_TAGS};

/// A baggage that came in headers.
pub(in crate::propagation) struct Unread {
    // All lines, with commas between them.
    text: Vec<u8>,
    rules: Arc<ReadRules>,
    read: OnceLock<(Baggage, IgnoredEntries)>,
}

impl Unread {
    /// Takes the baggage of a carrier; none if it has none.
    ///
    /// One that is over its budget is read at once: what is past it is counted and not kept.
    pub(super) fn take(
        rules: &Arc<ReadRules>,
        carrier: &dyn Extractor,
    ) -> (LazyBaggage, Option<Arc<Self>>) {
        let mut text = Vec::new();
        let mut lines = 0_usize;
        let mut bytes = 0_usize;
        carrier.values(BAGGAGE_HEADER, &mut |line| {
            bytes = bytes.saturating_add(line.len() + usize::from(lines > 0));
            if bytes <= MAX_BAGGAGE_BYTES {
                if lines > 0 {
                    text.push(b',');
                }
                text.extend_from_slice(line);
            }
            lines += 1;
        });
        if lines == 0 {
            return (LazyBaggage::default(), None);
        }
        let mut unread = Self {
            text,
            rules: rules.clone(),
            read: OnceLock::new(),
        };
        if bytes > MAX_BAGGAGE_BYTES {
            let mut found = Members::new();
            carrier.values(BAGGAGE_HEADER, &mut |line| found.add(line));
            let read = found.read(rules);
            rules.counting.ignored(&read.1);
            unread.text = Vec::new();
            unread.read = read.into();
        }
        let unread = Arc::new(unread);
        (LazyBaggage::unread(unread.clone()), Some(unread))
    }

    /// Returns how many entries are ignored.
    pub(in crate::propagation) fn ignored(&self) -> IgnoredEntries {
        self.look().1
    }

    fn look(&self) -> &(Baggage, IgnoredEntries) {
        if let Some(read) = self.read.get() {
            return read;
        }
        let mut found = Members::new();
        found.add(&self.text);
        // Made before: a process that is forked off while it is being kept waits for ever.
        let mut made = Some(found.read(&self.rules));
        let kept = self.read.get_or_init(|| made.take().unwrap_or_default());
        if made.is_none() {
            self.rules.counting.ignored(&kept.1);
        }
        kept
    }
}

impl UnreadBaggage for Unread {
    fn read(&self) -> &Baggage {
        &self.look().0
    }
}

// What callers say is not for a log.
impl fmt::Debug for Unread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unread").finish_non_exhaustive()
    }
}

/// The values of our members, as they stand in the text, and what is ignored of it.
struct Members<'a> {
    budget: Budget,
    metadata: Option<&'a [u8]>,
    tags: Option<&'a [u8]>,
    project: Option<&'a [u8]>,
    ignored: IgnoredEntries,
}

impl<'a> Members<'a> {
    fn new() -> Self {
        Self {
            budget: Budget::new(),
            metadata: None,
            tags: None,
            project: None,
            ignored: IgnoredEntries::default(),
        }
    }

    fn add(&mut self, line: &'a [u8]) {
        for (bytes, member) in members(line) {
            let affordable = self.budget.take_bytes(bytes);
            let Some(member) = member else { continue };
            if !affordable || !self.budget.take_member() {
                self.ignored.over_budget += 1;
                continue;
            }
            let Some(value) = member.value else {
                self.ignored.bad_member += 1;
                continue;
            };
            // Of members with one name the last counts, as in both SDKs.
            if member.key == METADATA.as_bytes() {
                self.metadata = Some(value);
            } else if member.key == TAGS.as_bytes() {
                self.tags = Some(value);
            } else if member.key == PROJECT.as_bytes() {
                self.project = Some(value);
            } else if member.key.starts_with(OURS.as_bytes()) {
                self.ignored.never_read += 1;
            }
        }
    }

    fn read(self, rules: &ReadRules) -> (Baggage, IgnoredEntries) {
        let mut ignored = self.ignored;
        let mut baggage = Baggage::default();
        let mut unescaped = Vec::new();
        if let Some(value) = self.metadata {
            match decode(value, &mut unescaped) {
                Some(text) => {
                    let metadata = metadata::read(text, &rules.metadata, &mut ignored);
                    if !metadata.is_empty() {
                        baggage.metadata = Arc::new(metadata);
                    }
                }
                None => ignored.bad_member += 1,
            }
        }
        if let Some(value) = self.tags {
            match decode(value, &mut unescaped) {
                Some(text) => baggage.tags = read_tags(text, rules, &mut ignored),
                None => ignored.bad_member += 1,
            }
        }
        if let Some(value) = self.project {
            match decode(value, &mut unescaped) {
                Some(text) => baggage.project = read_project(text, rules, &mut ignored),
                None => ignored.bad_member += 1,
            }
        }
        (baggage, ignored)
    }
}

fn read_tags(text: &str, rules: &ReadRules, ignored: &mut IgnoredEntries) -> Vec<String> {
    let mut tags: Vec<String> = Vec::new();
    let told = text.split(',').filter(|tag| !tag.is_empty());
    for tag in told.filter(|tag| !begins_like_one_of(&rules.left_out_tags, tag)) {
        if tags.len() == MAX_TAGS || tag.len() > MAX_TAG_BYTES {
            ignored.tag_limit += 1;
        } else if !tags.iter().any(|known| known == tag) {
            tags.push(tag.to_owned());
        }
    }
    tags
}

fn read_project(text: &str, rules: &ReadRules, ignored: &mut IgnoredEntries) -> Option<String> {
    if text.is_empty() {
        None
    } else if text.len() > MAX_PROJECT_BYTES || text.chars().any(char::is_control) {
        ignored.bad_project += 1;
        None
    } else if !rules.projects.allows(text) {
        ignored.project_not_allowed += 1;
        None
    } else {
        Some(text.to_owned())
    }
}
