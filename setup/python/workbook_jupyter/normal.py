"""Bring outputs into a form that is the same each time the same thing happens.

Ids, times, durations and ports differ from run to run although nothing has changed. What is left
when they are masked decides whether an output is new: `refresh` keeps the old one if it is not, and
`check` calls it stale if it is.

A cell tagged `measured` shows a measurement: all of its numbers are masked. One tagged `unordered` shows what
happened at the same time: the order of its lines does not count. One tagged `machine` tells what is installed
here: of each of its lines that begin with a sign, only what the line is about counts.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any
from urllib.parse import unquote

from nbformat import NotebookNode

from workbook_jupyter.tidy import merge_streams
from workbook_jupyter.verdict import plain

ID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
# The longer form first: a part of an id must not be taken for a number.
MASKS = [
    (re.compile(r"\d{8}T\d{6,12}Z"), "<time>"),
    (re.compile(ID), "<id>"),
    (re.compile(r"\b[0-9a-f]{8}…[0-9a-f]{4}\b"), "<id>"),
    # A trace's and a span's in OpenTelemetry.
    (re.compile(r"\b([0-9a-f]{32}|[0-9a-f]{16})\b"), "<id>"),
    (re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)?"), "<time>"),
    (re.compile(r"\b(127\.0\.0\.1|localhost|\[::1\]):\d+"), r"\1:<port>"),
    (re.compile(r"[−-]?\b\d[\d.,]*\s*(ms|µs|ns|s|min|h|d)\b(\s*\d+\s*(s|min|h)\b)?"), "<span>"),
    (re.compile(r"\b(process|pid) \d+"), r"\1 <pid>"),
    (re.compile(r"(lib\.rs|cell):\d+:\d+"), r"\1:<place>"),
    # Columns are as wide as their longest entry, which may be a duration.
    (re.compile(r"[ \t]{2,}"), "  "),
    (re.compile(r"[─]{2,}"), "──"),
]
ABOUT = re.compile(r"^[✓–!✗] (.*?)(?: {2,}|$)", re.MULTILINE)
# With its sign: a difference may be a loss the next time.
NUMBER = re.compile(r"(?:(?<!\w)[−-])?\d[\d.,_]*")
TAG = re.compile(r"<([A-Za-z]+)")
TITLE = re.compile(r"<title>(.*?)</title>", re.DOTALL)
DATA_URI = re.compile(r"data:image/svg\+xml,([A-Za-z0-9%]+)")


def normal_form(outputs: Iterable[NotebookNode], tags: Iterable[str] = ()) -> str:
    """Write outputs as text that differs only where what they say differs."""
    tags, merged = set(tags), merge_streams(list(outputs))
    if "machine" in tags:
        printed = (output.text for output in merged if output.output_type == "stream")
        return json.dumps(ABOUT.findall("".join(printed)), ensure_ascii=False)
    parts = [normal_output(output, "measured" in tags) for output in merged]
    if "unordered" in tags:
        parts = in_any_order(parts)
    return json.dumps(parts, ensure_ascii=False)


def in_any_order(part: Any) -> Any:
    """Sort the lines of all texts; of several children, any may be the one that is drawn as the last."""
    if isinstance(part, list):
        return [in_any_order(inner) for inner in part]
    return "\n".join(sorted(part.replace("└─", "├─").splitlines()))


def normal_output(output: NotebookNode, measured: bool) -> list[Any]:
    """Write one output; what it is counts, not how often it was executed."""
    if output.output_type == "stream":
        return [output.name, mask(output.text, measured)]
    if output.output_type == "error":
        return ["error", mask("\n".join([output.ename, output.evalue, *output.traceback]), measured)]
    data = sorted(output.get("data", {}).items())
    return ["data", *([mime, normal_data(mime, body, measured)] for mime, body in data)]


def normal_data(mime: str, body: Any, measured: bool) -> str:
    """Write one form of a result."""
    text = body if isinstance(body, str) else json.dumps(body, sort_keys=True)
    if mime == "image/svg+xml":
        return picture(text, measured)
    if mime == "text/html":
        return mask(DATA_URI.sub(lambda found: picture(unquote(found[1]), measured), text), measured)
    return mask(text, measured)


def picture(svg: str, measured: bool) -> str:
    """Write what a picture is made of. What it says is in its twin; where things stand depends on times."""
    title = TITLE.search(svg)
    words = mask(title[1], measured) if title else ""
    return f"svg of {' '.join(sorted(set(TAG.findall(svg))))}: {words}"


def mask(text: str, measured: bool = False) -> str:
    """Mask what differs from run to run."""
    text = plain(text)
    for pattern, word in MASKS:
        text = pattern.sub(word, text)
    if measured:
        text = NUMBER.sub("<number>", text)
    return "\n".join(line.rstrip() for line in text.strip().splitlines())


def fingerprint(source: str) -> str:
    """Give the number by which `cargo workbook check` knows a cell's source (FNV-1a of length and text)."""
    data = source.encode()
    number = 0xCBF29CE484222325
    for byte in len(data).to_bytes(8, "little") + data:
        number = ((number ^ byte) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
    return f"{number:016x}"
