//! What a client did wrong, in plain words.

use std::fmt;

use super::keys::Keys;
use crate::model::RunId;

/// How bad a [`Violation`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Suspicious; LangSmith stores the run.
    Warning,
    /// Wrong; LangSmith refuses the request, or drops the run after its 202.
    Error,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Warning => "warning",
            Self::Error => "error",
        })
    }
}

/// Something that a client sent and should not have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Which rule was broken.
    pub code: ViolationCode,
    /// The run that broke it, if it was one run and its id could be read.
    pub run: Option<RunId>,
    /// What is wrong, and with which value.
    pub message: String,
}

/// Longest message in characters. A sender chooses what stands in it, and thousands are kept.
const MESSAGE: usize = 1_000;

/// Cuts a text for people; what is missing is marked.
pub(super) fn cut(mut text: String, characters: usize) -> String {
    if let Some((at, _)) = text.char_indices().nth(characters) {
        text.truncate(at);
        text.push('…');
    }
    text
}

/// Cuts a text that names something to the length of a message.
pub(super) fn cut_name(text: String) -> String {
    cut(text, MESSAGE)
}

impl Violation {
    pub(super) fn new(code: ViolationCode, run: Option<RunId>, message: impl Into<String>) -> Self {
        Self {
            code,
            run,
            message: message.into(),
        }
    }

    /// Returns the violation as it may be kept: without a key, and then not too long. The other way
    /// round, half a key could stay.
    pub(super) fn tidied(mut self, keys: &Keys) -> Self {
        self.message = cut_name(keys.scrub(&self.message));
        self
    }

    /// Returns how bad it is.
    pub fn severity(&self) -> Severity {
        self.code.severity()
    }

    /// Returns true if LangSmith would not have stored the run.
    pub fn is_error(&self) -> bool {
        self.severity() == Severity::Error
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.severity(), self.code)?;
        if let Some(run) = self.run {
            write!(f, " (run {run})")?;
        }
        write!(f, ": {}", self.message)
    }
}

macro_rules! codes {
    ($($(#[$doc:meta])* $variant:ident $severity:ident $text:literal,)*) => {
        /// The rules, each with a name that stays the same between versions.
        ///
        /// What is broken is listed in both modes. A strict stand-in keeps a run with an error out, as
        /// LangSmith does after its 202 (unbatched: 400 at once); a lenient one stores what can be read
        /// of it. A warning keeps nothing out in either mode. Where more is to say, the rule says it.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum ViolationCode {
            $($(#[$doc])* $variant,)*
        }

        impl ViolationCode {
            /// All rules.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// Returns the rule's name.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }

            /// Returns how bad it is to break the rule.
            pub fn severity(self) -> Severity {
                match self { $(Self::$variant => Severity::$severity,)* }
            }
        }
    };
}

codes! {
    /// The body, or what it decompresses to, is larger than the limit. Answered with 413.
    BodyTooLarge Error "body_too_large",
    /// The body cannot be decompressed, or is neither multipart nor JSON as announced. 400 or 422.
    BodyUnreadable Error "body_unreadable",
    /// The `Content-Encoding` is neither `identity`, `gzip` nor `zstd`. Answered with 415.
    EncodingUnknown Error "encoding_unknown",
    /// The `Content-Type` does not fit the route. Answered with 415.
    ContentTypeWrong Error "content_type_wrong",
    /// The name of a part is none that LangSmith knows, so its data is lost.
    PartUnknown Error "part_unknown",
    /// A part is longer or shorter than its header says.
    PartLengthMismatch Error "part_length_mismatch",
    /// A part says nothing of its length; the official SDKs always do.
    PartLengthMissing Warning "part_length_missing",
    /// A part that should be JSON is not.
    PartNotJson Error "part_not_json",
    /// Inputs, outputs or another side of a run came without the run itself.
    MainPartMissing Error "main_part_missing",
    /// Inputs, outputs or another large field stands in the main part, not in a part of its own.
    InlineField Error "inline_field",
    /// The id in the body is not that in the part's name or in the path.
    IdMismatch Error "id_mismatch",
    /// An id is no hyphenated UUID, or is all zero.
    IdMalformed Error "id_malformed",
    /// A field that every run needs is absent.
    FieldMissing Error "field_missing",
    /// A field has another JSON type than LangSmith expects.
    FieldMalformed Error "field_malformed",
    /// A time is in none of the accepted forms.
    TimeMalformed Error "time_malformed",
    /// The dotted order cannot be read.
    DottedOrderMalformed Error "dotted_order_malformed",
    /// A segment of the dotted order is not 58 bytes long.
    SegmentLength Warning "segment_length",
    /// The dotted order does not end in the run's id.
    DottedOrderId Error "dotted_order_id",
    /// The dotted order does not begin with the trace's id.
    TraceIdMismatch Error "trace_id_mismatch",
    /// The last segment of the dotted order but one is not the parent.
    ParentMismatch Error "parent_mismatch",
    /// An update places the run elsewhere in its trace than the create did.
    DottedOrderChanged Warning "dotted_order_changed",
    /// A run without a parent has a dotted order of several segments.
    RootWithAncestors Error "root_with_ancestors",
    /// A run with a parent has a dotted order of one segment.
    ChildWithoutAncestors Error "child_without_ancestors",
    /// A run ends before it starts.
    EndBeforeStart Error "end_before_start",
    /// A run starts before its parent: clocks differ. If the parent comes later, the run is dropped
    /// then.
    ChildBeforeParent Error "child_before_parent",
    /// The start time is not that of the dotted order's last segment.
    StartTimeDiffers Warning "start_time_differs",
    /// The time within a UUIDv7 is not the start time. Strict: if they are more than a second apart,
    /// lists show the run, and opening it gives 404, as at LangSmith. Lenient: it opens.
    IdTimeDiffers Warning "id_time_differs",
    /// The run type is none that LangSmith knows.
    RunTypeUnknown Warning "run_type_unknown",
    /// Neither project nor address is named, so the run goes to `default`.
    ProjectMissing Warning "project_missing",
    /// Two runs of one trace name different projects. In both modes the run goes to the project that
    /// the trace began in.
    ProjectChanged Warning "project_changed",
    /// The metadata is larger than people can read.
    MetadataTooLarge Warning "metadata_too_large",
    /// The name of an attachment has a dot in it; the official SDKs do not send such.
    AttachmentName Warning "attachment_name",
    /// An attachment came for a run that is not known.
    AttachmentOrphan Warning "attachment_orphan",
    /// An API key stands in the body.
    KeyInBody Error "key_in_body",
    /// A run was created or updated a second time, with other content. Strict: the first operation of
    /// its kind counts, and a request of nothing else is answered with 409. Lenient: the first creation
    /// counts, and a second update is added to the first.
    AlreadyReceived Warning "already_received",
    /// An integer needs more than 64 bits. Strict: the whole request is answered with 422. Lenient: it
    /// is read as a broken number, and not listed.
    IntTooBig Error "int_too_big",
    /// A trace has more runs than [`Limits::runs_per_trace`](super::Limits).
    TraceTooLarge Error "trace_too_large",
    /// Two runs of one trace came for different workspaces: a batch mixed them.
    WorkspaceChanged Warning "workspace_changed",
    /// Feedback is about a run that is not known. In both modes it is kept.
    FeedbackOrphan Warning "feedback_orphan",
    /// A span has no trace id, no id, no start time, or a parent's id of the wrong length. In both modes
    /// the others of its request are taken, and the answer counts it.
    SpanMalformed Error "span_malformed",
    /// A span's parent never came, so it was dropped after its 200. In both modes.
    SpanOrphan Error "span_orphan",
    /// A span was dropped by the collector-proxy's filter, after its 202. In both modes.
    SpanFiltered Error "span_filtered",
}

impl fmt::Display for ViolationCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
