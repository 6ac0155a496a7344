"""Shards made ready for training: arrays that processes share.

Everything costly or random-access-hostile is done once: texts are tokenised, images decoded,
series normalised. What remains is memory-mapped `.npy` files and, per sample, row numbers. The
arrays of a modality that a dataset does not have are empty.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from functools import partial
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any

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
from lanistr.data.manifest import Manifest, read_manifest
from lanistr.data.processor import write_processor
from lanistr.data.tokenizer import SPECIAL, tokenizer_for
from lanistr.errors import ConfigError, DataContractError
from lanistr.experiments.architecture import Encoders, TextEncoder
from lanistr.modality import Modality

if TYPE_CHECKING:
    import polars as pl
    from tokenizers import Tokenizer

FORMAT = 3
STAGES = ("pretrain", "finetune")
SPLITS = ("train", "valid", "test")
ARRAYS = (
    *("tokens", "tokens_offsets", "described_tokens", "described_tokens_offsets"),
    *("pixels", "findings", "categories", "numbers", "series", "observed", "samples"),
)

# One record per sample. Its subject is a patient, or the product of a review;
# stage and split are positions in STAGES and SPLITS, label -1 = unlabeled, row numbers -1 = absent.
SAMPLE = np.dtype(
    [
        ("sample_id", np.int64),
        ("subject_id", np.int64),
        *[(f"{modality}_row", np.int32) for modality in Modality],
        ("stage", np.uint8),
        ("split", np.uint8),
        ("label", np.int8),
    ]
)


@dataclass(frozen=True)
class Cache:
    """An open cache; the arrays are memory-mapped and read-only.

    Attributes:
        spec: what the data fixes about a model's inputs.
        text: settings of the text encoder that decided the tokens.
        provenance: dataset, scale, profile, switches, text source and digest of the shards.
        digest: of everything that the arrays derive from.
        tokens: ids of all texts, one after the other, (sum of lengths,).
        tokens_offsets: text i is tokens[tokens_offsets[i]:tokens_offsets[i + 1]], (texts + 1,).
        described_tokens: of the same texts, with the columns of the table in front (Tab2Txt).
        described_tokens_offsets: of these.
        pixels: (images, px, px) grey or (images, px, px, 3) RGB, uint8.
        findings: 1 = stated of the image, 0 = not, -1 = without labels, (images, F) int8.
        categories: codes, (rows, K) int32.
        numbers: standardised, 0 where missing, (rows, M) float32.
        series: normalised, 0 where unobserved, (stays, hours, values) float32.
        observed: 1 = measured in that hour, (stays, hours, variables) uint8.
        samples: one `SAMPLE` record per sample.
    """

    spec: InputSpec
    text: dict[str, Any]
    provenance: dict[str, Any]
    digest: str
    tokens: np.ndarray
    tokens_offsets: np.ndarray
    described_tokens: np.ndarray
    described_tokens_offsets: np.ndarray
    pixels: np.ndarray
    findings: np.ndarray
    categories: np.ndarray
    numbers: np.ndarray
    series: np.ndarray
    observed: np.ndarray
    samples: np.ndarray


def open_cache(folder: Path) -> Cache:
    """The cache in `folder`, without reading its arrays.

    Raises:
        DataContractError: not a complete cache of this version.
    """
    try:
        facts = json.loads((folder / "spec.json").read_text())
        if facts["format"] != FORMAT:
            raise DataContractError(
                f"{folder} has cache format {facts['format']}, allowed is {FORMAT}. "
                "Make it again: python -m lanistr cache."
            )
        arrays = {name: np.load(folder / f"{name}.npy", mmap_mode="r") for name in ARRAYS}
    except FileNotFoundError as error:
        raise DataContractError(
            f"{error.filename} is not there. Make the cache: python -m lanistr cache."
        ) from None
    inputs: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in facts["inputs"].items()
    }
    about = {name: facts[name] for name in ("text", "provenance", "digest")}
    return Cache(spec=InputSpec(**inputs), **about, **arrays)


def build_cache(
    manifest_path: Path,
    encoders: Encoders,
    folder: Path,
    threads: int,
    *,
    category: str | None = None,
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
        category: of reviews; None where the shards have no categories.
        vocabulary: cache whose tokenizer is used, so that weights fit both; None = its own.

    Raises:
        ConfigError: the recipe does not fit the shards or the vocabulary.
        DataContractError: the shards do not fit their manifest.
    """
    manifest = read_manifest(manifest_path)
    if category:
        manifest = manifest.of_category(category)
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
    np.save(folder / "samples.npy", sample_records(manifest))
    write_processor(manifest, folder)
    text = text_settings(encoders.text)
    made_from = [FORMAT, manifest.dataset, manifest.digest, text, tokenizer.to_str()]
    facts = {
        "format": FORMAT,
        "inputs": asdict(input_spec(manifest, tokenizer, encoders.text)),
        "text": text,
        "provenance": manifest.provenance,
        "digest": blake2b(json.dumps(made_from).encode(), digest_size=8).hexdigest(),
    }
    (folder / "spec.json").write_text(json.dumps(facts, indent=2))


def check_fit(manifest: Manifest, encoders: Encoders) -> None:
    """Refuse shards without categories chosen, or images that cannot be cut into patches.

    Raises:
        ConfigError: they do not fit.
    """
    if "samples" not in manifest.tables:
        known = sorted(name.split("/")[0] for name in manifest.tables if "/samples" in name)
        raise ConfigError(
            f"{manifest.folder} holds several categories. Give --category, one of {known}."
        )
    if manifest.image.px % encoders.image.patch_px:
        raise ConfigError(
            f"encoders.image.patch_px: images of {manifest.image.px} px cannot be cut into "
            f"patches of {encoders.image.patch_px} px. Choose a divisor, "
            f"or make the shards with another {manifest.dataset.split('/')[0]}.image_px."
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


def text_settings(text: TextEncoder) -> dict[str, Any]:
    """The settings of a text encoder that decide its tokens."""
    return text.model_dump(include={"pretrained", "max_tokens", "vocab_size"})


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
        image_px=manifest.image.px,
        series_steps=hours,
        series_values=values,
        series_variables=variables,
        variable_of_value=tuple(series.variable_of_value) if series else (),
        category_names=tuple(columns.sizes) if columns else (),
        category_sizes=tuple(columns.sizes.values()) if columns else (),
        identifiers=tuple(columns.identifiers) if columns else (),
        number_names=tuple(columns.numeric) if columns else (),
        finding_names=tuple(manifest.image.findings),
    )


def sample_records(manifest: Manifest) -> np.ndarray:
    """The sample index with row numbers in place of identifiers.

    Raises:
        DataContractError: a sample names a row that is not there, or a name is not unique.
    """
    import polars as pl

    layout = manifest.layout
    columns = ["sample_id", "stage", "split", layout.subject, "label", *layout.keys.values()]
    columns += [f"has_{modality}" for modality in layout.tables]
    frame = pl.read_parquet(manifest.parts("samples"), columns=list(dict.fromkeys(columns)))
    for modality in Modality:
        frame = _with_row_numbers(frame, manifest, modality)
    if twice := frame.select("stage", "sample_id").is_duplicated().sum():
        raise DataContractError(f"samples: sample_id is not unique within a stage ({twice} rows).")
    frame = frame.with_columns(
        pl.col("stage").replace_strict({name: i for i, name in enumerate(STAGES)}),
        pl.col("split").replace_strict({name: i for i, name in enumerate(SPLITS)}),
        pl.col("label").fill_null(-1),
        subject_id=_numbered(frame[layout.subject]),
    ).sort("stage", "sample_id")
    records = np.empty(frame.height, SAMPLE)
    for name in SAMPLE.names or ():
        records[name] = frame[name].to_numpy()
    return records


def _numbered(subjects: pl.Series) -> pl.Series:
    """Subjects as numbers: names by their rank, from 0."""
    import polars as pl

    return subjects.rank("dense").cast(pl.Int64) - 1 if subjects.dtype == pl.String else subjects


def _with_row_numbers(frame: pl.DataFrame, manifest: Manifest, modality: Modality) -> pl.DataFrame:
    """The sample index with the modality's row in its table, -1 = absent."""
    import polars as pl

    layout, row = manifest.layout, f"{modality}_row"
    if modality not in layout.tables:
        return frame.with_columns(pl.lit(-1, pl.Int32).alias(row))
    table, key, flag = layout.tables[modality], layout.keys[modality], f"has_{modality}"
    rows = pl.read_parquet(manifest.parts(table), columns=[key]).with_row_index(row)
    frame = frame.join(rows, on=key, how="left", validate="m:1")
    if lost := frame.filter(pl.col(flag) & pl.col(row).is_null()).height:
        raise DataContractError(
            f"samples: {lost} rows have {flag} but a {key} that {table} does not hold. "
            "Make the shards again: snakemake shards."
        )
    found = pl.when(flag).then(pl.col(row).cast(pl.Int32)).otherwise(-1)
    return frame.with_columns(found.alias(row))
