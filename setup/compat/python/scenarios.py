"""Do every scenario with the official Python SDK, against the stand-in that each request names.

One line of JSON in, one out, until the input closes:

    {"scenario": "simple", "url": "http://127.0.0.1:…", "input": …}    {"ok": true, "said": …}

A function here, one in `scenarios.mjs`, and one in `src/scenarios/` of the same name do the same thing.
A service for calls across services listens on the address that the first line tells.
"""

from __future__ import annotations

import asyncio
import json
import logging
import socket
import sys
import threading
import urllib.request
import warnings
from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any

import langsmith
import uvicorn
from langsmith import Client, RunTree, get_current_run_tree, traceable, tracing_context
from langsmith.anonymizer import create_anonymizer
from langsmith.middleware import TracingMiddleware
from langsmith.run_trees import configure

KEY = "not-a-real-key"
ROOT = "01990000-0000-7000-8000-00000000000a"
LEAF = "01990000-0000-7000-8000-00000000000b"
BEGIN = datetime(2026, 1, 2, 3, 4, 5, 678000, tzinfo=timezone.utc)
MIDDLE = datetime(2026, 1, 2, 3, 4, 6, 789000, tzinfo=timezone.utc)
END = datetime(2026, 1, 2, 3, 4, 7, 890000, tzinfo=timezone.utc)

Scenario = Callable[["Setup"], Any]
SCENARIOS: dict[str, Scenario] = {}


class Setup:
    """What a scenario is given: where to send, and its input."""

    def __init__(self, url: str, given: Any) -> None:
        """Remember both."""
        self.url = url
        self.given = given
        self.clients: list[Client] = []

    def client(self, **options: Any) -> Client:
        """Make a client that is flushed when the scenario is over."""
        client = Client(api_url=self.url, api_key=KEY, **options)
        self.clients.append(client)
        return client

    def finish(self) -> None:
        """Send everything and end the clients' threads."""
        for client in self.clients:
            client.flush(timeout=30)
            client.cleanup()
        self.clients.clear()


def scenario(function: Scenario) -> Scenario:
    """Register a scenario under the function's name."""
    SCENARIOS[function.__name__] = function
    return function


@scenario
def simple(setup: Setup) -> None:
    """Trace one function."""

    @traceable(name="simple", metadata={"k": "v"}, tags=["t1"])
    def add(x: int, y: int) -> dict[str, int]:
        return {"sum": x + y}

    add(40, 2, langsmith_extra={"client": setup.client()})


@scenario
def nested_error(setup: Setup) -> None:
    """Let an error pass through three levels."""

    @traceable(name="leaf", run_type="tool")
    def leaf(x: str) -> None:
        raise ValueError(f"boom {x}")

    @traceable(name="middle")
    def middle(x: str) -> None:
        leaf(x)

    @traceable(name="root")
    def root(x: str) -> None:
        middle(x)

    try:
        root("é", langsmith_extra={"client": setup.client()})
    except ValueError:
        pass


@scenario
def inheritance(setup: Setup) -> None:
    """Hand metadata and tags down, the child's own winning."""

    @traceable(name="grandchild", run_type="tool")
    def grandchild() -> dict[str, bool]:
        return {"done": True}

    @traceable(name="child", metadata={"level": "child", "own": 1}, tags=["b", "a"])
    def child() -> dict[str, bool]:
        return grandchild()

    @traceable(name="root", metadata={"team": "docs", "level": "root"}, tags=["a"])
    def root() -> dict[str, bool]:
        return child()

    root(langsmith_extra={"client": setup.client()})


@scenario
def project(setup: Setup) -> None:
    """Name a project for one trace and none for another."""
    client = setup.client()
    named = RunTree(name="named", inputs={}, project_name="compat-project", ls_client=client)
    named.post()
    child = named.create_child("child", run_type="chain", inputs={})
    child.post()
    child.end(outputs={})
    child.patch()
    named.end(outputs={})
    named.patch()
    other = RunTree(name="unnamed", inputs={}, ls_client=client)
    other.post()
    other.end(outputs={})
    other.patch()


@scenario
def events(setup: Setup) -> None:
    """Add events to a run."""
    run = RunTree(name="eventful", inputs={}, ls_client=setup.client())
    run.post()
    run.add_event("first")
    run.add_event("second")
    run.end(outputs={"ok": True})
    run.patch()


@scenario
def new_token(setup: Setup) -> None:
    """Stream the answer of a language model."""

    @traceable(name="stream", run_type="llm", reduce_fn=lambda chunks: {"text": "".join(chunks)})
    def stream(prompt: str) -> Any:
        yield from ["He", "llo", "!"]

    list(stream("hi", langsmith_extra={"client": setup.client()}))


@scenario
def usage(setup: Setup) -> None:
    """Record what a call of a language model used and cost."""
    run = RunTree(
        name="chat",
        run_type="llm",
        inputs={"messages": [{"role": "user", "content": "Hello"}]},
        extra={"metadata": {"ls_provider": "openai", "ls_model_name": "gpt-4o-mini"}},
        ls_client=setup.client(),
    )
    run.post()
    run.set(
        usage_metadata={
            "input_tokens": 11,
            "output_tokens": 3,
            "total_tokens": 14,
            "input_token_details": {"cache_read": 5},
            "output_token_details": {"reasoning": 1},
            "input_cost": 0.25,
            "output_cost": 0.5,
            "total_cost": 0.75,
        }
    )
    run.end(outputs={"role": "assistant", "content": "Hi"})
    run.patch()


@scenario
def attachments(setup: Setup) -> None:
    """Attach files when a run starts, and one more when it ends."""
    run = RunTree(
        name="with files",
        run_type="tool",
        inputs={"a": 1},
        attachments={"one": ("text/plain", b"first"), "image": ("image/png", b"\x89PNG\x00\x01")},
        ls_client=setup.client(),
    )
    run.post()
    run.attachments["two"] = ("application/octet-stream", b"second")
    run.end(outputs={"b": 2})
    run.patch()


@scenario
def feedback(setup: Setup) -> None:
    """Judge a run."""
    client = setup.client()
    run = RunTree(name="judged", inputs={}, id=ROOT, ls_client=client)
    run.post()
    run.end(outputs={})
    run.patch()
    client.flush()
    # By a request of its own, which returns when it was answered.
    client.create_feedback(
        run_id=ROOT,
        key="user_rating",
        score=0.123456,
        comment="nice é",
        feedback_id="01990000-0000-7000-8000-0000000000f1",
    )
    client.create_feedback(
        run_id=ROOT,
        key="correct",
        value="yes",
        correction={"a": 1},
        feedback_id="01990000-0000-7000-8000-0000000000f2",
    )


@scenario
def sampling(setup: Setup) -> None:
    """Keep half of these traces, each with its child."""
    client = setup.client(tracing_sampling_rate=0.5)
    for name, trace in setup.given:
        run = RunTree(name=name, inputs={}, id=trace, ls_client=client)
        run.post()
        child = run.create_child(f"child of {name}", run_type="tool", inputs={})
        child.post()
        child.end(outputs={})
        child.patch()
        run.end(outputs={})
        run.patch()


@scenario
def hide(setup: Setup) -> None:
    """Hide inputs and outputs."""
    client = setup.client(hide_inputs=True, hide_outputs=True)
    run = RunTree(
        name="hidden", inputs={"secret": 1}, extra={"metadata": {"k": "v"}}, ls_client=client
    )
    run.post()
    run.end(outputs={"secret": 2})
    run.patch()


@scenario
def hide_metadata(setup: Setup) -> None:
    """Hide metadata."""
    client = setup.client(hide_metadata=True)
    run = RunTree(name="hidden", inputs={"x": 1}, extra={"metadata": {"k": "v"}}, ls_client=client)
    run.post()
    run.end(outputs={"y": 2})
    run.patch()


@scenario
def anonymizer(setup: Setup) -> None:
    """Mask by rules, in inputs, outputs, metadata and errors."""
    rules = [
        {"pattern": r"[\w.]+@[\w.]+", "replace": "<email>"},
        {"pattern": r"\d{3}-\d{4}"},
    ]
    run = RunTree(
        name="masked",
        inputs={"to": "alice@x.org call 555-9999", "list": [{"to": "z@z.zz", "n": 3}], "k@k.kk": 1},
        extra={"metadata": {"owner": "bob@corp.com"}},
        ls_client=setup.client(anonymizer=create_anonymizer(rules)),
    )
    run.post()
    run.end(outputs={"call": "555-1234"}, error="mail a@b.co failed")
    run.patch()


@scenario
def replicas(setup: Setup) -> None:
    """Send a trace to two projects at once."""
    both = [{"project_name": "replica-a"}, {"project_name": "replica-b"}]
    run = RunTree(
        name="copied",
        inputs={"x": 1},
        id=ROOT,
        start_time=BEGIN,
        project_name="replica-a",
        replicas=both,
        ls_client=setup.client(),
    )
    run.post()
    child = run.create_child(
        "child of copied", run_type="tool", inputs={}, run_id=LEAF, start_time=MIDDLE
    )
    child.post()
    child.end(outputs={}, end_time=END)
    child.patch()
    run.end(outputs={"y": 2}, end_time=END)
    run.patch()


@scenario
def unbatched(setup: Setup) -> None:
    """Send each operation in a request of its own."""
    client = setup.client(auto_batch_tracing=False)
    run = RunTree(name="alone", inputs={"x": 1}, ls_client=client)
    run.post()
    run.end(outputs={"y": 2})
    run.patch()


@scenario
def explicit(setup: Setup) -> None:
    """Give ids and times."""
    client = setup.client()
    run = RunTree(name="given", inputs={"x": 1}, id=ROOT, start_time=BEGIN, ls_client=client)
    run.post()
    child = run.create_child("below", run_type="tool", inputs={}, run_id=LEAF, start_time=MIDDLE)
    child.post()
    child.end(outputs={"z": 3}, end_time=END)
    child.patch()
    run.end(outputs={"y": 2}, end_time=END)
    run.patch()


@scenario
def early_child(setup: Setup) -> None:
    """Start a child before its parent, as a skewed clock would."""
    client = setup.client()
    run = RunTree(name="parent", inputs={}, id=ROOT, start_time=MIDDLE, ls_client=client)
    run.post()
    child = run.create_child("early", run_type="tool", inputs={}, run_id=LEAF, start_time=BEGIN)
    child.post()
    child.end(outputs={}, end_time=END)
    child.patch()
    run.end(outputs={}, end_time=END)
    run.patch()


@scenario
def baggage_out(setup: Setup) -> Any:
    """Write headers with awkward values."""
    given = setup.given
    run = RunTree(
        name="caller",
        inputs={},
        extra={"metadata": given["metadata"]},
        tags=given["tags"],
        project_name=given["project"],
        ls_client=setup.client(),
    )
    run.post()
    headers = run.to_headers()
    run.end(outputs={})
    run.patch()
    return {"headers": headers}


@scenario
def baggage_in(setup: Setup) -> None:
    """Continue below headers with awkward values."""
    parent = RunTree.from_headers(setup.given, ls_client=setup.client())
    assert parent
    child = parent.create_child("callee", run_type="chain", inputs={})
    child.post()
    child.end(outputs={})
    child.patch()


@scenario
def headers(setup: Setup) -> Any:
    """Say what becomes of a request with each of these headers."""
    # The middleware's placeholder of the caller brings the process's own client.
    configure(client=setup.client())

    @traceable(name="answer")
    def answer() -> dict[str, Any]:
        run = get_current_run_tree()
        assert run
        return seen(run)

    async def ask(lines: list[list[str]]) -> Any:
        found: Any = None

        async def app(scope: Any, receive: Any, send: Any) -> None:
            nonlocal found
            found = answer()

        raw = [(name.encode(), value.encode()) for name, value in lines]
        try:
            await TracingMiddleware(app)({"type": "http", "headers": raw}, None, None)
        except Exception as error:  # noqa: BLE001  what a server answers with status 500
            return {"raises": type(error).__name__}
        return found

    return [asyncio.run(ask(lines)) for lines in setup.given]


def seen(run: RunTree) -> dict[str, Any]:
    """Describe where a run ended up."""
    return {
        "parent": str(run.parent_run_id) if run.parent_run_id else None,
        "trace": str(run.trace_id),
        "dotted_order": run.dotted_order,
        "project": run.session_name,
        "tags": list(run.tags or []),
        "metadata": dict(run.metadata),
    }


@scenario
def call(setup: Setup) -> None:
    """Call another service inside a trace."""

    @traceable(name="call", run_type="tool")
    def ask(question: str) -> dict[str, str]:
        run = get_current_run_tree()
        assert run
        request = urllib.request.Request(f"{setup.given['service']}/work", headers=run.to_headers())
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request) as answer:
            return {"answer": answer.read().decode()}

    @traceable(name="client-root", metadata={"user": "ünï"}, tags=["cli-tag"])
    def root(question: str) -> dict[str, str]:
        return ask(question)

    with tracing_context(project_name="compat-crossing"):
        root("why?", langsmith_extra={"client": setup.client()})


class Service:
    """The service that others call: a request's work is traced below the caller's run."""

    def __init__(self) -> None:
        """Begin without a place to send to."""
        self.setup: Setup | None = None

    async def app(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            return
        body = work()["text"].encode()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": body})

    def start(self) -> str:
        """Listen on a free port; return the address."""
        listener = socket.create_server(("127.0.0.1", 0))
        host, port = listener.getsockname()
        app = TracingMiddleware(self.app)
        config = uvicorn.Config(app, log_config=None, log_level="warning", lifespan="off")
        server = uvicorn.Server(config)
        threading.Thread(target=server.run, args=[[listener]], daemon=True).start()
        return f"http://{host}:{port}"


@traceable(name="server-inner", run_type="tool")
def inner() -> dict[str, str]:
    """Do the service's work."""
    return {"text": "because"}


@traceable(name="server-child", metadata={"svc": "B"}, tags=["srv-tag"])
def work() -> dict[str, str]:
    """Answer inside the caller's trace."""
    return inner()


def main() -> None:
    """Do scenario after scenario until the input closes."""
    logging.basicConfig(level=logging.WARNING)
    warnings.simplefilter("ignore")
    service = Service()
    ready = {"sdk": f"langsmith {langsmith.__version__}", "service": service.start()}
    print(json.dumps(ready), flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        setup = Setup(request["url"], request["input"])
        try:
            if request["scenario"] == "serve":
                configure(client=setup.client())
                service.setup, said = setup, None
            elif request["scenario"] == "served":
                said = service.setup.finish() if service.setup else None
            else:
                try:
                    said = SCENARIOS[request["scenario"]](setup)
                finally:
                    setup.finish()
            answer = {"ok": True, "said": said}
        except Exception as error:  # noqa: BLE001  the harness reports it
            logging.exception("scenario %s", request["scenario"])
            answer = {"ok": False, "error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
