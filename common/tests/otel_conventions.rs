//! The names of attributes are those of OpenTelemetry's own list.
#![cfg(feature = "otel")]
#![expect(
    deprecated,
    reason = "the GenAI conventions moved to a list of their own, of which there is no crate"
)]

use common::otel::attributes::{exception, gen_ai, legacy};
use opentelemetry_semantic_conventions::attribute as listed;

#[test]
fn every_name_of_the_conventions_is_spelled_as_opentelemetry_spells_it() {
    for (ours, theirs) in [
        (gen_ai::OPERATION, listed::GEN_AI_OPERATION_NAME),
        (gen_ai::PROVIDER, listed::GEN_AI_PROVIDER_NAME),
        (gen_ai::CONVERSATION_ID, listed::GEN_AI_CONVERSATION_ID),
        (gen_ai::REQUEST_MODEL, listed::GEN_AI_REQUEST_MODEL),
        (gen_ai::TEMPERATURE, listed::GEN_AI_REQUEST_TEMPERATURE),
        (gen_ai::TOP_P, listed::GEN_AI_REQUEST_TOP_P),
        (gen_ai::TOP_K, listed::GEN_AI_REQUEST_TOP_K),
        (gen_ai::MAX_TOKENS, listed::GEN_AI_REQUEST_MAX_TOKENS),
        (
            gen_ai::FREQUENCY_PENALTY,
            listed::GEN_AI_REQUEST_FREQUENCY_PENALTY,
        ),
        (
            gen_ai::PRESENCE_PENALTY,
            listed::GEN_AI_REQUEST_PRESENCE_PENALTY,
        ),
        (gen_ai::SEED, listed::GEN_AI_REQUEST_SEED),
        (
            gen_ai::STOP_SEQUENCES,
            listed::GEN_AI_REQUEST_STOP_SEQUENCES,
        ),
        (gen_ai::RESPONSE_ID, listed::GEN_AI_RESPONSE_ID),
        (gen_ai::RESPONSE_MODEL, listed::GEN_AI_RESPONSE_MODEL),
        (
            gen_ai::FINISH_REASONS,
            listed::GEN_AI_RESPONSE_FINISH_REASONS,
        ),
        (
            gen_ai::TIME_TO_FIRST_CHUNK,
            listed::GEN_AI_RESPONSE_TIME_TO_FIRST_CHUNK,
        ),
        (gen_ai::INPUT_TOKENS, listed::GEN_AI_USAGE_INPUT_TOKENS),
        (gen_ai::OUTPUT_TOKENS, listed::GEN_AI_USAGE_OUTPUT_TOKENS),
        (
            gen_ai::CACHE_READ_TOKENS,
            listed::GEN_AI_USAGE_CACHE_READ_INPUT_TOKENS,
        ),
        (
            gen_ai::CACHE_CREATION_TOKENS,
            listed::GEN_AI_USAGE_CACHE_CREATION_INPUT_TOKENS,
        ),
        (
            gen_ai::REASONING_TOKENS,
            listed::GEN_AI_USAGE_REASONING_OUTPUT_TOKENS,
        ),
        (gen_ai::INPUT_MESSAGES, listed::GEN_AI_INPUT_MESSAGES),
        (gen_ai::OUTPUT_MESSAGES, listed::GEN_AI_OUTPUT_MESSAGES),
        (
            gen_ai::SYSTEM_INSTRUCTIONS,
            listed::GEN_AI_SYSTEM_INSTRUCTIONS,
        ),
        (gen_ai::TOOL_NAME, listed::GEN_AI_TOOL_NAME),
        (gen_ai::TOOL_CALL_ID, listed::GEN_AI_TOOL_CALL_ID),
        (gen_ai::TOOL_ARGUMENTS, listed::GEN_AI_TOOL_CALL_ARGUMENTS),
        (gen_ai::TOOL_RESULT, listed::GEN_AI_TOOL_CALL_RESULT),
        (gen_ai::AGENT_NAME, listed::GEN_AI_AGENT_NAME),
        (gen_ai::ERROR_TYPE, listed::ERROR_TYPE),
        (exception::MESSAGE, listed::EXCEPTION_MESSAGE),
        (exception::TYPE, listed::EXCEPTION_TYPE),
        (exception::STACKTRACE, listed::EXCEPTION_STACKTRACE),
    ] {
        assert_eq!(ours, theirs);
    }
}

#[test]
fn what_langsmith_reads_of_the_conventions_of_before_is_spelled_as_it_was() {
    assert_eq!(legacy::SYSTEM, listed::GEN_AI_SYSTEM);
    assert_eq!(legacy::PROMPT, listed::GEN_AI_PROMPT);
    assert_eq!(legacy::COMPLETION, listed::GEN_AI_COMPLETION);
}
