"""Every fault against every promise: `make test-faults`; further words go to pytest, such as -n 2.

Writes results/faults/faults.json, each bad input with what was promised and seen, and faults.md,
the counts of each class; ends with exit code 1 if not all is right.
"""

import json
import sys
import time
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import pytest

RESULTS = Path("results/faults")
# What is run, by class: files, or tests of files.
CLASSES = {
    "bad inputs of every loader": ("tests/faults/test_bad_inputs.py",),
    "files of every command line": ("tests/faults/test_command_lines.py",),
    "inputs from the field": ("tests/field/test_cases.py", "tests/field/test_hostile.py"),
    "inputs of bug reports": ("tests/faults/test_shared_cases.py",),
    "interruptions": (
        "tests/faults/test_interruptions.py",
        "tests/workflow/test_run.py::test_killed_in_training_again_and_again_it_ends_with_the_same_table",
        "tests/workflow/test_forkserver.py",
        "tests/lanistr/test_checkpoint.py",
        "tests/lanistr/test_training_run.py::test_a_folder_has_one_run_at_a_time",
        "tests/lanistr/test_training_distributed.py::test_processes_end_with_their_launcher",
    ),
    "disks": (
        "tests/faults/test_disks.py",
        "tests/workflow/test_disks.py",
        "tests/lanistr/test_full_disk.py",
    ),
    "attacks": (
        "tests/workflow/test_paths.py",
        "tests/lanistr/test_seal.py",
        "tests/preprocessing/test_audit_publish.py",
        "tests/preprocessing/test_amazon_fetch.py",
        "tests/preprocessing/test_amazon_image_paths.py",
    ),
    "determinism": (
        "tests/faults/test_determinism.py",
        "tests/preprocessing/test_generate_determinism.py",
    ),
}
VERDICTS = ("right", "wrong", "ugly", "not run")


class Tally:
    """A plugin of pytest that keeps the outcome of each test, and of each bad input."""

    def __init__(self) -> None:
        self.verdicts: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self.bad: list[dict[str, Any]] = []
        self.unmet: list[str] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Count a test once: when it was called, or did not come to that."""
        if report.when != "call" and report.passed:
            return
        if report.when == "teardown" and report.failed:
            self.unmet.append(f"wrong: {report.nodeid}, in the end")
            return
        told = dict(report.user_properties).get("bad input")
        if isinstance(told, dict):
            self.bad.append(told)
        verdict = "not run" if report.skipped else "right" if report.passed else "wrong"
        if isinstance(told, dict) and report.failed:
            verdict = str(told["verdict"])
        self.verdicts[class_of(report.nodeid)][verdict] += 1
        if verdict == "not run":
            self.unmet.append(f"not run: {report.nodeid}: {_reason(report)}")
        elif verdict != "right":
            self.unmet.append(f"{verdict}: {report.nodeid}")


def _reason(report: pytest.TestReport) -> str:
    *_, reason = report.longrepr if isinstance(report.longrepr, tuple) else ("",)
    return str(reason).removeprefix("Skipped: ")


def class_of(test: str) -> str:
    """The class that a test belongs to."""
    return next(
        name for name, files in CLASSES.items() if any(test.startswith(file) for file in files)
    )


def counts(rows: dict[str, Counter[str]], name: str) -> str:
    """Verdicts as a table of Markdown."""
    head = f"| {name} | {' | '.join(VERDICTS)} |\n| :-- |{' --: |' * len(VERDICTS)}\n"
    lines = [
        f"| {row} | {' | '.join(str(found[verdict]) for verdict in VERDICTS)} |\n"
        for row, found in rows.items()
    ]
    total = sum(rows.values(), Counter[str]())
    whole = f"| all | {' | '.join(str(total[verdict]) for verdict in VERDICTS)} |\n"
    return head + "".join(lines) + whole


def by(bad: list[dict[str, Any]], key: str) -> dict[str, Counter[str]]:
    """Verdicts of the bad inputs by family or step."""
    rows: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for each in bad:
        rows[each[key]][each["verdict"]] += 1
    return dict(sorted(rows.items()))


def main() -> int:
    """Run everything and write the tables."""
    started, tally = time.monotonic(), Tally()
    files = [file for group in CLASSES.values() for file in group]
    options = ["--faults", "-q", "--tb=short", "-n0", "-p", "no:cacheprovider", *sys.argv[1:]]
    code = pytest.main([*files, *options], plugins=[tally])
    minutes = (time.monotonic() - started) / 60
    page = "\n".join(
        [
            counts(
                {name: tally.verdicts[name] for name in CLASSES if tally.verdicts[name]}, "Class"
            ),
            counts(by(tally.bad, "family"), "Bad inputs by what is bad"),
            counts(by(tally.bad, "step"), "Bad inputs by step"),
            *(f"- {line}" for line in sorted(tally.unmet)),
            f"\n{minutes:.0f} minutes\n",
        ]
    )
    RESULTS.mkdir(parents=True, exist_ok=True)
    told = {"minutes": round(minutes, 1), "classes": tally.verdicts, "bad inputs": tally.bad}
    (RESULTS / "faults.json").write_text(json.dumps(told, indent=1), encoding="utf-8")
    (RESULTS / "faults.md").write_text(page, encoding="utf-8")
    print(page)
    return int(code)


if __name__ == "__main__":
    sys.exit(main())
