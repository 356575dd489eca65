"""Make mistakes of the catalogue with the official SDK, one at a time, and end.

    mistakes.py ROW broken|repaired

| Row | Mistake | Mend |
|---|---|---|
| 1 | a thread pool does not copy the context | the SDK's `ContextThreadPoolExecutor` |
| 2 | `run_in_executor` does not either | the call is wrapped in a copied context |
| 3 | a task without a context, as nodes of LangGraph had before Python 3.11 | the parent is passed by hand |
| 5 | each step of a generator runs in a task of its own, so in a fresh copy of the first context | the run is kept in the generator, and passed |

Runs go where `LANGSMITH_ENDPOINT` says. Unlike the other peers it serves nothing: it has ended when its runs are sent.
"""

from __future__ import annotations

import asyncio
import contextvars
import sys
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor

from langsmith import RunTree, traceable
from langsmith.run_helpers import get_current_run_tree
from langsmith.run_trees import get_cached_client
from langsmith.utils import ContextThreadPoolExecutor

# What an application writes into its logs, and so into its runs.
REQUEST = {"request_id": "r-1", "service": "gateway"}

current: contextvars.ContextVar[RunTree | None] = contextvars.ContextVar("current", default=None)


@traceable(name="search", metadata=REQUEST)
def search(question: str) -> str:
    """Find a page."""
    return f"a page on {question}"


@traceable(name="search", metadata=REQUEST)
async def search_later(question: str) -> str:
    """Find a page, in a task."""
    return f"a page on {question}"


@traceable(name="answer", metadata=REQUEST)
def in_a_pool(broken: bool) -> list[str]:
    """Search three times at once."""
    with ThreadPoolExecutor() if broken else ContextThreadPoolExecutor() as pool:
        return list(pool.map(search, ["one", "two", "three"]))


@traceable(name="answer", metadata=REQUEST)
async def in_an_executor(broken: bool) -> str:
    """Search where an event loop sends what blocks."""
    loop = asyncio.get_running_loop()
    if broken:
        return await loop.run_in_executor(None, search, "one")
    return await loop.run_in_executor(None, contextvars.copy_context().run, search, "one")


@traceable(name="answer", metadata=REQUEST)
async def in_a_bare_task(broken: bool) -> str:
    """Run a node in a task that knows of nothing."""
    parent = None if broken else get_current_run_tree()
    node = search_later("one", langsmith_extra={"parent": parent} if parent else {})
    return await asyncio.create_task(node, context=contextvars.Context())


async def generate(broken: bool) -> AsyncIterator[str]:
    """Begin a run at the first step, and search at the second."""
    run = RunTree(name="answer", extra={"metadata": REQUEST})
    run.post()
    # The variable is set in the task of the first step, and goes with it.
    current.set(run)
    yield "Be"
    parent = current.get() if broken else run
    await search_later("one", langsmith_extra={"parent": parent} if parent else {})
    yield "cause"
    run.end(outputs={"answer": "because"})
    run.patch()


async def step_by_step(broken: bool) -> None:
    """Drive each step of a generator by a task of its own."""
    steps = generate(broken)
    try:
        while True:
            await asyncio.create_task(steps.__anext__())
    except StopAsyncIteration:
        return


def main(row: str, way: str) -> None:
    """Play one row, and wait until its runs are sent."""
    broken = way == "broken"
    if row == "1":
        in_a_pool(broken)
    elif row == "2":
        asyncio.run(in_an_executor(broken))
    elif row == "3":
        asyncio.run(in_a_bare_task(broken))
    elif row == "5":
        asyncio.run(step_by_step(broken))
    else:
        raise SystemExit(f"row {row} is none of this program's")
    get_cached_client().flush()


if __name__ == "__main__":
    main(*sys.argv[1:3])
