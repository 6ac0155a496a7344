"""The table of results by subgroup as csv, Markdown and LaTeX."""

from __future__ import annotations

import csv as tables
import logging
from collections.abc import Iterator, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Annotated

from pydantic import TypeAdapter
from typer import Option

from lanistr.data.manifest import read_manifest
from lanistr.evaluation.metrics import primary_of
from lanistr.evaluation.render import escaped
from lanistr.evaluation.sources import Sources
from lanistr.evaluation.subgroups import Line, adjusted, lines_of, read_subgroups
from lanistr.experiments.recipes import read_registry
from lanistr.options import RegistryFile, Resamples, ResultsDir
from reading.spreadsheets import escape_formula, read_escaped

log = logging.getLogger(__name__)

NOTE = (
    "Mean over seeds, with its 95 % interval by bootstrap over subjects and seeds, rounded so that "
    "no count follows. Against others: less the mean of all other test samples. Gap: the best "
    "group less the worst of those that are told; both were chosen for being that, so p is "
    "multiplied by the pairs there were to choose from, and then adjusted for the gaps of the "
    "table (Holm). Groups with fewer than 10 samples, or of two classes fewer than 10 of one, are "
    "withheld, and those from which such a count would follow."
)


def write_subgroups(
    names: Annotated[list[str], Option("--experiment", help="Entry of the registry; repeatable")],
    *,
    registry: RegistryFile,
    results: ResultsDir,
    seeds: Annotated[list[str], Option("--seeds", help="Experiment and seeds, as name:0,1")],
    manifests: Annotated[
        list[Path], Option("--manifest", help="manifest.json of shards; repeat it for more")
    ],
    groups: Annotated[Path, Option(help="Folder of what `preprocessing subgroups` writes")],
    told: Annotated[Path, Option(help="audit/subgroups.json: groups whose results may be told")],
    resamples: Resamples = 2000,
    csv: Annotated[Path, Option(help="CSV to write")],
    md: Annotated[Path, Option(help="Markdown to write")],
    tex: Annotated[Path, Option(help="LaTeX to write, with booktabs")],
) -> None:
    """Write the results of experiments by the subgroups of their test samples.

    Raises:
        ConfigError: an experiment's data set has no such task.
        DataContractError: metrics and predictions disagree, or come from other shards.
    """
    by_dataset = {manifest.dataset: manifest for manifest in map(read_manifest, manifests)}
    entries = read_registry(registry)
    seeds_of = {
        name: [int(seed) for seed in some.split(",")]
        for name, _, some in (each.rpartition(":") for each in seeds)
    }
    lines: list[Line] = []
    for name in names:
        sources = Sources(entries, results, seeds_of[name], by_dataset, resamples)
        task, dataset = sources.task_of(name), entries[name]["dataset"]
        metric = primary_of(task)
        unit = metric.unit(task.unit)
        about = Line(name, dataset, task.title, metric.title, unit, subgroup="", group="")
        runs = sources.read([name])[name]
        lines += lines_of(runs, read_subgroups(groups, told, dataset), about, resamples)
    lines = adjusted(lines)
    write_csv(csv, lines)
    for path, render in ((md, markdown), (tex, latex)):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(render(lines), encoding="utf-8")
    log.info("%d groups of %d experiments", len(lines), len(names))


def write_csv(path: Path, lines: Sequence[Line]) -> None:
    """Write every line with all that is known of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = tables.DictWriter(file, [field.name for field in fields(Line)])
        writer.writeheader()
        for line in lines:
            writer.writerow({name: escape_formula(cell) for name, cell in asdict(line).items()})


def read_csv(path: Path) -> list[Line]:
    """The lines of such a file."""
    numbers = {field.name for field in fields(Line) if field.default is None}
    with path.open(newline="", encoding="utf-8") as file:
        rows = [
            {
                name: None if cell == "" and name in numbers else read_escaped(cell)
                for name, cell in row.items()
            }
            for row in tables.DictReader(file)
        ]
    return TypeAdapter(list[Line]).validate_python(rows)


def by_experiment(lines: Sequence[Line]) -> Iterator[tuple[str, list[Line]]]:
    """Each experiment with its lines and what it was asked, in words."""
    for name in dict.fromkeys(line.experiment for line in lines):
        own = [line for line in lines if line.experiment == name]
        unit = f" in {own[0].unit}" if own[0].unit else ""
        yield f"{name}: {own[0].task}, {own[0].metric}{unit}, on {own[0].dataset}", own


def cells(line: Line) -> dict[str, str]:
    """The columns that readers see, as text."""
    p = "" if line.p_holm is None else f"; p {line.p_value:.3f}, by Holm {line.p_holm:.3f}"
    return {
        "By": line.subgroup,
        "Group": f"gap: {line.group}" if line.is_gap else line.group,
        "Samples": "" if line.n_test is None else f"{line.n_test:,}",
        line.metric: line.status if line.mean is None else f"{line.mean:g}",
        "95 % interval": between(line.low, line.high) + p,
        "Against others": difference(line),
    }


def between(low: float | None, high: float | None) -> str:
    """An interval."""
    return "" if low is None or high is None else f"{low:g} to {high:g}"


def difference(line: Line) -> str:
    """The difference from all other samples with its interval."""
    if line.difference is None:
        return ""
    ends = between(line.difference_low, line.difference_high)
    return f"{line.difference:+g} ({ends})"


def markdown(lines: Sequence[Line]) -> str:
    """A table per experiment for reading, gaps in bold."""
    parts = ["**Results by subgroup**", NOTE]
    for heading, own in by_experiment(lines):
        rows = [cells(line) for line in own]
        text = [list(rows[0]), [":--", ":--", *["--:"] * (len(rows[0]) - 2)]]
        text += [
            [f"**{cell}**" if cell and line.is_gap else cell for cell in row.values()]
            for line, row in zip(own, rows, strict=True)
        ]
        body = "\n".join(
            "| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in text
        )
        parts += [f"**{heading}**", body]
    return "\n\n".join(parts) + "\n"


def latex(lines: Sequence[Line]) -> str:
    """A table for a paper; needs the packages booktabs and graphicx."""
    head = ["By", "Group", "Samples", "Mean", "95 % interval", "Against others"]
    body = []
    for heading, own in by_experiment(lines):
        body += [r"    \midrule", rf"    \multicolumn{{6}}{{l}}{{{escaped(heading)}}} \\"]
        body += [f"    {latex_line(list(cells(line).values()))}" for line in own]
    return "\n".join(
        [
            r"\begin{table}",
            r"  \centering",
            rf"  \caption{{{escaped(f'Results by subgroup. {NOTE}')}}}",
            r"  \label{tab:subgroups}",
            r"  \resizebox{\linewidth}{!}{%",
            r"  \begin{tabular}{llrrrr}",
            r"    \toprule",
            f"    {latex_line(head)}",
            *body,
            r"    \bottomrule",
            r"  \end{tabular}}",
            r"\end{table}",
            "",
        ]
    )


def latex_line(values: Sequence[str]) -> str:
    """A line of a table in LaTeX."""
    return " & ".join(map(escaped, values)) + r" \\"
