"""Results by subgroup of the test samples, with the gap between the best and the worst group."""

from __future__ import annotations

from pathlib import Path

from lanistr.evaluation.subgroup_table import NOTE, by_experiment, cells, read_csv
from lanistr.report.page import Cell, Section, paragraph, table


def sections(results: Path) -> list[Section]:
    """A table for each experiment; none where no data set says what results are told by."""
    path = results / "tables/subgroups.csv"
    if not path.is_file():
        return []
    found = [Section("subgroups", "Results by subgroup", paragraph(NOTE))]
    for heading, own in by_experiment(read_csv(path)):
        rows: list[dict[str, Cell]] = [dict(cells(line)) for line in own]
        headings = {name: name for name in rows[0]}
        name = own[0].experiment
        body = table(rows, headings, f"{heading}. Gap: best group less worst.")
        found.append(Section(f"subgroups-{name}", name, body, level=3))
    return found
