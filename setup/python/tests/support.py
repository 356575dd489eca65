"""Give tests a kernel that starts at once, and a folder to be thrown away."""

from __future__ import annotations

import io
import json
import os
import shutil
import sys
import tempfile
import time
import unittest
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from workbook_jupyter import pool as pools
from workbook_jupyter import run
from workbook_jupyter.pool import SparePool
from workbook_jupyter.spare import watchdog

FAKE = Path(__file__).with_name("fake_kernel.py")
PATIENCE_SECONDS = 20.0


class FakeKernelCase(unittest.TestCase):
    """Install a kernel named `fake`, started through the spare provisioner."""

    def setUp(self) -> None:
        """Make folders and the kernelspec."""
        self.root = Path(os.path.realpath(tempfile.mkdtemp()))
        self.addCleanup(shutil.rmtree, self.root, ignore_errors=True)
        self.stamp = self.root / "stamp"
        self.stamp.write_text("built")
        for folder in ("setup", "notebooks", "runtime"):
            (self.root / folder).mkdir()
        self.install([sys.executable, str(FAKE), "{connection_file}"])
        places = {"JUPYTER_PATH": str(self.root / "share"), "JUPYTER_RUNTIME_DIR": str(self.root / "runtime")}
        patch = mock.patch.dict(os.environ, {**places, "WORKBOOK_SPARE": "1"})
        patch.start()
        self.addCleanup(patch.stop)
        os.environ.pop("WORKBOOK_FACADE", None)

    def install(self, argv: list[str]) -> None:
        """Write the kernelspec."""
        spec = self.root / "share" / "kernels" / "fake"
        spec.mkdir(parents=True, exist_ok=True)
        metadata = {
            "kernel_provisioner": {"provisioner_name": "workbook-spare"},
            "workbook": {"stamp": str(self.stamp)},
        }
        kernel = {"argv": argv, "display_name": "Fake", "language": "rust", "interrupt_mode": "message"}
        (spec / "kernel.json").write_text(json.dumps({**kernel, "metadata": metadata}))

    def wait_for(self, true: Callable[[], bool], what: str) -> None:
        """Wait until something is so; fail if it never is."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not true():
            self.assertLess(time.monotonic(), deadline, f"waited in vain: {what}")
            time.sleep(0.01)


class RunnerCase(FakeKernelCase):
    """Run small notebooks on a small kernel."""

    def setUp(self) -> None:
        """Use a pool of our own."""
        super().setUp()
        self.pool = SparePool()
        self.addCleanup(watchdog.close)
        patch = mock.patch.object(pools, "pool", self.pool)
        patch.start()
        self.addCleanup(patch.stop)
        self.addCleanup(self.pool.close)

    def write(self, name: str, *cells: Any) -> Path:
        """Write a notebook."""
        made = [new_code_cell(cell) if isinstance(cell, str) else cell for cell in cells]
        path = self.root / name
        nbformat.write(new_notebook(cells=[new_markdown_cell("# Title"), *made]), path)
        return path

    def run_them(self, *paths: Path, more: tuple[str, ...] = ()) -> tuple[int, list[dict[str, Any]]]:
        """Run notebooks; give the exit code and the events."""
        out = io.StringIO()
        command = ["--root", str(self.root), "--kernel", "fake", "--timeout", "5", *more]
        arguments = run.parse([*command, *map(str, paths)])
        code = run.asyncio.run(run.run(arguments, out))
        return code, [json.loads(line) for line in out.getvalue().splitlines()]


def runs(pid: int) -> bool:
    """Say whether a process exists and is no zombie."""
    try:
        os.kill(pid, 0)
    except OSError:
        return False
    try:
        return ") Z" not in Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return not Path("/proc/self").exists()
