"""Serve what `src/service.rs` serves, in Python: FastAPI, the official LangSmith SDK, its middleware.

    GET  /                                    one run
    GET  /health                              no run
    POST /ask   {"question": …, "hops": 0}    {"documents": …, "served_by": […]}
    GET  /fail                                500
    POST /flush                               waits until all runs so far have been sent

`hops` is how many services the question has still to see; the next one is at `NEXT_URL`. Where runs go is
read from the environment, as the SDK does. The first line on the standard output tells the address. The
service ends when its standard input closes, so it never outlives the process that started it.
"""

from __future__ import annotations

import json
import logging
import os
import re
import socket
import sys
import threading
from collections.abc import Callable
from typing import Annotated, Any

import httpx
import langsmith
import uvicorn
from fastapi import FastAPI, Header, HTTPException
from langsmith import get_current_run_tree, traceable
from langsmith.middleware import TracingMiddleware
from langsmith.run_trees import get_cached_client
from pydantic import BaseModel, Field

NAME = "fastapi"
# Each costs a call, and the one who asks pays for none of them.
MOST_HOPS = 8
CALL_SECONDS = 10.0
FLUSH_SECONDS = 10.0
STOP_SECONDS = 3
# Each run says which service it is of; without it, it would say what came with the caller's baggage.
SERVICE = {"service": NAME}

PAGES = (
    "The caller sends its dotted order in the header langsmith-trace.",
    "A middleware on the service makes the caller's run the parent of what the handler starts.",
    "Metadata, tags and the project travel in the header baggage.",
)

app = FastAPI(title=NAME)
# Made once: a client holds its connections.
http = httpx.AsyncClient(timeout=CALL_SECONDS, trust_env=False)
# The receiving side, all of it.
app.add_middleware(TracingMiddleware)


class Question(BaseModel):
    """Carry a question, and how many services it has still to see."""

    question: str
    hops: int = Field(default=0, ge=0, le=MOST_HOPS)


Answer = dict[str, Any]
RequestId = Annotated[str | None, Header(alias="x-request-id")]


@traceable(run_type="retriever", name="retrieve", metadata=SERVICE)
def retrieve(question: str) -> list[str]:
    """Find the pages that share a word with the question."""
    asked = {word for word in re.findall(r"[a-z]+", question.lower()) if len(word) > 3}
    return [page for page in PAGES if asked & set(re.findall(r"[a-z]+", page.lower()))]


@traceable(run_type="retriever", name="retrieve", metadata=SERVICE)
def retrieve_without_index(question: str) -> list[str]:
    """Fail as a step that has nothing to look in."""
    raise LookupError(f"there is no index to look in for {question!r}")


@traceable(name="ask", metadata=SERVICE)
async def ask(question: str, hops: int) -> Answer:
    """Answer, and have the next service answer too."""
    answer = {"documents": len(retrieve(question)), "served_by": [NAME]}
    if hops:
        further = await call_next(question, hops - 1)
        answer["documents"] += further["documents"]
        answer["served_by"] += further["served_by"]
    return answer


@traceable(run_type="tool", name="call axum", metadata=SERVICE)
async def call_next(question: str, hops: int) -> Answer:
    """Ask the next service, inside the current trace."""
    run = get_current_run_tree()
    # The sending side: the headers tell the place of this very run.
    headers = run.to_headers() if run else {}
    body = {"question": question, "hops": hops}
    reply = await http.post(f"{os.environ['NEXT_URL']}/ask", json=body, headers=headers)
    reply.raise_for_status()
    return dict(reply.json())


@traceable(name="fail", metadata=SERVICE)
def fail(question: str) -> None:
    """Need a step that fails."""
    retrieve_without_index(question)


@traceable(name="hello", metadata=SERVICE)
def hello() -> str:
    """Make one run."""
    return f"{NAME} answers"


@app.get("/")
def get_root() -> str:
    """Answer, with one run."""
    return hello()


@app.get("/health")
async def get_health() -> dict[str, str]:
    """Say that the service answers."""
    return {"status": "ok"}


@app.post("/ask")
async def post_ask(question: Question, request_id: RequestId = None) -> Answer:
    """Answer a question."""
    # A caller that is traced has sent its request id with its metadata.
    known = {"metadata": {"request_id": request_id}} if request_id else {}
    try:
        return dict(await ask(question.question, question.hops, langsmith_extra=known))
    except (httpx.HTTPError, ValueError, KeyError, TypeError) as error:
        raise HTTPException(502, f"the next service gave no answer: {error!r}") from error


@app.get("/fail")
def get_fail() -> None:
    """Fail, on purpose."""
    try:
        fail("why?")
    except LookupError as error:
        raise HTTPException(500, str(error)) from error


@app.post("/flush")
def post_flush() -> dict[str, bool]:
    """Wait until the SDK has sent what it holds."""
    get_cached_client().flush(timeout=FLUSH_SECONDS)
    return {"flushed": True}


class Service(uvicorn.Server):
    """Serve, and tell the address as soon as it answers."""

    sdk = ""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then print the address."""
        await super().startup(sockets=sockets)
        assert sockets
        host, port = sockets[0].getsockname()
        print(json.dumps({"event": "ready", "url": f"http://{host}:{port}", "sdk": self.sdk}), flush=True)


def stop_with_input(service: Service) -> None:
    """End the service when the standard input closes; see that it does."""
    while os.read(sys.stdin.fileno(), 4096):
        pass
    service.should_exit = True
    late = threading.Timer(2 * STOP_SECONDS + FLUSH_SECONDS, os._exit, [1])
    late.daemon = True
    late.start()


def listen() -> socket.socket:
    """Take a free port of this machine."""
    # The protocol is named because asyncio looks at it before it switches Nagle's algorithm off, without
    # which the second half of each reply waits 40 ms for the caller's acknowledgment of the first.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    return listener


def serve(app: Any, log_level: str, sdk: str, flush: Callable[[], Any]) -> None:
    """Serve on a port of the system's choice until the input closes, then send what is left."""
    listener = listen()
    settings = {"log_config": None, "log_level": log_level}
    service = Service(uvicorn.Config(app, timeout_graceful_shutdown=STOP_SECONDS, **settings))
    service.sdk = sdk
    threading.Thread(target=stop_with_input, args=[service], daemon=True).start()
    try:
        service.run(sockets=[listener])
    finally:
        flush()


def main() -> None:
    """Serve until the input closes."""
    # Standard error is for what ends the service: the program that started it quotes its last lines.
    logging.basicConfig(level=logging.ERROR)
    get_cached_client()  # Made before the first request, which would wait for it.
    serve(app, "critical", f"langsmith {langsmith.__version__}", post_flush)


if __name__ == "__main__":
    main()
