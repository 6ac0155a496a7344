"""The first screen: what was run, on what, when; what it shows; what is missing and what leaks."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lanistr.evaluation.claim import (
    WITH,
    WITHOUT,
    asked_alike,
    beaten,
    best_other,
    helped,
    one_of,
    told_best,
    told_pretraining,
)
from lanistr.evaluation.layout import Layout
from lanistr.evaluation.row import Row, Table
from lanistr.report import provenance, tables
from lanistr.report.leakage import ANSWERS
from lanistr.report.page import Cell, facts, paragraph, table
from lanistr.report.words import enumerated, inside, measure_told, number_told

ORIGINS = {
    "smoke": "generated, nobody in it is real",
    "demo": "open patients with generated radiographs and notes",
}
SHARING = (
    "This page holds counts as they are: only the pages and files of the audits may be shared."
)
Asked = tuple[Table, Sequence[Row]]


def summary(results: Path, layouts: Mapping[str, Layout]) -> str:
    """Answers to what a reader asks first, and a line per comparison."""
    stories = provenance.stories(results)
    made = [
        tables.read_table(name, layout, path)
        for name, layout in layouts.items()
        if (path := tables.table_file(results, name)).is_file()
    ]
    methods = {story["experiment"]["name"]: story["experiment"]["method"] for story in stories}
    asked = [(each, rivals(rows, methods)) for each in made for rows in asked_alike(each)]
    whole = [rows for each in made for rows in asked_alike(each)]
    answers = {
        "What was run?": told_run(stories, made),
        "On what data?": told_data(results, made),
        "When?": provenance.told_times(stories) or "Nothing was trained yet.",
        "Does LANISTR beat the other methods?": told_others(asked),
        "Does pretraining help?": told_effect(asked),
        "What is missing?": told_missing(results, layouts, made),
        "What leaks?": told_leaks(results),
    }
    return facts(answers) + compared(layouts, asked, whole) + paragraph(SHARING)


def rivals(rows: Sequence[Row], methods: Mapping[str, str]) -> list[Row]:
    """LANISTR with and without pretraining, and the rows of other methods; none of its ablations.

    Args:
        rows: asked the same.
        methods: method of each experiment.
    """
    own = {methods.get(row.experiment or "") for row in rows if row is one_of(rows, WITH)}
    kept = (one_of(rows, WITH), one_of(rows, WITHOUT))
    return [row for row in rows if row in kept or methods.get(row.experiment or "") not in own]


def best_rival(rows: Sequence[Row]) -> Row | None:
    """The best row of another method, if any."""
    return best_other([row for row in rows if row is not one_of(rows, WITHOUT)])


def told_run(stories: Sequence[Mapping[str, Any]], made: Sequence[Table]) -> str:
    """Tables, experiments and trainings."""
    names = {story["experiment"]["name"] for story in stories}
    methods = {story["experiment"]["method"] for story in stories}
    minutes = sum(story["seconds"] for story in stories) / 60
    titles = "; ".join(each.layout.title for each in made)
    return (
        f"{titles or 'No table yet'}. {len(stories)} training runs of {len(names)} experiments "
        f"with {len(methods)} methods, {minutes:,.1f} minutes of training, one after the other."
    )


def told_data(results: Path, made: Sequence[Table]) -> str:
    """Data sets, and how many of what was tested."""
    origins = dict.fromkeys(
        f"{manifest['card']['title']}: {ORIGINS.get(manifest['scale'], 'read from your files')}"
        for manifest in provenance.manifests(results).values()
    )
    tested = dict.fromkeys(
        f"{row.n_test:,} samples of {row.n_subjects:,} {each.stamp.subjects} ({row.dataset})"
        for each in made
        for row in each.rows
        if row.n_test and row.n_subjects
    )
    told = [*origins, *([f"tested on {enumerated(list(tested))}"] if tested else [])]
    return "; ".join(told) + "."


def told_others(asked: Sequence[Asked]) -> str:
    """Whether LANISTR beats the best other method, over all comparisons, and the first in words."""
    return told_verdicts(
        [
            (each, beaten(best), told_best(rows, each.layout.curve))
            for each, rows in asked
            if (best := best_rival(rows))
        ]
    )


def told_effect(asked: Sequence[Asked]) -> str:
    """Whether pretraining helps, over all comparisons, and the first in words."""
    return told_verdicts(
        [
            (each, helped(scratch), told_pretraining(rows, each.stamp.scale))
            for each, rows in asked
            if one_of(rows, WITH) and (scratch := one_of(rows, WITHOUT))
            if scratch.difference is not None
        ]
    )


def told_verdicts(found: Sequence[tuple[Table, int, str]]) -> str:
    """The answer over some comparisons, each with its table, its verdict and its sentence.

    >>> told_verdicts([])
    'Not compared: no table has both.'
    """
    if not found:
        return "Not compared: no table has both."
    first, _, sentence = found[0]
    verdicts = [verdict for _, verdict, _ in found]
    return f"{counted_verdicts(verdicts)} {first.layout.title}. {sentence}"


def counted_verdicts(verdicts: Sequence[int]) -> str:
    """How often something is shown to be better, worse, or neither.

    >>> counted_verdicts([0, 0]), counted_verdicts([1]), counted_verdicts([1, 0, -1, 0])
    ('Not shown in any of 2 comparisons.', 'Yes.', 'Better in 1 of 4 comparisons, worse in 1, not shown in 2.')
    """  # noqa: E501
    total, words = len(verdicts), {1: "better", -1: "worse", 0: "not shown"}
    if len(set(verdicts)) == 1:
        alone = {1: "Yes", -1: "No, it is worse", 0: "Not shown"}[verdicts[0]]
        where = "any" if verdicts[0] == 0 else "all"
        return f"{alone}." if total == 1 else f"{alone} in {where} of {total} comparisons."
    counts = [(word, verdicts.count(verdict)) for verdict, word in words.items()]
    (word, count), *others = [(word, count) for word, count in counts if count]
    rest = "".join(f", {word} in {count}" for word, count in others)
    return f"{word.capitalize()} in {count} of {total} comparisons{rest}."


def told_missing(results: Path, layouts: Mapping[str, Layout], made: Sequence[Table]) -> str:
    """Rows and tables without results, and how much of the data lacks a modality."""
    rows = [(each, row) for each in made for row in each.rows]
    lacking = [
        f"{row.row} of {each.name} ({row.status})" for each, row in rows if row.status != "ok"
    ]
    names = {each.name for each in made}
    lacking += [f"{name} (not run)" for name in layouts if name not in names]
    lacking += [
        f"{what} (not run)" for what, file in PARTS.items() if not (results / file).is_file()
    ]
    told = (
        f"Results of {enumerated(lacking)}."
        if lacking
        else f"No result: all {len(rows)} rows of all tables have all their runs."
    )
    return " ".join([told, *told_incomplete(results)])


PARTS = {
    "the missingness audit": "audit/missingness.json",
    "the leakage audit": "audit/leakage.json",
    "the analysis of modalities": "analysis/shapley.json",
}
"""What the report shows beside the tables, and a file of each."""


def told_incomplete(results: Path) -> list[str]:
    """How many of what is sampled lack a modality, as the missingness audit tells; or nothing."""
    path = results / PARTS["the missingness audit"]
    if not path.is_file():
        return []
    told = []
    for dataset in json.loads(path.read_text(encoding="utf-8"))["datasets"]:
        titles = {unit["name"]: unit["title"] for unit in dataset["units"]}
        sampled = next((r["unit"] for r in dataset["rows"] if r["kind"] == "absence"), None)
        told += [
            f"{100 * each['share']:.0f} % of {inside(titles[each['unit']])} ({dataset['title']})"
            for each in dataset["completeness"]
            if each["unit"] == sampled and each["share"] is not None
        ]
    return [f"At least one modality is missing in {enumerated(told)}."] if told else []


def told_leaks(results: Path) -> str:
    """What the leakage audit found, by how bad it is."""
    path = results / PARTS["the leakage audit"]
    if not path.is_file():
        return "Not known: the leakage audit was not run."
    found: dict[str, list[str]] = {ANSWERS[status]: [] for status in ANSWERS if status != "clean"}
    strongest: list[tuple[float, str]] = []
    for entry in json.loads(path.read_text(encoding="utf-8"))["datasets"]:
        for gate in entry["gates"]:
            if gate["status"] == "clean":
                continue
            what = f"{gate['gate'].replace('-', ' ')} ({entry['title']})"
            found[ANSWERS[gate["status"]]].append(what)
            strongest += [
                (m["value"] - m["chance"], told_measure(m)) for m in gate["measures"] if m["low"]
            ]
    told = [f"{how.capitalize()}: {enumerated(gates)}." for how, gates in found.items() if gates]
    if strongest:
        told.append(f"The strongest giveaway alone: {max(strongest)[1]}.")
    return " ".join(told or ["Nothing that was looked for was found."])


def told_measure(measure: Mapping[str, Any]) -> str:
    """What a giveaway reaches alone, with its interval."""
    ends = ("low", "value", "high", "chance")
    low, value, high, chance = (measure_told(measure, end) for end in ends)
    return (
        f"{measure['of']}, {measure['metric']} {value} (95 % interval {low} to {high}) where "
        f"knowing nothing reaches {chance}"
    )


def compared(
    layouts: Mapping[str, Layout], asked: Sequence[Asked], whole: Sequence[Sequence[Row]]
) -> str:
    """A line per comparison: LANISTR, without pretraining, and the best other method.

    Args:
        layouts: every table that there should be.
        asked: LANISTR and its rivals, by comparison.
        whole: all rows of each comparison.
    """
    lines: list[dict[str, Cell]] = []
    for (each, rows), every in zip(asked, whole, strict=True):
        full, scratch, best = one_of(rows, WITH), one_of(rows, WITHOUT), best_rival(rows)
        labels = f", {full.labels:,} labels" if full and each.layout.curve == "labels" else ""
        lines.append(
            {
                "table": each.layout.title,
                "dataset": f"{rows[0].dataset}{labels}",
                "complete": f"{sum(row.status == 'ok' for row in every)} of {len(every)}",
                "lanistr": number_told(full) if full else "",
                "scratch": number_told(scratch) if scratch else "",
                "best": f"{number_told(best)}, {best.row}" if best else "",
                "trivial": full.trivial if full else None,
            }
        )
    made = {each.name for each, _ in asked}
    lines += [
        {"table": layout.title, "lanistr": "not run"}
        for name, layout in layouts.items()
        if name not in made
    ]
    return table(lines, COMPARED, "LANISTR beside its rivals, each with its 95 % interval.")


COMPARED = {
    "table": "Table",
    "dataset": "Data set",
    "complete": "Complete rows",
    "lanistr": "LANISTR",
    "scratch": "Without pretraining",
    "best": "Best other method",
    "trivial": "Constant answer",
}
