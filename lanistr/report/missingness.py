"""The missingness audit as a page: what is complete, each unit, reasons, hours of the series."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

from typer import Option

from lanistr.options import HtmlFile
from lanistr.report.audit import read_audit, write_audit_page
from lanistr.report.flow import draw_ways
from lanistr.report.missingness_series import draw_series, percent
from lanistr.report.missingness_units import counted, draw_unit, sort_levels
from lanistr.report.page import Cell, Section, notice, paragraph, table

Audit = Mapping[str, Any]

INTRODUCTION = (
    "A pattern is a set of modalities that a unit has and no others. The same data look complete "
    "or full of holes depending on what is counted: a patient has whatever was made at any time, "
    "one stay in hospital only what was known of it in time."
)
SUPPRESSION = (
    "Counts below {limit} are withheld, and as many others as it takes that none of them can be "
    "worked out from all files of both audits; so are shares of people with an outcome if either "
    "side is that small. A count that is withheld need not be small. Zeros are shown, except where "
    "a whole breakdown is withheld. Counts are of units: ten stays may belong to fewer than ten "
    "patients. There are no identifiers, so this page and its files may be shared."
)


def write_page(
    audit_path: Annotated[Path, Option("--audit", help="audit/missingness.json")], output: HtmlFile
) -> None:
    """Write audit/missingness.html."""
    audit = read_audit(audit_path)
    scales = (dataset["provenance"]["scale"] for dataset in audit["datasets"])
    write_audit_page("Missingness audit", sections(audit), scales, audit_path, output)


def sections(audit: Audit) -> list[Section]:
    """The parts of the page, to be shown alone or in the report."""
    text = paragraph(INTRODUCTION) + paragraph(SUPPRESSION.format(limit=audit["limit"]))
    ways = audit.get("flow", [])
    return [
        Section("reading", "How to read the counts", text),
        *([Section("flow", "From raw rows to what is counted", draw_ways(ways))] if ways else []),
        *(
            section
            for number, dataset in enumerate(audit["datasets"])
            for section in dataset_sections(dataset, f"data{number}")
        ),
    ]


def dataset_sections(dataset: Audit, anchor: str) -> Iterator[Section]:
    """All of a data set: what is complete, each unit, reasons, and the series if there are any."""
    told = dataset["provenance"]
    text = f", text from {told['text_source']}" if told["text_source"] else ""
    about = paragraph(f"Shards {told['digest']}, scale {told['scale']}{text}.")
    yield Section(anchor, dataset["title"], about + completeness(dataset))
    for unit in shown_units(dataset):
        body = draw_unit(dataset, unit)
        yield Section(f"{anchor}-{unit['name']}", unit["title"], body, level=3)
    yield Section(f"{anchor}-reasons", "Reasons for absence", reasons(dataset), level=3)
    if dataset["observed"]:
        yield Section(
            f"{anchor}-series", "What the series hold", draw_series(dataset["observed"]), level=3
        )


def shown_units(dataset: Audit) -> list[Audit]:
    """The units without those that are only in the files, as they follow from others."""
    return [unit for unit in dataset["units"] if not unit["only_in_files"]]


def completeness(dataset: Audit) -> str:
    """The share of each unit that lacks a modality, by what is counted."""
    units = {unit["name"]: unit for unit in shown_units(dataset)}
    shown = [entry for entry in dataset["completeness"] if entry["unit"] in units]
    with_join = any(entry["join_rows"] is not None for entry in shown)
    lines: list[dict[str, Cell]] = [
        {
            "unit": units[entry["unit"]]["title"],
            "what": units[entry["unit"]]["definition"],
            "count": counted(entry["count"]),
            "share": percent(entry["share"], 2),
            "rows": "" if entry["join_rows"] is None else f"{entry['join_rows']:,.2f}",
        }
        for entry in shown
    ]
    published: list[dict[str, Cell]] = [
        {
            "unit": entry["title"],
            "what": entry["definition"],
            "count": entry["count"],
            "share": percent(entry["incomplete"] / entry["count"], 2),
        }
        for entry in dataset["published"]
    ]
    columns = {"unit": "Counted", "count": "Number", "share": "Incomplete"}
    joined = table(
        [*lines, *published],
        {
            **columns,
            **({"rows": "Joined rows per unit"} if with_join else {}),
            "what": "What is counted",
        },
        f"Units that lack at least one of {', '.join(dataset['complete_with'])}.",
    )
    notes = [*([JOIN] if with_join else []), *filter(None, [dataset["note"]])]
    return joined + "".join(map(paragraph, notes))


JOIN = (
    "The paper pairs every image of a patient with every note and every stay, and counts the rows: "
    "a patient with 50 images and 20 notes weighs 1,000 times as much as one with one of each. "
    "“Joined rows per unit” is by how much these rows outnumber the units that exist. The share of "
    "incomplete rows is therefore not the share of incomplete units."
)


def reasons(dataset: Audit) -> str:
    """Why samples lack a modality."""
    rows = [row for row in dataset["rows"] if row["kind"] == "absence"]
    if not rows:
        return notice("No reason is recorded.")
    titles = {unit["name"]: unit["title"] for unit in dataset["units"]}
    by_reason: dict[tuple[str, str], dict[str, Cell]] = {}
    for row in rows:
        modality, reason = row["name"].split(": ", 1)
        line = by_reason.setdefault(
            (row["unit"], row["name"]),
            {"unit": titles[row["unit"]], "modality": modality, "reason": reason},
        )
        line[row["level"]] = counted(row["count"])
    levels = sort_levels(list(dict.fromkeys(row["level"] for row in rows)))
    columns = {"unit": "Counted", "modality": "Absent", "reason": "Reason"}
    lines = sorted(by_reason.values(), key=lambda line: (line["unit"], line["modality"]))
    return table(
        lines,
        {**columns, **{level: level for level in levels}},
        "Why the modality is absent, by split; of the units that are samples.",
    )
