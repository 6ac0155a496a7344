"""What predicts without any content: which modalities there are, and how long the text is."""

from collections.abc import Iterator, Sequence

import polars as pl

from preprocessing.audit.among import Among
from preprocessing.audit.leakage.findings import Finding
from preprocessing.audit.leakage.measure import Measure, binned, divide, learned, measured
from preprocessing.audit.shards import Shards
from preprocessing.card import Task


def find_shortcuts(variants: Sequence[Shards], resamples: int) -> Iterator[Finding]:
    """Shortcuts to the answer of every task."""
    patterns, lengths = [], []
    for shards in variants:
        modalities = shards.card.modalities
        flags = [f"has_{name}" for name in modalities]
        for task in shards.card.tasks if not shards.finetuned.is_empty() else ():
            rows, among = shards.labelled(task), shards.among("test", task=task)
            of = shards.tagged(f"which modalities there are{told(task, shards)}")
            patterns.append(measure_shortcut(rows, of, flags, among, task.kind, resamples))
            if "text" in modalities:
                rows = shards.add_text(rows).with_columns(length=pl.col("text").str.len_chars())
                of = shards.tagged(f"length of the text{told(task, shards)}")
                lengths.append(measure_shortcut(rows, of, ["length"], among, task.kind, resamples))
    yield Finding("modality-pattern", measures=patterns, shortcut=True)
    if lengths:
        yield Finding("text-length", measures=lengths, shortcut=True)


def told(task: Task, shards: Shards) -> str:
    """The task in words, unless it is the default one."""
    return "" if task == shards.task else f", for {task.title}"


def measure_shortcut(
    rows: pl.DataFrame, of: str, by: Sequence[str], among: Among, kind: str, resamples: int
) -> Measure:
    """How well what training saw of each group, or range of a number, predicts.

    Args:
        rows: labelled samples.
        of: what is measured.
        by: columns of flags or numbers; a number is cut into ranges.
        among: what the test samples are in the missingness audit.
        kind: of the task.
        resamples: behind the interval.
    """
    train = rows.filter(split="train")
    ranges = [name for name in by if rows[name].dtype.is_numeric()]
    rows = rows.with_columns(binned(name, train) for name in ranges)
    groups = [f"{name}_range" if name in ranges else name for name in by]
    train, test = divide(rows)
    scored = learned(train, test, groups, kind=kind)
    return measured(of, scored, among, kind=kind, resamples=resamples)
