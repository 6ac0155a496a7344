"""Shards to the arrays of a cache: everything costly or random-access-hostile is done once."""

from __future__ import annotations

import json
from dataclasses import asdict
from functools import partial
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from lanistr.batch import InputSpec
from lanistr.data.arrays import (
    train_texts,
    write_columns,
    write_findings,
    write_pixels,
    write_series,
    write_texts,
)
from lanistr.data.cache import FORMAT, SAMPLE, SPLITS, STAGES, open_cache, text_settings
from lanistr.data.card import Card
from lanistr.data.manifest import Manifest, read_manifest
from lanistr.data.processor import write_processor
from lanistr.data.tokenizer import SPECIAL, tokenizer_for
from lanistr.errors import ConfigError, DataContractError
from lanistr.experiments.architecture import Encoders, TextEncoder
from lanistr.modality import Modality
from lanistr.task import Kind, Task

if TYPE_CHECKING:
    import polars as pl
    from tokenizers import Tokenizer


def build_cache(
    manifest_path: Path,
    encoders: Encoders,
    folder: Path,
    threads: int,
    *,
    variant: str | None = None,
    vocabulary: Path | None = None,
) -> None:
    """Write the cache of the shards beside `manifest_path` into `folder`; `spec.json` comes last.

    What new rows need to be read alike lies beside; see `lanistr.data.processor`.

    Memory stays bounded by some rows of each table and by the sample index.

    Args:
        manifest_path: manifest.json of the shards.
        encoders: the recipe's sizes; tokens depend on `text`, `image.patch_px` is checked.
        folder: receives the arrays, the tokenizer and spec.json.
        threads: decode images.
        variant: folder beside the manifest whose own manifest is meant; None = the one given.
        vocabulary: cache whose tokenizer is used, so that weights fit both; None = its own.

    Raises:
        ConfigError: the recipe does not fit the shards or the vocabulary, or no such variant.
        DataContractError: the shards do not fit their manifest.
    """
    manifest = read_manifest(manifest_path, variant)
    check_fit(manifest, encoders)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "spec.json").unlink(missing_ok=True)
    known = tokenizer_of(vocabulary, encoders.text) if vocabulary else None
    texts = partial(train_texts, manifest)
    tokenizer = tokenizer_for(encoders.text, texts, folder / "tokenizer", known)
    write_texts(manifest, tokenizer, folder)
    write_pixels(manifest, folder, threads)
    write_findings(manifest, folder)
    write_columns(manifest, folder)
    write_series(manifest, folder)
    index, labeled = sample_frames(manifest)
    np.save(folder / "samples.npy", sample_records(index))
    np.save(folder / "labels.npy", labels(labeled, manifest.card))
    write_processor(manifest, folder)
    text = text_settings(encoders.text)
    card = manifest.card.model_dump(mode="json")
    made_from = [FORMAT, manifest.dataset, manifest.digest, card, text, tokenizer.to_str()]
    facts = {
        "format": FORMAT,
        "inputs": asdict(input_spec(manifest, tokenizer, encoders.text)),
        "card": card,
        "text": text,
        "provenance": manifest.provenance,
        "digest": blake2b(json.dumps(made_from).encode(), digest_size=8).hexdigest(),
    }
    (folder / "spec.json").write_text(json.dumps(facts, indent=2), encoding="utf-8")


def check_fit(manifest: Manifest, encoders: Encoders) -> None:
    """Refuse shards of which no variant is chosen, or images that cannot be cut into patches.

    Raises:
        ConfigError: they do not fit.
    """
    if "samples" not in manifest.tables:
        known = sorted(name.split("/")[0] for name in manifest.tables if "/samples" in name)
        raise ConfigError(
            f"{manifest.folder} holds several variants. Give --variant, one of {known}."
        )
    if manifest.image and manifest.image.px % encoders.image.patch_px:
        raise ConfigError(
            f"encoders.image.patch_px: images of {manifest.image.px} px cannot be cut into "
            f"patches of {encoders.image.patch_px} px. Choose a divisor, "
            f"or make the shards with another {manifest.card.name}.image_px."
        )


def tokenizer_of(cache_folder: Path, text: TextEncoder) -> Path:
    """The tokenizer's folder in a cache of the same text settings.

    Raises:
        ConfigError: the settings differ.
        DataContractError: not a complete cache.
    """
    theirs, ours = open_cache(cache_folder).text, text_settings(text)
    if theirs != ours:
        raise ConfigError(
            f"--vocabulary {cache_folder}: was made for the text settings {theirs}, found are "
            f"{ours}. Use one recipe for both caches."
        )
    return cache_folder / "tokenizer"


def input_spec(manifest: Manifest, tokenizer: Tokenizer, text: TextEncoder) -> InputSpec:
    """Sizes of a model's inputs."""
    series, columns = manifest.timeseries, manifest.columns
    hours, values, variables = series.shape if series else (0, 0, 0)
    return InputSpec(
        vocab_size=tokenizer.get_vocab_size(),
        pad_token_id=tokenizer.token_to_id(SPECIAL["pad_token"]),
        mask_token_id=tokenizer.token_to_id(SPECIAL["mask_token"]),
        special_token_ids=tuple(sorted(map(tokenizer.token_to_id, SPECIAL.values()))),
        max_tokens=text.max_tokens,
        image_px=manifest.image.px if manifest.image else 0,
        series_steps=hours,
        series_values=values,
        series_variables=variables,
        variable_of_value=tuple(series.variable_of_value) if series else (),
        category_names=tuple(columns.sizes) if columns else (),
        category_sizes=tuple(columns.sizes.values()) if columns else (),
        identifiers=tuple(columns.identifiers) if columns else (),
        number_names=tuple(columns.numeric) if columns else (),
        finding_names=tuple(manifest.image.findings) if manifest.image else (),
    )


def sample_frames(manifest: Manifest) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The sample index in its order, with row numbers, and each task's column of fine-tuning.

    Pretraining, which has most samples, asks for no label.

    Raises:
        DataContractError: a sample names a row that is not there, or a name is not unique.
    """
    import polars as pl

    card = manifest.card
    kept, tasks = ["sample_id", "stage", "split", card.unit.column], [t.name for t in card.tasks]
    columns = [*kept, *tasks, *(place.key for place in card.modalities.values())]
    columns += [f"has_{modality}" for modality in card.modalities]
    kept += [f"{modality}_row" for modality in Modality]
    row_of = {modality: _row_numbers(manifest, modality) for modality in Modality}
    parts, labeled = [], []
    for path in manifest.parts("samples"):
        part = pl.read_parquet(path, columns=list(dict.fromkeys(columns)), glob=False)
        for modality, numbers in row_of.items():
            part = _with_row_numbers(part, numbers, modality)
        # The names of rows would take more memory than all else.
        parts.append(part.select(list(dict.fromkeys(kept))))
        labeled.append(part.filter(stage="finetune").select("sample_id", *tasks))
    index = pl.concat(parts)
    if twice := index.select("stage", "sample_id").is_duplicated().sum():
        raise DataContractError(f"samples: sample_id is not unique within a stage ({twice} rows).")
    finetuned = pl.col("stage") == STAGES.index("finetune")
    index = index.with_columns(
        pl.col("stage").replace_strict({name: i for i, name in enumerate(STAGES)}),
        pl.col("split").replace_strict({name: i for i, name in enumerate(SPLITS)}),
        subject_id=_numbered(index[card.unit.column]),
    ).sort("stage", "sample_id")
    labels_row = pl.when(finetuned).then(finetuned.cum_sum().cast(pl.Int32) - 1).otherwise(-1)
    return index.with_columns(labels_row=labels_row), pl.concat(labeled).sort("sample_id")


def sample_records(frame: pl.DataFrame) -> np.ndarray:
    """The sample index with row numbers in place of identifiers, as `SAMPLE` records."""
    records = np.empty(frame.height, SAMPLE)
    for name in SAMPLE.names or ():
        records[name] = frame[name].to_numpy()
    return records


def labels(frame: pl.DataFrame, card: Card) -> np.ndarray:
    """What is known of each sample of fine-tuning, NaN = nothing, (samples, targets) float32.

    Raises:
        DataContractError: a column does not hold what its task says.
    """
    known = np.empty((frame.height, sum(task.targets for task in card.tasks)), np.float32)
    done = 0
    for task in card.tasks:
        known[:, done : done + task.targets] = _task_labels(frame[task.name], task)
        done += task.targets
    return known


def _task_labels(column: pl.Series, task: Task) -> np.ndarray:
    """What is known of one task, (samples, targets) float32."""
    import polars as pl

    if task.kind == Kind.MULTILABEL:
        lists = column.cast(pl.List(pl.Float32))
        numbers = lists.list.len().fill_null(0)
        if wrong := int(((numbers > 0) & (numbers != task.targets)).sum()):
            raise DataContractError(
                f"samples: {task.name} has {task.targets} labels, {wrong} rows have another "
                "number. Make the shards again: snakemake shards."
            )
        values = np.full((len(column), task.targets), np.nan, np.float32)
        told = lists.filter(numbers > 0).explode().to_numpy()
        values[(numbers > 0).to_numpy()] = told.reshape(-1, task.targets)
    else:
        values = column.cast(pl.Float32).to_numpy()[:, None]
    if task.kind == Kind.REGRESSION:
        return values
    classes = 2 if task.kind == Kind.MULTILABEL else len(task.classes)
    if wrong := int((~np.isnan(values) & ~np.isin(values, range(classes))).sum()):
        raise DataContractError(
            f"samples: {task.name} has {wrong} values out of range; allowed are 0 to "
            f"{classes - 1} and null. Make the shards again: snakemake shards."
        )
    return values


def _numbered(subjects: pl.Series) -> pl.Series:
    """Subjects as numbers: names by their rank, from 0."""
    import polars as pl

    return subjects.rank("dense").cast(pl.Int64) - 1 if subjects.dtype == pl.String else subjects


def _row_numbers(manifest: Manifest, modality: Modality) -> pl.DataFrame | None:
    """The rows of a modality's table by their key, numbered; None = the data have none."""
    import polars as pl

    if not (place := manifest.place(modality)):
        return None
    keys = pl.read_parquet(manifest.parts(place.table), columns=[place.key], glob=False)
    return keys.with_row_index(f"{modality}_row")


def _with_row_numbers(
    samples: pl.DataFrame, numbers: pl.DataFrame | None, modality: Modality
) -> pl.DataFrame:
    """Samples with the modality's row in its table, -1 = absent."""
    import polars as pl

    row, flag = f"{modality}_row", f"has_{modality}"
    if numbers is None:
        return samples.with_columns(pl.lit(-1, pl.Int32).alias(row))
    (key,) = set(numbers.columns) - {row}
    samples = samples.join(numbers, on=key, how="left", validate="m:1")
    if lost := samples.filter(pl.col(flag) & pl.col(row).is_null()).height:
        raise DataContractError(
            f"samples: {lost} rows have {flag} but a {key} that its table does not hold. "
            "Make the shards again: snakemake shards."
        )
    found = pl.when(flag).then(pl.col(row).cast(pl.Int32)).otherwise(-1)
    return samples.with_columns(found.alias(row))
