//! What a carrier said, and what was not believed.

use std::fmt;
use std::sync::Arc;

use super::langsmith::Unread;
use crate::model::{Baggage, ParseDottedOrderError, RunContext, RunId, TraceId};

/// Metadata key for the trace id of a header that was not trusted.
pub const INCOMING_TRACE_ID: &str = "incoming_trace_id";
/// Metadata key for the run id of a header that was not trusted.
pub const INCOMING_RUN_ID: &str = "incoming_run_id";

/// What came out of a carrier: a context to continue below, or the reason why there is none.
#[derive(Debug, Clone)]
#[must_use = "the context is what a run is started below"]
pub struct Extracted {
    /// The caller's run; none unless the outcome is [`Outcome::Continued`].
    pub context: Option<RunContext>,
    /// What became of the trace header.
    pub outcome: Outcome,
    // The baggage of the context, which knows what is ignored of it.
    baggage: Option<Arc<Unread>>,
}

impl Extracted {
    pub(crate) const fn nothing(outcome: Outcome) -> Self {
        Self {
            context: None,
            outcome,
            baggage: None,
        }
    }

    pub(super) fn continued(context: RunContext, baggage: Option<Arc<Unread>>) -> Self {
        Self {
            context: Some(context),
            outcome: Outcome::Continued,
            baggage,
        }
    }

    /// Returns how many entries of the baggage are ignored, by reason. It is read, if nobody has looked at
    /// it so far.
    pub fn ignored(&self) -> IgnoredEntries {
        let read = self.baggage.as_ref().map(|text| text.ignored());
        read.unwrap_or_default()
    }

    /// Returns the metadata to put on the new trace's root when the caller was not trusted; else
    /// nothing.
    pub fn unlinked_metadata(&self) -> Option<[(&'static str, String); 2]> {
        match self.outcome {
            Outcome::Untrusted { trace_id, run_id } => Some([
                (INCOMING_TRACE_ID, trace_id.to_string()),
                (INCOMING_RUN_ID, run_id.to_string()),
            ]),
            _ => None,
        }
    }
}

impl fmt::Display for Extracted {
    /// Writes the outcome, what came with it, and what was ignored, in one line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.outcome)?;
        if let Some(context) = &self.context {
            let Baggage {
                metadata,
                tags,
                project,
            } = &*context.baggage;
            write!(
                f,
                " below run {}; project {}, {} tags, {} keys of metadata",
                context.run_id(),
                project.as_deref().unwrap_or("not named"),
                tags.len(),
                metadata.len()
            )?;
        }
        write!(f, "; ignored entries: {}", self.ignored())
    }
}

impl PartialEq for Extracted {
    fn eq(&self, other: &Self) -> bool {
        self.outcome == other.outcome
            && self.context == other.context
            && self.ignored() == other.ignored()
    }
}

/// What became of a carrier's trace header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It was read: the trace goes on.
    Continued,
    /// There is none, or it is empty. A new trace starts.
    Absent,
    /// It is valid, and the policy does not trust the caller. A new trace starts; to trust a peer, set
    /// [`TrustPolicy::Trust`](super::TrustPolicy::Trust) or
    /// [`TrustPolicy::Continue`](super::TrustPolicy::Continue).
    Untrusted {
        /// The trace it names.
        trace_id: TraceId,
        /// The run it names.
        run_id: RunId,
    },
    /// The policy is [`TrustPolicy::Ignore`](super::TrustPolicy::Ignore), or the request was left out of
    /// tracing: nobody looked.
    NotRead,
    /// It is no dotted order. A new trace starts; the sender needs repair.
    Malformed(ParseDottedOrderError),
    /// It is longer than [`MAX_TRACE_BYTES`](super::limits::MAX_TRACE_BYTES) or has more levels than
    /// [`MAX_TRACE_SEGMENTS`](super::limits::MAX_TRACE_SEGMENTS). A new trace starts; look for a loop.
    Oversize,
    /// There are several, as lines or joined by a comma. A new trace starts; look for a proxy or a
    /// client that adds the header twice.
    Ambiguous,
}

impl Outcome {
    /// Names the outcome in one word, as the counters do.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Continued => "continued",
            Self::Absent => "absent",
            Self::Untrusted { .. } => "untrusted",
            Self::NotRead => "not_read",
            Self::Malformed(_) => "malformed",
            Self::Oversize => "oversize",
            Self::Ambiguous => "ambiguous",
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(why) => write!(f, "malformed: {why}"),
            Self::Untrusted { trace_id, .. } => write!(f, "untrusted: names trace {trace_id}"),
            other => f.write_str(other.as_str()),
        }
    }
}

/// How many entries of a baggage were ignored, by reason.
///
/// Members that are not `langsmith-…` belong to others and are not counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct IgnoredEntries {
    /// Members past 8 KiB or past the 64th.
    pub over_budget: u64,
    /// Members without `=`, or whose value is no UTF-8.
    pub bad_member: u64,
    /// Metadata that is no JSON object, and entries of it that cannot be read.
    pub bad_metadata: u64,
    /// Entries of metadata that are too deep, too long, or too many.
    pub metadata_limit: u64,
    /// Entries of metadata whose names LangSmith gives a meaning, and that are not allow-listed.
    pub reserved_metadata: u64,
    /// Tags that are too long or too many.
    pub tag_limit: u64,
    /// Projects that are too long or contain control characters.
    pub bad_project: u64,
    /// Projects that are not allow-listed.
    pub project_not_allowed: u64,
    /// Members that are never read: replicas, addresses, and `langsmith-…` names we do not know.
    pub never_read: u64,
}

impl IgnoredEntries {
    pub(super) const REASONS: usize = 9;

    /// Returns the counts with their names, in the order of the fields.
    pub fn by_reason(&self) -> [(&'static str, u64); 9] {
        [
            ("over_budget", self.over_budget),
            ("bad_member", self.bad_member),
            ("bad_metadata", self.bad_metadata),
            ("metadata_limit", self.metadata_limit),
            ("reserved_metadata", self.reserved_metadata),
            ("tag_limit", self.tag_limit),
            ("bad_project", self.bad_project),
            ("project_not_allowed", self.project_not_allowed),
            ("never_read", self.never_read),
        ]
    }

    pub(super) fn from_counts(counts: [u64; Self::REASONS]) -> Self {
        let [
            over_budget,
            bad_member,
            bad_metadata,
            metadata_limit,
            reserved_metadata,
            tag_limit,
            bad_project,
            project_not_allowed,
            never_read,
        ] = counts;
        Self {
            over_budget,
            bad_member,
            bad_metadata,
            metadata_limit,
            reserved_metadata,
            tag_limit,
            bad_project,
            project_not_allowed,
            never_read,
        }
    }

    /// Returns the sum of all counts.
    pub fn total(&self) -> u64 {
        self.by_reason().iter().map(|(_, count)| count).sum()
    }
}

impl fmt::Display for IgnoredEntries {
    /// Writes the counts that are not zero, or `none`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        for (reason, count) in self.by_reason() {
            if count > 0 {
                write!(f, "{separator}{reason} {count}")?;
                separator = ", ";
            }
        }
        if separator.is_empty() {
            f.write_str("none")?;
        }
        Ok(())
    }
}
