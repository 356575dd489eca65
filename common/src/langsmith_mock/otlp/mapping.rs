//! Which of LangSmith's two converters the stand-in is.

/// How spans become runs.
///
/// | | [`Hosted`](Self::Hosted) | [`CollectorProxy`](Self::CollectorProxy) |
/// |---|---|---|
/// | root's run id | its span id, padded | the trace id as a UUID |
/// | `langsmith.span.dotted_order` | is the place | overwritten: times are those of arrival |
/// | a child of a span with `langsmith.span.id` | names its run by it: the span's eight bytes are no run | the same |
/// | a parent that never comes | the span is dropped | the span hangs below the trace's id |
/// | `gen_ai.input.messages`, `…output.messages` | inputs and outputs | ignored |
/// | resource | metadata | ignored |
/// | project | the span's, else the header's | the header's, else the span's |
/// | status ERROR without an event `exception` | an error | a success |
/// | lists | as they are | as the wire's structures |
/// | span events | events of the run | left out |
/// | answer | 200 | 202, empty |
/// | zstd | taken | 415 |
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SpanMapping {
    /// The endpoint of the hosted service, as its documentation of October 2026 tells. The default. Where
    /// that is silent, it is what the open-source proxy does.
    #[default]
    Hosted,
    /// The open-source collector-proxy (0.0.1), as recorded.
    CollectorProxy {
        /// Puts attributes that nothing reads into `extra` (`GENERIC_OTEL_ENABLED`).
        generic: bool,
        /// Drops what is not generative AI by its name (`FILTER_NON_GENAI`).
        filter: bool,
    },
}

impl SpanMapping {
    pub(super) fn is_proxy(self) -> bool {
        matches!(self, Self::CollectorProxy { .. })
    }
}

/// What the proxy's filter takes for generative AI: a beginning of the name, and nothing else that a span
/// has.
const KEPT_NAMES: [&str; 4] = ["gen_ai.", "langsmith.", "llm.", "ai."];

impl SpanMapping {
    /// Returns true if a span of that name is dropped unread.
    pub(super) fn drops(self, name: &str) -> bool {
        let is_kept = || KEPT_NAMES.iter().any(|prefix| name.starts_with(prefix));
        matches!(self, Self::CollectorProxy { filter: true, .. }) && !is_kept()
    }
}
