"""Notice when a kernel has nothing to do."""

from __future__ import annotations

import queue
import subprocess
import time

from jupyter_client.blocking.client import BlockingKernelClient

QUIET_SECONDS = 2.0
START_SECONDS = 300.0


def wait_until_quiet(
    client: BlockingKernelClient, process: subprocess.Popen[bytes], quiet: float = QUIET_SECONDS
) -> bool:
    """Wait until a kernel answers and was then idle for a while; say whether it lives."""
    client.start_channels(stdin=False, hb=False, control=False)
    try:
        message = client.kernel_info()
        deadline = time.monotonic() + START_SECONDS
        answered, busy, since = False, False, time.monotonic()
        while process.poll() is None:
            try:
                event = client.get_iopub_msg(timeout=0.25)
            except queue.Empty:
                if answered and not busy and time.monotonic() - since >= quiet:
                    return True
                if not answered and time.monotonic() > deadline:
                    return False
                answered = answered or _has_reply(client, message)
                continue
            since = time.monotonic()
            if event["msg_type"] == "status":
                busy = event["content"]["execution_state"] == "busy"
        return False
    finally:
        client.stop_channels()


def _has_reply(client: BlockingKernelClient, message: str) -> bool:
    """Say whether the reply to a message is there."""
    try:
        return client.get_shell_msg(timeout=0)["parent_header"].get("msg_id") == message
    except queue.Empty:
        return False
