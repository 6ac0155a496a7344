"""How many samples the runs of an experiment see: by the shards, else as in the paper.

Works without torch. Samples that become one where a modality is left out count separately, unless
radiographs are alone: for such runs it is an upper bound.
"""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from lanistr.errors import ConfigError, DataContractError
from lanistr.experiments.config import VALID_SHARE, Experiment
from lanistr.modality import Modality


@dataclass(frozen=True)
class Counts:
    """Samples of a dataset and stage.

    Attributes:
        samples: of the train split.
        parallel: those of them with every modality; valid and test have as large a share.
        images: distinct ones, of all splits; 0 = not known.
        valid: samples of the validation split.
        test: samples of the test split.
        rows: of each modality's table, of all splits; none = not known.
        channels: of its images.
    """

    samples: int
    parallel: int
    images: int = 0
    valid: int = 0
    test: int = 0
    rows: Mapping[Modality, int] = field(default_factory=dict)
    channels: int = 3


def learned_from(experiment: Experiment, counts: Counts) -> int:
    """Training samples that a run has."""
    data = experiment.data
    needed = data.require if data.train_require is None else data.train_require
    samples = counts.parallel if data.parallel_only or len(needed) > 1 else counts.samples
    if experiment.stage == "pretrain" and experiment.modalities == {Modality.IMAGE}:
        samples = min(samples, counts.images or samples)
    return data.labels or round(data.unlabeled_share * data.labeled_share * samples)


def per_epoch(experiment: Experiment, counts: Counts) -> int:
    """Training samples of an epoch."""
    samples = learned_from(experiment, counts)
    return min(samples, experiment.data.samples_per_epoch or samples)


def asked_about(experiment: Experiment, counts: Counts, split: str) -> int:
    """Samples of `valid` in every epoch, or of `test` at the end of a fine-tuning."""
    data, pretraining = experiment.data, experiment.stage == "pretrain"
    if pretraining and split == "test":
        return 0
    narrow = (data.parallel_only and split == "valid") or len(data.require) > 1
    samples = counts.valid if split == "valid" else counts.test
    if narrow:
        samples = round(samples * counts.parallel / max(1, counts.samples))
    if pretraining and data.samples_per_epoch:
        return min(samples, math.ceil(VALID_SHARE * data.samples_per_epoch))
    return samples


def counts_of(manifest: Path | None, paper: Path | None, dataset: str, stage: str) -> Counts:
    """How many samples there are: by the manifest if it is there, else as in the paper.

    Args:
        manifest: of the shards.
        paper: the paper's numbers (TSV); None = of generated data, which only shards count.
        dataset: as an experiment names it.
        stage: pretrain or finetune.

    Raises:
        ConfigError: neither knows the dataset.
        DataContractError: a manifest without counts.
    """
    family, _, variant = dataset.partition("/")
    if manifest and manifest.is_file():
        return read_counts(manifest, variant, stage)
    for line in read_lines(paper) if paper else ():
        if line["dataset"] in (dataset, family) and line["stage"] == stage:
            number = {name: int(value or 0) for name, value in list(line.items())[2:]}
            rows = {modality: number.pop(modality) for modality in Modality}
            return Counts(**number, rows=rows)
    there = f"{manifest} is not there" if manifest else "no manifest was given"
    raise ConfigError(
        f"{dataset}, {stage}: {paper or 'nothing'} has no number of samples and {there}. "
        "Give manifest.json of the shards with --manifest; snakemake shards writes it."
    )


def read_lines(path: Path) -> list[dict[str, str]]:
    """The lines of a table with tabs, by the names of its columns."""
    with path.open(newline="", encoding="utf-8") as lines:
        return list(csv.DictReader(lines, delimiter="\t"))


def read_counts(path: Path, variant: str, stage: str) -> Counts:
    """What a manifest tells of a stage.

    Raises:
        DataContractError: it has no counts.
    """
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        splits = told["counts"].get(variant, told["counts"]).get(stage, {})
        rows = {
            Modality(modality): told["tables"].get(place["table"], {"rows": 0})["rows"]
            for modality, place in told["card"]["modalities"].items()
        }
        channels = (told.get("image") or {}).get("channels", 1)
    except (json.JSONDecodeError, KeyError):
        raise DataContractError(
            f"{path} has no counts of samples. Make the shards again: snakemake shards."
        ) from None
    patterns = splits.get("train", {})
    parallel = sum(patterns[pattern] for pattern in most_modalities(patterns))
    train, valid, test = (
        sum(splits.get(split, {}).values()) for split in ("train", "valid", "test")
    )
    images = rows.get(Modality.IMAGE, 0)
    return Counts(train, parallel, images, valid, test, rows, channels)


def most_modalities(patterns: Mapping[str, int]) -> list[str]:
    """The patterns of the samples that lack nothing that others have.

    >>> most_modalities({"image+text": 3, "text": 4})
    ['image+text']
    """
    most = max((pattern.count("+") for pattern in patterns), default=0)
    return [pattern for pattern in patterns if pattern.count("+") == most]
