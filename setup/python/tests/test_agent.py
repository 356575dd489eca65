"""Show that the scripted model and the graphs of the agent peer do what the lessons count on, offline."""

from __future__ import annotations

import asyncio
import os
import sys
import unittest
from pathlib import Path
from typing import Any
from unittest import mock

PEERS = Path(__file__).resolve().parents[1] / "peers"
QUESTION = "what carries the trace?"
UNTRACED = {"LANGSMITH_TRACING": "false", "LANGCHAIN_TRACING_V2": "false"}


@mock.patch.dict(os.environ, UNTRACED)
class Agent(unittest.TestCase):
    """Run the graphs without a server."""

    @classmethod
    def setUpClass(cls) -> None:
        sys.path.insert(0, str(PEERS))
        cls.addClassCleanup(sys.path.remove, str(PEERS))

    def test_a_streamed_answer_is_the_whole_one_in_pieces_with_its_usage(self) -> None:
        from graphs import model, with_tools

        for asked in (model, with_tools):
            whole, pieces = asked.invoke(QUESTION), list(asked.stream(QUESTION))
            joined = pieces[0]
            for piece in pieces[1:]:
                joined += piece
            self.assertEqual(joined.content, whole.content)
            self.assertEqual(joined.usage_metadata, whole.usage_metadata)
            calls = [[(call["name"], call["args"]) for call in said.tool_calls] for said in (joined, whole)]
            self.assertEqual(calls[0], calls[1])

    def test_each_part_of_a_question_is_looked_up_by_a_call_of_its_own(self) -> None:
        from graphs import docs_agent

        asked = docs_agent(remembers=False).ainvoke({"messages": [("user", "a spawned task; the spool")]})
        messages = asyncio.run(asked)["messages"]
        self.assertEqual([message.type for message in messages], ["human", "ai", "tool", "tool", "ai"])
        self.assertIn("spool", messages[-1].content)

    def test_a_draft_waits_and_what_is_refused_is_not_sent(self) -> None:
        from graphs import approval_flow
        from langgraph.types import Command

        for approved, ending in ((True, " (sent)"), (False, "")):
            flow, config = approval_flow(), {"configurable": {"thread_id": "t"}}
            first: dict[str, Any] = asyncio.run(flow.ainvoke({"question": "Refund"}, config))
            self.assertEqual(first["__interrupt__"][0].value["draft"], "Draft: Refund")
            last = asyncio.run(flow.ainvoke(Command(resume=approved), config))
            self.assertEqual(last["draft"], f"Draft: Refund{ending}")
