"""Run notebooks without a browser, and print what happens as lines of JSON.

    python -m workbook_jupyter.run --root REPO [--save] [--timeout SECONDS] NOTEBOOK…

The exit code is 0 only if every notebook did what it should. While one notebook runs, the kernel of
the next one is started. Notebook files stay as they are unless `--save` is given, and then only a
notebook that succeeded is written: outputs that say what the old ones said stay as they are.

With `--exercises`, each exercise is checked as it is shipped and as it is solved, and outputs that
no longer say what the file has are reported.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import copy
import json
import os
import signal
import stat
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

import nbformat
from nbformat import NotebookNode

from workbook_jupyter import pool as pools
from workbook_jupyter.exercises import VARIABLE, Exercises
from workbook_jupyter.normal import fingerprint, normal_form
from workbook_jupyter.pool import Order
from workbook_jupyter.session import CellError, KernelSession
from workbook_jupyter.tidy import save
from workbook_jupyter.verdict import SENTINEL, judge, lacks_sentinel

INTERRUPTED = 130
CELL_SECONDS = 300.0


@dataclass
class Runner:
    """Run a list of notebooks, one after the other."""

    root: Path
    kernel: str
    timeout: float
    save: bool
    out: TextIO
    stop: Callable[[], object] | None = None
    exercises: bool = False
    force: bool = False

    async def run_all(self, paths: list[Path]) -> bool:
        """Run the notebooks; say whether all of them are fine."""
        fine = True
        for path, following in zip(paths, [*paths[1:], None], strict=True):
            fine &= await self.run_one(path, following)
        return fine

    async def run_one(self, path: Path, following: Path | None) -> bool:
        """Run one notebook and report on it; prepare the kernel of the following one."""
        begun = time.monotonic()
        try:
            notebook = read(path)
        except Exception as error:
            self.emit("notebook", path=self.name(path), cells=0)
            self.fail(path, None, "", f"this notebook cannot be read: {error}")
            fine = False
        else:
            cells = code_cells(notebook)
            before = copy.deepcopy(cells)
            self.emit("notebook", path=self.name(path), cells=len(cells))
            fine = await self.run_cells(path, cells, following)
            if fine and (self.save or self.exercises):
                self.compare(path, notebook, before, cells)
            if fine and self.save:
                sign(notebook, cells)
                self.emit("saved", path=self.name(path), changed=save(notebook, path))
        self.emit("done", path=self.name(path), seconds=since(begun), ok=fine)
        return fine

    async def run_cells(self, path: Path, cells: list[NotebookNode], following: Path | None) -> bool:
        """Start a kernel, run the cells on it, and end it."""
        exercises = Exercises(self.root, cells) if self.exercises else None
        session = KernelSession(self.kernel, path.parent, kernel_env(exercises))
        statuses: list[str] = []
        now = True
        try:
            seconds = await session.start()
            self.emit("kernel_ready", seconds=round(seconds, 3), spare=session.from_spare)
            if following is not None and exercises is None:
                pools.pool.prepare(Order(self.kernel, str(following.parent), env=kernel_env()))
            for index, cell in enumerate(cells, start=1):
                status = await self.run_cell(session, path, cell, index, len(cells))
                if status is None:
                    return False
                statuses.append(status)
                if exercises is not None:
                    await self.run_exercise(session, path, cell, exercises)
            await session.settle()
            now = False
            return self.check_whole(path, cells, statuses)
        except Exception as error:
            self.fail(path, None, "", str(error) or type(error).__name__)
            return False
        finally:
            await session.close(now=now)
            if exercises is not None:
                exercises.close()

    async def run_exercise(
        self, session: KernelSession, path: Path, cell: NotebookNode, exercises: Exercises
    ) -> None:
        """Tell what a cell's check found; then solve its exercise, and tell what the check finds now."""
        facts = {"path": self.name(path), "cell": cell.get("id")}
        for entry in exercises.entries():
            self.emit("check", **facts, phase="shipped", found=entry)
        for solved in exercises.solved(cell):
            try:
                verdict = judge(solved, await session.run(solved, self.timeout))
                error = verdict.error if verdict.status == "failed" else ""
            except CellError as broken:
                self.emit("check", **facts, phase="solved", error=str(broken))
                raise
            for entry in exercises.entries():
                self.emit("check", **facts, phase="solved", found=entry)
            if error:
                self.emit("check", **facts, phase="solved", error=error)
                return

    def compare(
        self, path: Path, notebook: NotebookNode, before: list[NotebookNode], after: list[NotebookNode]
    ) -> None:
        """Keep outputs that say what they said before; tell of the others."""
        for old, new in zip(before, after, strict=True):
            tags = new.metadata.get("tags", [])
            was, now = normal_form(old.outputs, tags), normal_form(new.outputs, tags)
            if was != now:
                self.emit("stale", path=self.name(path), cell=new.get("id"), was=was, now=now)
            elif not self.force and (old.outputs or not new.outputs) and is_signed(notebook, new):
                new.outputs = old.outputs

    async def run_cell(
        self, session: KernelSession, path: Path, cell: NotebookNode, index: int, of: int
    ) -> str | None:
        """Run one cell and report on it; give the kernel's status, or nothing if it failed."""
        begun = time.monotonic()
        try:
            status = await session.run(cell, self.timeout)
        except CellError as error:
            self.emit("cell", index=index, of=of, status="failed", seconds=since(begun))
            self.fail(path, index, cell.source, str(error))
            return None
        verdict = judge(cell, status)
        self.emit("cell", index=index, of=of, status=verdict.status, seconds=since(begun))
        if verdict.status == "failed":
            self.fail(path, index, cell.source, verdict.error)
            return None
        return status

    def check_whole(self, path: Path, cells: list[NotebookNode], statuses: list[str]) -> bool:
        """Judge the cells again, with output that came late, and look for the last line."""
        fine = True
        for index, (cell, status) in enumerate(zip(cells, statuses, strict=True), start=1):
            verdict = judge(cell, status)
            if verdict.status == "failed":
                self.fail(path, index, cell.source, verdict.error)
                fine = False
        if fine and (not cells or lacks_sentinel(cells[-1])):
            source = cells[-1].source if cells else ""
            self.fail(path, len(cells) or None, source, f"the last cell did not print “{SENTINEL}”")
            fine = False
        return fine

    def fail(self, path: Path, index: int | None, source: str, error: str) -> None:
        """Report a failure."""
        self.emit("failure", path=self.name(path), index=index, source=source, error=error)

    def emit(self, event: str, **facts: Any) -> None:
        """Print one event; end when nobody reads any more."""
        try:
            self.out.write(json.dumps({"event": event, **facts}, ensure_ascii=False) + "\n")
            self.out.flush()
        except BrokenPipeError:
            # Whoever started us was ended. The next await stops the run in order.
            if self.stop is not None:
                self.stop()

    def name(self, path: Path) -> str:
        """Write a path as seen from the repository."""
        return path.relative_to(self.root).as_posix() if path.is_relative_to(self.root) else str(path)


def read(path: Path) -> NotebookNode:
    """Read a notebook of today's format."""
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    return notebook


def code_cells(notebook: NotebookNode) -> list[NotebookNode]:
    """Give the cells that hold code."""
    return [c for c in notebook.cells if c.cell_type == "code" and c.source.strip()]


def kernel_env(exercises: Exercises | None = None) -> dict[str, str]:
    """Give the environment of kernels that nobody watches: nobody learns there, so nothing is remembered."""
    env = {**os.environ, "WORKBOOK_HEADLESS": "1", VARIABLE: ""}
    return env | exercises.env() if exercises is not None else env


def sign(notebook: NotebookNode, cells: list[NotebookNode]) -> None:
    """Write down from which sources the outputs were made."""
    notebook.metadata.setdefault("workbook", {})["made_from"] = {
        cell.id: fingerprint(cell.source) for cell in cells if "id" in cell
    }


def is_signed(notebook: NotebookNode, cell: NotebookNode) -> bool:
    """Say whether a cell's saved outputs were made from its present source."""
    made_from = notebook.metadata.get("workbook", {}).get("made_from") or {}
    return bool(made_from.get(cell.get("id")) == fingerprint(cell.source))


def since(begun: float) -> float:
    """Give the seconds since a moment."""
    return round(time.monotonic() - begun, 3)


@contextlib.contextmanager
def private_stdout() -> Iterator[TextIO]:
    """Keep the standard output for events: whatever else prints there goes to the error stream."""
    sys.stdout.flush()
    events = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    try:
        yield events
    finally:
        with contextlib.suppress(BrokenPipeError):
            events.flush()
        os.dup2(events.fileno(), 1)
        with contextlib.suppress(BrokenPipeError):
            events.close()


async def run(arguments: argparse.Namespace, out: TextIO) -> int:
    """Run what the command line asks for; stop in order when told to."""
    task = asyncio.current_task()
    assert task is not None
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, task.cancel)
    watch_reader(loop, out, task.cancel)
    root = arguments.root.resolve()
    runner = Runner(root, arguments.kernel, arguments.timeout, arguments.save, out, task.cancel)
    runner.exercises, runner.force = arguments.exercises, arguments.force
    try:
        return 0 if await runner.run_all([path.resolve() for path in arguments.notebooks]) else 1
    finally:
        pools.pool.close()


def watch_reader(loop: asyncio.AbstractEventLoop, out: TextIO, stop: Callable[[], object]) -> None:
    """Call `stop` once nobody reads the events any more, also while a long cell prints none.

    Linux reports a pipe without a reader as an event of its writing end; elsewhere the next event
    that is printed finds out.
    """
    if not sys.platform.startswith("linux"):
        return
    try:
        file = out.fileno()
        if not stat.S_ISFIFO(os.fstat(file).st_mode):
            return
    except OSError:
        return

    def end() -> None:
        loop.remove_reader(file)
        stop()

    loop.add_reader(file, end)


def parse(argv: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="workbook_jupyter.run", description=__doc__.splitlines()[0])
    parser.add_argument("--root", type=Path, required=True, help="the repository")
    parser.add_argument("--save", action="store_true", help="write the outputs of notebooks that succeed")
    parser.add_argument("--force", action="store_true", help="write all outputs, whether they are new or not")
    parser.add_argument("--exercises", action="store_true", help="check exercises, as shipped and as solved")
    parser.add_argument("--timeout", type=float, default=CELL_SECONDS, help="seconds for one cell")
    parser.add_argument("--kernel", default="rust", help="name of the kernel")
    parser.add_argument("notebooks", type=Path, nargs="+", metavar="NOTEBOOK")
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> int:
    """Run notebooks and give the exit code."""
    arguments = parse(argv)
    with private_stdout() as out:
        try:
            return asyncio.run(run(arguments, out))
        except (KeyboardInterrupt, asyncio.CancelledError):
            return INTERRUPTED


if __name__ == "__main__":
    sys.exit(main())
