"""Manifest and card of own rows: counts, columns, vocabularies and statistics; no row."""

from collections import Counter
from pathlib import Path
from typing import Any

import polars as pl

from preprocessing.card import Card, Phrase, Place, Subgroup, Task, Unit
from preprocessing.contracts import Table
from preprocessing.datasets.rows import schemas
from preprocessing.datasets.rows.contents import Contents
from preprocessing.manifest import SCHEMA_VERSION, describe, digests_of, short_digest
from preprocessing.shards import write_facts

PART = "part-00000.parquet"
TABLES = {"text": "text", "image": "images", "tabular": "tabular", "timeseries": "timeseries"}


def write_card(contents: Contents, rows: pl.DataFrame, family: str) -> Card:
    """The card of a data set.

    Args:
        contents: what its rows hold.
        rows: the canonical rows with splits and answers.
        family: name of the data set.
    """
    return Card(
        name=family,
        title=contents.title,
        unit=Unit(**contents.unit.model_dump(), column="group"),
        sample=contents.sample,
        modalities={
            name: Place(table=TABLES[name], key="sample_id")
            for name in schemas.modalities(contents)
        },
        tasks=tuple(_scaled(task, rows) for task in contents.tasks),
        words=tuple(
            Phrase(
                column=name, name=column.title, form="date" if column.type == "date" else "plain"
            )
            for name, column in contents.columns.items()
        ),
        subgroups=tuple(_subgroup(name, contents, rows) for name in contents.subgroups),
        mirror=contents.mirror,
        leaky=contents.leaky,
    )


def _subgroup(name: str, contents: Contents, rows: pl.DataFrame) -> Subgroup:
    """A column by which results are told, a number cut at the quartiles of train."""
    column = contents.columns[name]
    if column.type == "category":
        return Subgroup(column=name, title=column.title)
    known = rows.filter(pl.col("split") == "train")[name].drop_nulls()
    cuts = {known.quantile(share, "nearest") for share in (0.25, 0.5, 0.75)}
    return Subgroup(column=name, title=column.title, cuts=tuple(sorted(cuts - {None})))


def _scaled(task: Task, rows: pl.DataFrame) -> Task:
    """The task with mean and deviation of its number in train."""
    if task.kind != "regression":
        return task
    known = rows.filter(pl.col("split") == "train")[task.name].drop_nulls().cast(pl.Float64)
    mean, std = known.mean() or 0.0, known.std(ddof=0) or 1.0
    return task.model_copy(update={"mean": mean, "std": std})


def write_manifest(
    folder: Path,
    contents: Contents,
    facts: dict[str, dict[str, Any]],
    card: Card,
    *,
    data: str,
    scale: str,
    samples: pl.DataFrame,
) -> None:
    """Write manifest.json.

    Args:
        folder: holds the tables, and receives the manifest.
        contents: what the rows hold.
        facts: what there is to tell of each modality.
        card: what the data set says of itself.
        data: name of the data set, or of a variant as <name>/<variant>.
        scale: stamped on every result.
        samples: rows of `schemas.samples_schema`.
    """
    made = {TABLES[name]: _schema(name, contents) for name in facts}
    made["samples"] = schemas.samples_schema(contents)
    digests = digests_of({f"{table}/{PART}": part_path(folder, table) for table in made})
    manifest = {
        "schema_version": SCHEMA_VERSION,
        "dataset": data,
        "scale": scale,
        # There is nothing to reproduce value for value.
        "profile": "corrected",
        "switches": {},
        "text_source": "text" if contents.text else "none",
        "leaky_text": False,
        "tables": {
            table: describe([part_path(folder, table)], schema) for table, schema in made.items()
        },
        **facts,
        "counts": _counts(samples, list(facts)),
        "inputs": contents.inputs,
        "shards": digests,
        "digest": short_digest(digests),
        "card": card.facts(),
        "rows": contents.description,
    }
    write_facts(manifest, folder / "manifest.json")


def part_path(folder: Path, table: str) -> Path:
    """The file of a table."""
    return folder / table / PART


def _schema(modality: str, contents: Contents) -> type[Table]:
    made = {
        "text": schemas.text_schema,
        "image": schemas.images_schema,
        "tabular": schemas.tabular_schema,
        "timeseries": schemas.series_schema,
    }
    return made[modality](contents)


def _counts(samples: pl.DataFrame, names: list[str]) -> dict[str, Any]:
    """Samples by stage, split and the modalities that they have."""
    patterns: Counter[tuple[str, str, str]] = Counter()
    flags = [f"has_{name}" for name in names]
    for stage, split, *has, count in samples.group_by("stage", "split", *flags).len().iter_rows():
        pattern = "+".join(name for name, there in zip(names, has, strict=True) if there)
        patterns[stage, split, pattern] += count
    nested: dict[str, Any] = {}
    for (stage, split, pattern), count in sorted(patterns.items()):
        nested.setdefault(stage, {}).setdefault(split, {})[pattern] = count
    return nested
