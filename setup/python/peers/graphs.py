"""Hold the graphs of the agent peer, as LangGraph's users write them.

    docs_agent       START ─► agent ─ tools_condition ─► END       a model, and the tools that it calls
                                ▲          └─► tools ─┐
                                └────────────────────┘
    approval_flow    START ─► draft ─► approve ─ route ─► send ─► END      waits for a person at `approve`
                                                   └─► END

What a question brings along travels as the graph's context, not as `configurable`: whatever stands there
becomes metadata of every run.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypedDict

import httpx
from documents import find
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.tools import tool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode, tools_condition
from langgraph.runtime import Runtime, get_runtime
from langgraph.types import interrupt
from langsmith import get_current_run_tree, traceable
from scripted_chat import ScriptedChat

RETRIEVER_SECONDS = 50.0
# By this the retriever knows whom it trusts.
CALLER = {"x-caller": "docs_agent"}

# Made once: each client would load all certificates again, which takes longer than the search.
TLS = httpx.create_ssl_context(trust_env=False)

model = ScriptedChat()
plain_threads = ThreadPoolExecutor(4)


@dataclass(frozen=True)
class Told:
    """Carry what a question brings along: where to search, and which mistakes to make."""

    retriever: str | None = None
    detached: bool = False
    doubled: bool = False


@tool
async def search_docs(query: str) -> str:
    """Search the documentation."""
    told = get_runtime(Told).context or Told()
    if told.retriever is None:
        found = find(query)
    elif told.detached:
        # The mistake: a thread of a plain pool knows of no run, so the headers of the call name none.
        in_thread = plain_threads.submit(asyncio.run, ask_retriever(told.retriever, query))
        found = await asyncio.wrap_future(in_thread)
    else:
        found = await ask_retriever(told.retriever, query)
    return str(found[0]["page_content"]) if found else f"Nothing found on: {query}"


async def ask_retriever(address: str, query: str) -> list[dict[str, Any]]:
    """Ask the Rust service, which hangs its runs below the one that calls it."""
    run = get_current_run_tree()
    headers = CALLER | (run.to_headers() if run else {})
    async with httpx.AsyncClient(timeout=RETRIEVER_SECONDS, trust_env=False, verify=TLS) as client:
        answer = await client.post(address, json={"question": query}, headers=headers)
    answer.raise_for_status()
    return list(answer.json()["documents"])


tools = [search_docs]
with_tools = model.bind_tools(tools)


async def agent(state: MessagesState, runtime: Runtime[Told]) -> dict[str, list[BaseMessage]]:
    """Ask the model what comes next."""
    ask: Callable[[Any], Awaitable[AIMessage]] = with_tools.ainvoke
    if (runtime.context or Told()).doubled:
        ask = ask_in_a_wrapper
    return {"messages": [await ask(state["messages"])]}


def as_a_provider_answers(message: AIMessage) -> dict[str, Any]:
    """Shape an answer as wrappers of providers record it."""
    return {"content": message.content, "usage_metadata": message.usage_metadata}


@traceable(
    run_type="llm",
    name="wrapped model",
    metadata={"ls_provider": "openai", "ls_model_name": model.model_name},
    process_outputs=as_a_provider_answers,
)
async def ask_in_a_wrapper(messages: list[BaseMessage]) -> AIMessage:
    """Make the other mistake: LangChain records this call too, with the same tokens."""
    return await with_tools.ainvoke(messages)


def docs_agent(remembers: bool) -> Any:
    """Make the agent; it remembers the messages of each thread, or leaves that to its caller."""
    graph = StateGraph(MessagesState, context_schema=Told)
    graph.add_node("agent", agent)
    graph.add_node("tools", ToolNode(tools))
    graph.add_edge(START, "agent")
    graph.add_conditional_edges("agent", tools_condition)
    graph.add_edge("tools", "agent")
    return graph.compile(name="docs_agent", checkpointer=InMemorySaver() if remembers else None)


class Draft(TypedDict, total=False):
    """Hold a draft on its way to the readers."""

    question: str
    draft: str
    approved: bool


async def draft(state: Draft) -> Draft:
    """Write a draft."""
    message = await model.ainvoke(state["question"])
    return {"draft": str(message.content)}


def approve(state: Draft) -> Draft:
    """Wait for a person; when there is an answer, this function is run again from its first line."""
    return {"approved": interrupt({"question": "approve?", "draft": state["draft"]})}


def route(state: Draft) -> str:
    """Send what was approved, and nothing else."""
    return "send" if state["approved"] else END


def send(state: Draft) -> Draft:
    """Hand out what was approved."""
    return {"draft": f"{state['draft']} (sent)"}


def approval_flow() -> Any:
    """Make the flow that waits; the checkpointer keeps it meanwhile, by thread."""
    graph = StateGraph(Draft)
    for node in (draft, approve, send):
        graph.add_node(node.__name__, node)
    graph.add_edge(START, "draft")
    graph.add_edge("draft", "approve")
    graph.add_conditional_edges("approve", route, ["send", END])
    graph.add_edge("send", END)
    return graph.compile(name="approval_flow", checkpointer=InMemorySaver())
