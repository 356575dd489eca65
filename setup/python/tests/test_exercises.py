"""Show what the runner tells of exercises, and what a refresh leaves alone."""

from __future__ import annotations

import json
import unittest
from typing import Any

import nbformat
from nbformat.v4 import new_code_cell, new_output

from tests.support import RunnerCase
from workbook_jupyter.exercises import Exercises
from workbook_jupyter.normal import fingerprint, mask, normal_form
from workbook_jupyter.run import kernel_env

END = "out NOTEBOOK OK"


def note(passed: bool, **facts: Any) -> str:
    """Write an order to the fake kernel: what a check writes."""
    entry = {"event": "check", "exercise": "01.repair", "passed": passed, **facts}
    return f"note {json.dumps(entry)}"


class ExerciseTest(RunnerCase):
    """Run exercises on a small kernel."""

    def page(self, starter: str, check: str) -> Any:
        """Write a notebook with one exercise."""
        return self.write(
            "notebooks/01_a.ipynb",
            new_code_cell(starter, metadata={"workbook": {"exercise": "01.repair"}}),
            new_code_cell(check, metadata={"workbook": {"check": "01.repair"}}),
            END,
        )

    def solve(self, solution: str) -> None:
        """Write the solution."""
        folder = self.root / "notebooks" / "solutions"
        folder.mkdir(exist_ok=True)
        (folder / "01_repair.rs").write_text(solution)

    def checks(self, path: Any) -> list[dict[str, Any]]:
        """Run a notebook with its exercises; give what was told of them."""
        _, events = self.run_them(path, more=("--exercises",))
        return [event for event in events if event["event"] == "check"]

    def test_an_exercise_is_checked_as_shipped_and_as_solved(self) -> None:
        self.solve(note(True, hints=3))
        # The fake check writes nothing itself, so that each line tells which starter had run.
        path = self.page(note(False, hints=3), "out checked")
        shipped, solved = self.checks(path)
        self.assertEqual((shipped["phase"], shipped["found"]["passed"]), ("shipped", False))
        self.assertEqual((solved["phase"], solved["found"]["passed"]), ("solved", True))

    def test_a_solution_that_does_not_run_is_told(self) -> None:
        self.solve("fail cannot find value `x`")
        checks = self.checks(self.page("out broken", note(False)))
        self.assertEqual([check["phase"] for check in checks], ["shipped", "solved"])
        self.assertIn("cannot find value", checks[1]["error"])

    def test_without_a_solution_only_the_shipped_state_is_told(self) -> None:
        self.assertEqual([c["phase"] for c in self.checks(self.page("out a", note(False)))], ["shipped"])

    def test_nobody_learns_in_a_kernel_that_nobody_watches(self) -> None:
        self.assertEqual(kernel_env()["WORKBOOK_PROGRESS"], "")
        exercises = Exercises(self.root, [])
        self.assertTrue(exercises.journal.is_file())
        exercises.close()
        self.assertFalse(exercises.journal.is_file())

    def test_a_second_refresh_changes_nothing(self) -> None:
        path = self.write("notebooks/01_a.ipynb", "moment", "out fixed", END)
        self.assertEqual(self.run_them(path, more=("--save",))[0], 0)
        first = path.read_bytes()
        stamp = path.stat().st_mtime_ns
        _, events = self.run_them(path, more=("--save",))
        self.assertEqual((path.read_bytes(), path.stat().st_mtime_ns), (first, stamp))
        self.assertEqual([e["changed"] for e in events if e["event"] == "saved"], [False])
        self.run_them(path, more=("--save", "--force"))
        self.assertNotEqual(path.read_bytes(), first)

    def test_a_refresh_rewrites_what_is_new_and_signs_the_sources(self) -> None:
        path = self.write("notebooks/01_a.ipynb", "moment", "out old", END)
        self.run_them(path, more=("--save",))
        notebook = nbformat.read(path, as_version=4)
        kept = notebook.cells[1].outputs[0].text
        notebook.cells[2].source = "out new"
        nbformat.write(notebook, path)
        _, events = self.run_them(path, more=("--save",))
        self.assertEqual([e["cell"] for e in events if e["event"] == "stale"], [notebook.cells[2].id])
        saved = nbformat.read(path, as_version=4)
        self.assertEqual(saved.cells[1].outputs[0].text, kept)
        self.assertEqual(saved.cells[2].outputs[0].text, "new\n")
        signed = saved.metadata["workbook"]["made_from"][saved.cells[2].id]
        self.assertEqual(signed, fingerprint("out new"))

    def test_what_a_cell_tells_of_the_machine_is_new_only_with_its_source(self) -> None:
        tagged = new_code_cell("out node v20", metadata={"tags": ["machine"]})
        path = self.write("notebooks/01_a.ipynb", tagged, END)
        self.run_them(path, more=("--save",))
        notebook = nbformat.read(path, as_version=4)
        notebook.cells[1].outputs[0].text = "no node\n"
        nbformat.write(notebook, path)
        _, events = self.run_them(path, more=("--save",))
        self.assertEqual([e for e in events if e["event"] == "stale"], [])
        notebook = nbformat.read(path, as_version=4)
        self.assertEqual(notebook.cells[1].outputs[0].text, "no node\n")
        notebook.cells[1].source = "out node v22"
        nbformat.write(notebook, path)
        self.run_them(path, more=("--save",))
        self.assertEqual(nbformat.read(path, as_version=4).cells[1].outputs[0].text, "node v22\n")

    def test_what_differs_each_time_is_masked_and_nothing_else(self) -> None:
        first = "run 01a205cc…2e8b  90.1 ms  ✓\nhttp://127.0.0.1:41003 took 3.42 s"
        other = "run 01b305aa…11ff    112 ms  ✓\nhttp://127.0.0.1:9 took 850 µs"
        self.assertEqual(mask(first), mask(other))
        self.assertNotEqual(mask("3 runs arrived"), mask("4 runs arrived"))
        traceparent = "00-01a207aea9d57723a79c6c56353fe83c-01a207aea9d57723-01"
        self.assertEqual(mask(traceparent), "00-<id>-<id>-01")
        output = [new_output("stream", name="stdout", text="12 requests in 3.1 s")]
        again = [new_output("stream", name="stdout", text="14 requests in 2.9 s")]
        self.assertNotEqual(normal_form(output), normal_form(again))
        self.assertEqual(normal_form(output, ["measured"]), normal_form(again, ["measured"]))
        gain, loss = ([new_output("stream", name="stdout", text=f"by {by} of 2-3")] for by in ("1.5", "-0.5"))
        self.assertEqual(normal_form(gain, ["measured"]), normal_form(loss, ["measured"]))
        one = [new_output("stream", name="stdout", text="top\n├─ a  3 ms\n└─ b  2 ms")]
        two = [new_output("stream", name="stdout", text="top\n├─ b  2 ms\n└─ a  4 ms")]
        three = [new_output("stream", name="stdout", text="top\n├─ b  2 ms\n└─ c  4 ms")]
        self.assertNotEqual(normal_form(one), normal_form(two))
        self.assertEqual(normal_form(one, ["unordered"]), normal_form(two, ["unordered"]))
        self.assertNotEqual(normal_form(one, ["unordered"]), normal_form(three, ["unordered"]))
        there = [new_output("stream", name="stdout", text="✓ kernel  ours\n✓ peer    node 20\nAll is well.")]
        lacks = [new_output("stream", name="stdout", text="✓ kernel  ours\n– peer    none\n          → get one")]
        fewer = [new_output("stream", name="stdout", text="✓ kernel  ours\nAll is well.")]
        self.assertEqual(normal_form(there, ["machine"]), normal_form(lacks, ["machine"]))
        self.assertNotEqual(normal_form(there, ["machine"]), normal_form(fewer, ["machine"]))

    def test_the_number_of_a_source_is_that_of_the_command(self) -> None:
        # `check` in Rust has the same number in its tests.
        self.assertEqual(fingerprint("let a = 1;"), "8b771e426878702c")


if __name__ == "__main__":
    unittest.main()
