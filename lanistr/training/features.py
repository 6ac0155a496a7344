"""What frozen encoders make of every sample, computed once and read in all epochs.

The tokens lie in memory-mapped files in the state of the run: a row for each view of each sample,
as long as the longest. What no token fills takes no space on the disk.
"""

from __future__ import annotations

import json
import logging
import math
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
import torch

from lanistr.batch import Batch, Source
from lanistr.data.samples import Samples, batches, plan_in_order, presence
from lanistr.methods.method import Model
from lanistr.modality import Modality
from lanistr.models.encoders import EncodedBatch, Tokens
from lanistr.training import checkpoint, objective
from lanistr.training.distributed import World

log = logging.getLogger(__name__)

Encode = Callable[[Batch], Tokens]
Mode = Literal["r", "r+", "w+"]
Shape = tuple[int, int, int, int]
"""Views, samples, longest row of tokens, and width of a token."""


@dataclass(frozen=True)
class Kept:
    """The tokens of one modality of many samples, memory-mapped.

    Attributes:
        states: (views, samples, N, D) float32; one view where all views show the same.
        counts: how many of the N are tokens, (views, samples) int32.
    """

    states: np.memmap
    counts: np.memmap

    def tokens(self, positions: np.ndarray, view: int) -> Tokens:
        """The tokens of samples, padded to the longest among them."""
        view %= len(self.states)
        counts = self.counts[view, positions]
        is_token = np.arange(max(1, counts.max())) < counts[:, None]
        states = np.asarray(self.states[view, positions, : is_token.shape[1]])
        return Tokens(torch.from_numpy(states), torch.from_numpy(is_token))

    def put(self, positions: np.ndarray, view: int, tokens: Tokens) -> None:
        """Write the tokens of samples; those of a sample come before its padding."""
        counts = tokens.is_token.sum(dim=1).cpu().numpy()
        self.counts[view, positions] = counts
        states = tokens.states.float().cpu().numpy()
        for position, count, row in zip(positions, counts, states, strict=True):
            self.states[view, position, :count] = row[:count]

    def flush(self) -> None:
        """Have everything on the disk."""
        for each in (self.states, self.counts):
            each.flush()


@dataclass(frozen=True)
class EncodedSamples:
    """Samples some of whose modalities come as the tokens of their encoders.

    Attributes:
        rest: the samples without these modalities.
        present: True = the sample has the modality, (N, len(Modality)) bool, in enum order.
        kept: the tokens.
        view: of the images.
    """

    rest: Samples
    present: np.ndarray
    kept: Mapping[Modality, Kept]
    view: int = 0

    def __len__(self) -> int:
        return len(self.rest)

    def shown(self, view: int) -> EncodedSamples:
        """The same samples with another view of their images."""
        return replace(self, rest=self.rest.shown(view), view=view)

    def batch(self, positions: np.ndarray) -> EncodedBatch:
        """The samples at these positions."""
        slots = vars(self.rest.batch(positions))
        if Modality.IMAGE in self.kept:
            slots["pixels"] = slots["pixels"][..., :0, :0]  # nothing to be moved to a device
        slots["present"] = torch.from_numpy(self.present[positions])
        encoded = {m: kept.tokens(positions, self.view) for m, kept in self.kept.items()}
        return EncodedBatch(**slots, encoded=encoded)


def encoded(
    samples: Samples,
    model: Model,
    folder: Path,
    identity: dict[str, str],
    world: World,
    *,
    views: int,
    batch_size: int,
) -> Source:
    """The samples with their tokens in place of what the frozen encoders of a model read.

    The tokens are computed now, unless an earlier process of the run has. Without a frozen
    encoder, and where the disk is too small, the samples come as they are.

    Args:
        samples: of one split.
        model: on its device, with what is frozen frozen.
        folder: for the tokens of this split; all processes see it.
        identity: see `checkpoint.run_identity`; the tokens of another run are not used.
        world: each process computes its share.
        views: of the images.
        batch_size: samples that a process encodes at once.
    """
    encoders = model.frozen_encoders()
    if not encoders or not len(samples):
        return samples
    shapes = {m: _shape(samples, m, encoders[m], views, world) for m in encoders}
    done = folder / "complete.json"
    usable = done.is_file() and json.loads(done.read_text(encoding="utf-8")) == identity
    if not world.gathered(usable)[0]:  # the processes look at different moments: the first decides
        if not world.gathered(world.leads and _made(shapes, folder))[0]:
            return samples
        _compute(samples, encoders, shapes, folder, world, batch_size)
        if world.leads:
            checkpoint.write_json(done, identity)
    kept = {modality: _open(folder, modality, shape, "r") for modality, shape in shapes.items()}
    return EncodedSamples(samples.without(encoders), presence(samples.records), kept)


def _shape(samples: Samples, modality: Modality, encode: Encode, views: int, world: World) -> Shape:
    """How much is to be kept of a modality."""
    (one,) = _tokens(samples, encode, [np.arange(1)], world)
    longest, width = one.states.shape[1:]
    if modality is Modality.TEXT:
        longest = samples.spec.max_tokens
    return views if modality is Modality.IMAGE else 1, len(samples), longest, width


def _made(shapes: Mapping[Modality, Shape], folder: Path) -> bool:
    """Make empty files, in place of any others, if the disk can hold them once they are full.

    A disk that has no room for what is written into a map ends the process without a word.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    needed = sum(4 * math.prod(shape) for shape in shapes.values())
    free = shutil.disk_usage(folder).free
    if needed > free:
        log.warning(
            "what frozen encoders make of the samples can take %.1f GB, %.1f GB are free in %s: "
            "the encoders run in every step",
            *(needed / 1e9, free / 1e9, folder),
        )
        return False
    for modality, shape in shapes.items():
        _open(folder, modality, shape, "w+")
    return True


def _compute(
    samples: Samples,
    encoders: Mapping[Modality, Encode],
    shapes: Mapping[Modality, Shape],
    folder: Path,
    world: World,
    batch_size: int,
) -> None:
    """Let every process write its share, one modality after the other."""
    began = time.monotonic()
    plan = plan_in_order(len(samples), batch_size)[world.rank :: world.size]
    for modality, encode in encoders.items():
        alone = samples.without(set(encoders) - {modality})
        kept = _open(folder, modality, shapes[modality], "r+")
        for view in range(shapes[modality][0]):
            every = _tokens(alone.shown(view), encode, plan, world)
            for positions, tokens in zip(plan, every, strict=True):
                kept.put(positions, view, tokens)
        kept.flush()
    world.gathered("written")
    if world.leads:
        names = ", ".join(encoders)
        log.info(
            "%s of %d samples encoded once, in %.1f s",
            names,
            len(samples),
            time.monotonic() - began,
        )


@torch.no_grad()
def _tokens(
    samples: Samples, encode: Encode, plan: list[np.ndarray], world: World
) -> Iterator[Tokens]:
    """What an encoder makes of batches."""
    for batch in batches(samples, plan):
        with objective.autocast(world.device):
            tokens = encode(batch.to(world.device))
        yield tokens


def _open(folder: Path, modality: Modality, shape: Shape, mode: Mode) -> Kept:
    """The files of a modality: made anew (`w+`), to be written (`r+`) or to be read (`r`)."""
    states, counts = (folder / f"{modality}-{name}.npy" for name in ("states", "counts"))
    return Kept(
        np.lib.format.open_memmap(states, mode, np.float32, shape),
        np.lib.format.open_memmap(counts, mode, np.int32, shape[:2]),
    )
