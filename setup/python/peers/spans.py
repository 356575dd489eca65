"""Hold what peers have in common that make spans of OpenTelemetry."""

from __future__ import annotations

from typing import Any

from opentelemetry import trace

# Within the minute that the Rust side waits for an answer.
ASKED_FLUSH_SECONDS = 50.0


def request_spans() -> dict[str, Any]:
    """Say which requests FastAPI makes spans of, once the process has a tracer provider: those of users."""
    return {"operation_spans": False, "exclude": lambda scope: scope.get("path") in ("/health", "/flush")}


def flush_spans(seconds: float) -> bool:
    """Wait until the spans of the process have been sent, if it has any."""
    flush = getattr(trace.get_tracer_provider(), "force_flush", None)
    return flush is None or bool(flush(int(seconds * 1000)))
