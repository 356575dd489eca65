"""Show that the FastAPI peer joins a trace, calls back, and ends with its input."""

from __future__ import annotations

import ast
import asyncio
import email.parser
import email.policy
import gzip
import json
import os
import socket
import subprocess
import sys
import threading
import unittest
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

ROOT_FOLDER = Path(__file__).resolve().parents[3]
PEERS = ROOT_FOLDER / "setup/python/peers"
RETRIEVER = PEERS / "retriever.py"
# What people copy stands alone, so it has its own copy of the manners.
COPIES = [ROOT_FOLDER / "examples/fastapi_middleware/peer/service.py"]
PATIENCE_SECONDS = 30
KEY = "lsv2_pt_" + "a1b2c3d4" * 4

# A caller's run, as its two headers tell it.
ROOT = "01a202b8-db56-712d-a569-b5c0ba7c4644"
TRACE = f"20261122T100638934749Z{ROOT}"
BAGGAGE = "langsmith-metadata=%7B%22user%22%3A%22u1%22%7D,langsmith-tags=cli-tag,langsmith-project=project-A"
HEADERS = {"langsmith-trace": TRACE, "baggage": BAGGAGE}
QUESTION = "how do I keep the trace across a service boundary?"


class Recorder(ThreadingHTTPServer):
    """Stand in for LangSmith and for the service that is called back."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.parts: dict[str, Any] = {}
        self.callbacks: list[tuple[dict[str, str], Any]] = []
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        """Give the address."""
        return f"http://127.0.0.1:{self.server_port}"

    def run_named(self, name: str) -> dict[str, Any]:
        """Put a run together from its parts: a slow one comes as a post and a patch."""
        run: dict[str, Any] = {}
        for order in ("post", "patch"):
            for part, content in self.parts.items():
                if part.startswith(order + ".") and part.count(".") == 1 and content["name"] == name:
                    fields = {p.split(".")[2]: c for p, c in self.parts.items() if p.startswith(part + ".")}
                    run |= content | fields
        if not run:
            raise AssertionError(f"no run named {name} in {list(self.parts)}")
        return run


class Handler(BaseHTTPRequestHandler):
    """Take runs, and reorder documents."""

    server: Recorder

    def do_GET(self) -> None:
        """Describe the stand-in."""
        limits = {
            "use_multipart_endpoint": True,
            "scale_up_qsize_trigger": 1000,
            "scale_up_nthreads_limit": 16,
            "scale_down_nempty_trigger": 4,
            "size_limit": 100,
            "size_limit_bytes": 20971520,
        }
        self.reply({"version": "0.18.5", "batch_ingest_config": limits})

    def do_POST(self) -> None:
        """Take one request."""
        body = self.rfile.read(int(self.headers["content-length"]))
        if self.path == "/rerank":
            request = json.loads(body)
            self.server.callbacks.append((dict(self.headers), request))
            self.reply({"documents": request["documents"][::-1]})
            return
        if self.headers.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        head = f"content-type: {self.headers['content-type']}\r\n\r\n".encode()
        for part in email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(head + body).iter_parts():
            name = part.get_param("name", header="content-disposition")
            self.server.parts[str(name)] = json.loads(part.get_payload(decode=True))
        self.reply({})

    def reply(self, content: Any) -> None:
        """Send JSON."""
        body = json.dumps(content).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Keep quiet."""


class PeerTest(unittest.TestCase):
    """Talk to a real peer that sends its runs to a recorder."""

    def setUp(self) -> None:
        """Start both."""
        self.recorder = Recorder()
        self.addCleanup(self.recorder.server_close)
        self.addCleanup(self.recorder.shutdown)
        settings = {
            "LANGSMITH_ENDPOINT": self.recorder.url,
            "LANGSMITH_API_KEY": KEY,
            "LANGSMITH_TRACING": "false",
            "LANGSMITH_PROJECT": "project-of-the-server",
        }
        clean = {k: v for k, v in os.environ.items() if not k.startswith(("LANGSMITH_", "LANGCHAIN_"))}
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        self.peer = subprocess.Popen([sys.executable, RETRIEVER], env=clean | settings, text=True, **pipes)
        self.addCleanup(self.peer.communicate)
        self.addCleanup(self.peer.kill)
        assert self.peer.stdout is not None
        self.ready = json.loads(self.peer.stdout.readline())

    def call(self, path: str, body: Any = None, headers: dict[str, str] | None = None) -> Any:
        """Send a request to the peer and give its answer."""
        data = None if body is None else json.dumps(body).encode()
        headers = {"content-type": "application/json", **(headers or {})}
        request = urllib.request.Request(self.ready["url"] + path, data, headers)
        with urllib.request.urlopen(request, timeout=PATIENCE_SECONDS) as answer:
            return json.load(answer)

    def end(self) -> tuple[str, str]:
        """Close the peer's input; give what it still printed."""
        printed = self.peer.communicate(timeout=PATIENCE_SECONDS)
        self.assertEqual(self.peer.returncode, 0, printed)
        return printed

    def test_it_answers_and_ends_when_its_input_closes(self) -> None:
        self.assertEqual(self.ready["event"], "ready")
        self.assertEqual(self.ready["sdk"], "langsmith 0.15.0")
        self.assertEqual(self.call("/health"), {"status": "ok"})
        found = self.call("/retrieve", {"question": QUESTION})["documents"]
        self.assertEqual(found[0]["metadata"]["source"], "notebooks/01_basic_cross_service_tracing")
        self.end()
        with self.assertRaises(urllib.error.URLError):
            self.call("/health")

    def test_its_run_is_a_child_in_the_callers_trace_and_project(self) -> None:
        self.call("/retrieve", {"question": QUESTION}, HEADERS)
        self.assertEqual(self.call("/flush", {}), {"flushed": True})
        run = self.recorder.run_named("retrieve")
        self.assertEqual((run["trace_id"], run["parent_run_id"]), (ROOT, ROOT))
        self.assertTrue(run["dotted_order"].startswith(TRACE + "."))
        self.assertEqual((run["session_name"], run["run_type"]), ("project-A", "retriever"))
        self.assertEqual(run["inputs"], {"question": QUESTION})
        self.assertEqual(run["extra"]["metadata"]["user"], "u1")
        self.assertIn("cli-tag", run["tags"])

    def test_it_calls_back_inside_the_trace(self) -> None:
        callback = self.recorder.url + "/rerank"
        plain = self.call("/retrieve", {"question": QUESTION}, HEADERS)["documents"]
        turned = self.call("/retrieve", {"question": QUESTION, "callback": callback}, HEADERS)["documents"]
        self.assertEqual(turned, plain[::-1])
        headers, request = self.recorder.callbacks[0]
        self.assertEqual(request, {"question": QUESTION, "documents": plain})
        parent, own = headers["langsmith-trace"].split(".")
        self.assertEqual(parent, TRACE)
        self.assertNotIn(ROOT, own)
        self.assertIn("langsmith-project=project-A", headers["baggage"])

    def test_runs_are_sent_before_it_ends(self) -> None:
        self.call("/retrieve", {"question": QUESTION}, HEADERS)
        self.end()
        self.assertEqual(self.recorder.run_named("retrieve")["trace_id"], ROOT)

    def test_a_failing_callback_is_an_error_of_the_run_and_a_readable_answer(self) -> None:
        wrong = {"question": QUESTION, "callback": "http://127.0.0.1:1/rerank"}
        with self.assertRaises(urllib.error.HTTPError) as caught:
            self.call("/retrieve", wrong, HEADERS)
        self.assertEqual(caught.exception.code, 502)
        self.assertIn("the callback gave no documents", caught.exception.read().decode())
        caught.exception.close()
        self.call("/flush", {})
        self.assertIn("ConnectError", self.recorder.run_named("retrieve")["error"])

    def test_it_calls_nothing_but_this_machine(self) -> None:
        with self.assertRaises(urllib.error.HTTPError) as caught:
            self.call("/retrieve", {"question": QUESTION, "callback": "http://192.0.2.1/rerank"})
        self.assertEqual(caught.exception.code, 422)
        caught.exception.close()

    def test_no_key_is_printed(self) -> None:
        self.recorder.shutdown()
        self.recorder.server_close()
        self.call("/retrieve", {"question": QUESTION}, HEADERS)
        out, err = self.end()
        self.assertEqual(out, "")
        self.assertIn("langsmith", err)
        self.assertNotIn("API Key", err)
        self.assertNotIn(KEY[:4], err)


class MannersTest(unittest.TestCase):
    """Look at how a peer serves."""

    def test_a_reply_in_two_parts_does_not_wait_for_an_acknowledgment(self) -> None:
        sys.path.insert(0, str(PEERS))
        self.addCleanup(sys.path.remove, str(PEERS))
        from serving import listen

        async def switched_off() -> int:
            found: asyncio.Future[int] = asyncio.get_running_loop().create_future()

            async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                accepted = writer.get_extra_info("socket")
                found.set_result(accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
                writer.close()

            async with await asyncio.start_server(answer, sock=listen()) as server:
                host, port = server.sockets[0].getsockname()
                _, writer = await asyncio.open_connection(host, port)
                writer.close()
                return await asyncio.wait_for(found, PATIENCE_SECONDS)

        self.assertEqual(asyncio.run(switched_off()), 1)

    def test_copies_of_the_manners_have_not_drifted(self) -> None:
        def manners(path: Path) -> dict[str, str]:
            kinds = (ast.ClassDef, ast.FunctionDef)
            parts = [part for part in ast.parse(path.read_text()).body if isinstance(part, kinds)]
            return {part.name: ast.unparse(part) for part in parts}

        original = manners(PEERS / "serving.py")
        # The copy calls one address, and nobody tells it which.
        del original["must_be_local"]
        self.assertEqual(list(original), ["Service", "stop_with_input", "listen", "serve"])
        for copy in COPIES:
            there = manners(copy)
            self.assertEqual({name: there.get(name) for name in original}, original, copy.name)


if __name__ == "__main__":
    unittest.main()
