"""Hold the few documents that the retriever knows: this workbook, about itself."""

from __future__ import annotations

import re
from typing import Any

PAGES = {
    "notebooks/01_basic_cross_service_tracing": (
        "A trace survives a service boundary when the caller sends two headers, langsmith-trace and "
        "baggage, and the callee starts its runs as children of what they name."
    ),
    "notebooks/03_async_streaming_patterns": (
        "A spawned task does not inherit the current run: hand the run over, or use the traced spawn."
    ),
    "notebooks/05_production_patterns": (
        "An exporter that does not lose runs has a bounded queue, a retry budget and a spool on disk."
    ),
    "notebooks/06_troubleshooting_edge_cases": (
        "A trace broken in two shows as two roots: look for the hop that dropped the headers, "
        "such as a proxy that forwards only what it knows."
    ),
    "setup/environment_setup": (
        "A run has an id, a parent, a trace id and a dotted order; a project is where runs are listed."
    ),
}

Document = dict[str, Any]


def find(question: str, limit: int = 3) -> list[Document]:
    """Give the pages that share most words with a question, best first."""
    asked = words(question)
    scores = {source: len(asked & words(text)) for source, text in PAGES.items()}
    best = sorted(PAGES, key=lambda source: (-scores[source], source))[:limit]
    return [document(source, scores[source]) for source in best]


def document(source: str, score: int) -> Document:
    """Shape a page the way LangSmith shows retrieved documents."""
    return {"type": "Document", "page_content": PAGES[source], "metadata": {"source": source, "score": score}}


def words(text: str) -> set[str]:
    """Give the longer words of a text."""
    return {word for word in re.findall(r"[a-z]+", text.lower()) if len(word) > 3}
