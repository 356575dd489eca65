"""Measure what the official Python SDK takes to write a trace's headers and to read them.

The context is that of `../src/headers.rs`. One line of JSON, as its `Cost`.
"""

from __future__ import annotations

import json
import os
import statistics
import time
from collections.abc import Callable
from typing import Any

os.environ["LANGSMITH_TRACING"] = "true"

from langsmith import Client, RunTree, tracing_context  # noqa: E402

CHUNKS = 15
OPERATIONS = 200


def cost(work: Callable[[], Any]) -> float:
    """Return the thread's CPU for one operation: the median over chunks."""

    def chunk() -> float:
        before = time.thread_time_ns()
        for _ in range(OPERATIONS):
            work()
        return (time.thread_time_ns() - before) / OPERATIONS

    chunk()
    return statistics.median(chunk() for _ in range(CHUNKS))


def main() -> None:
    """Measure both."""
    # Nothing is ever posted, so nobody need listen.
    client = Client(api_url="http://127.0.0.1:9", api_key="not-a-real-key", auto_batch_tracing=False)
    extra = {"metadata": {"customer": "example-corp", "experiment": "b"}}
    tags = ["production", "eu-west"]
    tree = RunTree(name="answer", extra=extra, tags=tags, project_name="docs-assistant", ls_client=client)
    for level in ("retrieve", "embed"):
        tree = tree.create_child(level)
    with tracing_context(
        project_name="docs-assistant", metadata=extra["metadata"], tags=tags, client=client
    ):
        headers = tree.to_headers()
        if "baggage" not in headers:
            raise SystemExit("the SDK wrote no baggage")
        encode = cost(tree.to_headers)
    decode = cost(lambda: RunTree.from_headers(headers, client=client))
    print(json.dumps({"encode_ns": encode, "decode_ns": decode}))


if __name__ == "__main__":
    main()
