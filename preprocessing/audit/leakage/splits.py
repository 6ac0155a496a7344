"""Who is in two splits, what pretraining saw of the test split, and what validates."""

from collections.abc import Collection, Mapping, Sequence

import polars as pl
import pyarrow.parquet as pq

from preprocessing.audit.leakage.findings import Finding, Part
from preprocessing.audit.leakage.measure import Measure, divide, learned, measured
from preprocessing.audit.shards import NO_ALIAS, Shards

AT_ONCE = 256  # pictures in memory together


def divided(rows: pl.DataFrame, by: str) -> pl.Series:
    """The values that occur in more than one split.

    >>> rows = pl.DataFrame({"who": [1, 1, 2], "split": ["train", "test", "test"]})
    >>> divided(rows, "who").to_list()
    [1]
    """
    per_value = rows.select(by, "split").drop_nulls().unique().group_by(by).len()
    return per_value.filter(pl.col("len") > 1)[by]


def find_divided_units(
    variants: Sequence[Shards],
    resamples: int,
    *,
    gate: str = "units-in-two-splits",
    aliases: Mapping[str, str] = NO_ALIAS,
) -> Finding:
    """Units in two splits of any table, and inputs that are another unit's.

    Args:
        variants: shards whose splits are each on their own.
        resamples: behind each interval.
        gate: the name under which it is published.
        aliases: of `Shards.units`.
    """
    counts: dict[str, int] = {}
    context: dict[str, int] = {}
    parts: list[Part] = []
    for shards in variants:
        units, unit = shards.units(aliases), shards.card.unit
        whole = shards.named(unit.plural)
        what = f"{whole} in two splits"
        counts[what] = len(divided(units, "subject"))
        context[whole] = units["subject"].n_unique()
        parts += [Part(shards.among_units(), [whole]), Part(whole, [what])]
        foreign = _foreign(shards)
        if foreign is not None:
            samples = shards.named(shards.card.sample.plural)
            counts[f"{samples} with an input of another {unit.singular}"] = foreign
            parts.append(
                Part(shards.among(), [f"{samples} with an input of another {unit.singular}"])
            )
    measures = [
        _measure(shards, shards.labelled(), "subject", shards.card.unit.singular, resamples)
        for shards in variants
        if not shards.finetuned.is_empty()
    ]
    return Finding(gate, counts, context, parts, measures=measures)


def _foreign(shards: Shards) -> int | None:
    """How many labelled samples have an input of another unit; None where no table could tell."""
    column = shards.card.unit.column
    known = set(shards.find_tables(column))
    places = [place for place in shards.card.modalities.values() if place.table in known]
    places = [place for place in places if place.key != column]
    if not places:
        return None
    rows = shards.labelled().with_row_index("row")
    foreign = [
        rows.lazy()
        .join(shards.scan(place.table).select(place.key, owner=column), on=place.key)
        .filter(pl.col("owner") != pl.col("subject"))
        .select("row")
        for place in places
    ]
    return pl.concat(foreign).unique().collect().height


def find_tested_in_pretraining(variants: Sequence[Shards]) -> Finding:
    """Units of the test split among the samples of pretraining, and such samples themselves."""
    counts: dict[str, int] = {}
    context: dict[str, int] = {}
    parts: list[Part] = []
    pretrained = pl.concat(
        [
            shards.pretrained.select("subject", tested=pl.col("split") == "test")
            for shards in variants
        ]
    )
    known = set(pretrained.select(pl.col("subject").unique()).collect()["subject"])
    for shards in variants:
        if shards.finetuned.is_empty():
            continue
        test = set(shards.units().filter(split="test")["subject"])
        whole = shards.named(f"test {shards.card.unit.plural}")
        what = f"{whole} in pretraining"
        counts[what], context[whole] = len(known & test), len(test)
        parts += [Part(shards.among_units("test"), [whole]), Part(whole, [what])]
    samples = variants[0].card.sample.plural
    found = pretrained.select(pl.col("tested").sum()).collect().item()
    counts[f"{samples} of the test split in pretraining"] = found
    return Finding("test-in-pretraining", counts, context, parts)


def find_shared_validation(
    variants: Sequence[Shards], *, modalities: Collection[str] = ("text", "tabular", "timeseries")
) -> Finding:
    """Validation samples that share their unit, or the row of a modality, with a test sample."""
    counts: dict[str, int] = {}
    context: dict[str, int] = {}
    parts: list[Part] = []
    for shards in variants:
        if shards.finetuned.is_empty():
            continue
        valid, test = (shards.labelled().filter(split=name) for name in ("valid", "test"))
        places = shards.card.modalities.items()
        keys = {"sample_id", "subject", *(p.key for name, p in places if name in modalities)}
        whole = shards.named("validation samples")
        what = f"{whole} that share something with the test split"
        counts[what] = count_shared(valid, test, sorted(keys))
        tested = shards.named("test samples")
        context |= {whole: valid.height, tested: test.height}
        parts += [
            Part(whole, [what]),
            Part(shards.among("valid"), [whole]),
            Part(shards.among("test"), [tested]),
        ]
    return Finding("selection-on-test", counts, context, parts)


def count_shared(valid: pl.DataFrame, test: pl.DataFrame, keys: Sequence[str]) -> int:
    """How many rows of `valid` have a value of any of the keys that `test` has, too.

    >>> valid = pl.DataFrame({"stay": [1, 2, None]})
    >>> count_shared(valid, pl.DataFrame({"stay": [2, None]}), ["stay"])
    1
    """
    same = [pl.col(key).is_in(test[key].drop_nulls().unique().implode()) for key in keys]
    return valid.filter(pl.any_horizontal(same).fill_null(False)).height


def find_divided_values(
    rows_of: Sequence[tuple[Shards, pl.DataFrame]],
    column: str,
    *,
    gate: str,
    what: str,
    resamples: int,
) -> Finding:
    """Values of a column that two splits have.

    Args:
        rows_of: shards with their labelled samples, which have the column.
        column: its name.
        gate: the name under which it is published.
        what: name of one of the values, such as "reviewer".
        resamples: behind each interval.
    """
    counts = {
        f"{shards.named(f'{what}s')} in two splits": len(divided(rows, column))
        for shards, rows in rows_of
    }
    measures = [_measure(shards, rows, column, what, resamples) for shards, rows in rows_of]
    return Finding(gate, counts, measures=measures)


def find_divided_pictures(variants: Sequence[Shards], resamples: int) -> Finding:
    """Pictures that two splits show, the same to the byte."""
    rows_of = [
        (shards, _add_picture(shards)) for shards in variants if not shards.finetuned.is_empty()
    ]
    return find_divided_values(
        rows_of, "picture", gate="pictures-in-two-splits", what="picture", resamples=resamples
    )


def _add_picture(shards: Shards) -> pl.DataFrame:
    """The labelled samples with the hash of the picture's bytes, some pictures at a time."""
    place = shards.card.modalities["image"]
    hashes = [
        pl.DataFrame(batch).select(place.key, picture=pl.col("jpeg").hash())
        for path in shards.parts(place.table)
        for batch in pq.ParquetFile(path).iter_batches(AT_ONCE, columns=[place.key, "jpeg"])
    ]
    rows = shards.labelled()
    if not hashes:
        return rows.with_columns(picture=pl.lit(None, pl.UInt64))
    rows = rows.join(pl.concat(hashes), on=place.key, how="left", maintain_order="left")
    return rows.with_columns(pl.when("has_image").then("picture").alias("picture"))


def _measure(shards: Shards, rows: pl.DataFrame, column: str, what: str, resamples: int) -> Measure:
    """How well the answers that training has for a value predict those of the test split."""
    train, test = divide(rows)
    scored = learned(train, test, [column], kind=shards.task.kind)
    name = shards.tagged(f"{shards.task.title} of the same {what} in training")
    return measured(name, scored, shards.among("test"), kind=shards.task.kind, resamples=resamples)
