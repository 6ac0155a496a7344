"""What training costs, estimated before it runs. Works without torch.

The rule: a weight that is trained costs 6 floating-point operations per token (2 forward, 4
backward), a frozen one 2. Source: Kaplan et al. 2020, section 2.1. Counted are the matrices of the
encoders and of the fusion, over the longest text of the recipe, all patches and all hours; a
method that is made otherwise says so in its folder (ALBEF, MedFuse). Pretraining with the
similarity loss sees every sample twice; what LANISTR's and LateFusion's frozen encoders read is
encoded once per run and view, not per epoch.

Left out are the attention's own products (4 x tokens x width per token and layer, 11 % of BERT-base
at 512 tokens), embeddings, heads, TabNet, MedFuse's and AutoGluon's fusion, and validation. All
epochs are counted, though a run may stop early. Samples count whole whether or not a modality is
absent. Those that become one where a modality is left out count separately, unless radiographs are
alone: for such runs it is an upper bound. A Perceiver counts as the Transformer in its place, and
CoCa as LANISTR with text and image, which is more than open_clip's smaller architectures cost; a
Transformer over columns counts as TabNet.
"""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from pkgutil import resolve_name
from typing import Any

from lanistr.errors import ConfigError, DataContractError
from lanistr.experiments.architecture import Transformer
from lanistr.experiments.config import Experiment
from lanistr.experiments.methods import methods
from lanistr.modality import Modality

TRAINED, FROZEN = 6, 2
HOURS = 48  # of a time series. Source: LANISTR, section 5.1
VALUES, VARIABLES = 59, 17  # of an hour, as preprocessing writes it
SECONDS_PER_HOUR = 3600


@dataclass(frozen=True)
class Counts:
    """Training samples of a dataset and stage.

    Attributes:
        samples: all of them.
        parallel: those with every modality.
        images: distinct ones, of all splits; 0 = not known.
    """

    samples: int
    parallel: int
    images: int = 0


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
    needed = data.require if data.train_require is None else data.train_require
    samples = counts.parallel if data.parallel_only or len(needed) > 1 else counts.samples
    if experiment.stage == "pretrain" and experiment.modalities == {Modality.IMAGE}:
        samples = min(samples, counts.images or samples)
    samples = data.labels or round(data.unlabeled_share * data.labeled_share * samples)
    return min(samples, data.samples_per_epoch or samples)


def flops_per_sample(experiment: Experiment, image_px: int) -> tuple[int, int]:
    """Floating-point operations of one sample: in every epoch, and once in a run."""
    method = methods()[experiment.method]
    if method.flops:
        return resolve_name(method.flops)(experiment, image_px)
    length = tokens(experiment, image_px)
    passes = 2 if experiment.stage == "pretrain" and "mmm" in experiment.losses else 1
    fuses = method.fuses_tokens and (experiment.stage == "finetune" or passes == 2)
    every, once = fuses * TRAINED * weights(experiment.fusion) * (1 + sum(length.values())), 0
    for modality in set(length) - {Modality.TABULAR}:
        forward = weights(getattr(experiment.encoders, modality)) * length[modality]
        if modality in experiment.frozen:
            views = experiment.data.views if modality == Modality.IMAGE else 1
            once += FROZEN * forward * views
        else:
            every += TRAINED * forward
    return passes * every, once


def tokens(experiment: Experiment, image_px: int) -> dict[Modality, int]:
    """The most tokens of each modality in use."""
    sizes, series = experiment.encoders, experiment.encoders.timeseries
    blocks = math.ceil(HOURS / series.block_hours)
    longest = {
        Modality.TEXT: sizes.text.max_tokens,
        Modality.IMAGE: (image_px // sizes.image.patch_px) ** 2 + 1,
        Modality.TABULAR: sizes.tabular.steps,
        Modality.TIMESERIES: HOURS if series.kind == "hours" else VARIABLES + blocks,
    }
    return {modality: longest[modality] for modality in sorted(experiment.modalities)}


def weights(sizes: Transformer) -> int:
    """Numbers in the matrices of a Transformer: four of attention and two after it, per layer.

    >>> weights(Transformer()) / 1e6
    84.934656
    """
    return sizes.layers * (4 * sizes.hidden**2 + 2 * sizes.hidden * sizes.intermediate)


def counts_of(manifest: Path | None, paper: Path, dataset: str, stage: str) -> Counts:
    """How many training samples there are: by the manifest if it is there, else as in the paper.

    Raises:
        ConfigError: neither knows the dataset.
        DataContractError: a manifest without counts.
    """
    family, _, variant = dataset.partition("/")
    if manifest and manifest.is_file():
        told, images = read_counts(manifest)
        patterns = told.get(variant, told).get(stage, {}).get("train", {})
        whole = most_modalities(patterns)
        parallel = sum(patterns[pattern] for pattern in whole)
        return Counts(sum(patterns.values()), parallel, images)
    with paper.open(newline="", encoding="utf-8") as lines:
        for line in csv.DictReader(lines, delimiter="\t"):
            if line["dataset"] in (dataset, family) and line["stage"] == stage:
                images = int(line["images"] or 0)
                return Counts(int(line["samples"]), int(line["parallel"]), images)
    there = f"{manifest} is not there" if manifest else "no manifest was given"
    raise ConfigError(
        f"{dataset}, {stage}: {paper} has no number of samples and {there}. "
        "Give manifest.json of the shards with --manifest; snakemake shards writes it."
    )


def read_counts(manifest: Path) -> tuple[dict[str, Any], int]:
    """What a manifest tells: samples by stage, split and pattern of modalities, and images.

    Raises:
        DataContractError: there are none.
    """
    try:
        told = json.loads(manifest.read_text(encoding="utf-8"))
        return told["counts"], told["tables"].get("images", {"rows": 0})["rows"]
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
