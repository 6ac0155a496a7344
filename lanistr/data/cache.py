"""Shards made ready for training: arrays that processes share.

Everything costly or random-access-hostile is done once: texts are tokenised, images decoded,
series normalised. What remains is memory-mapped `.npy` files and, per sample, row numbers. The
arrays of a modality that a dataset does not have are empty.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from lanistr.batch import InputSpec
from lanistr.data.card import Card
from lanistr.errors import ConfigError, DataContractError
from lanistr.experiments.architecture import TextEncoder
from lanistr.experiments.config import Experiment
from lanistr.modality import Modality, sort_modalities, subset_names
from lanistr.task import Task

FORMAT = 4
STAGES = ("pretrain", "finetune")
SPLITS = ("train", "valid", "test")
ARRAYS = (
    *("tokens", "tokens_offsets", "described_tokens", "described_tokens_offsets"),
    *("pixels", "findings", "categories", "numbers", "series", "observed", "samples", "labels"),
)

# One record per sample. Its subject is what the card calls the unit, such as a patient; stage and
# split are positions in STAGES and SPLITS, row numbers -1 = absent, of labels in all pretraining.
SAMPLE = np.dtype(
    [
        ("sample_id", np.int64),
        ("subject_id", np.int64),
        *[(f"{modality}_row", np.int32) for modality in Modality],
        ("stage", np.uint8),
        ("split", np.uint8),
        ("labels_row", np.int32),
    ]
)


@dataclass(frozen=True)
class Cache:
    """An open cache; the arrays are memory-mapped and read-only.

    Attributes:
        spec: what the data fixes about a model's inputs, of no task.
        card: what the data set says of itself.
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
        labels: what is known of each sample of fine-tuning, NaN = nothing, (samples, targets)
            float32; the columns of one task of the card after those of another.
    """

    spec: InputSpec
    card: Card
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
    labels: np.ndarray

    def task_of(self, experiment: Experiment) -> Task | None:
        """The task that an experiment learns; None in pretraining.

        Raises:
            ConfigError: the data set has no such task.
        """
        if experiment.stage == "pretrain":
            return None
        try:
            return self.card.task(experiment.task)
        except KeyError as error:
            raise ConfigError(f"{experiment.name}: {error.args[0]}") from None

    def spec_for(self, experiment: Experiment) -> InputSpec:
        """What the data fixes about the inputs of an experiment's model.

        Raises:
            ConfigError: the data set has no such task.
        """
        task, spec = self.task_of(experiment), self.spec
        never = task.never_inputs if task else ()
        sizes = dict(zip(spec.category_names, spec.category_sizes, strict=True))
        kept = {name: size for name, size in sizes.items() if name not in never}
        return replace(
            spec,
            category_names=tuple(kept),
            category_sizes=tuple(kept.values()),
            identifiers=tuple(name for name in spec.identifiers if name not in never),
            number_names=tuple(name for name in spec.number_names if name not in never),
            task=task,
        )

    def targets(self, records: np.ndarray, task: Task | None) -> np.ndarray:
        """What is known of samples, NaN = nothing, (N, task.targets) float32; no columns of None.

        Args:
            records: of `samples`, in the order of the result; of fine-tuning, unless task is None.
            task: one of the card's.
        """
        if task is None:
            return np.empty((len(records), 0), np.float32)
        before = self.card.tasks[: self.card.tasks.index(task)]
        first = sum(each.targets for each in before)
        return self.labels[records["labels_row"], first : first + task.targets]


def subsets_of(records: np.ndarray, modalities: Sequence[Modality]) -> np.ndarray:
    """Number of the subset of these modalities that each sample has, (N,) int64.

    Args:
        records: of `Cache.samples`.
        modalities: bit i of a number stands for the i-th.
    """
    has = np.stack([records[f"{modality}_row"] >= 0 for modality in modalities], axis=1)
    return has @ (1 << np.arange(len(modalities)))


def pattern_names(records: np.ndarray, modalities: Iterable[Modality]) -> list[str]:
    """What each sample has of these modalities, such as "text+image"; "none" where nothing."""
    ordered = sort_modalities(modalities)
    names = subset_names(ordered)
    return [names[number] for number in subsets_of(records, ordered)]


def read_card(folder: Path) -> Card:
    """The card in a cache, without opening its arrays.

    Raises:
        DataContractError: not a complete cache of this version.
    """
    return Card.model_validate(_facts(folder)["card"])


def _facts(folder: Path) -> dict[str, Any]:
    """What spec.json says."""
    path = folder / "spec.json"
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise DataContractError(
            f"{path} is not there. Make the cache: python -m lanistr cache."
        ) from None
    if facts["format"] != FORMAT:
        raise DataContractError(
            f"{folder} has cache format {facts['format']}, allowed is {FORMAT}. "
            "Make it again: python -m lanistr cache."
        )
    return facts


def open_cache(folder: Path) -> Cache:
    """The cache in `folder`, without reading its arrays.

    Raises:
        DataContractError: not a complete cache of this version.
    """
    facts = _facts(folder)
    try:
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
    card = Card.model_validate(facts["card"])
    return Cache(spec=InputSpec(**inputs), card=card, **about, **arrays)


def text_settings(text: TextEncoder) -> dict[str, Any]:
    """The settings of a text encoder that decide its tokens."""
    return text.model_dump(include={"pretrained", "max_tokens", "vocab_size"})
