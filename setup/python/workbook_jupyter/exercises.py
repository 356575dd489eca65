"""Run the exercises of a notebook as they are shipped, and as they are solved.

    starter cell   workbook: {"exercise": "01.repair"}   the solution is notebooks/solutions/01_repair.rs
    check cell     workbook: {"check": "01.repair"}      its `Check` writes a line to WORKBOOK_PROGRESS

After a check cell has run, its exercise's starter is run once more with the solution for a source,
and the check again: what a learner does. What the checks wrote is handed on as it is.
"""

from __future__ import annotations

import copy
import json
import os
import tempfile
from pathlib import Path
from typing import Any

from nbformat import NotebookNode

VARIABLE = "WORKBOOK_PROGRESS"


class Exercises:
    """Know the exercises of one notebook, and read what their checks write."""

    def __init__(self, root: Path, cells: list[NotebookNode]) -> None:
        self.root = root
        self.starters = {exercise: cell for cell in cells if (exercise := declared(cell, "exercise"))}
        file, path = tempfile.mkstemp(prefix="workbook-progress-", suffix=".jsonl")
        os.close(file)
        self.journal = Path(path)
        self.read = 0

    def env(self) -> dict[str, str]:
        """Give the variable that makes checks write here."""
        return {VARIABLE: str(self.journal)}

    def entries(self) -> list[dict[str, Any]]:
        """Give what the checks have written since the last time."""
        with self.journal.open("rb") as file:
            file.seek(self.read)
            text = file.read()
        self.read += len(text)
        entries = [json.loads(line) for line in text.splitlines() if line.strip()]
        return [entry for entry in entries if entry.get("event") == "check"]

    def solved(self, check: NotebookNode) -> list[NotebookNode]:
        """Give the cells to run after a check cell: the solved starter, and the check again."""
        exercise = declared(check, "check")
        starter = self.starters.get(exercise)
        solution = self.solution(exercise)
        if starter is None or solution is None:
            return []
        cell = copy.deepcopy(starter)
        cell.source = solution
        return [cell, copy.deepcopy(check)]

    def solution(self, exercise: str) -> str | None:
        """Read a solution; its first comment is for people."""
        path = self.root / "notebooks" / "solutions" / f"{exercise.replace('.', '_')}.rs"
        return path.read_text(encoding="utf-8") if path.is_file() else None

    def close(self) -> None:
        """Remove what the checks wrote."""
        self.journal.unlink(missing_ok=True)


def declared(cell: NotebookNode, what: str) -> str:
    """Give the exercise that a cell begins or checks."""
    return str(cell.metadata.get("workbook", {}).get(what, ""))
