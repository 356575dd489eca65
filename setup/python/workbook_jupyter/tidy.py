"""Write executed notebooks so that two runs differ only where their results do."""

from __future__ import annotations

import os
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_output

KERNELSPEC = {"display_name": "Rust", "language": "rust", "name": "rust"}
LANGUAGE_INFO = {
    "codemirror_mode": "rust",
    "file_extension": ".rs",
    "mimetype": "text/rust",
    "name": "rust",
    "pygments_lexer": "rust",
}


def tidy(notebook: NotebookNode) -> None:
    """Bring metadata, counts and outputs into their one form."""
    notebook.metadata["kernelspec"] = NotebookNode(KERNELSPEC)
    notebook.metadata["language_info"] = NotebookNode(LANGUAGE_INFO)
    count = 0
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
        if cell.cell_type != "code":
            continue
        if not cell.source.strip():
            cell.execution_count, cell.outputs = None, []
            continue
        count += 1
        cell.execution_count = count
        cell.outputs = merge_streams(cell.outputs)
        for output in cell.outputs:
            if output.output_type == "execute_result":
                output.execution_count = count


def merge_streams(outputs: list[NotebookNode]) -> list[NotebookNode]:
    """Make one output of each stream, and put them before the results.

    The kernel sends one message per line, and the two streams race each other.
    """
    merged = []
    for name in ("stdout", "stderr"):
        texts = [out.text for out in outputs if out.output_type == "stream" and out.name == name]
        if texts:
            merged.append(new_output("stream", name=name, text="".join(texts)))
    return merged + [out for out in outputs if out.output_type != "stream"]


def save(notebook: NotebookNode, path: Path) -> bool:
    """Replace the file in one step, so that an interruption leaves the old or the new one.

    A file that would stay as it is, is not touched. Say whether it was.
    """
    tidy(notebook)
    text = nbformat.writes(notebook, version=4, indent=1, ensure_ascii=False).rstrip("\n") + "\n"
    if path.is_file() and path.read_text(encoding="utf-8") == text:
        return False
    beside = path.with_name(f".{path.name}.new")
    beside.write_text(text, encoding="utf-8")
    os.replace(beside, path)
    return True
