"""Serve the agent by LangGraph's Agent Server: as a graph, whose traces stand alone, and as a factory.

The server reads `langsmith-trace` of a request, copies it to the metadata of the run and to `configurable`, and
starts a trace of its own. Only a factory, which is called for each request, can enter the caller's trace before
the graph runs. What else a request says is taken over only as far as it is on a list, because anybody can send such
headers. How to try it: `docs/agent_server.md`.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import langsmith
from graphs import docs_agent
from langchain_core.runnables import RunnableConfig

# The server brings a checkpointer of its own, and refuses another.
docs_agent_plain = docs_agent(remembers=False)

# What a caller may choose: a project of ours, and this of the metadata. By default the server's own project.
PROJECTS = {os.environ.get("LANGSMITH_PROJECT", "default")}
METADATA = {"thread_id", "user"}


@asynccontextmanager
async def docs_agent_traced(config: RunnableConfig) -> AsyncIterator[Any]:
    """Enter the caller's trace, then hand out the graph."""
    told = config.get("configurable", {})
    project, metadata = told.get("langsmith-project"), told.get("langsmith-metadata") or {}
    with langsmith.tracing_context(
        parent=told.get("langsmith-trace"),
        project_name=project if project in PROJECTS else None,
        metadata={key: value for key, value in metadata.items() if key in METADATA},
        tags=told.get("langsmith-tags"),
    ):
        yield docs_agent_plain
