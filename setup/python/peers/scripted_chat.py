"""A chat model that says what it was told to: LangGraph's, offline, with tool calls, usage and a stream.

Asked with tools at hand, it has the question looked up, each part that a semicolon ends by a call of its own.
Given what was found, it answers with it. Without tools it drafts an answer to be approved.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from langchain_core.language_models import BaseChatModel, LangSmithParams
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, ToolMessage
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.utils.function_calling import convert_to_openai_tool


class ScriptedChat(BaseChatModel):
    """Answer from the messages alone. A word is a token."""

    model_name: str = "gpt-4o-mini"

    @property
    def _llm_type(self) -> str:
        return "scripted"

    def _get_ls_params(self, stop: list[str] | None = None, **kwargs: Any) -> LangSmithParams:
        known = {"ls_provider": "openai", "ls_model_name": self.model_name, "ls_temperature": 0.0}
        return LangSmithParams(ls_model_type="chat", **known)

    def bind_tools(self, tools: Any, **kwargs: Any) -> Any:
        """Tell the model of its tools."""
        return self.bind(tools=[convert_to_openai_tool(tool) for tool in tools], **kwargs)

    def _generate(self, messages: list[BaseMessage], *_: Any, **kwargs: Any) -> ChatResult:
        message = said(messages, kwargs.get("tools"))
        named = {"model_name": self.model_name}
        return ChatResult(generations=[ChatGeneration(message=message)], llm_output=named)

    def _stream(
        self, messages: list[BaseMessage], stop: Any = None, run_manager: Any = None, **kwargs: Any
    ) -> Iterator[ChatGenerationChunk]:
        whole = said(messages, kwargs.get("tools"))
        calls = [
            {"name": call["name"], "args": json.dumps(call["args"]), "id": call["id"], "index": index}
            for index, call in enumerate(whole.tool_calls)
        ]
        texts = str(whole.content).split(" ")
        for at, text in enumerate(texts):
            last = at + 1 == len(texts)
            chunk = AIMessageChunk(
                content=text if last else f"{text} ",
                tool_call_chunks=calls if last else [],
                usage_metadata=whole.usage_metadata if last else None,
            )
            yield ChatGenerationChunk(message=chunk)
            if run_manager:
                run_manager.on_llm_new_token(str(chunk.content), chunk=chunk)


def said(messages: list[BaseMessage], tools: Any) -> AIMessage:
    """Say what comes next."""
    last = messages[-1]
    calls: list[dict[str, Any]] = []
    if isinstance(last, ToolMessage):
        text = str(last.content)
    elif tools:
        name, text = tools[0]["function"]["name"], ""
        parts = [part.strip() for part in str(last.content).split(";")]
        calls = [{"name": name, "args": {"query": part}, "id": f"call_{at}"} for at, part in enumerate(parts)]
    else:
        text = f"Draft: {last.content}"
    read = sum(len(str(message.content).split()) for message in messages)
    written = len(text.split()) + sum(len(call["args"]["query"].split()) for call in calls)
    usage = {"input_tokens": read, "output_tokens": written, "total_tokens": read + written}
    return AIMessage(content=text, tool_calls=calls, usage_metadata=usage)
