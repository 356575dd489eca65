//! What the fields of a span say of a run: the table in this room's documentation.

use serde_json::{Value, json};

use crate::model::{DottedOrder, JsonMap, RunType, Usage};

/// What is known of a run from its fields.
#[derive(Debug, Default)]
pub(super) struct Told {
    pub(super) name: Option<String>,
    pub(super) run_type: Option<RunType>,
    pub(super) parent: Option<DottedOrder>,
    pub(super) inputs: JsonMap,
    pub(super) outputs: JsonMap,
    pub(super) metadata: JsonMap,
    pub(super) tags: Vec<String>,
    pub(super) parameters: JsonMap,
    pub(super) usage: Counts,
    pub(super) first_chunk_seconds: Option<f64>,
    pub(super) failed: bool,
    pub(super) failure: Option<String>,
}

/// Tokens, as far as somebody counted them.
#[derive(Debug, Default, Clone)]
pub(super) struct Counts {
    whole: Option<Usage>,
    input: Option<u64>,
    output: Option<u64>,
    cache_read: Option<u64>,
    cache_creation: Option<u64>,
    reasoning: Option<u64>,
}

impl Counts {
    /// Takes over what is said later.
    pub(super) fn absorb(&mut self, later: Self) {
        let Self {
            whole,
            input,
            output,
            cache_read,
            cache_creation,
            reasoning,
        } = later;
        self.whole = whole.or(self.whole.take());
        self.input = input.or(self.input);
        self.output = output.or(self.output);
        self.cache_read = cache_read.or(self.cache_read);
        self.cache_creation = cache_creation.or(self.cache_creation);
        self.reasoning = reasoning.or(self.reasoning);
    }

    /// Returns the usage; none if nobody counted.
    pub(super) fn usage(&self) -> Option<Usage> {
        if let Some(whole) = &self.whole {
            return Some(whole.clone());
        }
        self.input.or(self.output)?;
        let mut usage = Usage::tokens(self.input.unwrap_or(0), self.output.unwrap_or(0));
        if let Some(tokens) = self.cache_read {
            usage = usage.cache_read(tokens);
        }
        if let Some(tokens) = self.cache_creation {
            usage = usage.cache_creation(tokens);
        }
        if let Some(tokens) = self.reasoning {
            usage = usage.reasoning(tokens);
        }
        Some(usage)
    }
}

/// Reads fields. Plain names are inputs when the run begins, and outputs later.
pub(super) fn read(fields: JsonMap, begins: bool) -> Told {
    let mut told = Told::default();
    for (key, value) in fields {
        told.take(&key, value, begins);
    }
    told
}

impl Told {
    /// Returns true for a call of the GenAI conventions. Clients of models make its span first and record what
    /// they ask right after.
    pub(super) fn is_call(&self) -> bool {
        self.metadata.contains_key("gen_ai.operation.name")
    }

    /// Returns true if nothing in here comes of an answer.
    pub(super) fn asks(&self) -> bool {
        let mut named = self.metadata.keys();
        let answered = !self.outputs.is_empty()
            || self.first_chunk_seconds.is_some()
            || self.usage.usage().is_some()
            || named.any(|name| name.starts_with("gen_ai.response."));
        !(answered || self.failed || self.failure.is_some())
    }

    /// Takes over what is asked, before the run starts.
    pub(super) fn absorb(&mut self, mut later: Self) {
        self.rename(&mut later);
        self.inputs.extend(later.inputs);
        self.parameters.extend(later.parameters);
        self.metadata.extend(later.metadata);
        self.tags.extend(later.tags);
    }

    /// Takes over the name and the type of what is said later, before the run begins.
    pub(super) fn rename(&mut self, later: &mut Self) {
        self.name = later.name.take().or(self.name.take());
        self.run_type = later.run_type.take().or(self.run_type.take());
    }

    fn take(&mut self, key: &str, value: Value, begins: bool) {
        let text = value.as_str().unwrap_or_default();
        let count = || value.as_u64();
        if let Some(own) = key.strip_prefix("langsmith.metadata.") {
            self.metadata.insert(own.to_owned(), value);
            return;
        }
        if let Some(parameter) = key.strip_prefix("gen_ai.request.") {
            if parameter == "model" {
                self.metadata
                    .insert("ls_model_name".to_owned(), value.clone());
            }
            self.parameters.insert(parameter.to_owned(), value);
            return;
        }
        match key {
            "otel.name" | "langsmith.trace.name" => self.name = Some(text.to_owned()),
            "otel.kind" => {}
            "otel.status_code" => self.failed = text.eq_ignore_ascii_case("error"),
            "otel.status_description" | "otel.status_message" => {
                self.failure = Some(text.to_owned());
            }
            "langsmith.span.kind" => {
                self.run_type = Some(text.to_ascii_lowercase().as_str().into())
            }
            "langsmith.parent" => self.parent = text.parse().ok(),
            "langsmith.span.tags" => {
                let tags = text.split(',').map(str::trim);
                let tags = tags.filter(|tag| !tag.is_empty());
                self.tags.extend(tags.map(str::to_owned));
            }
            "langsmith.usage_metadata" => {
                let read = serde_json::from_str(text).ok();
                self.usage.whole = read.and_then(|read| Usage::parse(&read).ok());
            }
            "gen_ai.operation.name" => {
                let known = run_type_of(text);
                self.run_type = self.run_type.take().or(known);
                self.metadata.insert(key.to_owned(), value);
            }
            "gen_ai.tool.name" => {
                self.run_type = self.run_type.take().or(Some(RunType::Tool));
                self.metadata.insert(key.to_owned(), value);
            }
            "gen_ai.provider.name" | "gen_ai.system" => {
                self.metadata.insert("ls_provider".to_owned(), value);
            }
            "gen_ai.conversation.id" => {
                self.metadata.insert("thread_id".to_owned(), value);
            }
            "gen_ai.usage.input_tokens" | "gen_ai.usage.prompt_tokens" => {
                self.usage.input = count();
            }
            "gen_ai.usage.output_tokens" | "gen_ai.usage.completion_tokens" => {
                self.usage.output = count();
            }
            // Computed of the two.
            "gen_ai.usage.total_tokens" => {}
            "gen_ai.usage.cache_read.input_tokens" | "gen_ai.usage.cache_read_input_tokens" => {
                self.usage.cache_read = count();
            }
            "gen_ai.usage.cache_creation.input_tokens"
            | "gen_ai.usage.cache_creation_input_tokens" => self.usage.cache_creation = count(),
            "gen_ai.usage.reasoning.output_tokens" => self.usage.reasoning = count(),
            "gen_ai.response.time_to_first_chunk" => self.first_chunk_seconds = value.as_f64(),
            "gen_ai.input.messages" => content(&mut self.inputs, "messages", text),
            "gen_ai.output.messages" => content(&mut self.outputs, "messages", text),
            "gen_ai.prompt" | "gen_ai.tool.call.arguments" => {
                content(&mut self.inputs, "input", text);
            }
            "gen_ai.completion" | "gen_ai.tool.call.result" => {
                content(&mut self.outputs, "output", text);
            }
            "error.type" => {
                self.failed = true;
                self.metadata.insert(key.to_owned(), value);
            }
            dotted if dotted.contains('.') => {
                self.metadata.insert(dotted.to_owned(), value);
            }
            plain if begins => {
                self.inputs.insert(plain.to_owned(), value);
            }
            plain => {
                self.outputs.insert(plain.to_owned(), value);
            }
        }
    }
}

/// Puts content into a side of a run: a JSON object as it is, anything else under a key.
fn content(side: &mut JsonMap, key: &str, text: &str) {
    match serde_json::from_str(text) {
        Ok(Value::Object(object)) => side.extend(object),
        Ok(read) if key == "messages" => {
            side.insert(key.to_owned(), read);
        }
        _ => {
            side.insert(key.to_owned(), json!(text));
        }
    }
}

/// Returns the run type of an operation of the GenAI conventions, old and new.
fn run_type_of(operation: &str) -> Option<RunType> {
    match operation {
        "chat" | "completion" | "generate_content" | "text_completion" => Some(RunType::Llm),
        "embedding" | "embeddings" => Some(RunType::Embedding),
        "retrieval" => Some(RunType::Retriever),
        "execute_tool" => Some(RunType::Tool),
        _ => None,
    }
}
