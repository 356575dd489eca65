"""What the preflight says of a service that answers in every way it may."""

from __future__ import annotations

import json
import os
import socket
import ssl
import subprocess
import sys
import threading
import unittest
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

from workbook_jupyter.preflight import Verdict, check, failed

KEY = "lsv2_pt_no-real-key-fedcba-no-real-key-1_0123456789"
SCRIPT = Path(__file__).parents[1] / "workbook_jupyter" / "preflight.py"


class Service:
    """Serve one status on loopback, and remember who asked."""

    def __init__(self, status: int, headers: dict[str, str] | None = None) -> None:
        self.asked: list[tuple[str, dict[str, str]]] = []
        asked = self.asked

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                asked.append((self.path, {k.lower(): v for k, v in self.headers.items()}))
                self.send_response(status)
                for name, value in (headers or {}).items():
                    self.send_header(name, value)
                self.send_header("Content-Length", "5")
                self.end_headers()
                self.wfile.write(b"<any>")

            def log_message(self, format: str, *args: object) -> None:
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.endpoint = f"http://127.0.0.1:{self.server.server_port}/api/v1"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True)

    def __enter__(self) -> Service:
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


def ask(endpoint: str, **more: str) -> Verdict:
    """Check an endpoint with the key of these tests."""
    return check({"LANGSMITH_API_KEY": KEY, "LANGSMITH_ENDPOINT": endpoint, **more})


class Preflight(unittest.TestCase):
    """One request, and its answer in words."""

    def told(self, verdict: Verdict, ok: bool, kind: str) -> None:
        self.assertEqual((verdict.ok, verdict.kind), (ok, kind), verdict)
        self.assertNotIn(KEY, verdict.words + verdict.remedy)
        self.assertEqual(bool(verdict.remedy), not ok)

    def test_a_service_that_takes_the_key_is_ready(self) -> None:
        with Service(200) as service:
            self.told(ask(service.endpoint, LANGSMITH_WORKSPACE_ID="space"), True, "ready")
        (path, headers), *rest = service.asked
        self.assertEqual((path, rest), ("/api/v1/sessions?limit=1", []))
        self.assertEqual((headers["x-api-key"], headers["x-tenant-id"]), (KEY, "space"))

    def test_each_status_has_its_kind(self) -> None:
        kinds = {401: "key-refused", 403: "key-refused", 404: "not-langsmith", 429: "unavailable", 503: "unavailable"}
        for status, kind in kinds.items():
            with self.subTest(status), Service(status) as service:
                self.told(ask(service.endpoint), False, kind)

    def test_a_redirect_is_not_followed(self) -> None:
        with Service(200) as elsewhere, Service(302, {"Location": elsewhere.endpoint}) as service:
            self.told(ask(service.endpoint), False, "redirected")
        self.assertEqual(elsewhere.asked, [])

    def test_a_closed_port_and_silence_are_told_apart(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as silent:
            endpoint = f"http://127.0.0.1:{silent.getsockname()[1]}"
            limit = 0.05
            environment = {"LANGSMITH_API_KEY": KEY, "LANGSMITH_ENDPOINT": endpoint}
            self.told(check(environment, limit), False, "timeout")
        self.told(ask(endpoint), False, "refused")

    def test_a_key_or_an_address_that_cannot_be_sent_is_not_printed(self) -> None:
        for bad in (f"{KEY}\r\nx: y", f"{KEY} x", f"{KEY}é"):
            self.told(check({"LANGSMITH_API_KEY": bad}), False, "key-unusable")
        for bad in (KEY, f"ftp://{KEY}", f"https://host:{KEY}", "https://"):
            self.told(ask(bad), False, "not-an-address")
        with Service(200) as service:
            secret = service.endpoint.replace("http://", f"http://user:{KEY}@")
            self.assertNotIn(KEY, str(ask(secret)))

    def test_a_certificate_that_nobody_vouches_for_is_named(self) -> None:
        self.told(failed(ssl.SSLCertVerificationError(1, "self-signed"), "https://host"), False, "not-trusted")

    def test_the_program_prints_one_line_and_needs_no_environment_of_its_own(self) -> None:
        with Service(401) as service:
            places = {"LANGSMITH_API_KEY": KEY, "LANGSMITH_ENDPOINT": service.endpoint}
            command = [sys.executable, "-I", "-S", str(SCRIPT)]
            done = subprocess.run(command, env={**os.environ, **places}, capture_output=True, text=True)
        self.assertEqual((done.returncode, done.stderr, done.stdout.count("\n")), (0, "", 1))
        self.assertEqual(json.loads(done.stdout)["kind"], "key-refused")


if __name__ == "__main__":
    unittest.main()
