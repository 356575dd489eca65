"""Judge whether a cell did what it should.

The status that a Rust kernel reports is not enough: a panic and an error passed up by a top-level
`?` both leave a cell "ok", and only their text on the standard error stream tells. So anything on
that stream fails a cell, unless the cell says that it is meant to be there.

What a cell can say, in its metadata:

    tags: ["allow-stderr"]                  output on the error stream is fine; a panic is not,
                                            unless its text is declared as below
    tags: ["raises-exception"]              the cell must fail, with the declared text
    workbook: {"expect": "part of it"}      the declared text
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from nbformat import NotebookNode

SENTINEL = "NOTEBOOK OK"
ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
PANIC = re.compile(r"\bpanicked at\b|^PANIC\b", re.MULTILINE)


@dataclass(frozen=True)
class Verdict:
    """Say how a cell ended, and what was wrong if anything was."""

    status: str  # "ok", "failed" or "expected_failure"
    error: str = ""


def judge(cell: NotebookNode, status: str) -> Verdict:
    """Judge a cell by its reported status, its outputs and what it declares."""
    tags = set(cell.metadata.get("tags", []))
    expected = declared_text(cell)
    problem = find_problem(cell, status, stderr_allowed="allow-stderr" in tags)
    if "raises-exception" in tags:
        return _judge_expected(cell, problem, expected)
    if problem and status == "ok" and "allow-stderr" in tags and expected and expected in _all_text(cell):
        return Verdict("ok")
    return Verdict("failed", problem) if problem else Verdict("ok")


def declared_text(cell: NotebookNode) -> str:
    """Give the text that the cell's failure must contain."""
    return str(cell.metadata.get("workbook", {}).get("expect", ""))


def find_problem(cell: NotebookNode, status: str, stderr_allowed: bool = False) -> str:
    """Describe the failure that a cell shows, or give nothing."""
    errors = [_error_text(out) for out in cell.outputs if out.output_type == "error"]
    stderr = stream_text(cell, "stderr")
    if errors or status != "ok":
        return "\n".join([*errors, plain(stderr)]).strip() or f"the kernel reported “{status}”"
    if PANIC.search(stderr) or PANIC.search(stream_text(cell, "stdout")):
        return plain(stderr or stream_text(cell, "stdout")).strip()
    if has_stream(cell, "stderr") and not stderr_allowed:
        return plain(stderr).strip() or "an empty line on the error stream"
    return ""


def lacks_sentinel(cell: NotebookNode) -> bool:
    """Say whether the last cell fails to print that the notebook reached its end."""
    return SENTINEL not in stream_text(cell, "stdout").splitlines()


def has_stream(cell: NotebookNode, name: str) -> bool:
    """Say whether anything came on a stream, be it an empty line."""
    return any(out.output_type == "stream" and out.name == name for out in cell.outputs)


def stream_text(cell: NotebookNode, name: str) -> str:
    """Join what a cell wrote to a stream."""
    outputs = (out for out in cell.outputs if out.output_type == "stream" and out.name == name)
    return "".join(out.text for out in outputs)


def plain(text: str) -> str:
    """Strip colours."""
    return ANSI.sub("", text)


def _judge_expected(cell: NotebookNode, problem: str, expected: str) -> Verdict:
    """Judge a cell that must fail."""
    if not problem:
        return Verdict("failed", "this cell is tagged `raises-exception`, but it did not fail")
    if not expected:
        missing = 'the cell is tagged `raises-exception`, but its metadata has no `workbook: {"expect": …}`'
        return Verdict("failed", f"{missing}; it failed with:\n{problem}")
    if expected not in _all_text(cell):
        return Verdict("failed", f"the cell failed, but not with “{expected}”:\n{problem}")
    return Verdict("expected_failure")


def _all_text(cell: NotebookNode) -> str:
    """Join everything in which a declared text may occur."""
    errors = [_error_text(out) for out in cell.outputs if out.output_type == "error"]
    return plain("\n".join([*errors, stream_text(cell, "stderr"), stream_text(cell, "stdout")]))


def _error_text(output: Any) -> str:
    """Write an error output as text."""
    head = ": ".join(part for part in (output.ename, output.evalue) if part)
    trace = plain("\n".join(output.traceback)).strip()
    return trace if head in trace else f"{head}\n{trace}".strip()
