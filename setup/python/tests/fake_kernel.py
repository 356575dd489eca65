"""Speak just enough of Jupyter's kernel protocol to stand in for a Rust kernel.

Each line of a cell is an order:

    out TEXT    print to the standard output        err TEXT    print to the error stream
    fail TEXT   end the cell with an error          hang        wait for an interrupt
    cwd         print the working directory         pid         print the process id
    late TEXT   print to the error stream after the cell is idle
    moment      print an id, a time and a duration, other ones each time
    note TEXT   add a line to the file that WORKBOOK_PROGRESS names
    die         end the process

With `FAKE_KERNEL_LOG` in the environment, every request's type is added to that file.
"""

from __future__ import annotations

import json
import os
import sys
import time
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import zmq
from jupyter_client.session import Session


class FakeKernel:
    """Answer requests until told to shut down."""

    def __init__(self, connection_file: str) -> None:
        info = json.loads(Path(connection_file).read_text())
        self.session = Session(key=info["key"].encode(), signature_scheme=info["signature_scheme"])
        context = zmq.Context()
        self.sockets = {}
        for name in ("shell", "control", "iopub", "hb", "stdin"):
            self.sockets[name] = context.socket({"iopub": zmq.PUB, "hb": zmq.REP}.get(name, zmq.ROUTER))
            self.sockets[name].bind(f"tcp://{info['ip']}:{info[name + '_port']}")
        self.poller = zmq.Poller()
        for name in ("shell", "control", "hb"):
            self.poller.register(self.sockets[name], zmq.POLLIN)
        self.count = 0

    def serve(self) -> None:
        """Answer requests, one at a time."""
        while True:
            for socket, _ in self.poller.poll():
                if socket is self.sockets["hb"]:
                    socket.send(socket.recv())
                else:
                    self.answer(socket)

    def answer(self, socket: zmq.Socket[bytes]) -> None:
        """Answer one request."""
        identity, message = self.session.recv(socket, mode=0)
        assert message is not None
        kind = message["msg_type"]
        note(kind)
        self.status("busy", message)
        content: dict[str, Any] = {"status": "ok"}
        late: list[str] = []
        if kind == "execute_request":
            content = self.execute(message, late)
        elif kind == "kernel_info_request":
            content |= {"protocol_version": "5.3", "language_info": {"name": "Rust"}}
        elif kind == "complete_request":
            content |= {"matches": [], "cursor_start": 0, "cursor_end": 0, "metadata": {}}
        self.session.send(socket, kind.replace("_request", "_reply"), content, message, ident=identity)
        self.status("idle", message)
        for text in late:
            self.publish("stream", {"name": "stderr", "text": text + "\n"}, message)
        if kind == "shutdown_request":
            sys.exit(0)

    def execute(self, message: dict[str, Any], late: list[str]) -> dict[str, Any]:
        """Follow the orders of a cell."""
        self.count += 1
        for line in message["content"]["code"].splitlines():
            order, _, text = line.strip().partition(" ")
            if order in ("out", "err"):
                name = "stdout" if order == "out" else "stderr"
                self.publish("stream", {"name": name, "text": text + "\n"}, message)
            elif order in ("cwd", "pid"):
                text = os.getcwd() if order == "cwd" else str(os.getpid())
                self.publish("stream", {"name": "stdout", "text": text + "\n"}, message)
            elif order == "moment":
                text = f"{uuid.uuid4()}  {datetime.now(UTC):%Y%m%dT%H%M%S%fZ}  {time.time() % 1e4:.2f} ms"
                self.publish("stream", {"name": "stdout", "text": text + "\n"}, message)
            elif order == "note":
                with open(os.environ["WORKBOOK_PROGRESS"], "a", encoding="utf-8") as file:
                    file.write(text + "\n")
            elif order == "late":
                late.append(text)
            elif order == "die":
                os._exit(3)
            elif order == "hang":
                self.wait_for_interrupt()
                text = "interrupted"
            if order in ("fail", "hang"):
                error = {"ename": "Error", "evalue": text, "traceback": [text]}
                self.publish("error", error, message)
                return {"status": "error", "execution_count": self.count, **error}
        return {"status": "ok", "execution_count": self.count, "user_expressions": {}}

    def wait_for_interrupt(self) -> None:
        """Answer nothing but the control channel until it brings an interrupt."""
        while True:
            identity, message = self.session.recv(self.sockets["control"], mode=0)
            assert message is not None
            reply = message["msg_type"].replace("_request", "_reply")
            self.session.send(self.sockets["control"], reply, {"status": "ok"}, message, ident=identity)
            if message["msg_type"] == "shutdown_request":
                sys.exit(0)
            if message["msg_type"] == "interrupt_request":
                return

    def status(self, state: str, parent: dict[str, Any]) -> None:
        """Tell everybody whether the kernel is busy."""
        self.publish("status", {"execution_state": state}, parent)

    def publish(self, kind: str, content: dict[str, Any], parent: dict[str, Any]) -> None:
        """Tell everybody something."""
        self.session.send(self.sockets["iopub"], kind, content, parent, ident=kind.encode())


def note(kind: str) -> None:
    """Write down that a request came."""
    log = os.environ.get("FAKE_KERNEL_LOG")
    if log:
        with open(log, "a", encoding="utf-8") as file:
            file.write(kind + "\n")


if __name__ == "__main__":
    FakeKernel(sys.argv[1]).serve()
