"""Serve a peer with the manners that the Rust side counts on.

    the first line on the standard output     {"event": "ready", "url": …, "sdk": …}
    the standard input closes                 what is under way is answered, runs are sent, it ends
    an address that it is told to call        is one of this machine

So a peer never outlives the process that started it. `examples/fastapi_middleware/peer/service.py` has a
copy of what is here, because a file that people take along stands alone; a test holds the two together.
"""

from __future__ import annotations

import json
import os
import socket
import sys
import threading
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import uvicorn

FLUSH_SECONDS = 10.0
STOP_SECONDS = 3


def must_be_local(address: str | None) -> str | None:
    """Refuse to call anything but this machine."""
    if address is not None:
        parts = urlsplit(address)
        if parts.scheme != "http" or parts.hostname not in ("127.0.0.1", "::1", "localhost"):
            raise ValueError("it must be an http address of this machine")
    return address


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
