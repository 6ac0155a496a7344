"""Texts that name the class that is asked for."""

import re
from collections.abc import Sequence

import polars as pl

from preprocessing.audit.among import Among
from preprocessing.audit.leakage.findings import Finding, Part
from preprocessing.audit.leakage.measure import Measure, divide, learned, measured
from preprocessing.audit.leakage.shortcuts import told
from preprocessing.audit.shards import Shards


def named_class(text: pl.Expr, classes: Sequence[str]) -> pl.Expr:
    """The number of the one class that a text names, as words of whatever case; else null.

    >>> texts = pl.DataFrame({"text": ["A SUMMER dress", "Summer or winter", "Summery"]})
    >>> texts.select(named_class(pl.col("text"), ["Summer", "Winter"]))["text"].to_list()
    [0, None, None]
    """
    named = [text.str.contains(_pattern(name)).fill_null(False) for name in classes]
    only = pl.sum_horizontal(named) == 1
    number = pl.coalesce(
        pl.when(is_named).then(pl.lit(place, pl.Int64)) for place, is_named in enumerate(named)
    )
    return pl.when(only).then(number).alias("text")


def _pattern(name: str) -> str:
    words = r"\s+".join(map(re.escape, name.split()))
    return rf"(?i)(^|\W){words}(\W|$)"


def find_label_words(variants: Sequence[Shards], resamples: int) -> Finding | None:
    """Labelled texts that name a class, and how well reading it does; None without classes.

    Class names such as "yes" are common words: they are found only if they tell.
    """
    context: dict[str, int] = {}
    parts: list[Part] = []
    measures: list[Measure] = []
    for shards in variants:
        tasks = [task for task in shards.card.tasks if task.kind in ("binary", "multiclass")]
        for task in tasks if not shards.finetuned.is_empty() else ():
            rows = shards.add_text(shards.labelled(task)).drop_nulls("text")
            rows = rows.with_columns(named=named_class(pl.col("text"), task.classes))
            aside, texts = told(task, shards), shards.named("texts")
            whole = f"{texts}{aside}"
            naming, own = (
                f"{texts} that name {which} class{aside}" for which in ("one", "their own")
            )
            context |= {
                whole: rows.height,
                naming: rows["named"].count(),
                own: rows.filter(pl.col("named") == pl.col("label")).height,
            }
            parts += [
                Part(shards.among(modality="text", task=task), [whole]),
                Part(whole, [naming]),
                Part(naming, [own]),
            ]
            of = shards.tagged(f"reading the name of the class{aside}")
            among = shards.among("test", "text", task)
            measures += _measures(rows, of, among, task.kind, resamples)
    if not context:
        return None
    return Finding("label-words", context=context, parts=parts, measures=measures, shortcut=True)


def _measures(
    rows: pl.DataFrame, of: str, among: Among, kind: str, resamples: int
) -> list[Measure]:
    """What reading does for all texts and, as few may name a class, for those that do."""
    train, test = divide(rows)
    if kind == "binary":
        scored = learned(train, test, ["named"], kind=kind)
        return [measured(of, scored, among, kind=kind, resamples=resamples)]
    usual = train["label"].mode().sort().first()
    scored = test.with_columns(score=pl.col("named").fill_null(usual))
    naming = test.with_columns(score=pl.col("named")).drop_nulls("score")
    return [
        measured(f"{of}, else the majority", scored, among, kind=kind, resamples=resamples),
        measured(f"{of}, where there is one", naming, among, kind=kind, resamples=resamples),
    ]
