"""The missingness audit as a page: what is complete, each unit, reasons, hours of the series."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from lanistr.report.audit import read_audit, write_audit_page
from lanistr.report.missingness_series import of_series, percent
from lanistr.report.missingness_units import TITLES, counted, in_order, of_unit
from lanistr.report.page import Cell, Section, notice, paragraph, table

Audit = Mapping[str, Any]

# Stays of less than 48 hours are stays less those of 48 hours: counted, lest they be worked out.
ONLY_IN_FILES = ("stay_under_48h",)
INTRODUCTION = (
    "A pattern is a set of modalities that a unit has and no others. The same data look complete "
    "or full of holes depending on what is counted: a patient has whatever was made at any time, "
    "a stay only what was known in its first 48 hours."
)
SUPPRESSION = (
    "Counts below {limit} are withheld, and as many others as it takes that none of them can be "
    "worked out from totals; so are shares of people with an outcome if either side is that "
    "small. What is withheld need not be small, and zeros are told unless a breakdown is withheld "
    "as a whole. Counts are of units: ten stays may be those of fewer patients. There are no "
    "identifiers, so this page and its files may be shared."
)
PERIODS = (
    "MIMIC shifts all dates of a patient by one secret offset, so that calendar years mean "
    "nothing. The period is the three years in which the patient's anchor year lies, which the "
    "release tells; a later admission of the same patient may be of later years."
)
# Samples for pretraining on MIMIC, and those of them that lack a modality. Source: LANISTR,
# arXiv 2305.16556.
PAPER_ROWS, PAPER_INCOMPLETE = 3_680_784, 1_315_592


def write_page(audit_path: Path, output: Path) -> None:
    """Write audit/missingness.html."""
    audit = read_audit(audit_path)
    scales = (dataset["provenance"]["scale"] for dataset in audit["datasets"])
    write_audit_page("Missingness audit", sections(audit), scales, output)


def sections(audit: Audit) -> list[Section]:
    """The parts of the page, to be shown alone or in the report."""
    text = paragraph(INTRODUCTION) + paragraph(SUPPRESSION.format(limit=audit["limit"]))
    return [
        Section("reading", "How to read the counts", text),
        *(
            section
            for number, dataset in enumerate(audit["datasets"])
            for section in of_dataset(dataset, f"data{number}")
        ),
    ]


def of_dataset(dataset: Audit, anchor: str) -> Iterator[Section]:
    """All of a dataset: what is complete, each unit, reasons, and the series if there are any."""
    name = dataset["dataset"]
    told = dataset["provenance"]
    heading = "MIMIC" if name == "mimic" else f"Amazon reviews: {name.split('/')[1]}"
    digest = f"Shards {told['digest']}, scale {told['scale']}, text from {told['text_source']}."
    yield Section(
        anchor,
        heading,
        paragraph(digest) + completeness(dataset),
    )
    for unit in dataset["units"]:
        if unit["name"] not in ONLY_IN_FILES:
            body = of_unit(dataset, unit)
            yield Section(f"{anchor}-{unit['name']}", TITLES[unit["name"]], body, level=3)
    yield Section(f"{anchor}-reasons", "Reasons for absence", reasons(dataset), level=3)
    if dataset["observed"]:
        yield Section(
            f"{anchor}-series", "What the series hold", of_series(dataset["observed"]), level=3
        )


def completeness(dataset: Audit) -> str:
    """The share of each unit that lacks a modality, by what is counted."""
    definitions = {unit["name"]: unit["definition"] for unit in dataset["units"]}
    needed = ", ".join(dataset["complete_with"])
    with_join = "join" in definitions
    lines: list[dict[str, Cell]] = [
        {
            "unit": TITLES[entry["unit"]],
            "what": definitions[entry["unit"]],
            "count": counted(entry["count"]),
            "share": percent(entry["share"], 2),
            "rows": "" if entry["join_rows"] is None else f"{entry['join_rows']:,.2f}",
        }
        for entry in dataset["completeness"]
        if entry["unit"] not in ONLY_IN_FILES
    ]
    paper: dict[str, Cell] = {
        "unit": "The paper's rows",
        "what": "as published, of MIMIC-IV 2.2",
        "count": PAPER_ROWS,
        "share": percent(PAPER_INCOMPLETE / PAPER_ROWS, 2),
    }
    columns = {"unit": "Counted", "count": "Number", "share": "Incomplete"}
    joined = table(
        [*lines, *([paper] if with_join else [])],
        {
            **columns,
            **({"rows": "Rows of the join for each"} if with_join else {}),
            "what": "What is counted",
        },
        f"Units that lack at least one of {needed}.",
    )
    return joined + (paragraph(JOIN) + paragraph(PERIODS) if with_join else "")


JOIN = (
    "The paper pairs every image of a patient with every note and every stay, and counts the rows: "
    "a patient with 50 images and 20 notes weighs 1,000 times as much as one with one of each. "
    "Rows of the join for each is by how much the rows outnumber what is real. The share of "
    "incomplete rows is thus not that of patients or stays."
)


def reasons(dataset: Audit) -> str:
    """Why samples lack a modality."""
    rows = [row for row in dataset["rows"] if row["kind"] == "absence"]
    if not rows:
        return notice("None is known.")
    by_reason: dict[tuple[str, str], dict[str, Cell]] = {}
    for row in rows:
        modality, reason = row["name"].split(": ", 1)
        line = by_reason.setdefault(
            (row["unit"], row["name"]),
            {"unit": TITLES[row["unit"]], "modality": modality, "reason": reason},
        )
        line[row["level"]] = counted(row["count"])
    levels = in_order(list(dict.fromkeys(row["level"] for row in rows)))
    columns = {"unit": "Counted", "modality": "Absent", "reason": "Reason"}
    lines = sorted(by_reason.values(), key=lambda line: (line["unit"], line["modality"]))
    caption = (
        "Why a sample lacks a modality, by split. Stays are the samples of fine-tuning, rows of "
        "the join those of pretraining, where patients of the test split have no part."
    )
    is_mimic = dataset["dataset"] == "mimic"
    return table(
        lines,
        {**columns, **{level: level for level in levels}},
        caption if is_mimic else "Why a review lacks a modality, by split.",
    )
