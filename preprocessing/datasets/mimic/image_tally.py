"""What was seen of radiographs while they were decoded, of all of them or of a piece."""

import logging
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from preprocessing.ledger import Ledger
from reading.pictures import REASONS
from reading.squares import GreySquare

log = logging.getLogger(__name__)

LOG_EVERY = 4096


@dataclass
class Tally:
    """What the manifest and the ledger need to know of all parts together."""

    rows_before: int
    started: float = field(default_factory=time.monotonic)
    done: int = 0
    lost: Counter[str] = field(default_factory=Counter)
    lost_ids: set[str] = field(default_factory=set)
    views: Counter[str] = field(default_factory=Counter)
    # Pixels of each grey level over the training split.
    grey: NDArray[np.int64] = field(default_factory=lambda: np.zeros(256, np.int64))

    def add(self, chunk: pl.DataFrame, squares: Sequence[GreySquare | str]) -> None:
        """Count a chunk; a string stands for a radiograph that was lost, and is the reason."""
        rows = zip(chunk["dicom_id"], chunk["split"], chunk["view"], squares, strict=True)
        for dicom_id, split, view, square in rows:
            if isinstance(square, str):
                self.lost[square] += 1
                self.lost_ids.add(dicom_id)
                continue
            self.views[view or "not recorded"] += 1
            if split == "train":
                self.grey += square.histogram
        before, self.done = self.done, self.done + chunk.height
        if before // LOG_EVERY != self.done // LOG_EVERY or self.done == self.rows_before:
            rate = self.done / (time.monotonic() - self.started)
            log.info("%s of %s radiographs, %.0f/s", self.done, self.rows_before, rate)

    def told(self) -> dict[str, Any]:
        """What another tally needs to know of this one."""
        return {
            "done": self.done,
            "lost": dict(sorted(self.lost.items())),
            "lost_ids": sorted(self.lost_ids),
            "views": dict(sorted(self.views.items())),
            "grey": self.grey.tolist(),
        }

    def join(self, told: dict[str, Any]) -> None:
        """Count in what another one told."""
        self.done += told["done"]
        self.lost.update(told["lost"])
        self.lost_ids.update(told["lost_ids"])
        self.views.update(told["views"])
        self.grey += np.array(told["grey"])

    def enter(self, ledger: Ledger) -> None:
        """Enter every reason, also those that did not occur."""
        rows = self.rows_before
        for reason in REASONS:
            ledger.record("files", reason, rows, rows - self.lost[reason])
            rows -= self.lost[reason]

    def facts(self, px: int) -> dict[str, object]:
        """The manifest's entry; grey levels are on the scale 0 to 1."""
        pixels = int(self.grey.sum())
        level = np.arange(256) / 255
        mean = float(self.grey @ level) / pixels
        return {
            "px": px,
            "rows": self.rows_before - self.lost.total(),
            "views": dict(sorted(self.views.items())),
            "grey_mean": mean,
            "grey_std": float(np.sqrt(self.grey @ (level - mean) ** 2 / pixels)),
            "grey_over": "all pixels of the training split, resized, before re-encoding, 0 to 1",
        }
