"""Serve with FastAPI, bare or with the official middleware, as `../src/web/server.rs` does in Rust.

    service.py bare|context|run        the sink's address is the first line of the input
"""

from __future__ import annotations

import os
import socket
import sys
import threading
import time
from typing import Any

os.environ["LANGSMITH_TRACING"] = "true"
# Runs without a client of their own go nowhere, rather than to the real service.
os.environ["LANGSMITH_ENDPOINT"] = "http://127.0.0.1:9"

import uvicorn  # noqa: E402
from fastapi import FastAPI, Response  # noqa: E402
from langsmith import Client, traceable  # noqa: E402
from langsmith.middleware import TracingMiddleware  # noqa: E402
from langsmith.run_trees import configure  # noqa: E402


def app(kind: str, sink: str) -> FastAPI:
    """Build the service."""
    api = FastAPI()
    client = Client(api_url=sink, api_key="not-a-real-key")
    # The run that the middleware makes of the headers asks for the process's client.
    configure(client=client)

    @traceable(name="answer", client=client)
    def traced() -> str:
        return "forty-two"

    @api.get("/answer")
    async def answer() -> Response:
        return Response(traced() if kind == "run" else "forty-two", media_type="text/plain")

    @api.get("/cpu")
    def cpu() -> Response:
        client.flush(timeout=30)
        return Response(str(time.process_time_ns()), media_type="text/plain")

    if kind != "bare":
        api.add_middleware(TracingMiddleware)
    return api


def end_with_input() -> None:
    """End the process when whoever started it has closed the input, or has gone."""
    while os.read(0, 4096):
        pass
    os._exit(0)


def main() -> Any:
    """Listen on a free port and say which."""
    sink = sys.stdin.readline().strip()
    threading.Thread(target=end_with_input, daemon=True).start()
    # asyncio switches Nagle's algorithm off where the protocol is named; else each reply waits 40 ms.
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.bind(("127.0.0.1", 0))
    listening.listen(128)
    print(f"127.0.0.1:{listening.getsockname()[1]}", flush=True)
    config = uvicorn.Config(app(sys.argv[1], sink), log_level="error", access_log=False)
    uvicorn.Server(config).run(sockets=[listening])


if __name__ == "__main__":
    main()
