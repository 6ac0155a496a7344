"""What training costs, estimated before it runs. Works without torch.

The rule: a weight that is trained costs 6 floating-point operations per token (2 forward, 4
backward), a frozen one 2. Source: Kaplan et al. 2020, section 2.1. Counted are the matrices of the
encoders and of the fusion, over the longest text of the recipe, all patches and all hours.
Pretraining with the similarity loss sees every sample twice; what frozen encoders read is encoded
once per run and view, not per epoch. Left out are the attention's own
products (4 x tokens x width per token and layer, 11 % of BERT-base at 512 tokens), embeddings,
heads, TabNet and validation. Samples count whole whether or not a modality is absent, and those
that become one where a modality is left out count separately: for such runs it is an upper bound.
Methods other than LANISTR count as LANISTR with their modalities.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lanistr.architecture import Transformer
from lanistr.config import Experiment, Modality
from lanistr.errors import ConfigError, DataContractError

TRAINED, FROZEN = 6, 2
HOURS = 48  # of a time series. Source: LANISTR, section 5.1
SECONDS_PER_HOUR = 3600


@dataclass(frozen=True)
class Counts:
    """Training samples of a dataset and stage.

    Attributes:
        samples: all of them.
        parallel: those with every modality.
    """

    samples: int
    parallel: int


@dataclass(frozen=True)
class Cost:
    """Of one run.

    Attributes:
        samples: that are passed, all epochs together.
        flops: floating-point operations, all together.
    """

    samples: int
    flops: float

    def gpu_hours(self, tflops: float) -> float:
        """Hours of one GPU, or of several together.

        Args:
            tflops: that one GPU sustains, in 10^12 operations per second.

        >>> Cost(samples=1, flops=3.6e17).gpu_hours(100)
        1.0
        """
        return self.flops / (tflops * 1e12) / SECONDS_PER_HOUR


def cost(experiment: Experiment, counts: Counts, image_px: int) -> Cost:
    """The estimate for one run.

    Args:
        experiment: sizes, stage, epochs and what it sees.
        counts: of its dataset and stage.
        image_px: side of the images.
    """
    drawn = per_epoch(experiment, counts)
    passed = experiment.optim.epochs * drawn
    every, once = flops_per_sample(experiment, image_px)
    return Cost(passed, float(passed) * every + float(drawn) * once)


def per_epoch(experiment: Experiment, counts: Counts) -> int:
    """Training samples of an epoch."""
    data = experiment.data
    parallel = data.parallel_only or bool(data.require)
    samples = round(data.unlabeled_share * (counts.parallel if parallel else counts.samples))
    return min(samples, data.samples_per_epoch or samples)


def flops_per_sample(experiment: Experiment, image_px: int) -> tuple[int, int]:
    """Floating-point operations of one sample: in every epoch, and once in a run."""
    length = tokens(experiment, image_px)
    passes = 2 if experiment.stage == "pretrain" and "mmm" in experiment.losses else 1
    fuses = experiment.stage == "finetune" or passes == 2
    every, once = fuses * TRAINED * weights(experiment.fusion) * (1 + sum(length.values())), 0
    for modality in set(length) - {Modality.TABULAR}:
        forward = weights(getattr(experiment.encoders, modality)) * length[modality]
        if is_frozen(experiment, modality):
            views = experiment.data.views if modality == Modality.IMAGE else 1
            once += FROZEN * forward * views
        else:
            every += TRAINED * forward
    return passes * every, once


def tokens(experiment: Experiment, image_px: int) -> dict[Modality, int]:
    """The most tokens of each modality in use."""
    sizes = experiment.encoders
    longest = {
        Modality.TEXT: sizes.text.max_tokens,
        Modality.IMAGE: (image_px // sizes.image.patch_px) ** 2 + 1,
        Modality.TABULAR: sizes.tabular.steps,
        Modality.TIMESERIES: HOURS,
    }
    return {modality: longest[modality] for modality in sorted(experiment.modalities)}


def is_frozen(experiment: Experiment, modality: Modality) -> bool:
    """Whether fine-tuning leaves an encoder as it is: it starts from trained weights."""
    own = getattr(experiment.encoders, modality).pretrained if modality in LIBRARY else None
    starts_trained = bool(experiment.init or own)
    return experiment.stage == "finetune" and experiment.freeze == "pretrained" and starts_trained


LIBRARY = (Modality.TEXT, Modality.IMAGE)
"""The encoders that can start from the weights of a library."""


def weights(sizes: Transformer) -> int:
    """Numbers in the matrices of a Transformer: four of attention and two after it, per layer.

    >>> weights(Transformer()) / 1e6
    84.934656
    """
    return sizes.layers * (4 * sizes.hidden**2 + 2 * sizes.hidden * sizes.intermediate)


def counts_of(manifest: Path, paper: Path, dataset: str, stage: str) -> Counts:
    """How many training samples there are: by the manifest if it is there, else as in the paper.

    Raises:
        ConfigError: neither knows the dataset.
        DataContractError: a manifest without counts.
    """
    if manifest.is_file():
        told = read_counts(manifest)
        category = dataset.partition("/")[2]
        patterns = (told.get(category, {}) if category else told).get(stage, {}).get("train", {})
        whole = most_modalities(patterns)
        return Counts(sum(patterns.values()), sum(patterns[pattern] for pattern in whole))
    with paper.open(newline="") as lines:
        for line in csv.DictReader(lines, delimiter="\t"):
            if (line["dataset"], line["stage"]) == (dataset, stage):
                return Counts(int(line["samples"]), int(line["parallel"]))
    raise ConfigError(
        f"{dataset}, {stage}: {paper} has no number of samples and {manifest} is not there. "
        "Make the shards first: snakemake shards."
    )


def read_counts(manifest: Path) -> dict[str, Any]:
    """The numbers of samples in a manifest, by stage, split and pattern of modalities.

    Raises:
        DataContractError: there are none.
    """
    try:
        return json.loads(manifest.read_text())["counts"]
    except (json.JSONDecodeError, KeyError):
        raise DataContractError(
            f"{manifest} has no counts of samples. Make the shards again: snakemake shards."
        ) from None


def most_modalities(patterns: Mapping[str, int]) -> list[str]:
    """The patterns of the samples that lack nothing that others have.

    >>> most_modalities({"image+text": 3, "text": 4})
    ['image+text']
    """
    most = max((pattern.count("+") for pattern in patterns), default=0)
    return [pattern for pattern in patterns if pattern.count("+") == most]
