"""All of a run on one page."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

from typer import Option

from lanistr.errors import DataContractError
from lanistr.evaluation.claim import told_claims
from lanistr.evaluation.layout import Layout, read_layouts
from lanistr.evaluation.row import read_csv
from lanistr.evaluation.sources import REFERENCE
from lanistr.options import HtmlFile, ResultsDir, TablesFile
from lanistr.report import (
    audit,
    curves,
    flow,
    leakage,
    missingness,
    modalities,
    predicted,
    provenance,
    tables,
)
from lanistr.report.page import (
    Cell,
    Section,
    explain_scale,
    facts,
    listing,
    notice,
    page,
    paragraph,
    table,
)
from lanistr.report.words import number_told

log = logging.getLogger(__name__)


ORIGINS = {
    "smoke": "generated, nobody in it is real",
    "demo": "open patients with generated radiographs and notes",
}
FLOW = (
    "What became of the raw rows is drawn with the missingness audit; every step is at the end. "
    "This page holds counts as they are: only the pages and files of the audits may be shared."
)


def write_report(
    results: ResultsDir,
    output: HtmlFile,
    layouts: TablesFile = Path("config/tables.yaml"),
    config: Annotated[
        str | None, Option(help="Configuration of the workflow (JSON), shown as it is")
    ] = None,
) -> None:
    """Write the report of a results folder.

    Raises:
        DataContractError: nothing was run there.
    """
    manifests = provenance.manifests(results)
    if not manifests:
        raise DataContractError(
            f"{results} holds no shards/**/manifest.json. Give the folder of a run, results/NAME."
        )
    scales = dict.fromkeys(manifest["scale"] for manifest in manifests.values())
    stamp = [explain_scale(scale) for scale in scales]
    families = {name.partition("/")[0] for name in manifests}
    known = tables.expected(results, read_layouts(layouts), families)
    sections = list(parts(results, known, json.loads(config) if config else None))
    content = page(f"LANISTR: report of {results.name}", sections, stamp=stamp)
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(content, encoding="utf-8")
    log.info("report of %s: %.1f MB in %s", results, len(content) / 1e6, output)


def parts(
    results: Path, layouts: Mapping[str, Layout], config: dict[str, Any] | None
) -> Iterable[Section]:
    """The sections in their order."""
    yield Section("summary", "Summary", summary(results, layouts))
    yield from tables.sections(results, layouts)
    yield from predicted.sections(results, layouts)
    yield from modalities.sections(results)
    yield from curves.sections(results)
    yield from audits(results)
    yield from flow.sections(results)
    yield from provenance.sections(results, config)


def summary(results: Path, layouts: Mapping[str, Layout]) -> str:
    """What each table says of pretraining, then what ran, table by table."""
    stories = provenance.stories(results)
    names = {story["experiment"]["name"] for story in stories}
    minutes = sum(story["seconds"] for story in stories) / 60
    what = {
        "Data sets": "; ".join(
            dict.fromkeys(
                f"{manifest['card']['title']}: "
                f"{ORIGINS.get(manifest['scale'], 'read from your files')}"
                for manifest in provenance.manifests(results).values()
            )
        ),
        "Trained": f"{len(names)} experiments in {len(stories)} runs",
        "Training time": f"{minutes:,.1f} minutes, all runs one after the other",
    }
    ran = table(
        [line for item in layouts.items() if item[1].all for line in lines(*item, results)],
        {
            "table": "Table",
            "dataset": "Data set",
            "rows": "Rows",
            "ok": "Complete",
            "lanistr": "LANISTR",
            "trivial": "Trivial baseline",
            "paper": "LANISTR in the paper",
        },
        "What ran, with the 95 % interval over subjects and seeds.",
    )
    return claims(results, layouts) + facts(what) + ran + paragraph(FLOW)


def claims(results: Path, layouts: Mapping[str, Layout]) -> str:
    """What each table that was made says of pretraining, as a list."""
    told = [
        f"{layout.title}. {sentence}"
        for name, layout in layouts.items()
        if (path := tables.table_file(results, name)).is_file()
        for sentence in told_claims(tables.read_table(name, layout, path))
    ]
    return listing(told) if told else ""


def lines(name: str, layout: Layout, results: Path) -> list[dict[str, Cell]]:
    """A table in one line per data set: how many rows are complete, and the row of LANISTR."""
    heading, path = layout.title, tables.table_file(results, name)
    if not path.is_file():
        return [{"table": heading, "lanistr": "not run"}]
    rows, _ = read_csv(path)
    found: list[dict[str, Cell]] = []
    for dataset in dict.fromkeys(row.dataset for row in rows):
        own = [row for row in rows if row.dataset == dataset]
        full = next((row for row in own if row.row in (REFERENCE, "100 %")), None)
        found.append(
            {
                "table": heading,
                "dataset": dataset,
                "rows": len(own),
                "ok": sum(row.status == "ok" for row in own),
                "lanistr": number_told(full) if full else "",
                "trivial": full.trivial if full else None,
                "paper": full.paper if full else None,
            }
        )
    return found


def audits(results: Path) -> Iterable[Section]:
    """The pages of both audits, one level deeper; one that was not made says so."""
    runs = leakage.read_selection(results / "audit/leakage/selection")
    readers: dict[str, Callable[[Path], list[Section]]] = {
        "missingness": lambda path: missingness.sections(audit.read_audit(path)),
        "leakage": lambda path: leakage.sections(audit.read_audit(path), runs=runs),
    }
    for name, sections in readers.items():
        path, heading = results / "audit" / f"{name}.json", f"{name.capitalize()} audit"
        if path.is_file():
            yield Section(f"{name}-audit", heading)
            for section in sections(path):
                yield replace(section, level=section.level + 1)
        else:
            body = notice("Not run. Make it with: snakemake audit")
            yield Section(f"{name}-audit", heading, body)
