"""Whether an experiment and a cache belong together."""

from __future__ import annotations

from pathlib import Path

from lanistr.data.cache import Cache, text_settings
from lanistr.errors import ConfigError
from lanistr.experiments.config import Experiment


def check_fit(experiment: Experiment, cache: Cache, folder: Path) -> None:
    """Refuse a cache of another dataset or tokenizer, or without the labels that are learned.

    Raises:
        ConfigError: they differ.
    """
    cache.task_of(experiment)
    if lacking := sorted(experiment.modalities - set(cache.card.modalities)):
        raise ConfigError(
            f"modalities: {experiment.name} reads {', '.join(lacking)}, which {cache.card.title} "
            f"does not have. Allowed: {', '.join(cache.card.modalities)}."
        )
    dataset, wanted = cache.provenance["dataset"], text_settings(experiment.encoders.text)
    if experiment.dataset != dataset:
        raise ConfigError(
            f"{experiment.name} is an experiment on {experiment.dataset}, {folder} holds {dataset}."
        )
    if experiment.learns_findings and not (cache.findings >= 0).any():
        raise ConfigError(
            f"{experiment.name} learns what pictures are labelled with, {folder} holds no such "
            "findings. Put the file of the labels (of radiographs that of CheXpert) beside the "
            "pictures and make shards and cache again, or leave the experiments of medfuse out."
        )
    differences = [
        f"  encoders.text.{name}: {experiment.name} has {wanted[name]!r}, the cache {value!r}"
        for name, value in cache.text.items()
        if wanted[name] != value
    ]
    if differences:
        raise ConfigError(
            "\n".join(
                [
                    f"{folder} was made with other text settings:",
                    *differences,
                    "Change them in the recipe's `shared` section and make the cache again.",
                ]
            )
        )
