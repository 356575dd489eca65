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

    def test_of_four_answers_at_once_to_a_draft_that_waits_one_goes_on(self) -> None:
        from agent import Question, Review, post_draft, post_resume
        from fastapi import HTTPException

        async def answered() -> list[Any]:
            await post_draft(Question(question="Refund", thread_id="four"))
            review = Review(thread_id="four", approved=True)
            return await asyncio.gather(*(post_resume(review) for _ in range(4)), return_exceptions=True)

        said = asyncio.run(answered())
        drafts = [one["draft"] for one in said if isinstance(one, dict)]
        refused = [one.status_code for one in said if isinstance(one, HTTPException)]
        self.assertEqual((drafts, refused), (["Draft: Refund (sent)"], [409, 409, 409]))

    def test_two_questions_at_once_in_a_thread_that_no_run_is_told_of_are_both_kept(self) -> None:
        from agent import Question, post_ask

        async def asked() -> list[dict[str, Any]]:
            question = Question(question=QUESTION, thread_id="two", unnamed=True)
            return await asyncio.gather(post_ask(question), post_ask(question))

        counts = sorted(answer["messages"] for answer in asyncio.run(asked()))
        self.assertEqual(counts[1], 2 * counts[0])

    def test_only_an_address_of_this_machine_is_called(self) -> None:
        from agent import Question
        from pydantic import ValidationError

        for address in (None, "http://127.0.0.1:1/x", "http://localhost/x", "http://[::1]:1/x"):
            self.assertEqual(Question(question="", retriever=address).retriever, address)
        for address in ("https://127.0.0.1/", "http://10.0.0.1/", "http://127.0.0.1.evil.example/", "file:///x"):
            with self.assertRaisesRegex(ValidationError, "an http address of this machine"):
                Question(question="", retriever=address)

    def test_behind_the_agent_server_a_caller_chooses_only_what_is_on_a_list(self) -> None:
        folder = str(PEERS.parent / "agent_server")
        sys.path.insert(0, folder)
        self.addCleanup(sys.path.remove, folder)
        from langsmith.run_helpers import get_tracing_context
        from served import PROJECTS, docs_agent_traced

        async def seen(project: str) -> dict[str, Any]:
            told = {
                "langsmith-project": project,
                "langsmith-metadata": {"user": "ada", "ls_model_name": "forged"},
                "langsmith-tags": ["beta"],
            }
            async with docs_agent_traced({"configurable": told}):
                return get_tracing_context()

        [project] = PROJECTS
        ours, theirs = asyncio.run(seen(project)), asyncio.run(seen("of-somebody-else"))
        self.assertEqual([ours["project_name"], theirs["project_name"]], [project, None])
        self.assertEqual((theirs["metadata"], theirs["tags"]), ({"user": "ada"}, ["beta"]))
