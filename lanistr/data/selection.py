"""Which samples of a cache an experiment sees in a split."""

from __future__ import annotations

import math

import numpy as np

from lanistr.batch import InputSpec
from lanistr.data.cache import SPLITS, STAGES, Cache
from lanistr.data.draws import draw_labeled, draw_unlabeled
from lanistr.data.labels import refuse_labels
from lanistr.data.samples import ROW_FIELDS, Samples
from lanistr.errors import ConfigError
from lanistr.experiments.config import VALID_SHARE, Experiment
from lanistr.modality import Modality


def select(cache: Cache, experiment: Experiment, split: str) -> Samples:
    """The samples that an experiment sees in a split.

    `data.require` defines the population: it holds in every split, and also for modalities that
    are not in use, so that an ablation is tested on the same samples. `data.train_require` is for
    methods that learn from others, too. `data.parallel_only`, `data.unlabeled_share`,
    `data.labeled_share` and `data.labels` limit what is learned from, so they leave the test split
    alone. Shares are of samples, drawn by subject: see `lanistr.data.draws`. Few labels are few
    in validation too, in the same proportion.

    In pretraining, samples that differ only in a modality that is not in use are one sample, and
    those without any modality in use are left out; where epochs are limited to
    `data.samples_per_epoch`, validation takes `VALID_SHARE` of as many, the same in every run. In
    fine-tuning each sample of which something of the task is known stays: every method answers for
    the same ones.

    Raises:
        ConfigError: nothing is left, or the data do not have what `data` or `task` asks for.
    """
    data, spec = experiment.data, cache.spec_for(experiment)
    _check_fit(experiment, cache, spec)
    records = _population(cache, experiment, spec, split)
    if split != "test":
        records = _labeled(cache, experiment, spec, split, records)
    for modality, field in ROW_FIELDS.items():
        if modality not in experiment.modalities:
            records[field] = -1
    if data.parallel_only and split != "test":
        records = records[_has_all(records, experiment.modalities)]
    if experiment.stage == "pretrain":
        records = _distinct(records)
        if data.samples_per_epoch and split == "valid":
            records = _spread(records, math.ceil(VALID_SHARE * data.samples_per_epoch))
    if not len(records) and split == "train":
        raise ConfigError(
            f"{experiment.name}: no {split} sample of stage {experiment.stage} is left. "
            "Loosen data.require, data.parallel_only or data.unlabeled_share, or give more data."
        )
    return Samples(
        cache, records, spec, data.columns_as_text, experiment.learns_findings, data.mirror
    )


def _population(cache: Cache, experiment: Experiment, spec: InputSpec, split: str) -> np.ndarray:
    """The samples of a split that the experiment is about, with all their modalities."""
    data, stages, splits = experiment.data, cache.samples["stage"], cache.samples["split"]
    chosen = (stages == STAGES.index(experiment.stage)) & (splits == SPLITS.index(split))
    records = np.array(cache.samples[chosen])
    if spec.task:
        records = records[~np.isnan(cache.targets(records, spec.task)).all(axis=1)]
    if data.unlabeled_share < 1 and split == "train":
        records = records[draw_unlabeled(records["subject_id"], data.unlabeled_share)]
    others = data.train_require if split == "train" else None
    return records[_has_all(records, data.require if others is None else others)]


def _labeled(
    cache: Cache, experiment: Experiment, spec: InputSpec, split: str, records: np.ndarray
) -> np.ndarray:
    """The part of a population whose labels the experiment is given."""
    data, task = experiment.data, spec.task
    share = data.labeled_share
    if data.labels:
        there = len(records if split == "train" else _population(cache, experiment, spec, "train"))
        refuse_labels(experiment, there)
        share = data.labels / there
    if task is None or share == 1:
        return records
    known = cache.targets(records, task)
    classes = known[:, 0] if task.chooses else np.zeros(len(known))
    return records[draw_labeled(records["subject_id"], classes, share)]


def _check_fit(experiment: Experiment, cache: Cache, spec: InputSpec) -> None:
    """Refuse what the data do not have or must not be asked for."""
    data, never = experiment.data, spec.task.never_inputs if spec.task else ()
    if data.columns_as_text and len(cache.described_tokens_offsets) < 2:
        raise ConfigError(
            f"data.columns_as_text: {experiment.name} is on {experiment.dataset}, whose texts are "
            "cached without the columns of a table. Leave the key out."
        )
    told = sorted({phrase.column for phrase in cache.card.words} & set(never))
    if data.columns_as_text and told:
        raise ConfigError(
            f"data.columns_as_text: {experiment.name} would read {', '.join(told)} in its texts, "
            "never an input of its task. Leave the key out, or take the columns from card.words."
        )
    if data.mirror and not cache.card.mirror:
        raise ConfigError(
            f"data.mirror: {experiment.name} is on {cache.card.title}, whose pictures show "
            "something else when mirrored, as a heart on the wrong side. Leave the key out."
        )


def _has_all(records: np.ndarray, modalities: frozenset[Modality]) -> np.ndarray:
    """True where every one of the modalities is present."""
    flags = [records[field] >= 0 for name, field in ROW_FIELDS.items() if name in modalities]
    return np.logical_and.reduce(flags) if flags else np.ones(len(records), bool)


def _distinct(records: np.ndarray) -> np.ndarray:
    """The first sample of each combination of rows, if it has any."""
    rows = np.stack([records[field] for field in ROW_FIELDS.values()], axis=1)
    _, first = np.unique(rows, axis=0, return_index=True)
    first.sort()
    return records[first[(rows[first] >= 0).any(axis=1)]]


def _spread(records: np.ndarray, limit: int) -> np.ndarray:
    """At most `limit` records, evenly spread over all of them."""
    step = max(1, math.ceil(len(records) / limit))
    return records[::step]
