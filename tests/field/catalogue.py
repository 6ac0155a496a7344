"""The catalogue for readers, docs/inputs.md, from the cases: python -m tests.field.catalogue."""

import importlib
from itertools import groupby
from pathlib import Path

from tests.conftest import REPOSITORY
from tests.field.case import CASES, Case

PAGE = REPOSITORY / "docs" / "inputs.md"
HEAD = """# Inputs from the field

What becomes of inputs that people have: each line is a test in `tests/field/`, which writes
this page. *Refused* inputs end a step with a message whose first line stands here, and nothing is
written. What is *dropped* or *noted* is counted in the ledger of the step under the reason that
stands here. *Read* means that the input gives what was meant, *noticed* that a message says so and
the run goes on, or that a step runs again. "..." stands for what differs. No message shows a cell.
"""
NAMES = """\
| Input | Outcome | First line of the message, reason in the ledger, or what is read |
| :-- | :-- | :-- |
"""


def load_cases() -> None:
    """Import every module that declares cases."""
    for file in sorted(Path(__file__).parent.glob("*_cases.py")):
        importlib.import_module(f"tests.field.{file.stem}")


def page() -> str:
    """The catalogue as Markdown."""
    load_cases()
    # By module, not as declared: other tests import some of the modules first.
    ordered = sorted(CASES, key=lambda case: (case.kind, case.see.__module__))
    sections = [
        f"\n## {kind}\n\n{NAMES}" + "".join(map(_row, cases))
        for kind, cases in groupby(ordered, key=lambda case: case.kind)
    ]
    return HEAD + "".join(sections)


def _row(case: Case) -> str:
    said = case.says.replace("|", "\\|")
    quoted = said if case.promise == "read" else f"`{said}`"
    return f"| {case.input} | {case.promise} | {quoted} |\n"


if __name__ == "__main__":
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(page(), encoding="utf-8")
