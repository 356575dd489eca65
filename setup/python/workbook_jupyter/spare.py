"""Hand the spare kernel to the next notebook.

Jupyter calls a *kernel provisioner* to start a kernel's process. Ours looks into the pool first: a
spare that was started from the same recipe is adopted, and only its ports and key are new to the
kernel manager, which writes them to the notebook's own connection file. From then on everything is
the ordinary local provisioner: polling, signals, shutdown, restart.
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import logging
import os
import signal
from pathlib import Path
from typing import Any

from jupyter_client.connect import KernelConnectionInfo, LocalPortCache
from jupyter_client.provisioning.local_provisioner import LocalProvisioner

from workbook_jupyter import pool as pools
from workbook_jupyter.pool import Order, Recipe, Spare, SpareManager
from workbook_jupyter.quiet import wait_until_quiet
from workbook_jupyter.watchdog import Watchdog

log = logging.getLogger("workbook.spare")
watchdog = Watchdog()

PORTS = ("shell_port", "iopub_port", "stdin_port", "hb_port", "control_port")
# What a launch may ask for and still be served by a spare.
ORDINARY = frozenset({"cwd", "env", "kernel_id", "extra_arguments", "path"})


def end_everything() -> None:
    """End the spare politely, and then whatever else is left."""
    pools.pool.close()
    watchdog.close()


atexit.register(end_everything)


class SpareProvisioner(LocalProvisioner):
    """Start kernels from the pool of spares where one fits."""

    adopted: bool = False
    _starts: int = 0
    _restart_was_asked: bool = False
    _spare_file: str = ""
    _follow_up: asyncio.Task[None] | None = None

    @property
    def _manager(self) -> Any:
        """Give the kernel manager that we start a kernel for."""
        return self.parent

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> KernelConnectionInfo:
        """Adopt a fitting spare, or start a kernel."""
        self._starts += 1
        self.adopted = False
        recipe = self._recipe(cmd, kwargs)
        if isinstance(self.parent, SpareManager):
            self.parent.recipe = recipe
        elif self._may_adopt(kwargs):
            await self._try_to_adopt(recipe)
        self._restart_was_asked = False
        if not self.adopted:
            await super().launch_kernel(cmd, **kwargs)
        if self.pgid and self.pgid == self.pid:
            watchdog.keep(self.pgid, self._manager.connection_file)
        return self.connection_info

    async def post_launch(self, **kwargs: Any) -> None:
        """Start the next spare as soon as this kernel has nothing to do."""
        await super().post_launch(**kwargs)
        choose = pools.pool.next_folder
        if choose is None or isinstance(self.parent, SpareManager) or not pools.enabled():
            return
        order = Order(
            kernel_name=self._manager.kernel_name,
            cwd=choose(os.path.realpath(kwargs.get("cwd") or os.getcwd())),
            spec_manager=self._manager.kernel_spec_manager,
        )
        info, process = self.connection_info, self.process

        async def follow_up() -> None:
            await wait_until_quiet(info, process)
            pools.pool.prepare(order)

        self._follow_up = asyncio.create_task(follow_up())

    async def shutdown_requested(self, restart: bool = False) -> None:
        """Remember that a restart was asked for, by somebody who will connect again."""
        await super().shutdown_requested(restart=restart)
        self._restart_was_asked = restart

    async def cleanup(self, restart: bool = False) -> None:
        """Clean up after a kernel that has ended."""
        await super().cleanup(restart=restart)
        if self.pgid and self.pgid == self.pid:
            with contextlib.suppress(OSError):  # what the kernel started and left behind
                os.killpg(self.pgid, signal.SIGKILL)
            watchdog.drop(self.pgid)
        if self._spare_file:
            Path(self._spare_file).unlink(missing_ok=True)
            self._spare_file = ""

    def _recipe(self, cmd: list[str], kwargs: dict[str, Any]) -> Recipe:
        """Take the recipe of this launch."""
        env = kwargs.get("env") or dict(os.environ)
        stamp = pools.read_stamp(self.kernel_spec, env)
        return Recipe.of(cmd, self._manager.connection_file, kwargs.get("cwd"), env, stamp)

    def _may_adopt(self, kwargs: dict[str, Any]) -> bool:
        """Say whether this launch can be served by a kernel with other ports and key."""
        if not pools.enabled() or self._manager.transport != "tcp" or set(kwargs) - ORDINARY:
            return False
        if self.connection_info.get("curve_publickey"):
            return False
        # A restart keeps its ports, unless a server that watches for new ones serves the clients.
        server = getattr(self.parent, "parent", None)
        return self._starts == 1 or (self._restart_was_asked and hasattr(server, "ports_changed"))

    async def _try_to_adopt(self, recipe: Recipe) -> None:
        """Adopt the spare if it fits; whatever goes wrong, a cold start follows."""
        try:
            spare = await asyncio.to_thread(pools.pool.take, recipe)
            if spare is not None:
                self._adopt(spare)
        except Exception as error:
            log.warning("the spare kernel cannot be used: %s", error)

    def _adopt(self, spare: Spare) -> None:
        """Take over process, ports and key of a spare."""
        donor = spare.manager.provisioner
        assert isinstance(donor, LocalProvisioner)
        info: dict[str, Any] = {**self.connection_info}
        if self.ports_cached:
            for name in PORTS:
                LocalPortCache.instance().return_port(info[name])
        self.process, donor.process = donor.process, None
        self.pid, self.pgid, self.cwd = donor.pid, donor.pgid, donor.cwd
        donor.pid = donor.pgid = None
        self.ports_cached, donor.ports_cached = donor.ports_cached, False
        self.connection_info = donor.connection_info
        self._spare_file = spare.connection_file
        spare.manager._connection_file_written = False  # ours to remove now
        self.adopted = True
        log.info("adopted the spare kernel %s", self.pid)
