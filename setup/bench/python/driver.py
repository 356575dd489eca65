"""Drive the official Python SDK: read one order, do it, report. See `../src/protocol.rs`.

    driver.py traceable|runtree|off
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from typing import Any

import langsmith
from langsmith import Client, RunTree, traceable, tracing_context

KEY = "not-a-real-key"
Texts = list[tuple[str, str]]


class Payloads:
    """Cuts texts from the prose, in the places where the Rust drivers do."""

    def __init__(self, path: str, size: int) -> None:
        """Read the prose; each run gets `size` bytes."""
        with open(path, encoding="ascii") as file:
            self.prose = file.read()
        self.half = size // 2
        self.at = 0

    def _piece(self) -> str:
        if self.at + self.half > len(self.prose):
            self.at = 0
        self.at += self.half
        return self.prose[self.at - self.half : self.at]

    def trace(self, spans: int) -> Texts:
        """Return inputs and outputs of each run of a trace."""
        return [(self._piece(), self._piece()) for _ in range(spans)]


@traceable(name="step")
def step(content: str, answer: str, ids: list[str] | None) -> dict[str, str]:
    """Be one run below another."""
    if ids is not None:
        ids.append(str(langsmith.get_current_run_tree().id))
    return {"content": answer}


def only_content(inputs: dict[str, Any]) -> dict[str, Any]:
    """Leave out of the inputs what belongs to the driver."""
    return {"content": inputs["content"]}


def by_decorator(client: Client) -> Callable[[str, Texts, list[str] | None], None]:
    """Trace with `@traceable`."""
    inner = traceable(name="step", client=client, process_inputs=only_content)(step.__wrapped__)

    def body(content: str, texts: Texts, ids: list[str] | None) -> dict[str, str]:
        if ids is not None:
            ids.append(str(langsmith.get_current_run_tree().id))
        for prompt, completion in texts[1:]:
            inner(prompt, completion, ids)
        return {"content": texts[0][1]}

    named = {}

    def trace(root: str, texts: Texts, ids: list[str] | None) -> None:
        if root not in named:
            named[root] = traceable(name=root, client=client, process_inputs=only_content)(body)
        named[root](texts[0][0], texts, ids)

    return trace


def by_tree(client: Client) -> Callable[[str, Texts, list[str] | None], None]:
    """Trace with `RunTree`."""

    def trace(root: str, texts: Texts, ids: list[str] | None) -> None:
        tree = RunTree(name=root, inputs={"content": texts[0][0]}, ls_client=client)
        tree.post()
        if ids is not None:
            ids.append(str(tree.id))
        for prompt, completion in texts[1:]:
            child = tree.create_child("step", run_type="chain", inputs={"content": prompt})
            child.post()
            child.end(outputs={"content": completion})
            child.patch()
            if ids is not None:
                ids.append(str(child.id))
        tree.end(outputs={"content": texts[0][1]})
        tree.patch()

    return trace


def memory(field: str) -> int:
    """Return a line of this process's status, in kilobytes."""
    try:
        with open("/proc/self/status", encoding="ascii") as file:
            lines = [line for line in file if line.startswith(field)]
        return int(lines[0].split()[1])
    except (OSError, IndexError):
        return 0


def say(line: str) -> None:
    """Tell the harness; one that has gone is no failure."""
    try:
        os.write(1, (line + "\n").encode())
    except OSError:
        pass


class Driver:
    """Does an order and keeps the measurements."""

    def __init__(self, order: dict[str, Any], client: Client, trace: Callable[..., None]) -> None:
        """Prepare; what happens once in a process is over before the measurement begins."""
        self.order = order
        self.trace = trace
        self.work = order["workload"]
        self.payloads = Payloads(order["prose"], self.work["bytes"])
        self.trace_ns: list[int] = []
        self.caller = 0
        self.done = 0
        for _ in range(order.get("warm_up", 0)):
            trace("answer", self.payloads.trace(self.work["spans"]), None)
        if order.get("warm_up"):
            client.flush(timeout=order.get("patience", 60.0))
        try:
            with open("/proc/self/clear_refs", "w", encoding="ascii") as file:
                file.write("5")
        except OSError:
            pass
        self.before_kb = memory("VmRSS")
        self.began = time.perf_counter_ns()
        self.cpu = time.process_time_ns()

    def traces(self, count: int) -> None:
        """Do `count` traces."""
        rate = self.order.get("rate")
        odd = self.order.get("odd")
        for _ in range(count):
            texts = self.payloads.trace(self.work["spans"])
            root = "answer"
            if odd and odd["at"] == self.done:
                root = odd["kind"]
                if root == "huge":
                    texts[0] = (texts[0][0] * (65_536 // len(texts[0][0])), texts[0][1])
            ids: list[str] | None = [] if self.order.get("tells_ids") else None
            cpu = time.thread_time_ns()
            clock = time.perf_counter_ns()
            self.trace(root, texts, ids)
            took = time.perf_counter_ns() - clock
            self.caller += time.thread_time_ns() - cpu
            self.trace_ns.append(took)
            self.done += 1
            if ids is not None:
                say(" ".join(ids))
            if rate:
                due = self.began / 1e9 + self.done / rate
                time.sleep(max(0.0, due - time.perf_counter_ns() / 1e9))

    def tell(self) -> None:
        """Print the report."""
        report = {
            "version": f"langsmith {langsmith.__version__}",
            "trace_ns": self.trace_ns,
            "caller_cpu_ns": self.caller,
            "cpu_ns": time.process_time_ns() - self.cpu,
            "wall_ns": time.perf_counter_ns() - self.began,
            "before_kb": self.before_kb,
            "peak_kb": memory("VmHWM"),
        }
        say(json.dumps(report))


def main() -> None:
    """Do one order."""
    order = json.loads(sys.stdin.readline())
    os.environ["LANGSMITH_TRACING"] = "false" if sys.argv[1] == "off" else "true"
    client = Client(api_url=order["url"], api_key=KEY)
    trace = by_tree(client) if sys.argv[1] == "runtree" else by_decorator(client)
    ending = order.get("ending", "flush")
    with tracing_context(project_name="bench"):
        driver = Driver(order, client, trace)
        count = driver.work["traces"]
        if ending == "fork":
            driver.traces(count // 2)
            child = os.fork()
            driver.traces(count - count // 2)
            if child == 0:
                client.flush(timeout=order.get("patience", 60.0))
                return
            os.waitpid(child, 0)
        else:
            driver.traces(count)
        if ending in ("flush", "fork"):
            client.flush(timeout=order.get("patience", 60.0))
        driver.tell()
        if ending == "exit":
            os._exit(0)


if __name__ == "__main__":
    main()
