"""Warm the first spare kernel while the JupyterLab page loads."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from workbook_jupyter import pool as pools
from workbook_jupyter.pool import Order

KERNEL_NAME = "rust"


def first_folder(root: Path) -> Path:
    """Give the folder of the notebook that will be opened."""
    return root / os.environ.get("WORKBOOK_FIRST_DIR", "setup")


def next_folder(root: Path, folder: str) -> str:
    """Guess the folder of the next notebook: after the set-up one come the chapters."""
    chapters = root / os.environ.get("WORKBOOK_NEXT_DIR", "notebooks")
    if os.path.realpath(folder) == os.path.realpath(first_folder(root)) and chapters.is_dir():
        return os.path.realpath(chapters)
    return folder


def _load_jupyter_server_extension(server: Any) -> None:
    """Start the first spare; Jupyter calls this while it starts."""
    if not pools.enabled():
        return
    root = Path(server.root_dir)
    specs = server.kernel_spec_manager
    pools.log.parent = server.log
    pools.pool.next_folder = lambda folder: next_folder(root, folder)
    first = first_folder(root)
    if first.is_dir() and KERNEL_NAME in specs.find_kernel_specs():
        pools.pool.prepare(Order(KERNEL_NAME, os.path.realpath(first), spec_manager=specs))
