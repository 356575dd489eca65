//! The lesson's model, asked by a node.

use futures_util::StreamExt as _;
use genai::chat::{
    ChatMessage, ChatOptions, ChatRequest, ChatStreamEvent, MessageContent, Tool, ToolCall,
    ToolResponse,
};
use serde_json::{Value, json};

use super::calls::{ModelCall, ModelReply};
use super::context::NodeContext;
use super::error::NodeError;
use crate::lab::llm::{Model, Provider};
use crate::model::Usage;
use crate::trace::current;

impl NodeContext {
    /// Asks the lesson's model, and returns the message that it said, as of LangChain. See
    /// [`message`](super::message) for what it is asked with.
    ///
    /// When the graph is streamed, so is the answer: its pieces are [tokens](super::GraphEvent::Token), and the
    /// run says when the first one came.
    ///
    /// # Errors
    /// When the model refuses, or cannot be reached.
    pub async fn ask(&self, model: &Model, messages: &[Value]) -> Result<Value, NodeError> {
        self.ask_with_tools(model, messages, Vec::new()).await
    }

    /// Asks the lesson's model as [`ask`](Self::ask) does, with tools that it may ask for in turn.
    ///
    /// # Errors
    /// When the model refuses, or cannot be reached.
    pub async fn ask_with_tools(
        &self,
        model: &Model,
        messages: &[Value],
        tools: Vec<Tool>,
    ) -> Result<Value, NodeError> {
        let class = match model.provider() {
            Provider::Scripted => "ScriptedLlm",
            Provider::OpenAi => "ChatOpenAI",
        };
        let named = tools.iter().map(|tool| {
            let function = json!({"name": tool.name.as_str(), "description": tool.description});
            json!({"type": "function", "function": function})
        });
        let call = ModelCall::new(class, "openai", model.name()).tools(named);
        let request = ChatRequest::from_messages(messages.iter().map(of_langchain).collect());
        let request = match tools.is_empty() {
            true => request,
            false => request.with_tools(tools),
        };
        self.llm(&call, messages.to_vec(), async |_| {
            if self.is_streamed() {
                self.streamed(model, request).await
            } else {
                let answer = model.ask_with(request, &ChatOptions::default()).await?;
                let said = answer.texts().concat();
                let calls = answer.tool_calls();
                Ok(reply(said, &calls, usage_of(&json!(answer.usage))))
            }
        })
        .await
    }

    async fn streamed(&self, model: &Model, request: ChatRequest) -> Result<ModelReply, NodeError> {
        let options = ChatOptions::default()
            .with_capture_usage(true)
            .with_capture_tool_calls(true);
        let mut events = model.stream_with(request, &options).await?;
        let run = current();
        let (mut said, mut calls, mut usage) = (String::new(), Vec::new(), None);
        while let Some(event) = events.next().await {
            match event? {
                ChatStreamEvent::Chunk(chunk) => {
                    if let Some(run) = &run {
                        run.new_token();
                    }
                    said.push_str(&chunk.content);
                    self.token(chunk.content);
                }
                ChatStreamEvent::End(end) => {
                    usage = end.captured_usage.as_ref().map(|usage| json!(usage));
                    if let Some(content) = end.captured_content {
                        calls = content.into_tool_calls();
                    }
                }
                _ => {}
            }
        }
        let usage = usage.as_ref().and_then(usage_of);
        Ok(reply(said, &calls.iter().collect::<Vec<_>>(), usage))
    }
}

/// Reads the client crate's usage: its own type has the names of OpenAI's.
fn usage_of(usage: &Value) -> Option<Usage> {
    Usage::from_openai(&json!({"usage": usage}))
}

fn reply(said: String, calls: &[&ToolCall], usage: Option<Usage>) -> ModelReply {
    let reply = calls.iter().fold(ModelReply::text(said), |reply, call| {
        reply.and_tool_call(&call.fn_name, &call.call_id, call.fn_arguments.clone())
    });
    match usage {
        Some(usage) => reply.usage(usage),
        None => reply,
    }
}

/// Reads a message as LangChain writes it.
fn of_langchain(message: &Value) -> ChatMessage {
    let text = message["content"].as_str().unwrap_or_default();
    match message["type"].as_str() {
        Some("system") => ChatMessage::system(text),
        Some("ai") => {
            let calls = message["tool_calls"].as_array().into_iter().flatten();
            let calls: Vec<_> = calls.map(tool_call).collect();
            if calls.is_empty() {
                return ChatMessage::assistant(text);
            }
            let mut said = MessageContent::from_tool_calls(calls);
            if !text.is_empty() {
                said.prepend(text);
            }
            ChatMessage::assistant(said)
        }
        Some("tool") => {
            let id = message["tool_call_id"].as_str().unwrap_or_default();
            ChatMessage::from(ToolResponse::new(id, text))
        }
        _ => ChatMessage::user(text),
    }
}

fn tool_call(call: &Value) -> ToolCall {
    ToolCall {
        call_id: call["id"].as_str().unwrap_or_default().to_owned(),
        fn_name: call["name"].as_str().unwrap_or_default().to_owned(),
        fn_arguments: call["args"].clone(),
        thought_signatures: None,
    }
}
