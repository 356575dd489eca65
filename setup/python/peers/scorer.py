"""Score documents over HTTP, traced by OpenTelemetry alone: no LangSmith SDK, no header of LangSmith.

What teams have that came to LLMs with their services as they are. FastAPI makes a span of each request
and continues the caller's `traceparent`; what OpenTelemetry's SDK needs to know it reads from the
environment (`OTEL_SERVICE_NAME`, `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT`, `OTEL_EXPORTER_OTLP_HEADERS`).

    GET  /health                                    {"status": "ok"}
    POST /score  {"question": …, "documents": […],  {"documents": […]}, those first that share most words
                  "next": optional address of a service that is asked with the same body}
    POST /flush                                     waits until all spans so far have been sent

How it tells its address and when it ends: see `serving.py`.
"""

from __future__ import annotations

import logging
import os
from typing import Annotated, Any

import httpx
from documents import words
from fastapi import FastAPI
from opentelemetry import baggage, propagate, trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import Span, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.version import __version__
from pydantic import AfterValidator, BaseModel
from serving import FLUSH_SECONDS, must_be_local, serve
from spans import ASKED_FLUSH_SECONDS, flush_spans, request_spans

NEXT_SECONDS = 50.0

app = FastAPI(title="scorer", telemetry=request_spans())
tracer = trace.get_tracer("scorer")


class Scoring(BaseModel):
    """Carry documents, what to score them against, and who is asked after that."""

    question: str
    documents: list[dict[str, Any]]
    next: Annotated[str | None, AfterValidator(must_be_local)] = None


class MembersOnSpans(SpanProcessor):
    """Copy members of the baggage onto each span, as OpenTelemetry's own baggage processor does."""

    def __init__(self, names: list[str]) -> None:
        self.names = names

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """Copy what is there."""
        for name in self.names:
            if isinstance(value := baggage.get_baggage(name, parent_context), str):
                span.set_attribute(name, value)


@app.get("/health")
async def health() -> dict[str, str]:
    """Say that the service answers."""
    return {"status": "ok"}


@app.post("/score")
async def post_score(scoring: Scoring) -> dict[str, list[dict[str, Any]]]:
    """Put the documents into the order of their scores, and ask the next service if there is one."""
    with tracer.start_as_current_span("score documents") as span:
        asked = words(scoring.question)
        scores = [len(asked & words(str(document.get("page_content", "")))) for document in scoring.documents]
        best = sorted(range(len(scores)), key=lambda at: -scores[at])
        documents = [scoring.documents[at] for at in best]
        span.set_attribute("scorer.documents", len(documents))
        if scoring.next:
            await ask(scoring.next, scoring.question, documents)
    return {"documents": documents}


async def ask(address: str, question: str, documents: list[dict[str, Any]]) -> None:
    """Ask the next service, with the headers that OpenTelemetry writes."""
    headers: dict[str, str] = {}
    propagate.inject(headers)
    async with httpx.AsyncClient(timeout=NEXT_SECONDS, trust_env=False) as client:
        body = {"question": question, "documents": documents}
        (await client.post(address, json=body, headers=headers)).raise_for_status()


@app.post("/flush")
def post_flush() -> dict[str, bool]:
    """Wait until the exporter has sent what it holds."""
    return {"flushed": flush_spans(ASKED_FLUSH_SECONDS)}


def main() -> None:
    """Serve until the input closes."""
    logging.basicConfig(level=logging.ERROR)
    provider = TracerProvider()
    # Off unless it is asked for by name: what a caller's baggage says is the caller's.
    names = [name for name in os.environ.get("SCORER_BAGGAGE_ON_SPANS", "").split(",") if name]
    provider.add_span_processor(MembersOnSpans(names))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)
    serve(app, "critical", f"opentelemetry {__version__}", lambda: flush_spans(FLUSH_SECONDS))


if __name__ == "__main__":
    main()
