//! The names of attributes: LangSmith's own, and both GenAI vocabularies.
//!
//! ```text
//! langsmith.*  identity, kind, usage          read by LangSmith alone
//! gen_ai.*     the present conventions        read by other backends; in part by LangSmith
//! legacy       the conventions before them    read by LangSmith, deprecated elsewhere
//! ```
//!
//! Start at [`langsmith`].

/// What only LangSmith reads.
pub mod langsmith {
    /// The trace's id: the id of its root run.
    pub const TRACE_ID: &str = "langsmith.trace.id";
    /// The id of the run that the span is.
    pub const SPAN_ID: &str = "langsmith.span.id";
    /// The id of the run above.
    pub const PARENT_ID: &str = "langsmith.span.parent_id";
    /// The run's place in its trace.
    pub const DOTTED_ORDER: &str = "langsmith.span.dotted_order";
    /// The project's name; not the session of a conversation.
    pub const PROJECT: &str = "langsmith.trace.session_name";
    /// The project's id; likewise.
    pub const PROJECT_ID: &str = "langsmith.trace.session_id";
    /// True for a span that is a root whatever OpenTelemetry has above it.
    pub const IS_ROOT: &str = "langsmith.is_root";
    /// The kind of work: a run type.
    pub const KIND: &str = "langsmith.span.kind";
    /// The name of the run, in the place of the span's.
    pub const NAME: &str = "langsmith.trace.name";
    /// Tags: one text with commas. A list is ignored.
    pub const TAGS: &str = "langsmith.span.tags";
    /// What comes before a key of metadata.
    pub const METADATA: &str = "langsmith.metadata.";
    /// Usage and costs as JSON; wins over single counts.
    pub const USAGE: &str = "langsmith.usage_metadata";
    /// The dataset example that an evaluation runs on.
    pub const REFERENCE_EXAMPLE: &str = "langsmith.reference_example_id";
    /// Files, as a JSON list of name, base64 content and media type.
    pub const ATTACHMENTS: &str = "langsmith.attachments";
}

/// The present GenAI conventions: schema 1.42, the last that the core of OpenTelemetry carried.
pub mod gen_ai {
    /// What is done: see [`Operation`](crate::otel::Operation).
    pub const OPERATION: &str = "gen_ai.operation.name";
    /// Who offers the model. LangSmith reads [`legacy::SYSTEM`](super::legacy::SYSTEM) instead.
    pub const PROVIDER: &str = "gen_ai.provider.name";
    /// The conversation. LangSmith reads `langsmith.metadata.thread_id` instead.
    pub const CONVERSATION_ID: &str = "gen_ai.conversation.id";
    /// The model asked for.
    pub const REQUEST_MODEL: &str = "gen_ai.request.model";
    /// How random the answer may be.
    pub const TEMPERATURE: &str = "gen_ai.request.temperature";
    /// The part of the probability mass that tokens are taken from.
    pub const TOP_P: &str = "gen_ai.request.top_p";
    /// How many of the likeliest tokens are considered.
    pub const TOP_K: &str = "gen_ai.request.top_k";
    /// Most tokens of an answer.
    pub const MAX_TOKENS: &str = "gen_ai.request.max_tokens";
    /// The penalty for tokens by their frequency.
    pub const FREQUENCY_PENALTY: &str = "gen_ai.request.frequency_penalty";
    /// The penalty for tokens that are there already.
    pub const PRESENCE_PENALTY: &str = "gen_ai.request.presence_penalty";
    /// The seed.
    pub const SEED: &str = "gen_ai.request.seed";
    /// Texts that end an answer: a list.
    pub const STOP_SEQUENCES: &str = "gen_ai.request.stop_sequences";
    /// The id of the answer.
    pub const RESPONSE_ID: &str = "gen_ai.response.id";
    /// The model that answered.
    pub const RESPONSE_MODEL: &str = "gen_ai.response.model";
    /// Why the answer ended: a list.
    pub const FINISH_REASONS: &str = "gen_ai.response.finish_reasons";
    /// Seconds to the first part of a streamed answer.
    pub const TIME_TO_FIRST_CHUNK: &str = "gen_ai.response.time_to_first_chunk";
    /// Tokens of the prompt, cached ones included.
    pub const INPUT_TOKENS: &str = "gen_ai.usage.input_tokens";
    /// Tokens of the answer.
    pub const OUTPUT_TOKENS: &str = "gen_ai.usage.output_tokens";
    /// Tokens of the prompt that came from a cache.
    pub const CACHE_READ_TOKENS: &str = "gen_ai.usage.cache_read.input_tokens";
    /// Tokens of the prompt that went into a cache.
    pub const CACHE_CREATION_TOKENS: &str = "gen_ai.usage.cache_creation.input_tokens";
    /// Tokens of the answer that nobody sees.
    pub const REASONING_TOKENS: &str = "gen_ai.usage.reasoning.output_tokens";
    /// The messages given: JSON. Content, so only if it is captured.
    pub const INPUT_MESSAGES: &str = "gen_ai.input.messages";
    /// The messages answered: JSON. Content.
    pub const OUTPUT_MESSAGES: &str = "gen_ai.output.messages";
    /// What the model is told to be: JSON. Content.
    pub const SYSTEM_INSTRUCTIONS: &str = "gen_ai.system_instructions";
    /// The name of a tool.
    pub const TOOL_NAME: &str = "gen_ai.tool.name";
    /// The id of a tool's call.
    pub const TOOL_CALL_ID: &str = "gen_ai.tool.call.id";
    /// What a tool was given: JSON. Content.
    pub const TOOL_ARGUMENTS: &str = "gen_ai.tool.call.arguments";
    /// What a tool gave back: JSON. Content.
    pub const TOOL_RESULT: &str = "gen_ai.tool.call.result";
    /// The name of an agent.
    pub const AGENT_NAME: &str = "gen_ai.agent.name";
    /// What kind of error it was; required where there is one.
    pub const ERROR_TYPE: &str = "error.type";
}

/// What LangSmith reads of the conventions before the present ones.
pub mod legacy {
    /// Who offers the model; now [`gen_ai::PROVIDER`](super::gen_ai::PROVIDER).
    pub const SYSTEM: &str = "gen_ai.system";
    /// What was given: JSON or text. Content.
    pub const PROMPT: &str = "gen_ai.prompt";
    /// What was answered: JSON or text. Content.
    pub const COMPLETION: &str = "gen_ai.completion";
    /// All tokens. LangSmith adds nothing up.
    pub const TOTAL_TOKENS: &str = "gen_ai.usage.total_tokens";
}

/// The names that an error's event has.
pub mod exception {
    /// The event. LangSmith shows errors of events of this name alone.
    pub const EVENT: &str = "exception";
    /// What went wrong.
    pub const MESSAGE: &str = "exception.message";
    /// The kind of error.
    pub const TYPE: &str = "exception.type";
    /// Where: one text. A list shows nowhere.
    pub const STACKTRACE: &str = "exception.stacktrace";
}
