"""Measure how long a reader waits, and print a table of medians.

    python -m workbook_jupyter.measure --root REPO [--rounds 5] [--notebook NOTEBOOK]

Every figure is a wall-clock median over the rounds, with its smallest and largest value beside it.
Run it on a machine that has nothing else to do.
"""

from __future__ import annotations

import argparse
import asyncio
import io
import statistics
import sys
import time
from collections.abc import Iterable
from pathlib import Path

from nbformat.v4 import new_code_cell

from workbook_jupyter import pool as pools
from workbook_jupyter.pool import Order
from workbook_jupyter.run import Runner, kernel_env
from workbook_jupyter.session import KernelSession

CELL_SECONDS = 120.0
WARM_SECONDS = 180.0
FIRST = "use common::prelude::*;\nlet answer: u32 = 40 + 2;\nprintln!(\"{answer}\");"
SIMPLE = "let words: String = format!(\"{answer} runs\");\nprintln!(\"{words}\");"
ASYNC = "pause(1).await;\nprintln!(\"waited\");"
TRACED = (
    "let lesson: Lesson = Lesson::start(\"measure\").await;\n"
    "let root: RunTree = lesson.client(\"one\").run(\"root\").start();\n"
    "root.end();\ntext_tree(&lesson.tree(1).await)"
)

Figures = dict[str, list[float]]


async def open_notebook(folder: Path, figures: Figures, kind: str) -> None:
    """Open a kernel as a notebook does, and time what its reader waits for."""
    session = KernelSession("rust", folder, kernel_env())
    begun = time.monotonic()
    figures.setdefault(f"kernel ready, {kind}", []).append(await session.start())
    try:
        await timed_cell(session, FIRST)
        figures.setdefault(f"opening to first output, {kind}", []).append(time.monotonic() - begun)
        await timed_cell(session, ASYNC)
        for name, source in (("simple cell", SIMPLE), ("async cell", ASYNC)):
            for _ in range(3):
                figures.setdefault(name, []).append(await timed_cell(session, source))
        figures.setdefault("cell with stand-in, trace and tree", []).append(await timed_cell(session, TRACED))
    finally:
        await session.close()


async def timed_cell(session: KernelSession, source: str) -> float:
    """Run a cell that must succeed, and give its seconds."""
    cell = new_code_cell(source)
    begun = time.monotonic()
    status = await session.run(cell, CELL_SECONDS)
    seconds = time.monotonic() - begun
    if status != "ok" or any(output.output_type == "error" for output in cell.outputs):
        raise RuntimeError(f"the cell failed:\n{source}\n{cell.outputs}")
    return seconds


async def measure(root: Path, notebook: Path | None, rounds: int) -> Figures:
    """Collect all figures."""
    figures: Figures = {}
    folder = root / "notebooks"
    for _ in range(rounds):
        start_over()
        await open_notebook(folder, figures, "cold")
        spare = pools.pool.prepare(Order("rust", str(folder), env=kernel_env()))
        if spare is None:
            raise RuntimeError("no spare kernel could be started")
        begun = time.monotonic()
        await asyncio.to_thread(spare.ready.wait, WARM_SECONDS)
        figures.setdefault("time until a spare is warm", []).append(time.monotonic() - begun)
        await open_notebook(folder, figures, "spare")
    for _ in range(rounds if notebook else 0):
        assert notebook is not None
        start_over()
        begun = time.monotonic()
        runner = Runner(root, "rust", CELL_SECONDS, False, io.StringIO())
        if not await runner.run_all([notebook]):
            raise RuntimeError(f"{notebook} failed")
        figures.setdefault(f"{notebook.stem[:2]} headless, cold kernel included", []).append(
            time.monotonic() - begun
        )
    return figures


def start_over() -> None:
    """End the spare, and begin without one; a pool that was closed stays closed."""
    pools.pool.close()
    pools.pool = pools.SparePool()


def table(figures: Figures) -> Iterable[str]:
    """Write the figures as a table in Markdown."""
    yield "| What | Median | Smallest – largest | Values |"
    yield "|---|---|---|---|"
    for name, values in figures.items():
        low, high = min(values), max(values)
        yield f"| {name} | {statistics.median(values):.2f} s | {low:.2f} – {high:.2f} s | {len(values)} |"


def main(argv: list[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="workbook_jupyter.measure", description=__doc__.splitlines()[0])
    parser.add_argument("--root", type=Path, required=True, help="the repository")
    parser.add_argument("--rounds", type=int, default=5, help="how often each figure is taken")
    parser.add_argument("--notebook", type=Path, help="a notebook to run as a whole")
    arguments = parser.parse_args(argv)
    notebook = arguments.notebook.resolve() if arguments.notebook else None
    try:
        figures = asyncio.run(measure(arguments.root.resolve(), notebook, arguments.rounds))
    finally:
        pools.pool.close()
    print("\n".join(table(figures)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
