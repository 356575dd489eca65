"""Show that a spare kernel is handed over, replaced, discarded and ended."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import unittest
from pathlib import Path
from typing import Any
from unittest import mock

from jupyter_client.manager import AsyncKernelManager

from tests.support import PATIENCE_SECONDS, FakeKernelCase, runs
from workbook_jupyter import pool as pools
from workbook_jupyter.pool import Order, Spare, SparePool
from workbook_jupyter.session import START_TRIES
from workbook_jupyter.spare import watchdog

HERE = Path(__file__).resolve().parent
# What a Jupyter does, in small: keep a spare, say which, and wait.
PARENT = """
import sys
from workbook_jupyter import pool as pools
spare = pools.pool.prepare(pools.Order("fake", sys.argv[1]))
spare.ready.wait(20)
print(spare.manager.provisioner.pid, flush=True)
sys.stdin.read()
"""


class Notebook:
    """Open a kernel the way a notebook does."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.manager = AsyncKernelManager(kernel_name="fake")
        self.client: Any = None
        self.printed = asyncio.Event()

    async def __aenter__(self) -> Notebook:
        for left in reversed(range(START_TRIES)):
            try:
                await self.manager.start_kernel(cwd=str(self.folder))
                await self.connect()
                break
            except RuntimeError:
                # Somebody else bound one of the ports that Jupyter had picked for a cold kernel.
                if not left or self.adopted or await self.manager.is_alive():
                    raise
                self.client.stop_channels()
                self.manager = AsyncKernelManager(kernel_name="fake")
        return self

    async def __aexit__(self, *_: object) -> None:
        self.client.stop_channels()
        await self.manager.shutdown_kernel()

    async def connect(self) -> None:
        """Connect and wait until the kernel answers."""
        self.client = self.manager.client()
        self.client.start_channels()
        await self.client.wait_for_ready(timeout=PATIENCE_SECONDS)

    @property
    def adopted(self) -> bool:
        """Say whether the kernel had been started ahead."""
        return bool(getattr(self.manager.provisioner, "adopted", False))

    async def run(self, code: str) -> tuple[str, str]:
        """Run a cell; give its status and what it printed."""
        printed = []
        self.printed.clear()

        def hear(message: dict[str, Any]) -> None:
            if message["msg_type"] == "stream":
                printed.append(message["content"]["text"])
                self.printed.set()

        reply = await self.client.execute_interactive(code, output_hook=hear, timeout=PATIENCE_SECONDS)
        return reply["content"]["status"], "".join(printed).strip()


class SpareTest(FakeKernelCase):
    """Follow a spare kernel through its life."""

    def setUp(self) -> None:
        """Use a pool of our own."""
        super().setUp()
        self.pool = SparePool()
        self.addCleanup(watchdog.close)
        patch = mock.patch.object(pools, "pool", self.pool)
        patch.start()
        self.addCleanup(patch.stop)
        self.addCleanup(self.pool.close)

    def prepare(self, folder: str = "notebooks") -> Spare:
        """Have a warm spare."""
        spare = self.pool.prepare(Order("fake", str(self.root / folder)))
        assert spare is not None
        self.assertTrue(spare.ready.wait(PATIENCE_SECONDS))
        return spare

    def pid(self, spare: Spare) -> int:
        """Give the process id of a spare's kernel."""
        provisioner: Any = spare.manager.provisioner
        return int(provisioner.pid)

    def test_a_spare_is_warmed_by_one_completion_and_nothing_is_executed(self) -> None:
        log = self.root / "log"
        with mock.patch.dict(os.environ, {"FAKE_KERNEL_LOG": str(log)}):
            self.prepare()
        requests = log.read_text().split()
        self.assertEqual(requests.count("complete_request"), 1)
        self.assertNotIn("execute_request", requests)

    def test_a_notebook_gets_the_spare_and_works_as_with_any_kernel(self) -> None:
        async def use() -> None:
            async with Notebook(self.root / "notebooks") as notebook:
                self.assertTrue(notebook.adopted)
                self.assertEqual(await notebook.run("pid"), ("ok", str(pid)))
                self.assertEqual(await notebook.run("cwd"), ("ok", str(self.root / "notebooks")))
                self.assertTrue(Path(notebook.manager.connection_file).exists())
                self.assertTrue(await notebook.manager.is_alive())
                hanging = asyncio.create_task(notebook.run("out waiting\nhang"))
                await asyncio.sleep(0)
                await notebook.printed.wait()
                await notebook.manager.interrupt_kernel()
                self.assertEqual((await hanging)[0], "error")
                own_file = notebook.manager.connection_file
            self.assertFalse(runs(pid))
            self.assertFalse(Path(own_file).exists())
            self.assertFalse(Path(spare.connection_file).exists())

        spare = self.prepare()
        pid = self.pid(spare)
        asyncio.run(use())
        self.assertEqual(list((self.root / "runtime").glob("*.json")), [])

    def test_a_restart_keeps_the_ports(self) -> None:
        async def use() -> None:
            async with Notebook(self.root / "notebooks") as notebook:
                self.prepare()
                ports, before = notebook.manager.ports, await notebook.run("pid")
                await notebook.manager.restart_kernel()
                self.assertEqual(notebook.manager.ports, ports)
                await notebook.client.wait_for_ready(timeout=PATIENCE_SECONDS)
                self.assertNotEqual(await notebook.run("pid"), before)

        self.prepare()
        asyncio.run(use())

    def test_a_killed_kernel_is_seen_as_dead(self) -> None:
        async def use() -> None:
            async with Notebook(self.root / "notebooks") as notebook:
                self.assertTrue(notebook.adopted)
                await notebook.manager.signal_kernel(signal.SIGKILL)
                while await notebook.manager.is_alive():
                    await asyncio.sleep(0.01)

        self.prepare()
        asyncio.run(asyncio.wait_for(use(), PATIENCE_SECONDS))

    def test_a_spare_serves_once_and_is_replaced(self) -> None:
        async def use() -> None:
            async with Notebook(self.root / "notebooks") as one:
                self.assertIsNone(self.pool.spare)
                second = self.pid(self.prepare())
                async with Notebook(self.root / "notebooks") as two:
                    self.assertTrue(one.adopted and two.adopted)
                    self.assertEqual((await two.run("pid"))[1], str(second))
                    self.assertNotEqual(await one.run("pid"), await two.run("pid"))

        self.prepare()
        asyncio.run(use())

    def test_the_next_spare_starts_when_the_notebook_is_quiet(self) -> None:
        async def use() -> None:
            async with Notebook(self.root / "setup") as notebook:
                self.assertTrue(notebook.adopted)
                await notebook.run("out busy once")
                while self.pool.spare is None:
                    await asyncio.sleep(0.01)
                self.assertEqual(self.pool.spare.order.cwd, str(self.root / "notebooks"))

        self.pool.next_folder = lambda _: str(self.root / "notebooks")
        self.prepare("setup")
        with mock.patch("workbook_jupyter.quiet.QUIET_SECONDS", 0.05):
            asyncio.run(asyncio.wait_for(use(), PATIENCE_SECONDS))

    def test_a_spare_is_discarded_after_a_rebuild(self) -> None:
        async def use() -> None:
            async with Notebook(self.root / "notebooks") as notebook:
                self.assertFalse(notebook.adopted)
                self.assertEqual((await notebook.run("out hello")), ("ok", "hello"))

        pid = self.pid(self.prepare())
        self.stamp.write_text("built again")
        asyncio.run(use())
        self.assertIsNone(self.pool.spare)
        self.wait_for(lambda: not runs(pid), "the stale spare ends")

    def test_preparing_again_replaces_what_no_longer_fits(self) -> None:
        first = self.prepare()
        self.assertIs(self.prepare(), first)
        self.stamp.write_text("built again")
        second = self.prepare()
        third = self.prepare("setup")
        self.assertEqual(len({first, second, third}), 3)

    def test_another_folder_or_environment_starts_cold_and_keeps_the_spare(self) -> None:
        async def use(folder: str) -> None:
            async with Notebook(self.root / folder) as notebook:
                self.assertFalse(notebook.adopted)
                self.assertEqual(await notebook.run("cwd"), ("ok", str(self.root / folder)))

        spare = self.prepare("setup")
        asyncio.run(use("notebooks"))
        with mock.patch.dict(os.environ, {"SOMETHING": "else"}):
            asyncio.run(use("setup"))
        self.assertIs(self.pool.spare, spare)

    def test_the_name_of_the_notebook_does_not_matter(self) -> None:
        async def use() -> None:
            async with Notebook(self.root / "notebooks") as notebook:
                self.assertTrue(notebook.adopted)

        self.prepare()
        with mock.patch.dict(os.environ, {"JPY_SESSION_NAME": "notebooks/01.ipynb"}):
            asyncio.run(use())

    def test_a_dead_spare_or_a_broken_pool_falls_back_to_a_cold_start(self) -> None:
        async def use() -> None:
            async with Notebook(self.root / "notebooks") as notebook:
                self.assertFalse(notebook.adopted)
                self.assertEqual(await notebook.run("out hello"), ("ok", "hello"))

        spare = self.prepare()
        os.kill(self.pid(spare), signal.SIGKILL)
        # A process whose last thread is still on its way out cannot be waited for yet.
        self.wait_for(lambda: not spare.alive(), "the spare dies")
        asyncio.run(use())
        with mock.patch.object(self.pool, "take", side_effect=RuntimeError("broken")):
            asyncio.run(use())

    def test_a_spare_that_cannot_start_is_no_spare(self) -> None:
        self.install(["/nowhere/kernel", "{connection_file}"])
        spare = self.pool.prepare(Order("fake", str(self.root / "notebooks")))
        assert spare is not None
        self.assertTrue(spare.launched.wait(PATIENCE_SECONDS))
        self.assertFalse(spare.alive())
        self.assertIsNotNone(self.pool.prepare(Order("unknown", str(self.root))))

    def test_the_spare_can_be_switched_off(self) -> None:
        with mock.patch.dict(os.environ, {"WORKBOOK_SPARE": "0"}):
            self.assertIsNone(self.pool.prepare(Order("fake", str(self.root / "notebooks"))))

    def test_closing_the_pool_ends_the_spare(self) -> None:
        spare = self.prepare()
        pid, file = self.pid(spare), Path(spare.connection_file)
        self.pool.close()
        self.assertFalse(runs(pid) or file.exists())
        self.assertIsNone(self.pool.prepare(Order("fake", str(self.root / "notebooks"))))


class ParentTest(FakeKernelCase):
    """Show that no spare outlives the process that keeps it."""

    def end_parent(self, how: int | None) -> None:
        """Start a keeper of a spare, end it, and see the spare gone."""
        command = [sys.executable, "-c", PARENT, str(self.root / "notebooks")]
        with subprocess.Popen(
            command, cwd=HERE.parent, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as parent:
            assert parent.stdout is not None and parent.stdin is not None
            pid = parent.stdout.readline()
            self.assertTrue(runs(int(pid)))
            if how is None:
                parent.stdin.close()
            else:
                parent.send_signal(how)
            parent.wait(PATIENCE_SECONDS)
        self.wait_for(lambda: not runs(int(pid)), "the spare ends with its parent")
        self.wait_for(lambda: not list((self.root / "runtime").iterdir()), "its connection file goes")

    def test_at_an_ordinary_end(self) -> None:
        self.end_parent(None)

    def test_when_terminated(self) -> None:
        self.end_parent(signal.SIGTERM)

    def test_when_killed(self) -> None:
        self.end_parent(signal.SIGKILL)


if __name__ == "__main__":
    unittest.main()
