//! The run: one unit of work of a trace.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;
use uuid::Uuid;

use super::JsonMap;
use super::attachment::Attachment;
use super::clock::Timestamp;
use super::context::no_metadata;
use super::dotted_order::DottedOrder;
use super::ids::{RunId, TraceId};
use super::usage::{USAGE_METADATA, Usage};

/// One unit of work: what OpenTelemetry calls a span.
///
/// Field names are those of the wire, except `project`, which LangSmith calls `session_name` there.
/// Serialized whole it is the body of an unbatched `POST /runs`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// The run's id.
    pub id: RunId,
    /// The id of the root run of its trace.
    pub trace_id: TraceId,
    /// The run above; none for a root.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent_run_id: Option<RunId>,
    /// The run's place in its trace.
    pub dotted_order: DottedOrder,
    /// What the run does, for people. `Unnamed` if nobody said.
    #[serde(default = "unnamed")]
    pub name: String,
    /// What kind of work it is.
    #[serde(default)]
    pub run_type: RunType,
    /// When the work began.
    pub start_time: Timestamp,
    /// When it ended; none while it is running.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end_time: Option<Timestamp>,
    /// The project that the run goes to; none leaves the choice to the server (`default`).
    #[serde(
        default,
        rename = "session_name",
        skip_serializing_if = "Option::is_none"
    )]
    pub project: Option<String>,
    /// Labels to filter by, each once.
    #[serde(default)]
    pub tags: Vec<String>,
    /// What the work was given. Sent on create only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inputs: Option<JsonMap>,
    /// What the work gave back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outputs: Option<JsonMap>,
    /// What happened on the way, in order.
    #[serde(default)]
    pub events: Vec<RunEvent>,
    /// Metadata, a description of the sender, and whatever else rides along.
    #[serde(default)]
    pub extra: Extra,
    /// Why the work failed; none if it did not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// The dataset example that an evaluation ran on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference_example_id: Option<Uuid>,
    /// Files that belong to the run; each is a part of its own on the wire.
    #[serde(skip)]
    pub attachments: Vec<Attachment>,
}

fn unnamed() -> String {
    "Unnamed".to_owned()
}

impl Run {
    /// Makes a run that has just begun at the place that `dotted_order` names.
    pub fn begin(
        dotted_order: DottedOrder,
        name: impl Into<String>,
        run_type: RunType,
        start_time: Timestamp,
    ) -> Self {
        Self {
            id: dotted_order.run_id(),
            trace_id: dotted_order.trace_id(),
            parent_run_id: dotted_order.parent_run_id(),
            dotted_order,
            name: name.into(),
            run_type,
            start_time,
            end_time: None,
            project: None,
            tags: Vec::new(),
            inputs: None,
            outputs: None,
            events: Vec::new(),
            extra: Extra::default(),
            error: None,
            reference_example_id: None,
            attachments: Vec::new(),
        }
    }

    /// Tells how the work stands.
    ///
    /// A run that waits for a human is `Interrupted` if its metadata says so (`ls_is_error_interrupt`).
    /// LangGraph's tracer does not: it writes `GraphInterrupt(…)` as the error of the node that asks, and this
    /// is an `Error` here, as in LangSmith.
    pub fn status(&self) -> RunStatus {
        let interrupted = || {
            self.extra
                .metadata
                .get("ls_is_error_interrupt")
                .and_then(Value::as_bool)
                == Some(true)
        };
        match (&self.error, self.end_time) {
            (Some(_), _) if interrupted() => RunStatus::Interrupted,
            (Some(_), _) => RunStatus::Error,
            (None, Some(_)) => RunStatus::Success,
            (None, None) => RunStatus::Pending,
        }
    }

    /// Returns how long the work took; none while it is running.
    pub fn latency(&self) -> Option<chrono::TimeDelta> {
        self.end_time.map(|end| end - self.start_time)
    }

    /// Returns what a call of a language model used up: from its metadata, else from its outputs.
    pub fn usage(&self) -> Option<Usage> {
        let outputs = self.outputs.as_ref();
        let told = self.extra.metadata.get(USAGE_METADATA);
        let told = told.or_else(|| outputs?.get(USAGE_METADATA));
        told.and_then(|usage| Usage::parse(usage).ok())
    }

    /// Returns when the first token came; none if the run streamed none.
    pub fn first_token_time(&self) -> Option<Timestamp> {
        let tokens = self.events.iter().filter(|event| event.name == NEW_TOKEN);
        tokens.map(|event| event.time).min()
    }

    /// Returns true if the run is the root of its trace.
    pub fn is_root(&self) -> bool {
        self.parent_run_id.is_none()
    }

    /// Takes over what a later update of the same run says.
    pub fn absorb(&mut self, update: Self) {
        self.name = update.name;
        self.run_type = update.run_type;
        self.end_time = update.end_time.or(self.end_time);
        self.project = update.project.or(self.project.take());
        self.tags = update.tags;
        self.inputs = update.inputs.or(self.inputs.take());
        self.outputs = update.outputs.or(self.outputs.take());
        self.events = update.events;
        self.extra = update.extra;
        self.error = update.error.or(self.error.take());
        self.reference_example_id = update.reference_example_id.or(self.reference_example_id);
        for attachment in update.attachments {
            self.attachments
                .retain(|known| known.name != attachment.name);
            self.attachments.push(attachment);
        }
    }
}

/// What kind of work a run is: decides how LangSmith draws it, and what it counts.
///
/// The list is LangSmith's; an unknown type is kept and sent as it is, as the official SDKs do.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub enum RunType {
    /// A step that calls others. The default.
    #[default]
    Chain,
    /// A call of a language model; the only type whose tokens are counted.
    Llm,
    /// A call of a tool.
    Tool,
    /// A search that returns documents.
    Retriever,
    /// A computation of embeddings.
    Embedding,
    /// The filling-in of a prompt template.
    Prompt,
    /// The parsing of a model's answer.
    Parser,
    /// A type that LangSmith may not know.
    Other(String),
}

impl RunType {
    /// Returns the name on the wire.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Chain => "chain",
            Self::Llm => "llm",
            Self::Tool => "tool",
            Self::Retriever => "retriever",
            Self::Embedding => "embedding",
            Self::Prompt => "prompt",
            Self::Parser => "parser",
            Self::Other(name) => name,
        }
    }
}

impl From<&str> for RunType {
    fn from(name: &str) -> Self {
        match name {
            "chain" => Self::Chain,
            "llm" => Self::Llm,
            "tool" => Self::Tool,
            "retriever" => Self::Retriever,
            "embedding" => Self::Embedding,
            "prompt" => Self::Prompt,
            "parser" => Self::Parser,
            other => Self::Other(other.to_owned()),
        }
    }
}

impl fmt::Display for RunType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for RunType {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for RunType {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self::from(String::deserialize(deserializer)?.as_str()))
    }
}

/// How a run stands, as the server derives it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RunStatus {
    /// Not ended yet, or its end never arrived.
    Pending,
    /// Ended without an error.
    Success,
    /// Ended with an error.
    Error,
    /// Stopped on purpose to wait for a person (`ls_is_error_interrupt`).
    Interrupted,
}

impl fmt::Display for RunStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pending => "pending",
            Self::Success => "success",
            Self::Error => "error",
            Self::Interrupted => "interrupted",
        })
    }
}

/// The name of the event that marks the first streamed token.
pub const NEW_TOKEN: &str = "new_token";

/// Something that happened within a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunEvent {
    /// What happened; `new_token` marks the first streamed token of an `llm` run.
    pub name: String,
    /// When.
    pub time: Timestamp,
    /// Words for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Values for programs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kwargs: Option<Value>,
}

/// The part of a run that describes rather than records.
///
/// Metadata and the sender's description are shared, because all runs of a trace repeat them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Extra {
    /// What the user says about the run; children inherit it.
    #[serde(default = "no_metadata")]
    pub metadata: Arc<JsonMap>,
    /// Which SDK, language and platform sent the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runtime: Option<Arc<JsonMap>>,
    /// Other keys, such as `invocation_params`.
    #[serde(flatten)]
    pub other: JsonMap,
}

impl Default for Extra {
    fn default() -> Self {
        Self {
            metadata: no_metadata(),
            runtime: None,
            other: JsonMap::new(),
        }
    }
}
