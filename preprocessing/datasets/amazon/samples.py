"""Which picture and which words a review has, or why not; and which reviews a stage sees.

Pretraining sees every review of the category, unlabeled, but for those of test products.
Fine-tuning sees a fixed number of reviews of each split that have all required modalities: the
first ones in the order of `sample_id`, which is a digest and thus a draw that other rows, their
order and the process have no part in.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import polars as pl
import pyarrow.parquet as pq
from typer import Option

from commandline import Made
from preprocessing.contracts import check
from preprocessing.datasets.amazon.image_paths import first_present
from preprocessing.datasets.amazon.options import LinksFile, ReviewParts
from preprocessing.datasets.amazon.schemas import Links, Samples
from preprocessing.engine.memory import StepMemory, demand
from preprocessing.errors import ConfigError, DataContractError
from preprocessing.ledger import Flow, Ledger
from preprocessing.options import FactsFile, LedgerFile, OutputFiles
from preprocessing.shards import write_facts, write_part
from preprocessing.splits import Split

Stage = Literal["pretrain", "finetune"]
MODALITIES = ("image", "text", "tabular")
# What the interpreter and its libraries take, and a review of a part.
OWN_MB, ROW_BYTES = 250, 300

# Why a modality is absent.
NO_METADATA = "no picture listed, and the product is not in the metadata"
NO_PICTURE = "no picture listed"
NOT_HAD = "none of the listed pictures is on disk and decodable"
NO_WORDS = "no words"
NO_ROW = "no row in the tabular table"


@dataclass(frozen=True)
class Parts:
    """The parts of one category that samples point to; the n-th of each belong together."""

    reviews: ReviewParts
    text: Annotated[list[Path], Option(help="Part of amazon-text; repeat it for more")]
    tabular: Annotated[list[Path], Option(help="Part of amazon-tabular; repeat it for more")]


def pictures(links: pl.DataFrame, decoded: frozenset[str]) -> pl.DataFrame:
    """The picture of each link: its best address that was decoded, else null.

    Args:
        links: rows of `schemas.Links`.
        decoded: `image_id` of every decoded picture.
    """
    names = frozenset(f"{image_id}.jpg" for image_id in decoded)
    found = [first_present(urls, names) for urls in links["urls"]]
    image_id = pl.Series("image_id", found, dtype=pl.String).str.strip_suffix(".jpg")
    return links.select("sample_id", "asin", image_id)


def add_pictures(rows: pl.DataFrame, pictures: pl.DataFrame) -> pl.DataFrame:
    """Add `image_id`, the reviewer's picture before the product's, and why it is null."""
    taken = pictures.drop_nulls("sample_id").select("sample_id", taken="image_id", has_taken=True)
    shown = pictures.drop_nulls("asin").select("asin", shown="image_id", has_shown=True)
    joined = rows.join(taken, on="sample_id", how="left", maintain_order="left").join(
        shown, on="asin", how="left", maintain_order="left"
    )
    listed = pl.col("has_taken").fill_null(False) | pl.col("has_shown").fill_null(False)
    image_id = pl.coalesce("taken", "shown")
    absence = (
        pl.when(image_id.is_not_null())
        .then(None)
        .when(listed)
        .then(pl.lit(NOT_HAD))
        .when(~pl.col("in_metadata"))
        .then(pl.lit(NO_METADATA))
        .otherwise(pl.lit(NO_PICTURE))
    )
    return joined.with_columns(image_id=image_id, image_absence=absence)


def described(parts: Parts, pictures: pl.DataFrame, stage: Stage) -> Iterator[pl.DataFrame]:
    """The rows of `schemas.Samples` for every review, a part at a time."""
    columns = ["sample_id", "asin", "label", "split", "in_metadata"]
    for review, text, tabular in zip(parts.reviews, parts.text, parts.tabular, strict=True):
        rows = add_pictures(pl.read_parquet(review, columns=columns, glob=False), pictures)
        worded = pl.read_parquet(text, columns=["sample_id"], glob=False)["sample_id"].implode()
        tabled = pl.read_parquet(tabular, columns=["sample_id"], glob=False)["sample_id"].implode()
        rows = rows.with_columns(
            stage=pl.lit(stage),
            stars=pl.col("label") if stage == "finetune" else pl.lit(None, pl.Int8),
            text_absence=pl.when(~pl.col("sample_id").is_in(worded)).then(pl.lit(NO_WORDS)),
            tabular_absence=pl.when(~pl.col("sample_id").is_in(tabled)).then(pl.lit(NO_ROW)),
        )
        present = [pl.col(f"{name}_absence").is_null().alias(f"has_{name}") for name in MODALITIES]
        yield rows.with_columns(present).select(list(Samples.to_schema().columns))


def pretraining(parts: Iterable[pl.DataFrame], ledger: Ledger) -> Iterator[pl.DataFrame]:
    """Every review but those of test products."""
    before = after = 0
    for rows in parts:
        kept = rows.filter(pl.col("split") != "test")
        before, after = before + rows.height, after + kept.height
        yield kept
    ledger.record("samples", "product in the test split", before, after)


def finetuning(
    parts: Iterable[pl.DataFrame],
    sizes: Mapping[Split, int],
    require: Sequence[str],
    ledger: Ledger,
) -> Iterator[pl.DataFrame]:
    """The first reviews of each split that have the required modalities, by `sample_id`.

    Raises:
        ConfigError: there is no such modality, or a size is not positive.
        DataContractError: a split has no such review.
    """
    if unknown := set(require) - set(MODALITIES):
        raise ConfigError(f"--require {sorted(unknown)}: allowed are {', '.join(MODALITIES)}.")
    if min(sizes.values()) < 1:
        raise ConfigError(f"Samples per split are {dict(sizes)}; each must be at least 1.")
    before = 0
    complete = []
    absences: Counter[str] = Counter()
    for rows in parts:
        before += rows.height
        for name in require:
            reasons = rows[f"{name}_absence"].drop_nulls().value_counts()
            absences.update({f"{name}, {reason}": n for reason, n in reasons.iter_rows()})
        complete.append(rows.filter([pl.col(f"has_{name}") for name in require]))
    found = pl.concat(complete)
    ledger.record("samples", f"lacks one of {', '.join(require)}", before, found.height)
    drawn = [
        found.filter(pl.col("split") == split).sort("sample_id").head(size)
        for split, size in sizes.items()
    ]
    if any(rows.is_empty() for rows in drawn):
        counts = dict(zip(sizes, (rows.height for rows in drawn), strict=True))
        raise DataContractError(
            f"Reviews with {', '.join(require)} per split: {counts}; each needs at least one. "
            f"Absent from {before} reviews:\n"
            + "\n".join(f"  {count} x {reason}" for reason, count in absences.items())
            + "\nFetch the pictures or the metadata, require less (--require text), or change the "
            "split shares."
        )
    for (split, size), rows in zip(sizes.items(), drawn, strict=True):
        ledger.note("samples", f"drawn for {split}, of {size} wanted", rows.height)
    ledger.record("samples", "not drawn", found.height, sum(rows.height for rows in drawn))
    chosen = pl.concat(drawn)["sample_id"].implode()
    yield from (rows.filter(pl.col("sample_id").is_in(chosen)) for rows in complete)


@dataclass(frozen=True)
class Draw:
    """What fine-tuning wants: samples per split, and the modalities each must have."""

    sizes: Mapping[Split, int]
    require: Sequence[str]


def chosen_draw(
    stage: Annotated[Stage, Option(help="All reviews for pretraining, or a draw for fine-tuning")],
    require: Annotated[
        list[str] | None,
        Option(help="Modality that drawn samples must have; all three if not given"),
    ] = None,
    train_samples: Annotated[int, Option(help="Training samples to draw for fine-tuning")] = 512,
    valid_samples: Annotated[int, Option(help="Validation samples to draw")] = 128,
    test_samples: Annotated[int, Option(help="Test samples to draw")] = 256,
) -> Draw | None:
    """What fine-tuning wants; None for pretraining, which takes all."""
    if stage == "pretrain":
        return None
    sizes: dict[Split, int] = {
        "train": train_samples,
        "valid": valid_samples,
        "test": test_samples,
    }
    return Draw(sizes, require or MODALITIES)


def pair_samples(
    parts: Annotated[Parts, Made(Parts)],
    links: LinksFile,
    images: Annotated[list[Path], Option(help="Part of amazon-images; repeat it for more")],
    draw: Annotated[Draw | None, Made(chosen_draw)],
    *,
    outputs: OutputFiles,
    facts: FactsFile,
    ledger_path: LedgerFile,
    limit_mb: StepMemory = 2000,
) -> None:
    """Write one part per part of the reviews, the facts and the ledger.

    Args:
        parts: of the tables that samples point to.
        links: the wanted pictures.
        images: parts of the decoded pictures.
        draw: what fine-tuning wants; None = pretraining.
        outputs: as many as there are parts of reviews.
        facts: counts for the manifest.
        ledger_path: reasons of absence and what was not drawn.
        limit_mb: what the step may take.

    Raises:
        ConfigError: an impossible draw, or parts that do not fit the memory.
        DataContractError: a split has nothing to draw from.
    """
    rows = max(pq.read_metadata(path).num_rows for path in parts.reviews)
    demand(OWN_MB + rows * ROW_BYTES // 10**6, limit_mb, ", or raise amazon.parts")
    # The links lie in the folder of their category.
    flow = Flow(f"reviews of {links.parent.name}", ("samples",), order=2)
    ledger = Ledger("amazon-samples", flow)
    stage: Stage = "finetune" if draw else "pretrain"
    ids = pl.concat(pl.read_parquet(path, columns=["image_id"], glob=False) for path in images)[
        "image_id"
    ]
    found = pictures(check(pl.read_parquet(links, glob=False), Links, links.name), frozenset(ids))
    every = described(parts, found, stage)
    chosen = finetuning(every, draw.sizes, draw.require, ledger) if draw else None
    patterns: Counter[tuple[str, str]] = Counter()
    absences: Counter[tuple[str, str]] = Counter()
    shared: list[pl.DataFrame] = []
    for rows, path in zip(chosen or pretraining(every, ledger), outputs, strict=True):
        write_part(check(rows, Samples, path.name), path)
        tally(rows, patterns, absences)
        shared.append(rows.select("image_id", "split").drop_nulls().unique())
    for (modality, reason), count in sorted(absences.items()):
        ledger.note("samples", f"{modality} absent: {reason}", count)
    splits = pl.concat(shared).unique().group_by("image_id").len()
    ledger.note("images", "shown in more than one split", splits.filter(pl.col("len") > 1).height)
    ledger.write(ledger_path)
    write_facts({"rows": patterns.total(), "counts": {stage: counts(patterns)}}, facts)


def tally(
    rows: pl.DataFrame, patterns: Counter[tuple[str, str]], absences: Counter[tuple[str, str]]
) -> None:
    """Count a part's samples by split and modalities, and the reasons of absence."""
    flags = [f"has_{name}" for name in MODALITIES]
    for split, *has, count in rows.group_by("split", *flags).len().iter_rows():
        names = [name for name, there in zip(MODALITIES, has, strict=True) if there]
        patterns[split, "+".join(names)] += count
    for name in MODALITIES:
        reasons = rows[f"{name}_absence"].drop_nulls().value_counts()
        for reason, count in reasons.iter_rows():
            absences[name, reason] += count


def counts(patterns: Counter[tuple[str, str]]) -> dict[str, dict[str, int]]:
    """Samples of each split by pattern.

    >>> counts(Counter({("train", "text+tabular"): 3, ("train", "tabular"): 1}))
    {'train': {'tabular': 1, 'text+tabular': 3}}
    """
    nested: dict[str, dict[str, int]] = {}
    for (split, pattern), count in sorted(patterns.items()):
        nested.setdefault(split, {})[pattern] = count
    return nested
