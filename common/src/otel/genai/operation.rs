//! What a span of an AI program does.

use std::fmt;

use opentelemetry::trace::SpanKind;

use crate::model::RunType;

/// An operation of the GenAI conventions (`gen_ai.operation.name`).
///
/// LangSmith's converter knows `chat`, `completion` and `embedding`, of which the conventions have the
/// first alone; so spans are told their run type in LangSmith's own words as well.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Operation {
    /// A chat with a model.
    Chat,
    /// The generation of content of several kinds.
    GenerateContent,
    /// The completion of a text, in the old way.
    TextCompletion,
    /// The computation of embeddings.
    Embeddings,
    /// A search for documents.
    Retrieval,
    /// The call of a tool.
    ExecuteTool,
    /// The creation of an agent.
    CreateAgent,
    /// The call of an agent.
    InvokeAgent,
    /// The run of a workflow.
    InvokeWorkflow,
}

impl Operation {
    /// Every operation.
    pub const ALL: [Self; 9] = [
        Self::Chat,
        Self::GenerateContent,
        Self::TextCompletion,
        Self::Embeddings,
        Self::Retrieval,
        Self::ExecuteTool,
        Self::CreateAgent,
        Self::InvokeAgent,
        Self::InvokeWorkflow,
    ];

    /// Returns the name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Chat => "chat",
            Self::GenerateContent => "generate_content",
            Self::TextCompletion => "text_completion",
            Self::Embeddings => "embeddings",
            Self::Retrieval => "retrieval",
            Self::ExecuteTool => "execute_tool",
            Self::CreateAgent => "create_agent",
            Self::InvokeAgent => "invoke_agent",
            Self::InvokeWorkflow => "invoke_workflow",
        }
    }

    /// Finds the operation of that name.
    pub fn of(name: &str) -> Option<Self> {
        let mut all = Self::ALL.into_iter();
        all.find(|operation| operation.as_str() == name)
    }

    /// Returns the kind of run that it is.
    pub fn run_type(self) -> RunType {
        match self {
            Self::Chat | Self::GenerateContent | Self::TextCompletion => RunType::Llm,
            Self::Embeddings => RunType::Embedding,
            Self::Retrieval => RunType::Retriever,
            Self::ExecuteTool => RunType::Tool,
            Self::CreateAgent | Self::InvokeAgent | Self::InvokeWorkflow => RunType::Chain,
        }
    }

    /// Returns the kind of span that the conventions want.
    pub fn span_kind(self) -> SpanKind {
        match self {
            Self::Chat
            | Self::GenerateContent
            | Self::TextCompletion
            | Self::Embeddings
            | Self::Retrieval => SpanKind::Client,
            Self::ExecuteTool | Self::CreateAgent | Self::InvokeAgent | Self::InvokeWorkflow => {
                SpanKind::Internal
            }
        }
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
