"""Shards made ready for training: tokens, pixels and series as arrays that processes share.

Everything costly or random-access-hostile is done once: texts are tokenised, radiographs decoded,
series normalised. What remains is memory-mapped `.npy` files and, per sample, row numbers.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lanistr.arrays import train_texts, write_pixels, write_series, write_tokens
from lanistr.batch import InputSpec
from lanistr.config import Encoders, Modality, TextEncoder
from lanistr.errors import ConfigError, DataContractError
from lanistr.manifest import Manifest, read_manifest
from lanistr.tokens import SPECIAL, tokenizer_for

if TYPE_CHECKING:
    import polars as pl
    from tokenizers import Tokenizer

FORMAT = 1
STAGES = ("pretrain", "finetune")
SPLITS = ("train", "valid", "test")
TABLES = {Modality.TEXT: "notes", Modality.IMAGE: "images", Modality.TIMESERIES: "timeseries"}
KEYS = {Modality.TEXT: "note_id", Modality.IMAGE: "dicom_id", Modality.TIMESERIES: "stay_id"}

# One record per sample; stage and split are positions in STAGES and SPLITS,
# label -1 = unlabeled, row numbers -1 = absent.
SAMPLE = np.dtype(
    [
        ("sample_id", np.int64),
        ("subject_id", np.int64),
        *[(f"{modality}_row", np.int32) for modality in TABLES],
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
        tokens: ids of all notes, one after the other, (sum of lengths,).
        token_offsets: note i is tokens[token_offsets[i]:token_offsets[i + 1]], (notes + 1,).
        pixels: grey values, (images, px, px) uint8.
        series: normalised, 0 where unobserved, (stays, hours, values) float32.
        observed: 1 = measured in that hour, (stays, hours, variables) uint8.
        samples: one `SAMPLE` record per sample.
    """

    spec: InputSpec
    text: dict[str, Any]
    provenance: dict[str, Any]
    digest: str
    tokens: np.ndarray
    token_offsets: np.ndarray
    pixels: np.ndarray
    series: np.ndarray
    observed: np.ndarray
    samples: np.ndarray


def open_cache(folder: Path) -> Cache:
    """The cache in `folder`, without reading its arrays.

    Raises:
        DataContractError: not a complete cache of this version.
    """
    names = ("tokens", "token_offsets", "pixels", "series", "observed", "samples")
    try:
        facts = json.loads((folder / "spec.json").read_text())
        if facts["format"] != FORMAT:
            raise DataContractError(
                f"{folder} has cache format {facts['format']}, allowed is {FORMAT}. "
                "Make it again: python -m lanistr cache."
            )
        arrays = {name: np.load(folder / f"{name}.npy", mmap_mode="r") for name in names}
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


def build_cache(manifest_path: Path, encoders: Encoders, folder: Path, threads: int) -> None:
    """Write the cache of the shards beside `manifest_path` into `folder`; `spec.json` comes last.

    Memory stays bounded by some rows of each table and by the sample index.

    Args:
        manifest_path: manifest.json of the shards.
        encoders: the recipe's sizes; tokens depend on `text`, `image.patch_px` is checked.
        folder: receives the arrays, the tokenizer and spec.json.
        threads: decode radiographs.

    Raises:
        ConfigError: the recipe does not fit the shards.
        DataContractError: the shards do not fit their manifest.
    """
    manifest = read_manifest(manifest_path)
    if manifest.image.px % encoders.image.patch_px:
        raise ConfigError(
            f"encoders.image.patch_px: radiographs of {manifest.image.px} px cannot be cut into "
            f"patches of {encoders.image.patch_px} px. Choose a divisor, "
            "or make the shards with another mimic.image_px."
        )
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "spec.json").unlink(missing_ok=True)
    tokenizer = tokenizer_for(encoders.text, lambda: train_texts(manifest), folder / "tokenizer")
    write_tokens(manifest, tokenizer, folder)
    write_pixels(manifest, folder, threads)
    write_series(manifest, folder)
    np.save(folder / "samples.npy", sample_records(manifest))
    spec = input_spec(manifest, tokenizer, encoders.text)
    text = text_settings(encoders.text)
    made_from = [FORMAT, manifest.digest, text, tokenizer.to_str()]
    facts = {
        "format": FORMAT,
        "inputs": asdict(spec),
        "text": text,
        "provenance": manifest.provenance,
        "digest": blake2b(json.dumps(made_from).encode(), digest_size=8).hexdigest(),
    }
    (folder / "spec.json").write_text(json.dumps(facts, indent=2))


def text_settings(text: TextEncoder) -> dict[str, Any]:
    """The settings of a text encoder that decide its tokens."""
    return text.model_dump(include={"pretrained", "max_tokens", "vocab_size"})


def input_spec(manifest: Manifest, tokenizer: Tokenizer, text: TextEncoder) -> InputSpec:
    """Sizes of a model's inputs."""
    return InputSpec(
        vocab_size=tokenizer.get_vocab_size(),
        pad_token_id=tokenizer.token_to_id(SPECIAL["pad_token"]),
        mask_token_id=tokenizer.token_to_id(SPECIAL["mask_token"]),
        special_token_ids=tuple(sorted(map(tokenizer.token_to_id, SPECIAL.values()))),
        max_tokens=text.max_tokens,
        image_px=manifest.image.px,
        series_steps=manifest.timeseries.hours,
        series_values=len(manifest.timeseries.variable_of_value),
        series_variables=len(manifest.timeseries.variable_names),
        variable_of_value=tuple(manifest.timeseries.variable_of_value),
    )


def sample_records(manifest: Manifest) -> np.ndarray:
    """The sample index with row numbers in place of identifiers.

    Raises:
        DataContractError: a sample names a row that is not there, or a name is not unique.
    """
    import polars as pl

    frame = pl.read_parquet(
        manifest.parts("samples"),
        columns=["sample_id", "stage", "split", "subject_id", "label"]
        + [f"has_{modality}" for modality in TABLES]
        + list(KEYS.values()),
    )
    for modality in TABLES:
        frame = _with_row_numbers(frame, manifest, modality)
    if twice := frame.select("stage", "sample_id").is_duplicated().sum():
        raise DataContractError(f"samples: sample_id is not unique within a stage ({twice} rows).")
    frame = frame.with_columns(
        pl.col("stage").replace_strict({name: i for i, name in enumerate(STAGES)}),
        pl.col("split").replace_strict({name: i for i, name in enumerate(SPLITS)}),
        pl.col("label").fill_null(-1),
    ).sort("stage", "sample_id")
    records = np.empty(frame.height, SAMPLE)
    for name in SAMPLE.names or ():
        records[name] = frame[name].to_numpy()
    return records


def _with_row_numbers(frame: pl.DataFrame, manifest: Manifest, modality: Modality) -> pl.DataFrame:
    """The sample index with the modality's row in its table, -1 = absent."""
    import polars as pl

    key, flag, row = KEYS[modality], f"has_{modality}", f"{modality}_row"
    rows = pl.read_parquet(manifest.parts(TABLES[modality]), columns=[key]).with_row_index(row)
    frame = frame.join(rows, on=key, how="left", validate="m:1")
    if lost := frame.filter(pl.col(flag) & pl.col(row).is_null()).height:
        raise DataContractError(
            f"samples: {lost} rows have {flag} but a {key} that {TABLES[modality]} does not hold. "
            "Make the shards again: snakemake shards."
        )
    found = pl.when(flag).then(pl.col(row).cast(pl.Int32)).otherwise(-1)
    return frame.with_columns(found.alias(row))
