"""What is counted of a data set that declares no units: its samples, and whose they are."""

import polars as pl

from preprocessing.audit.missingness import observed
from preprocessing.audit.missingness.counts import Unit, groups
from preprocessing.audit.missingness.dataset import Counts, Series, full_title
from preprocessing.audit.shards import Shards
from preprocessing.card import Task

SAMPLE, UNIT = "sample", "unit"


def count_samples(shards: Shards) -> Counts:
    """The exact counts of labelled and unlabelled samples of fine-tuning and of their units."""
    card, task = shards.card, shards.task
    outcome, has_outcome = _outcome(shards.finetuned, task)
    rows = shards.finetuned.with_columns(outcome=has_outcome)
    modalities: list[str] = list(card.modalities)
    units = [
        Unit(
            SAMPLE,
            card.sample.plural.capitalize(),
            f"{card.sample.plural}, each once",
            outcome,
            modalities,
            groups(rows, modalities, ["split"]),
            _count_absences(rows, modalities),
        )
    ]
    if rows["subject"].n_unique() < rows.height:
        units.append(
            Unit(
                UNIT,
                card.unit.plural.capitalize(),
                f"{card.unit.plural}, with what any of their {card.sample.plural} has",
                outcome and f"{outcome}, for any of the {card.sample.plural}",
                modalities,
                groups(_units(rows, modalities), modalities, ["split"]),
            )
        )
    return Counts(
        shards.manifest["dataset"],
        full_title(shards),
        shards.manifest,
        units,
        modalities,
        SAMPLE,
        units[-1].name,
        series=_series(shards) if "timeseries" in modalities else None,
    )


def _outcome(rows: pl.DataFrame, task: Task) -> tuple[str, pl.Expr]:
    """What the outcome is called, and 1, 0 or null for each sample: of classes alone."""
    if task.kind == "binary":
        place = 1
    elif task.kind == "multiclass" and rows[task.name].count():
        place = int(rows[task.name].drop_nulls().mode().sort()[0])
    else:
        return "", pl.lit(None, pl.Int8)
    return f"{task.title}: {task.classes[place]}", (pl.col(task.name) == place).cast(pl.Int8)


def _units(rows: pl.DataFrame, modalities: list[str]) -> pl.DataFrame:
    """One row per unit and split: a modality is there, or an outcome, if a sample has it."""
    flags = [pl.col(f"has_{name}").any() for name in modalities]
    return rows.group_by("subject", "split").agg(*flags, pl.col("outcome").max())


def _count_absences(rows: pl.DataFrame, modalities: list[str]) -> dict[tuple[str, str, str], int]:
    """Samples by split, modality and reason of absence, where reasons are given."""
    found: dict[tuple[str, str, str], int] = {}
    for modality in modalities:
        reason = f"{modality}_absence"
        if reason in rows.columns:
            sums = rows.drop_nulls(reason).group_by("split", reason).len().sort("split", reason)
            found |= {(split, modality, text): n for split, text, n in sums.iter_rows()}
    return found


def _series(shards: Shards) -> Series:
    key = shards.card.modalities["timeseries"].key
    wanted = shards.finetuned.filter("has_timeseries")[key].unique()
    names = shards.manifest["timeseries"]["variable_names"]
    return Series(SAMPLE, names, observed.count(shards, wanted))
