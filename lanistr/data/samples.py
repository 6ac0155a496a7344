"""Samples of a cache, in which order a run sees them, and how they become a `Batch`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from lanistr.batch import Batch, InputSpec, Source
from lanistr.data.augment import view_of
from lanistr.data.cache import Cache
from lanistr.modality import Modality

ROW_FIELDS = {modality: f"{modality}_row" for modality in Modality}


@dataclass(frozen=True)
class Samples:
    """Samples of a cache, some of whose modalities are in use.

    Attributes:
        cache: where the arrays lie.
        records: one `cache.SAMPLE` record per sample; modalities not in use have row -1.
        spec: which columns and which task's targets the batches have.
        columns_as_text: read the texts that have the columns of the table in front.
        findings: read what images are labelled with.
        mirror: views other than the first may exchange left and right.
        view: which view of their images the samples show, see `lanistr.data.augment`.
    """

    cache: Cache
    records: np.ndarray
    spec: InputSpec
    columns_as_text: bool = False
    findings: bool = False
    mirror: bool = False
    view: int = 0

    def __len__(self) -> int:
        return len(self.records)

    def shown(self, view: int) -> Self:
        """The same samples with another view of their images."""
        return replace(self, view=view)

    def without(self, modalities: Iterable[Modality]) -> Self:
        """The same samples as if they had none of these modalities."""
        records = self.records.copy()
        for modality in modalities:
            records[ROW_FIELDS[modality]] = -1
        return replace(self, records=records)

    def batch(self, positions: np.ndarray) -> Batch:
        """The samples at these positions, texts padded to the longest among them."""
        records = self.records[positions]
        tokens, is_token = self._texts(records["text_row"])
        series, observed = self._series(records["timeseries_row"])
        categories, numbers = self._columns(records["tabular_row"])
        return Batch(
            sample_id=torch.from_numpy(records["sample_id"].copy()),
            tokens=tokens,
            is_token=is_token,
            pixels=self._pixels(records["image_row"], records["sample_id"]),
            series=series,
            observed=observed,
            present=torch.from_numpy(presence(records)),
            target=torch.from_numpy(self.cache.targets(records, self.spec.task)),
            categories=categories,
            numbers=numbers,
            findings=self._findings(records["image_row"]),
        )

    @property
    def targets(self) -> np.ndarray:
        """What is known of each sample, NaN = nothing, (N, targets) float32."""
        return self.cache.targets(self.records, self.spec.task)

    @property
    def texts(self) -> tuple[np.ndarray, np.ndarray]:
        """The tokens of all texts, one after the other, and where each of them begins."""
        if self.columns_as_text:
            return self.cache.described_tokens, self.cache.described_tokens_offsets
        return self.cache.tokens, self.cache.tokens_offsets

    def _texts(self, rows: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
        flat, offsets = self.texts
        start = np.where(rows >= 0, offsets[rows], 0)
        length = np.where(rows >= 0, offsets[rows + 1] - offsets[rows], 0)
        is_token = np.arange(max(1, length.max())) < length[:, None]
        tokens = np.full(is_token.shape, self.spec.pad_token_id, np.int64)
        within = np.arange(is_token.shape[1]) + start[:, None]
        tokens[is_token] = flat[within[is_token]]
        return torch.from_numpy(tokens), torch.from_numpy(is_token)

    def _pixels(self, rows: np.ndarray, sample_ids: np.ndarray) -> torch.Tensor:
        """Values 0..255 as -1..1, what ViT's preprocessor makes of them, (B, 3, px, px)."""
        px, there = self.spec.image_px, rows >= 0
        channels = 3 if self.cache.pixels.ndim == 4 else 1
        pixels = torch.zeros(len(rows), channels, px, px)
        if there.any():
            values = torch.from_numpy(self.cache.pixels[rows[there]]).view(-1, px, px, channels)
            images = values.permute(0, 3, 1, 2) / 127.5 - 1
            seen = view_of(images, sample_ids[there], self.view, mirror=self.mirror)
            pixels[torch.from_numpy(there)] = seen
        return pixels.expand(-1, 3, -1, -1)

    def _findings(self, rows: np.ndarray) -> torch.Tensor:
        there, names = rows >= 0, self.spec.finding_names if self.findings else ()
        findings = np.full((len(rows), len(names)), -1, np.int64)
        if names and there.any():
            findings[there] = self.cache.findings[rows[there]]
        return torch.from_numpy(findings)

    def _columns(self, rows: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
        spec, cached, there = self.spec, self.cache.spec, rows >= 0
        categories = np.zeros((len(rows), len(spec.category_names)), np.int64)
        numbers = np.zeros((len(rows), len(spec.number_names)), np.float32)
        if there.any():
            codes = [cached.category_names.index(name) for name in spec.category_names]
            scaled = [cached.number_names.index(name) for name in spec.number_names]
            categories[there] = self.cache.categories[rows[there]][:, codes]
            numbers[there] = self.cache.numbers[rows[there]][:, scaled]
        return torch.from_numpy(categories), torch.from_numpy(numbers)

    def _series(self, rows: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
        spec, there = self.spec, rows >= 0
        series = np.zeros((len(rows), spec.series_steps, spec.series_values), np.float32)
        observed = np.zeros((len(rows), spec.series_steps, spec.series_variables), bool)
        if there.any():
            series[there] = self.cache.series[rows[there]]
            observed[there] = self.cache.observed[rows[there]]
        return torch.from_numpy(series), torch.from_numpy(observed)


def presence(records: np.ndarray) -> np.ndarray:
    """True = the sample has the modality, (N, len(Modality)) bool, in enum order."""
    return np.stack([records[ROW_FIELDS[modality]] >= 0 for modality in Modality], axis=1)


def epoch_plan(
    samples: int, batch_size: int, seed: int, epoch: int, draw: int | None = None
) -> np.ndarray:
    """Positions of each training batch of an epoch, (steps, batch_size).

    The order depends on the seed and the epoch alone, so a run can go on in its middle. Every
    sample comes at least once; the last batch is filled up from the beginning of the order.

    Args:
        samples: how many there are.
        batch_size: global, over all devices and micro-batches.
        seed: of the run.
        epoch: counts from 0.
        draw: samples per epoch, drawn without replacement; None = all.

    >>> epoch_plan(5, 2, seed=0, epoch=0).shape
    (3, 2)
    """
    order = np.random.default_rng([seed, epoch]).permutation(samples)[:draw]
    steps = -(-len(order) // batch_size)
    return np.resize(order, (steps, batch_size))


def plan_in_order(samples: int, batch_size: int) -> list[np.ndarray]:
    """Positions of all samples, once each, for evaluation."""
    order = np.arange(samples)
    return [order[start : start + batch_size] for start in range(0, samples, batch_size)]


class _Planned(Dataset):
    """Batches of a plan, for the reading processes of a `DataLoader`."""

    def __init__(self, samples: Source, plan: list[np.ndarray]) -> None:
        self.samples, self.plan = samples, plan

    def __len__(self) -> int:
        return len(self.plan)

    def __getitem__(self, number: int) -> Batch:
        return self.samples.batch(self.plan[number])


def batches(samples: Source, plan: list[np.ndarray], workers: int = 0) -> Iterator[Batch]:
    """The batches of a plan, in its order.

    Args:
        samples: what the positions of the plan refer to.
        plan: positions of each batch.
        workers: processes that read ahead, four batches each; 0 = read in this process.
    """
    if not workers:
        return map(samples.batch, plan)
    loader = DataLoader(
        _Planned(samples, plan),
        batch_size=None,
        collate_fn=_unchanged,
        num_workers=workers,
        prefetch_factor=4,
    )
    return iter(loader)


def _unchanged(batch: Any) -> Any:
    """Instead of torch's conversion; a batch comes complete."""
    return batch
