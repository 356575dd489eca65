"""Keep one kernel started ahead of need.

A spare is an ordinary kernel, started by an ordinary kernel manager that nobody uses yet. It is
warmed by one completion request, which makes the rust-analyzer inside the kernel do the work that
the first `let` would otherwise wait for.

Nothing here may break a notebook: whatever goes wrong with a spare, the answer is a cold start.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import queue
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jupyter_client.asynchronous.client import AsyncKernelClient
from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from jupyter_core.paths import jupyter_runtime_dir

log = logging.getLogger("workbook.spare")

WARMING = "let warm = 1; warm."
LAUNCH_SECONDS = 10.0
WARM_SECONDS = 180.0
END_SECONDS = 2.0
# Names that Jupyter sets per notebook, and that a Rust kernel does not read.
PER_NOTEBOOK = frozenset({"JPY_SESSION_NAME", "JPY_PARENT_PID", "PWD", "OLDPWD"})

Stamp = tuple[int, int, int]


def enabled() -> bool:
    """Say whether spares are wanted (`WORKBOOK_SPARE=0` switches them off)."""
    return os.environ.get("WORKBOOK_SPARE", "1") != "0"


def read_stamp(spec: KernelSpec | None, env: Mapping[str, str]) -> Stamp | None:
    """Read what changes when the library that kernels load is rebuilt."""
    workbook = (spec.metadata if spec else {}).get("workbook", {})
    named = env.get("WORKBOOK_FACADE") or workbook.get("stamp")
    try:
        facts = Path(named).stat()
    except (OSError, TypeError):
        return None
    return facts.st_mtime_ns, facts.st_ino, facts.st_size


@dataclass(frozen=True)
class Recipe:
    """Say everything that two kernels must share to stand in for each other."""

    argv: tuple[str, ...]
    cwd: str
    env: frozenset[tuple[str, str]]
    stamp: Stamp | None

    @classmethod
    def of(
        cls,
        command: list[str],
        connection_file: str,
        cwd: str | os.PathLike[str] | None,
        env: Mapping[str, str],
        stamp: Stamp | None,
    ) -> Recipe:
        """Take the recipe of a launch, without what differs between any two."""
        real = os.path.realpath(connection_file)
        return cls(
            argv=tuple(part.replace(real, "{connection_file}") for part in command),
            cwd=os.path.realpath(cwd or os.getcwd()),
            env=frozenset((k, v) for k, v in env.items() if k not in PER_NOTEBOOK),
            stamp=stamp,
        )

    def differs_from(self, other: Recipe) -> str:
        """Name the first thing that differs, or nothing."""
        for name in ("stamp", "argv", "cwd", "env"):
            if getattr(self, name) != getattr(other, name):
                return name
        return ""


@dataclass(frozen=True)
class Order:
    """Say which kernel to start ahead, and for which folder."""

    kernel_name: str
    cwd: str
    env: Mapping[str, str] = field(default_factory=lambda: dict(os.environ), compare=False)
    spec_manager: KernelSpecManager | None = field(default=None, compare=False)


class SpareManager(AsyncKernelManager):
    """Manage a kernel that nobody uses yet."""

    recipe: Recipe | None = None


class Spare:
    """Start one kernel ahead and warm it, in a thread with an event loop of its own."""

    def __init__(self, order: Order) -> None:
        self.order = order
        self.launched = threading.Event()
        self.ready = threading.Event()
        self.seconds = 0.0
        self._wanted = True
        self._loop = asyncio.new_event_loop()
        self._over = asyncio.Event()
        file = Path(jupyter_runtime_dir()) / f"spare-{uuid.uuid4()}.json"
        settings: dict[str, Any] = {"kernel_name": order.kernel_name, "connection_file": str(file)}
        if order.spec_manager is not None:
            settings["kernel_spec_manager"] = order.spec_manager
        self.manager = SpareManager(shutdown_wait_time=END_SECONDS, **settings)
        self._thread = threading.Thread(target=self._live, name="spare-kernel", daemon=True)
        self._thread.start()

    @property
    def recipe(self) -> Recipe | None:
        """Give what this kernel was started from, once it was."""
        return self.manager.recipe

    @property
    def connection_file(self) -> str:
        """Name the file from which the kernel reads its ports."""
        return self.manager.connection_file

    def alive(self) -> bool:
        """Say whether the kernel's process runs (or is just about to)."""
        if not self.launched.is_set():
            return True
        process = getattr(self.manager.provisioner, "process", None)
        return process is not None and process.poll() is None

    def release(self) -> None:
        """Leave the kernel to the notebook that adopts it."""
        self._wanted = False
        self._loop.call_soon_threadsafe(self._over.set)

    def end(self) -> None:
        """End the kernel and remove its connection file."""
        with contextlib.suppress(RuntimeError):  # the loop is closed: it has ended already
            self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join(LAUNCH_SECONDS)

    def _live(self) -> None:
        """Run the spare's whole life."""
        try:
            with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
                runner.run(self._start_and_wait())
        except Exception as error:
            log.warning("no spare kernel: %s", error)
        finally:
            self.launched.set()

    async def _start_and_wait(self) -> None:
        """Start the kernel, warm it, and wait until it is given away or no longer wanted."""
        begun = time.monotonic()
        await self.manager.start_kernel(cwd=self.order.cwd, env=dict(self.order.env))
        self.launched.set()
        warming = asyncio.create_task(self._warm(begun))
        await self._over.wait()
        warming.cancel()
        await asyncio.gather(warming, return_exceptions=True)
        if self._wanted:
            await self.manager.shutdown_kernel()
        else:
            self.manager.context.destroy(linger=0)

    async def _warm(self, begun: float) -> None:
        """Have the kernel do the slow part of its first cell."""
        client = self.manager.client()
        client.start_channels(stdin=False, hb=False, control=False)
        try:
            await self._answer(client, client.kernel_info())
            await self._answer(client, client.complete(WARMING))
            self.seconds = time.monotonic() - begun
            self.ready.set()
            log.info("a spare kernel is ready after %.1f s", self.seconds)
        except (queue.Empty, RuntimeError) as error:
            log.warning("the spare kernel is not warm: %s", error)
        finally:
            client.stop_channels()

    async def _answer(self, client: AsyncKernelClient, message: str) -> None:
        """Wait for the answer to a message."""
        while True:
            reply = await client.get_shell_msg(timeout=WARM_SECONDS)
            if reply["parent_header"].get("msg_id") == message:
                return


class SparePool:
    """Keep at most one spare kernel, and give it away once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._spare: Spare | None = None
        self._closed = False
        # Set by the server extension: which folder's kernel to start ahead after one was taken.
        self.next_folder: Callable[[str], str] | None = None

    @property
    def spare(self) -> Spare | None:
        """Give the spare that is kept now."""
        return self._spare

    def prepare(self, order: Order) -> Spare | None:
        """Have a spare for this order, replacing one that is for another."""
        if not enabled():
            return None
        with self._lock:
            if self._closed:
                return None
            have = self._spare
            if have is not None and have.order == order and have.alive() and not _stale(have):
                return have
            self._discard()
            try:
                self._spare = Spare(order)
            except Exception as error:
                log.warning("no spare kernel: %s", error)
            return self._spare

    def take(self, recipe: Recipe) -> Spare | None:
        """Give the spare away, if it is just what is wanted."""
        with self._lock:
            spare = self._spare
            if spare is None:
                return None
            spare.launched.wait(LAUNCH_SECONDS)
            if spare.recipe is None or not spare.alive():
                self._discard()
                return None
            difference = recipe.differs_from(spare.recipe)
            if not difference:
                self._spare = None
                spare.release()
                return spare
            log.info("the spare kernel does not fit: another %s", difference)
            if difference == "stamp":
                self._discard()
            return None

    def _discard(self) -> None:
        """Let go of the spare, and end it without waiting."""
        spare, self._spare = self._spare, None
        if spare is not None:
            threading.Thread(target=spare.end, name="end-spare", daemon=True).start()

    def close(self) -> None:
        """End the spare, and start no other."""
        with self._lock:
            self._closed = True
            spare, self._spare = self._spare, None
        if spare is not None:
            spare.end()


def _stale(spare: Spare) -> bool:
    """Say whether the library was rebuilt since this spare was started."""
    if spare.recipe is None:
        return False
    return spare.recipe.stamp != read_stamp(spare.manager.kernel_spec, spare.order.env)


pool = SparePool()
