"""Answer questions with a real LangGraph agent, traced by the official LangSmith SDK.

A Rust service asks it over HTTP; its tool asks a Rust retriever in turn. `TracingMiddleware` continues the
caller's trace, LangGraph makes a run of the graph and of every node, router, model and tool in it, and the
tool hands on its own run's headers. All of it is one trace.

    GET  /health                               {"status": "ok"}
    GET  /graph                                {"docs_agent": …, "approval_flow": …}, as mermaid text
    POST /ask     {"question": …,              {"answer": …, "messages": how many the thread has so far}
                   "thread_id": …,             the conversation; one of its own if there is none
                   "retriever": …,             the address of the Rust retriever; a list of pages if there is none
                   "detached": …,              mistake: the tool's call is made where no run is known
                   "doubled": …,               mistake: each model call is recorded by two layers
                   "unnamed": …}               mistake: the thread is in the body alone, and in no run
    POST /stream  the same, less `unnamed`     server-sent events: `messages`, `updates`, at last `end`
    POST /draft   {"question": …,              {"draft": …, "asks": what a person has to answer}
                   "thread_id": …}
    POST /resume  {"thread_id": …,             {"draft": …, "asks": null}
                   "approved": …}
    POST /flush                                waits until all runs so far have been sent

How it tells its address and when it ends: see `serving.py`; the graphs are in `graphs.py`.
"""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import AsyncIterator
from typing import Annotated, Any
from weakref import WeakValueDictionary

import langsmith
from fastapi import FastAPI, HTTPException
from fastapi.responses import StreamingResponse
from graphs import Told, approval_flow, docs_agent
from langchain_core.messages import BaseMessage, HumanMessage
from langgraph.types import Command
from langgraph.version import __version__ as langgraph_version
from langsmith.middleware import TracingMiddleware
from langsmith.run_trees import get_cached_client
from pydantic import AfterValidator, BaseModel, Field
from serving import FLUSH_SECONDS, must_be_local, serve

ASKED_FLUSH_SECONDS = 50.0

app = FastAPI(title="agent")
app.add_middleware(TracingMiddleware)
agent = docs_agent(remembers=True)
forgetful = docs_agent(remembers=False)
flow = approval_flow()
# The conversations that are kept beside the graph, by thread.
kept: dict[str, list[BaseMessage]] = {}
# A lock for each thread in which something is done that must not be done twice, for as long as it is.
locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()


# What a caller says of itself is inherited, and this would be the caller's name.
SERVICE: dict[str, Any] = {"metadata": {"service": "python agent"}}


def of_thread(thread_id: str) -> dict[str, Any]:
    """Name the thread to LangGraph, which makes it metadata of every run."""
    return SERVICE | {"configurable": {"thread_id": thread_id}}


def some_thread() -> str:
    """Name a thread that nobody else has."""
    return str(uuid.uuid4())


def alone(thread_id: str) -> asyncio.Lock:
    """Let one at a time look how things stand in a thread, and go on from there."""
    return locks.setdefault(thread_id, asyncio.Lock())


class Question(BaseModel):
    """Carry a question, where to search for the answer, and which mistakes to make."""

    question: str
    thread_id: str = Field(default_factory=some_thread)
    retriever: Annotated[str | None, AfterValidator(must_be_local)] = None
    detached: bool = False
    doubled: bool = False
    unnamed: bool = False

    def told(self) -> Told:
        """Give what the graph needs to know besides the question."""
        return Told(self.retriever, self.detached, self.doubled)

    def config(self) -> dict[str, Any]:
        """Name the thread to LangGraph, which makes it metadata of every run."""
        return of_thread(self.thread_id)

    def messages(self) -> dict[str, list[BaseMessage]]:
        """Give the new message."""
        return {"messages": [HumanMessage(self.question)]}


class Review(BaseModel):
    """Carry what a person says of a draft."""

    thread_id: str
    approved: bool


@app.get("/health")
async def health() -> dict[str, str]:
    """Say that the service answers."""
    return {"status": "ok"}


@app.get("/graph")
async def get_graph() -> dict[str, str]:
    """Draw both graphs."""
    return {graph.name: graph.get_graph().draw_mermaid() for graph in (agent, flow)}


@app.post("/ask")
async def post_ask(question: Question) -> dict[str, Any]:
    """Answer a question."""
    if question.unnamed:
        async with alone(question.thread_id):
            messages = [*kept.get(question.thread_id, []), *question.messages()["messages"]]
            state = await forgetful.ainvoke({"messages": messages}, SERVICE, context=question.told())
            kept[question.thread_id] = state["messages"]
    else:
        state = await agent.ainvoke(question.messages(), question.config(), context=question.told())
    return {"answer": state["messages"][-1].content, "messages": len(state["messages"])}


@app.post("/stream")
async def post_stream(question: Question) -> StreamingResponse:
    """Answer a question while the answer is being written."""
    return StreamingResponse(events(question), media_type="text/event-stream")


async def events(question: Question) -> AsyncIterator[str]:
    """Tell of every token, and of every node that has ended."""
    modes = ["messages", "updates"]
    parts = agent.astream(question.messages(), question.config(), context=question.told(), stream_mode=modes)
    async for mode, data in parts:
        if mode == "messages":
            chunk, metadata = data
            yield event(mode, {"node": metadata["langgraph_node"], "content": chunk.content})
        else:
            yield event(mode, {"node": next(iter(data))})
    yield event("end", {})


def event(name: str, data: dict[str, Any]) -> str:
    """Write a server-sent event."""
    return f"event: {name}\ndata: {json.dumps(data)}\n\n"


@app.post("/draft")
async def post_draft(question: Question) -> dict[str, Any]:
    """Write a draft, and wait at the node that needs a person."""
    async with alone(question.thread_id):
        return waiting(await flow.ainvoke({"question": question.question}, question.config()))


@app.post("/resume")
async def post_resume(review: Review) -> dict[str, Any]:
    """Go on where the thread waits. It is a trace of its own, and may come days later."""
    config = of_thread(review.thread_id)
    # Two that both saw it wait would both send.
    async with alone(review.thread_id):
        if not (await flow.aget_state(config)).next:
            raise HTTPException(status_code=409, detail=f"nothing waits in thread {review.thread_id}")
        return waiting(await flow.ainvoke(Command(resume=review.approved), config))


def waiting(state: dict[str, Any]) -> dict[str, Any]:
    """Shape what the flow gives: the draft, and what it asks if it waits."""
    asks = [pause.value for pause in state.get("__interrupt__", [])]
    return {"draft": state["draft"], "asks": asks[0] if asks else None}


@app.post("/flush")
def post_flush() -> dict[str, bool]:
    """Wait until the SDK has sent what it holds."""
    get_cached_client().flush(timeout=ASKED_FLUSH_SECONDS)
    return {"flushed": True}


if __name__ == "__main__":
    sdk = f"langsmith {langsmith.__version__}, langgraph {langgraph_version}"
    serve(app, "critical", sdk, lambda: get_cached_client().flush(timeout=FLUSH_SECONDS))
