"""End kernels whose Jupyter has died.

A kernel is a process group of its own, so it survives a Jupyter that is killed outright. This small
program does not: it reads orders from its standard input, and when that closes, for whatever
reason, it ends every process group that it was told to keep an eye on.

    keep PGID FILE    end this group, and remove this file, when the input closes
    drop PGID         forget it: it has ended in the ordinary way

It is started by path with `python -I -S`, so it imports the standard library only.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

GRACE_SECONDS = 1.0


def main() -> None:
    """Read orders until the input closes, then end what is left."""
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        signal.signal(getattr(signal, name), signal.SIG_IGN)
    kept: dict[int, set[str]] = {}
    for line in sys.stdin:
        order, pgid, *file = line.rstrip("\n").split(" ", 2)
        if order == "keep":
            kept.setdefault(int(pgid), set()).update(file)
        else:
            kept.pop(int(pgid), None)
    end_groups(kept)


def end_groups(kept: dict[int, set[str]]) -> None:
    """Ask every group to end, then make it, and remove its files."""
    asked = [pgid for pgid in kept if _signal(pgid, signal.SIGTERM)]
    deadline = time.monotonic() + GRACE_SECONDS
    while time.monotonic() < deadline and any(_signal(pgid, 0) for pgid in asked):
        time.sleep(0.02)
    for pgid, files in kept.items():
        _signal(pgid, signal.SIGKILL)
        for file in files:
            Path(file).unlink(missing_ok=True)


def _signal(pgid: int, number: int) -> bool:
    """Send a signal to a group; say whether there was one."""
    try:
        os.killpg(pgid, number)
    except OSError:
        return False
    return True


class Watchdog:
    """Start the watchdog when it is first needed, and give it orders."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[str] | None = None

    def keep(self, pgid: int, file: str) -> None:
        """Have this process group ended, and this file removed, when we die."""
        self._order(f"keep {pgid} {file}")

    def drop(self, pgid: int) -> None:
        """Forget a process group that has ended."""
        self._order(f"drop {pgid}")

    def close(self) -> None:
        """Let the watchdog end what is left, and itself."""
        with self._lock:
            process, self._process = self._process, None
        if process is not None and process.stdin is not None:
            process.stdin.close()
            process.wait()

    def _order(self, line: str) -> None:
        """Send one line; a watchdog that cannot run must never stop a kernel."""
        with self._lock:
            try:
                if self._process is None:
                    command = [sys.executable, "-I", "-S", __file__]
                    self._process = subprocess.Popen(
                        command, stdin=subprocess.PIPE, text=True, start_new_session=True
                    )
                assert self._process.stdin is not None
                self._process.stdin.write(line + "\n")
                self._process.stdin.flush()
            except (OSError, ValueError):
                pass


if __name__ == "__main__":
    main()
