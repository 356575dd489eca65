"""Run cells on a kernel and collect what they print, whenever it arrives."""

from __future__ import annotations

import asyncio
import contextlib
import time
from pathlib import Path
from typing import Any

from jupyter_client.asynchronous.client import AsyncKernelClient
from jupyter_client.manager import AsyncKernelManager
from nbformat import NotebookNode
from nbformat.v4 import output_from_msg

START_SECONDS = 240.0
# Jupyter picks a kernel's ports before the kernel binds them. Somebody else may be faster, and the
# kernel then ends at once.
START_TRIES = 3
# The kernel reads its process's error stream in a thread of its own, so the last lines may come
# after the cell is reported idle. We wait for a short silence, and never longer than the limit.
SILENCE_SECONDS = 0.04
STRAGGLER_SECONDS = 1.0
POLL_SECONDS = 0.1
OUTPUTS = frozenset({"stream", "display_data", "execute_result", "error"})


class CellError(Exception):
    """Report that a cell could not be brought to its end."""


class Execution:
    """Follow one cell from its request to its end."""

    def __init__(self, cell: NotebookNode) -> None:
        self.cell = cell
        self.idle = asyncio.Event()
        self.replied = asyncio.Event()
        self.status = "unknown"

    async def finished(self) -> None:
        """Wait until the kernel has both replied and become idle."""
        await self.idle.wait()
        await self.replied.wait()


class KernelSession:
    """Hold one kernel for one notebook."""

    def __init__(self, kernel_name: str, folder: Path, env: dict[str, str]) -> None:
        self.manager = AsyncKernelManager(kernel_name=kernel_name)
        self.folder = folder
        self.env = env
        self.client: AsyncKernelClient | None = None
        self._running: dict[str, Execution] = {}
        self._heard = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def from_spare(self) -> bool:
        """Say whether the kernel had been started ahead."""
        return bool(getattr(self.manager.provisioner, "adopted", False))

    async def start(self) -> float:
        """Start the kernel, wait until it answers, and give the seconds that it took."""
        begun = time.monotonic()
        for left in reversed(range(START_TRIES)):
            try:
                await self._start_once()
                break
            except RuntimeError as error:
                if not left or await self.manager.is_alive():
                    raise CellError(f"the kernel did not start: {error}") from error
                await self._forget()
        self._tasks = [asyncio.create_task(self._hear()), asyncio.create_task(self._take_replies())]
        return time.monotonic() - begun

    async def _start_once(self) -> None:
        """Start the kernel and wait until it answers."""
        await self.manager.start_kernel(cwd=str(self.folder), env=self.env)
        self.client = self.manager.client()
        self.client.start_channels(hb=False, stdin=False)
        await self.client.wait_for_ready(timeout=START_SECONDS)

    async def _forget(self) -> None:
        """Clean up after a kernel that ended before it answered; the next one gets other ports."""
        assert self.client is not None
        self.client.stop_channels()
        with contextlib.suppress(Exception):
            await self.manager.shutdown_kernel(now=True)
        self.manager = AsyncKernelManager(kernel_name=self.manager.kernel_name)

    async def run(self, cell: NotebookNode, timeout: float) -> str:
        """Run a cell, fill in its outputs, and give the status that the kernel reports."""
        assert self.client is not None
        cell.outputs = []
        execution = Execution(cell)
        message = self.client.execute(cell.source, store_history=True, stop_on_error=False)
        self._running[message] = execution
        finished = asyncio.create_task(execution.finished())
        died = asyncio.create_task(self._death())
        try:
            await asyncio.wait({finished, died}, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
            if not finished.done():
                if died.done():
                    raise CellError("the kernel died while this cell ran")
                raise CellError(f"the cell did not finish within {timeout:g} seconds")
        finally:
            finished.cancel()
            died.cancel()
        await self.settle()
        return execution.status

    async def settle(self, limit: float = STRAGGLER_SECONDS) -> None:
        """Wait for output that is still on its way: until silence, but not for ever."""
        deadline = time.monotonic() + limit
        while time.monotonic() < deadline:
            self._heard.clear()
            try:
                await asyncio.wait_for(self._heard.wait(), SILENCE_SECONDS)
            except TimeoutError:
                return

    async def close(self, now: bool = False) -> None:
        """End the kernel and everything that it started."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self.client is not None:
            self.client.stop_channels()
        if self.manager.provisioner is not None:
            with contextlib.suppress(Exception):
                await self.manager.shutdown_kernel(now=now)

    async def _hear(self) -> None:
        """Give every output to the cell that it belongs to."""
        assert self.client is not None
        while True:
            message = await self.client.get_iopub_msg()
            execution = self._running.get(message["parent_header"].get("msg_id", ""))
            if execution is None:
                continue
            kind, content = message["msg_type"], message["content"]
            if kind in OUTPUTS:
                self._heard.set()
                execution.cell.outputs.append(output_from_msg(message))
            elif kind == "status" and content["execution_state"] == "idle":
                execution.idle.set()

    async def _take_replies(self) -> None:
        """Note the status of every cell that the kernel has finished."""
        assert self.client is not None
        while True:
            reply: dict[str, Any] = await self.client.get_shell_msg()
            execution = self._running.get(reply["parent_header"].get("msg_id", ""))
            if execution is not None:
                execution.status = reply["content"].get("status", "unknown")
                execution.replied.set()

    async def _death(self) -> None:
        """Wait until the kernel's process has ended."""
        while await self.manager.is_alive():
            await asyncio.sleep(POLL_SECONDS)
