"""Rank documents at once, traced by the official LangSmith SDK: what asyncio keeps, and what it loses.

Each document is scored by a function of its own run. How the three calls are started decides whose child
those runs are:

    task        asyncio.create_task           the task copies the context of its maker: kept
    executor    loop.run_in_executor          a thread of a pool, without the context: lost
    carried     the SDK's executor            ContextThreadPoolExecutor copies the context: kept

    GET  /health                              {"status": "ok"}
    POST /rank  {"documents": […],            {"documents": […]}, the best first
                 "way": one of the above}
    POST /flush                               waits until all runs so far have been sent

How it tells its address and when it ends: see `serving.py`.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import Literal

import langsmith
from fastapi import FastAPI
from langsmith import traceable
from langsmith.middleware import TracingMiddleware
from langsmith.run_trees import get_cached_client
from langsmith.utils import ContextThreadPoolExecutor
from pydantic import BaseModel
from serving import FLUSH_SECONDS, serve

THREADS = 4

app = FastAPI(title="ranker")
app.add_middleware(TracingMiddleware)
pool = ThreadPoolExecutor(THREADS)
carrying_pool = ContextThreadPoolExecutor(THREADS)


class Ranking(BaseModel):
    """Carry what is to be ranked, and how the work is started."""

    documents: list[str]
    way: Literal["task", "executor", "carried"]


@traceable(name="score", metadata={"service": "python ranker"})
def score(document: str) -> int:
    """Prefer short documents."""
    return -len(document)


async def score_in_task(document: str) -> int:
    """Score on the event loop."""
    return score(document)


async def score_on(executor: Executor, document: str) -> int:
    """Score on a thread of a pool, as blocking work is."""
    return await asyncio.get_running_loop().run_in_executor(executor, score, document)


@traceable(name="rank", metadata={"service": "python ranker"})
async def rank(documents: list[str], way: str) -> list[str]:
    """Score all documents at the same time, and sort them."""
    ways = {
        "task": score_in_task,
        "executor": lambda document: score_on(pool, document),
        "carried": lambda document: score_on(carrying_pool, document),
    }
    scores = await asyncio.gather(
        *[asyncio.create_task(ways[way](document)) for document in documents]
    )
    ranked = sorted(zip(scores, documents, strict=True), reverse=True)
    return [document for _, document in ranked]


@app.get("/health")
async def health() -> dict[str, str]:
    """Say that the service answers."""
    return {"status": "ok"}


@app.post("/rank")
async def post_rank(ranking: Ranking) -> dict[str, list[str]]:
    """Answer with the documents in order."""
    return {"documents": await rank(ranking.documents, ranking.way)}


@app.post("/flush")
def post_flush() -> dict[str, bool]:
    """Wait until the SDK has sent what it holds."""
    flush()
    return {"flushed": True}


def flush() -> None:
    """Let the SDK send what it holds."""
    get_cached_client().flush(timeout=FLUSH_SECONDS)


if __name__ == "__main__":
    serve(app, "critical", f"langsmith {langsmith.__version__}", flush)
