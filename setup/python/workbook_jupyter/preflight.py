"""Ask LangSmith whether it is there and takes the key, before any kernel is started.

    LANGSMITH_API_KEY=… LANGSMITH_ENDPOINT=… python3 -I -S preflight.py

One authenticated request is made, and one line of JSON printed:
`{"ok": false, "kind": "key-refused", "words": "…", "remedy": "…"}`. The key comes in the environment
only and is in no word that is printed.

It is started by path with the system's Python, before anything is installed, so it imports the
standard library only.
"""

from __future__ import annotations

import json
import os
import queue
import socket
import ssl
import threading
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from email.message import Message
from typing import IO

SECONDS = 10.0
HOSTED = "https://api.smith.langchain.com"
ADDRESS = "check LANGSMITH_ENDPOINT, and that the server runs"
# Mirrors what `Client::check` of the crate `common` says of the same answers.
BUSY = frozenset({408, 425, 429})


@dataclass(frozen=True)
class Verdict:
    """Say what was found, and what to do about it."""

    ok: bool
    kind: str
    words: str
    remedy: str = ""


class Stay(urllib.request.HTTPRedirectHandler):
    """Follow no redirect: the key would go along."""

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: Message, newurl: str
    ) -> None:
        """Refuse, which makes the redirect an answer like any other."""


def check(environment: Mapping[str, str], seconds: float = SECONDS) -> Verdict:
    """Make the request; wait no longer than the limit, whatever the server does."""
    endpoint = environment.get("LANGSMITH_ENDPOINT", "").strip().rstrip("/") or HOSTED
    key = environment.get("LANGSMITH_API_KEY", "")
    if not (key.isascii() and key.isprintable()) or " " in key:
        remedy = "copy the key again into LANGSMITH_API_KEY, without blanks or line ends"
        return Verdict(False, "key-unusable", "the key has characters that no key has", remedy)
    try:
        place = shown(endpoint)
        request = urllib.request.Request(f"{endpoint}/sessions?limit=1", headers={"x-api-key": key})
    except ValueError:
        remedy = f"set LANGSMITH_ENDPOINT to an address such as {HOSTED}"
        return Verdict(False, "not-an-address", "the endpoint is not an address", remedy)
    if workspace := environment.get("LANGSMITH_WORKSPACE_ID", "").strip():
        request.add_header("x-tenant-id", workspace)
    answers: queue.SimpleQueue[Verdict] = queue.SimpleQueue()

    def ask_and_tell() -> None:
        answers.put(ask(request, place, seconds))

    # A server that sends one byte a second would outlast a limit on each read.
    threading.Thread(target=ask_and_tell, daemon=True).start()
    try:
        return answers.get(timeout=seconds)
    except queue.Empty:
        return timed_out(place)


def shown(endpoint: str) -> str:
    """Write an address without what a reader should not see: user, password, query."""
    parts = urllib.parse.urlsplit(endpoint)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("not an address")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    port = f":{parts.port}" if parts.port else ""
    return f"{parts.scheme}://{host}{port}{parts.path}"


def ask(request: urllib.request.Request, place: str, seconds: float) -> Verdict:
    """Make the request, and put every answer in words."""
    handlers: list[urllib.request.BaseHandler] = [Stay()]
    host = urllib.parse.urlsplit(place).hostname or ""
    if host in ("localhost", "::1") or host.startswith("127."):
        handlers.append(urllib.request.ProxyHandler({}))
    try:
        with urllib.request.build_opener(*handlers).open(request, timeout=seconds) as answer:
            return answered(answer.status, place)
    except urllib.error.HTTPError as error:
        error.close()
        return answered(error.code, place)
    except urllib.error.URLError as error:
        return failed(error.reason, place)
    except Exception as error:
        return failed(error, place)


def answered(status: int, place: str) -> Verdict:
    """Read an answer by its status; its body does not matter."""
    if 200 <= status < 300:
        return Verdict(True, "ready", f"{place} answers and takes the key")
    if 300 <= status < 400:
        remedy = "set LANGSMITH_ENDPOINT to the address that it points to"
        return Verdict(False, "redirected", f"{place} redirects elsewhere (status {status})", remedy)
    if status in (401, 403):
        remedy = (
            "check LANGSMITH_API_KEY, and that it belongs to this region; a key for a whole "
            "organization needs LANGSMITH_WORKSPACE_ID"
        )
        return Verdict(False, "key-refused", f"{place} refused the key (status {status})", remedy)
    if status in BUSY or status >= 500:
        words = f"{place} cannot answer now (status {status})"
        return Verdict(False, "unavailable", words, "try again later, or unset WORKBOOK_TARGET")
    remedy = "check LANGSMITH_ENDPOINT; a self-hosted address often ends in /api/v1"
    return Verdict(False, "not-langsmith", f"what answers at {place} is no LangSmith (status {status})", remedy)


def failed(error: object, place: str) -> Verdict:
    """Read a request that got no answer."""
    if isinstance(error, TimeoutError):
        return timed_out(place)
    if isinstance(error, ssl.SSLCertVerificationError):
        remedy = "check the address; for a server of your own, name its authority's file in SSL_CERT_FILE"
        why = getattr(error, "verify_message", "") or "no reason given"
        words = f"the certificate of {place} is not trusted ({why})"
        return Verdict(False, "not-trusted", words, remedy)
    if isinstance(error, ConnectionRefusedError):
        return Verdict(False, "refused", f"nobody listens at {place} (connection refused)", ADDRESS)
    if isinstance(error, socket.gaierror):
        remedy = "check LANGSMITH_ENDPOINT and the network"
        return Verdict(False, "unknown-host", f"the host of {place} is not known to the network", remedy)
    # Only the kind of error: its text may hold what was sent.
    why = type(error).__name__ if isinstance(error, BaseException) else "no answer"
    return Verdict(False, "unreachable", f"cannot connect to {place} ({why})", ADDRESS)


def timed_out(place: str) -> Verdict:
    """Say that nothing came in time."""
    remedy = "check proxy and firewall, or try again later"
    return Verdict(False, "timeout", f"{place} gave no answer in time", remedy)


def main() -> None:
    """Print the verdict."""
    print(json.dumps(asdict(check(os.environ))), flush=True)
    # The request's thread may still wait for a server; nobody waits for it.
    os._exit(0)


if __name__ == "__main__":
    main()
