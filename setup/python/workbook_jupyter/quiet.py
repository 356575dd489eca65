"""Notice when a kernel has nothing to do."""

from __future__ import annotations

import queue
import subprocess
import time
from typing import Any

from jupyter_client.asynchronous.client import AsyncKernelClient
from jupyter_client.connect import KernelConnectionInfo

QUIET_SECONDS = 2.0
START_SECONDS = 300.0
POLL_SECONDS = 0.25


async def wait_until_quiet(
    info: KernelConnectionInfo, process: subprocess.Popen[Any] | None, quiet: float | None = None
) -> None:
    """Wait until a kernel answers and was then idle for a while, or has ended."""
    quiet = QUIET_SECONDS if quiet is None else quiet
    client = AsyncKernelClient()
    client.load_connection_info(info)
    client.start_channels(stdin=False, hb=False, control=False)
    try:
        message = client.kernel_info()
        begun = since = time.monotonic()
        answered = busy = False
        while process and process.poll() is None:
            try:
                event = await client.get_iopub_msg(timeout=POLL_SECONDS)
            except queue.Empty:
                now = time.monotonic()
                if answered and not busy and now - since >= quiet:
                    return
                if not answered and now - begun > START_SECONDS:
                    return
                answered = answered or await _has_reply(client, message)
                continue
            since = time.monotonic()
            if event["msg_type"] == "status":
                busy = event["content"]["execution_state"] == "busy"
    finally:
        client.stop_channels()


async def _has_reply(client: AsyncKernelClient, message: str) -> bool:
    """Say whether the reply to a message is there."""
    try:
        reply = await client.get_shell_msg(timeout=0)
    except queue.Empty:
        return False
    return bool(reply["parent_header"].get("msg_id") == message)
