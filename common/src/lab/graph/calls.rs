//! What a node calls: tools and models, each a run below it.

use std::future::Future;

use serde::Serialize;
use serde_json::{Value, json};

use super::context::NodeContext;
use super::convention::{CHAT_MODEL, INTEGRATION};
use super::error::NodeError;
use super::message;
use super::superstep::end_with;
use crate::model::{RunType, USAGE_METADATA, Usage};
use crate::trace::TraceFutureExt as _;

/// Which model is called: what LangSmith needs for names and prices.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelCall {
    class: String,
    provider: String,
    model: String,
    temperature: Option<f64>,
    tools: Vec<Value>,
}

impl ModelCall {
    /// Names the client, as whose run it shows, the provider and the model: `ls_provider` and `ls_model_name`.
    pub fn new(
        class: impl Into<String>,
        provider: impl Into<String>,
        model: impl Into<String>,
    ) -> Self {
        Self {
            class: class.into(),
            provider: provider.into(),
            model: model.into(),
            temperature: None,
            tools: Vec::new(),
        }
    }

    /// Says how freely the model answers: `ls_temperature`.
    #[must_use]
    pub fn temperature(mut self, temperature: f64) -> Self {
        self.temperature = Some(temperature);
        self
    }

    /// Names the tools that the model may ask for, for the run's `invocation_params`.
    #[must_use]
    pub fn tools(mut self, tools: impl IntoIterator<Item = Value>) -> Self {
        self.tools.extend(tools);
        self
    }
}

/// What a model answered.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelReply {
    message: Value,
    usage: Option<Usage>,
}

impl ModelReply {
    /// Answers with a text.
    pub fn text(text: impl Into<String>) -> Self {
        Self {
            message: message::ai(text),
            usage: None,
        }
    }

    /// Asks for a tool, beside what it says and asks for already.
    #[must_use]
    pub fn and_tool_call(mut self, name: &str, call_id: &str, args: impl Into<Value>) -> Self {
        if let Some(calls) = self.message["tool_calls"].as_array_mut() {
            calls.push(message::tool_call(name, call_id, args));
        }
        self
    }

    /// Says what the call used up.
    #[must_use]
    pub fn usage(mut self, usage: Usage) -> Self {
        self.message[USAGE_METADATA] = usage.clone().into();
        self.usage = Some(usage);
        self
    }
}

impl NodeContext {
    /// Calls a tool: a run of type `tool` with the arguments as inputs and `{"output": …}` as outputs, current in
    /// the tool.
    ///
    /// # Errors
    /// When the tool fails.
    pub async fn tool<T, W, F>(
        &self,
        name: impl Into<String>,
        args: impl Into<Value>,
        work: W,
    ) -> Result<Value, NodeError>
    where
        W: FnOnce(Value) -> F,
        F: Future<Output = Result<T, NodeError>>,
        T: Serialize,
    {
        let to_output = |given: T| Ok(serde_json::to_value(given)?);
        self.tool_run(name.into(), Value::Null, args.into(), work, to_output)
            .await
    }

    /// Calls the tool that a model asked for, one of its message's `tool_calls`, and returns the message that
    /// answers it. A text that the tool gives back is its content, anything else is there as JSON.
    ///
    /// # Errors
    /// When the tool fails.
    pub async fn tool_call<T, W, F>(&self, call: &Value, work: W) -> Result<Value, NodeError>
    where
        W: FnOnce(Value) -> F,
        F: Future<Output = Result<T, NodeError>>,
        T: Serialize,
    {
        let name = call["name"].as_str().unwrap_or_default().to_owned();
        let id = call["id"].as_str().unwrap_or_default().to_owned();
        let args = call["args"].clone();
        let to_message = {
            let (name, id) = (name.clone(), id.clone());
            move |given: T| {
                let text = match serde_json::to_value(given)? {
                    Value::String(text) => text,
                    other => other.to_string(),
                };
                Ok(message::tool(&name, &id, text))
            }
        };
        self.tool_run(name, id.into(), args, work, to_message).await
    }

    async fn tool_run<T, W, F>(
        &self,
        name: String,
        id: Value,
        args: Value,
        work: W,
        to_output: impl FnOnce(T) -> Result<Value, NodeError>,
    ) -> Result<Value, NodeError>
    where
        W: FnOnce(Value) -> F,
        F: Future<Output = Result<T, NodeError>>,
    {
        let run = self.begin(name).run_type(RunType::Tool);
        let run = run.inputs(args.clone()).extra("tool_call_id", id).start();
        let work = async { to_output(work(args).await?) };
        work.traced_with(run, |run, given| match given {
            Ok(given) => run.end_with(json!({"output": given})),
            Err(error) => end_with(run, error, self.namespace()),
        })
        .await
    }

    /// Calls a model: a run of type `llm` with the messages as inputs, what it answers as outputs, and its usage.
    /// Returns the message that it said.
    ///
    /// # Errors
    /// When the model fails.
    pub async fn llm<W, F>(
        &self,
        call: &ModelCall,
        messages: Vec<Value>,
        work: W,
    ) -> Result<Value, NodeError>
    where
        W: FnOnce(Vec<Value>) -> F,
        F: Future<Output = Result<ModelReply, NodeError>>,
    {
        let run = self.begin(&call.class).run_type(RunType::Llm);
        let run = run
            .metadata(INTEGRATION, CHAT_MODEL)
            .metadata("ls_provider", call.provider.as_str())
            .metadata("ls_model_type", "chat")
            .metadata("ls_model_name", call.model.as_str());
        let run = match call.temperature {
            Some(temperature) => run.metadata("ls_temperature", temperature),
            None => run,
        };
        let run = run
            .extra(
                "invocation_params",
                json!({"model_name": call.model, "tools": call.tools}),
            )
            .inputs(json!({"messages": [messages.iter().map(message::constructor).collect::<Vec<_>>()]}))
            .start();
        let work = async {
            let mut reply = work(messages).await?;
            let calls = reply.message["tool_calls"].as_array();
            let finish = match calls.is_some_and(|calls| !calls.is_empty()) {
                true => "tool_calls",
                false => "stop",
            };
            reply.message["response_metadata"] =
                json!({"model_name": call.model, "finish_reason": finish});
            Ok(reply)
        };
        // As in LangChain, nothing is known of a stream as a whole.
        let output = match self.is_streamed() {
            true => Value::Null,
            false => json!({"model_name": call.model}),
        };
        let reply = work.traced_with(
            run,
            |run, reply: &Result<ModelReply, NodeError>| match reply {
                Ok(reply) => {
                    if let Some(usage) = &reply.usage {
                        run.set_usage(usage.clone());
                    }
                    run.end_with(json!({
                        "generations": [[{
                            "text": reply.message["content"], "generation_info": null,
                            "type": "ChatGeneration",
                            "message": message::constructor(&reply.message),
                        }]],
                        "llm_output": output,
                        "run": null,
                        "type": "LLMResult",
                    }));
                }
                Err(error) => end_with(run, error, self.namespace()),
            },
        );
        reply.await.map(|reply| reply.message)
    }
}
