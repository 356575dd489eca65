//! The operations on one run, merged in any order of arrival.

use bytes::Bytes;
use serde_json::Value;

use super::decode::{Attachment, OpKind, run};
use crate::model::{JsonMap, Run};

/// A run as its create and its updates tell it.
#[derive(Debug, Default)]
pub(super) struct StoredRun {
    post: Option<JsonMap>,
    patch: Option<JsonMap>,
    attachments: Vec<Attachment>,
    bytes: usize,
}

/// What an operation did to its run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Merge {
    Created,
    Merged,
    /// Nothing new.
    Repeated,
    /// A second create or update, unlike the first; ignored.
    Differs,
}

/// How many updates of one run count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Updates {
    #[default]
    One,
    /// All until one ends the run.
    WhileOpen,
    Any,
}

fn is_open(update: &JsonMap) -> bool {
    !update.contains_key("end_time")
}

impl StoredRun {
    /// Takes an operation in; its fields hold no null.
    ///
    /// LangSmith takes each operation once; where `takes` says so, a second update is added to the first.
    pub(super) fn take(
        &mut self,
        kind: OpKind,
        fields: JsonMap,
        bytes: usize,
        takes: Updates,
    ) -> Merge {
        let new = self.post.is_none() && self.patch.is_none();
        match (kind, &mut self.post, &mut self.patch) {
            (OpKind::Post, Some(earlier), _) if *earlier == fields => return Merge::Repeated,
            (OpKind::Post, Some(_), _) => return Merge::Differs,
            (OpKind::Post, post, _) => *post = Some(fields),
            (OpKind::Patch, _, Some(earlier)) => {
                let known = |(key, value): (&String, &Value)| earlier.get(key) == Some(value);
                if fields.iter().all(known) {
                    return Merge::Repeated;
                }
                let (was_open, is_open) = (is_open(earlier), is_open(&fields));
                match takes {
                    Updates::Any => {}
                    // It was under way when the run ended, and says less than the end.
                    Updates::WhileOpen if is_open && !was_open => return Merge::Repeated,
                    Updates::WhileOpen if was_open => {}
                    Updates::WhileOpen | Updates::One => return Merge::Differs,
                }
                earlier.extend(fields);
            }
            (OpKind::Patch, _, patch) => *patch = Some(fields),
        }
        self.bytes += bytes;
        if new { Merge::Created } else { Merge::Merged }
    }

    /// Keeps a file; one of the same name replaces the earlier.
    pub(super) fn attach(&mut self, attachment: Attachment) {
        // The slice of the request's buffer would keep the whole body alive.
        let data = Bytes::copy_from_slice(&attachment.data);
        self.bytes += data.len();
        self.attachments.retain(|has| {
            let other = has.name != attachment.name;
            self.bytes -= if other { 0 } else { has.data.len() };
            other
        });
        self.attachments.push(Attachment { data, ..attachment });
    }

    pub(super) fn attachments(&self) -> &[Attachment] {
        &self.attachments
    }

    /// Returns the bytes that arrived for the run.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Returns a field of the merged run.
    pub(super) fn field(&self, key: &str) -> Option<&Value> {
        let updated = self.patch.as_ref().and_then(|patch| patch.get(key));
        updated.or_else(|| self.post.as_ref()?.get(key))
    }

    /// Returns an entry of the merged run's metadata.
    pub(super) fn metadata(&self, key: &str) -> Option<&Value> {
        self.field("extra")?.get("metadata")?.get(key)
    }

    /// Returns the run as JSON: the update wins field by field.
    ///
    /// Events, extra and outputs are fields like others, so they are replaced whole, as the server
    /// does.
    pub(super) fn merged(&self) -> JsonMap {
        let mut merged = self.post.clone().unwrap_or_default();
        for (key, value) in self.patch.iter().flatten() {
            merged.insert(key.clone(), value.clone());
        }
        merged
    }

    /// Returns the run; none as long as an unbatched update waits for its create.
    pub(super) fn run(&self) -> Option<Run> {
        run::read(&self.merged()).0
    }
}
