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
from lanistr.evaluation.layout import Layout, read_layouts
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
    subgroups,
    tables,
)
from lanistr.report.glossary import with_glossary
from lanistr.report.page import (
    Section,
    explain_scale,
    notice,
    page,
)
from lanistr.report.summary import summary

log = logging.getLogger(__name__)


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
    sections = with_glossary([*parts(results, known, json.loads(config) if config else None)])
    content = page(f"LANISTR: results of the configuration “{results.name}”", sections, stamp=stamp)
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(content, encoding="utf-8")
    log.info("report on %s: %.1f MB in %s", results, len(content) / 1e6, output)


def parts(
    results: Path, layouts: Mapping[str, Layout], config: dict[str, Any] | None
) -> Iterable[Section]:
    """The sections in their order."""
    yield Section("summary", "In short", summary(results, layouts))
    yield from tables.sections(results, layouts)
    yield from predicted.sections(results, layouts)
    yield from modalities.sections(results)
    yield from subgroups.sections(results)
    yield from curves.sections(results)
    yield from audits(results)
    yield from flow.sections(results)
    yield from provenance.sections(results, config)


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
