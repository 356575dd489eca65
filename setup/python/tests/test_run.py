"""Show that the headless runner finds every way in which a notebook can fail."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import unittest
from pathlib import Path
from typing import Any

import nbformat
from nbformat.v4 import new_code_cell

from tests.support import PATIENCE_SECONDS, RunnerCase
from workbook_jupyter import run
from workbook_jupyter.tidy import KERNELSPEC, LANGUAGE_INFO

HERE = Path(__file__).resolve().parent
END = "out NOTEBOOK OK"


def expecting(source: str, text: str | None, *tags: str) -> Any:
    """Make a cell that must fail, with a text."""
    metadata: dict[str, Any] = {"tags": list(tags or ("raises-exception",))}
    if text is not None:
        metadata["workbook"] = {"expect": text}
    return new_code_cell(source, metadata=metadata)


class RunTest(RunnerCase):
    """Run small notebooks on a small kernel."""

    def failure_of(self, *cells: Any, more: tuple[str, ...] = ()) -> dict[str, Any]:
        """Run one notebook that must fail; give the failure."""
        code, events = self.run_them(self.write("notebooks/bad.ipynb", *cells), more=more)
        self.assertEqual(code, 1)
        self.assertEqual(events[-1]["event"], "done")
        self.assertIs(events[-1]["ok"], False)
        failures = [event for event in events if event["event"] == "failure"]
        self.assertEqual(len(failures), 1, failures)
        return failures[0]

    def test_a_good_notebook_is_told_cell_by_cell_and_stays_untouched(self) -> None:
        path = self.write("notebooks/good.ipynb", "out hello", "", END)
        before = path.read_bytes()
        code, events = self.run_them(path)
        self.assertEqual(code, 0)
        self.assertEqual([e["event"] for e in events], ["notebook", "kernel_ready", "cell", "cell", "done"])
        self.assertEqual((events[0]["path"], events[0]["cells"]), ("notebooks/good.ipynb", 2))
        self.assertEqual(
            [(e["index"], e["of"], e["status"]) for e in events[2:4]], [(1, 2, "ok"), (2, 2, "ok")]
        )
        self.assertEqual(path.read_bytes(), before)

    def test_the_kernel_of_the_next_notebook_is_started_ahead(self) -> None:
        code, events = self.run_them(
            self.write("setup/one.ipynb", END), self.write("notebooks/two.ipynb", "cwd", END)
        )
        self.assertEqual(code, 0)
        self.assertEqual([e["spare"] for e in events if e["event"] == "kernel_ready"], [False, True])

    def test_an_error_fails_and_the_rest_is_not_run(self) -> None:
        failure = self.failure_of("out fine", "fail no such thing", END)
        self.assertEqual((failure["path"], failure["index"]), ("notebooks/bad.ipynb", 2))
        self.assertEqual(failure["source"], "fail no such thing")
        self.assertIn("no such thing", failure["error"])

    def test_anything_on_the_error_stream_fails(self) -> None:
        self.assertIn("invalid digit", self.failure_of("err invalid digit found in string", END)["error"])
        self.assertIn("boom", self.failure_of("err thread 'x' panicked at a:1:\nerr boom", END)["error"])
        self.assertIn("empty line", self.failure_of("err ", END)["error"])

    def test_late_output_counts(self) -> None:
        failure = self.failure_of("out fine\nlate panicked at a:1", END)
        self.assertEqual(failure["index"], 1)

    def test_allowed_output_on_the_error_stream_is_fine_but_a_panic_is_not(self) -> None:
        allowed = {"metadata": {"tags": ["allow-stderr"]}}
        path = self.write("notebooks/good.ipynb", new_code_cell("err a note", **allowed), END)
        self.assertEqual(self.run_them(path)[0], 0)
        self.failure_of(new_code_cell("err a panicked at b", **allowed), END)
        declared = expecting("err a panicked at b: on purpose", "on purpose", "allow-stderr")
        self.assertEqual(self.run_them(self.write("notebooks/good.ipynb", declared, END))[0], 0)

    def test_the_last_line_must_come(self) -> None:
        self.assertIn("NOTEBOOK OK", self.failure_of("out hello")["error"])
        self.assertIn("NOTEBOOK OK", self.failure_of(END, "out hello")["error"])
        self.assertIsNone(self.failure_of()["index"])

    def test_an_expected_failure_must_fail_with_its_text(self) -> None:
        path = self.write(
            "notebooks/good.ipynb",
            expecting("fail mismatched types", "mismatched types"),
            expecting("err a panicked at b\nerr boom", "boom"),
            END,
        )
        code, events = self.run_them(path)
        self.assertEqual(code, 0)
        statuses = [e["status"] for e in events if e["event"] == "cell"]
        self.assertEqual(statuses, ["expected_failure", "expected_failure", "ok"])
        self.assertIn("did not fail", self.failure_of(expecting("out fine", "boom"), END)["error"])
        self.assertIn("not with", self.failure_of(expecting("fail other", "boom"), END)["error"])
        self.assertIn("expect", self.failure_of(expecting("fail other", None), END)["error"])

    def test_a_cell_that_hangs_is_ended(self) -> None:
        failure = self.failure_of("hang", END, more=("--timeout", "0.3"))
        self.assertIn("did not finish within 0.3 seconds", failure["error"])

    def test_a_kernel_that_dies_is_told(self) -> None:
        self.assertIn("died", self.failure_of("die", END)["error"])

    def test_a_kernel_that_cannot_start_is_told(self) -> None:
        self.install([sys.executable, "-c", "raise SystemExit(4)", "{connection_file}"])
        self.assertIn("did not start", self.failure_of(END)["error"])

    def test_a_file_that_is_no_notebook_is_told(self) -> None:
        path = self.root / "notebooks" / "bad.ipynb"
        path.write_text("{}")
        code, events = self.run_them(path, self.root / "missing.ipynb")
        self.assertEqual(code, 1)
        self.assertEqual([e["event"] for e in events], ["notebook", "failure", "done"] * 2)

    def test_saving_writes_one_form(self) -> None:
        path = self.write("notebooks/good.ipynb", "out a\nout b", new_code_cell("", execution_count=9), END)
        self.assertEqual(self.run_them(path, more=("--save",))[0], 0)
        first = path.read_text()
        self.assertEqual(self.run_them(path, more=("--save",))[0], 0)
        self.assertEqual(path.read_text(), first)
        self.assertTrue(first.startswith('{\n "cells"') and first.endswith("}\n"))
        saved = json.loads(first)
        self.assertEqual(
            [saved["metadata"][part] for part in ("kernelspec", "language_info")], [KERNELSPEC, LANGUAGE_INFO]
        )
        cells = saved["cells"][1:]
        self.assertEqual([cell["execution_count"] for cell in cells], [1, None, 2])
        self.assertEqual([cell["metadata"] for cell in cells], [{}, {}, {}])
        self.assertEqual(
            cells[0]["outputs"], [{"name": "stdout", "output_type": "stream", "text": ["a\n", "b\n"]}]
        )

    def test_a_failed_notebook_is_not_saved(self) -> None:
        path = self.write("notebooks/bad.ipynb", "fail x", END)
        before = path.read_bytes()
        self.assertEqual(self.run_them(path, more=("--save",))[0], 1)
        self.assertEqual(path.read_bytes(), before)

    def test_as_a_command_it_prints_events_only(self) -> None:
        path = self.write("notebooks/good.ipynb", END)
        command = [sys.executable, "-m", "workbook_jupyter.run", "--root", str(self.root), "--kernel", "fake"]
        done = subprocess.run(
            [*command, str(path)],
            cwd=HERE.parent,
            env=os.environ,
            capture_output=True,
            timeout=PATIENCE_SECONDS,
        )
        self.assertEqual(done.returncode, 0, done.stderr)
        for line in done.stdout.splitlines():
            self.assertIn("event", json.loads(line))

    def start(self, path: Path) -> subprocess.Popen[str]:
        """Start the command on one notebook, and wait until a cell runs."""
        command = [sys.executable, "-m", "workbook_jupyter.run", "--root", str(self.root), "--kernel", "fake"]
        runner = subprocess.Popen(
            [*command, str(path)],
            cwd=HERE.parent,
            env={**os.environ, "WORKBOOK_SPARE": "0"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.addCleanup(runner.kill)
        assert runner.stdout is not None
        while json.loads(runner.stdout.readline())["event"] != "cell":
            pass
        return runner

    @unittest.skipUnless(sys.platform.startswith("linux"), "elsewhere the next event finds out")
    def test_a_runner_whose_reader_was_killed_ends_in_the_middle_of_a_cell(self) -> None:
        runner = self.start(self.write("notebooks/long.ipynb", "out first", "hang", END))
        assert runner.stdout is not None and runner.stderr is not None
        runner.stdout.close()
        self.assertEqual((runner.wait(PATIENCE_SECONDS), runner.stderr.read()), (run.INTERRUPTED, ""))
        runner.stderr.close()

    def test_a_runner_that_is_told_to_end_does_so_without_a_traceback(self) -> None:
        runner = self.start(self.write("notebooks/long.ipynb", "out first", "hang", END))
        runner.terminate()
        _, words = runner.communicate(timeout=PATIENCE_SECONDS)
        self.assertEqual((runner.returncode, words), (run.INTERRUPTED, ""))


if __name__ == "__main__":
    unittest.main()
