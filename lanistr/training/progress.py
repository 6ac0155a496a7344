"""What an operator sees of a run: a bar on a terminal, one plain line per epoch in a log."""

from __future__ import annotations

import logging
import sys
from typing import Any

from tqdm import tqdm

log = logging.getLogger(__name__)


class Progress:
    """Loss and rate of the epoch under way.

    Args:
        epochs: of the whole run.
        steps: per epoch.
        shown: False in processes that stay silent.
    """

    def __init__(self, epochs: int, steps: int, shown: bool) -> None:
        self.epochs, self.steps, self.shown = epochs, steps, shown
        self.on_terminal = shown and sys.stderr.isatty()

    def epoch(self, number: int, done: int) -> tqdm:
        """A bar for epoch `number` (from 0) of which `done` steps lie behind; silent in a log."""
        return tqdm(
            total=self.steps,
            initial=done,
            desc=f"epoch {number + 1}/{self.epochs}",
            unit="step",
            leave=False,
            disable=not self.on_terminal,
        )

    def finished(self, record: dict[str, Any]) -> None:
        """One line for a finished epoch: its number, mean losses, metrics and rate."""
        if not self.shown:
            return
        shown = ("loss", "valid/loss", "valid/auroc")
        terms = [name for name in record if name.startswith("loss/")]
        names = [*(terms if len(terms) > 1 else []), *shown]
        losses = [f"{name} {record[name]:.4f}" for name in names if record.get(name) is not None]
        rate = f"{record['samples_per_second']:.0f} samples/s"
        line = f"epoch {record['epoch']}/{self.epochs}: {', '.join([*losses, rate])}"
        if self.on_terminal:
            tqdm.write(line, file=sys.stderr)
        else:
            log.info(line)
