"""Serve documents over HTTP, traced by the official LangSmith SDK.

The Python half of the workbook's story: a Rust gateway asks this FastAPI service, which may ask a
Rust service in turn, and all of it is one trace. Where runs go, and whether as runs or as spans, is read
from the environment, as the SDK does (`LANGSMITH_ENDPOINT`, `LANGSMITH_TRACING_MODE`, …).

    GET  /health                                    {"status": "ok"}
    POST /retrieve  {"question": …,                 {"documents": […]}
                     "callback": optional address of a service that reorders documents,
                     "sends": what it is told: "langsmith-trace" (the default), "traceparent", "both"}
    POST /flush                                     waits until all runs so far have been sent

How it tells its address and when it ends: see `serving.py`.
"""

from __future__ import annotations

import logging
import re
from typing import Annotated, Any, Literal

import httpx
import langsmith
from documents import Document, find
from fastapi import FastAPI, HTTPException
from langsmith import get_current_run_tree, traceable
from langsmith.middleware import TracingMiddleware
from langsmith.run_trees import get_cached_client
from opentelemetry import propagate
from pydantic import AfterValidator, BaseModel
from serving import FLUSH_SECONDS, must_be_local, serve
from spans import ASKED_FLUSH_SECONDS, flush_spans, request_spans

CALLBACK_SECONDS = 50.0
Headers = Literal["langsmith-trace", "traceparent", "both"]

app = FastAPI(title="retriever", telemetry=request_spans())
app.add_middleware(TracingMiddleware)


class Question(BaseModel):
    """Carry a question, and where to have the answer reordered."""

    question: str
    callback: Annotated[str | None, AfterValidator(must_be_local)] = None
    sends: Headers = "langsmith-trace"


def only_question(inputs: dict[str, Any]) -> dict[str, Any]:
    """Keep what the run is about: the callback's port differs each time."""
    return {"question": inputs["question"]}


@traceable(
    run_type="retriever",
    name="retrieve",
    metadata={"service": "python retriever"},
    process_inputs=only_question,
)
async def retrieve(question: str, callback: str | None, sends: Headers) -> list[Document]:
    """Find documents, and have them reordered if the caller wants it."""
    documents = find(question)
    return await reorder(question, documents, callback, sends) if callback else documents


async def reorder(question: str, documents: list[Document], callback: str, sends: Headers) -> list[Document]:
    """Ask the calling side to reorder documents, inside the current trace."""
    async with httpx.AsyncClient(timeout=CALLBACK_SECONDS, trust_env=False) as client:
        body = {"question": question, "documents": documents}
        answer = await client.post(callback, json=body, headers=headers_of_the_call(sends))
    answer.raise_for_status()
    return list(answer.json()["documents"])


def headers_of_the_call(sends: Headers) -> dict[str, str]:
    """Tell the called service which run, or which span, it is called from."""
    run = get_current_run_tree() if sends != "traceparent" else None
    headers = run.to_headers() if run else {}
    if sends != "langsmith-trace":
        spans: dict[str, str] = {}
        propagate.inject(spans)
        # Both write `baggage`, and one dictionary written over the other would lose half of it.
        spans["baggage"] = ",".join(filter(None, [headers.get("baggage"), spans.get("baggage")]))
        headers |= {name: value for name, value in spans.items() if value}
    return headers


@app.get("/health")
async def health() -> dict[str, str]:
    """Say that the service answers."""
    return {"status": "ok"}


@app.post("/retrieve")
async def post_retrieve(question: Question) -> dict[str, list[Document]]:
    """Answer a question with documents."""
    try:
        return {"documents": await retrieve(question.question, question.callback, question.sends)}
    except (httpx.HTTPError, ValueError, KeyError, TypeError) as error:
        detail = f"the callback gave no documents: {type(error).__name__}: {error}"
        raise HTTPException(status_code=502, detail=detail) from error


def flush(seconds: float) -> bool:
    """Wait until the SDK has sent what it holds."""
    get_cached_client().flush(timeout=seconds)
    # In the modes `otel` and `hybrid` the client only hands spans over, to what exports them.
    return flush_spans(seconds)


@app.post("/flush")
def post_flush() -> dict[str, bool]:
    """Wait until the SDK has sent what it holds, because somebody asks."""
    return {"flushed": flush(ASKED_FLUSH_SECONDS)}


class WithoutKeys(logging.Formatter):
    """Keep even the masked key, which the SDK adds to some messages, out of the log."""

    def format(self, record: logging.LogRecord) -> str:
        """Format a record without any key."""
        return re.sub(r"\s*API Key: \S*", "", super().format(record))


def main() -> None:
    """Serve until the input closes."""
    handler = logging.StreamHandler()
    handler.setFormatter(WithoutKeys("%(name)s: %(message)s"))
    logging.basicConfig(handlers=[handler], level=logging.WARNING)
    # Made before the first request: in the modes with spans it also sets up OpenTelemetry.
    get_cached_client()
    serve(app, "critical", f"langsmith {langsmith.__version__}", lambda: flush(FLUSH_SECONDS))


if __name__ == "__main__":
    main()
