//! The bounds on what is read from a carrier, and on what is written.
//!
//! Start at [`MAX_BAGGAGE_BYTES`]. The figures of the `baggage` header are those that W3C Baggage asks
//! everybody to support; the official SDKs have no bounds at all.

/// Longest `langsmith-trace` in bytes: 8 KiB. Beyond it there is no parent (`oversize`), and none is
/// written (`not_injected`).
pub const MAX_TRACE_BYTES: usize = 8 * 1024;
/// Most levels in a `langsmith-trace`: 128. Beyond it there is no parent (`oversize`), and none is
/// written (`not_injected`).
pub const MAX_TRACE_SEGMENTS: usize = 128;

/// Most bytes of `baggage`, over all its lines: 8 KiB. Members past it are ignored, and none of ours
/// is added past it.
pub const MAX_BAGGAGE_BYTES: usize = 8 * 1024;
/// Most members of `baggage`, over all its lines: 64. Members past it are ignored, and none of ours is
/// added past it.
pub const MAX_BAGGAGE_MEMBERS: usize = 64;

/// Most keys of metadata: 64. Further ones are ignored.
pub const MAX_METADATA_KEYS: usize = 64;
/// Deepest nesting of metadata: 8, where the metadata object itself is the first level. An entry that
/// is deeper is ignored.
pub const MAX_METADATA_DEPTH: usize = 8;
/// Longest value of metadata in bytes: 1 KiB of text, or of JSON if it is no text. A longer one is
/// ignored.
pub const MAX_METADATA_VALUE_BYTES: usize = 1024;

/// Most tags: 64. Further ones are ignored.
pub const MAX_TAGS: usize = 64;
/// Longest tag in bytes: 256. A longer one is ignored.
pub const MAX_TAG_BYTES: usize = 256;

/// Longest name of a project in bytes: 256. A longer one is ignored.
pub const MAX_PROJECT_BYTES: usize = 256;

/// Most entries that are read of a JSON object among [`Entries`](super::Entries): 64. Further ones are
/// ignored.
pub const MAX_ENTRIES: usize = 64;
/// Longest file that is read for a context: 64 KiB. A longer one is refused.
pub const MAX_FILE_BYTES: usize = 64 * 1024;
/// Most runs that the metadata of a batch names: 100. Further ones are counted.
pub const MAX_LINKS: usize = 100;

/// Metadata that LangSmith gives a meaning: read from a header only when allow-listed, because it would
/// let a stranger write into somebody's conversation.
pub const RESERVED_METADATA: [&str; 5] = [
    "thread_id",
    "session_id",
    "conversation_id",
    "revision_id",
    "user_id",
];
/// Beginnings of names that are reserved like [`RESERVED_METADATA`].
pub const RESERVED_METADATA_PREFIXES: [&str; 3] = ["ls_", "LANGSMITH_", "LANGCHAIN_"];
/// Reserved names that the official SDKs put into every header: dropped like the others, but not
/// counted, because they say nothing about the caller.
pub const SDK_METADATA: [&str; 1] = ["ls_method"];
/// Beginnings of the names by which LangGraph says where in a graph a run is, for
/// [`leave_out_metadata`](super::LangSmithPropagator::leave_out_metadata): a service that a node calls is no node.
/// Read like any other metadata unless left out.
pub const LANGGRAPH_METADATA: [&str; 2] = ["langgraph_", "checkpoint_ns"];

/// Beginnings of LangGraph's tags for steps of a graph, for
/// [`leave_out_tags`](super::LangSmithPropagator::leave_out_tags). Read like any other tag unless left out.
pub const LANGGRAPH_TAGS: [&str; 2] = ["graph:step:", "seq:step:"];

/// Returns true if metadata of that name is read only when allow-listed.
pub fn is_reserved_metadata(key: &str) -> bool {
    RESERVED_METADATA.contains(&key)
        || RESERVED_METADATA_PREFIXES
            .iter()
            .any(|prefix| key.starts_with(prefix))
}
