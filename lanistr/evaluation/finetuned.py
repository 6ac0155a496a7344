"""What is kept of a fine-tuning beside the weights, so that answers can be taken for what they are.

Predictions of the test split have it in their metadata, the folder of an exported model in a file.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import Field, ValidationError

from lanistr.data.card import Facts
from lanistr.errors import DataContractError
from lanistr.evaluation.temperature import Temperature, temper
from lanistr.task import Task

FILE = "finetuned.json"
RARE = 30
"""A pattern of modalities in fewer training samples than this is rarely seen."""

Familiarity = Literal["never", "rarely", "often"]


class Finetuned(Facts):
    """Patterns of modalities that fine-tuning saw, and the temperature of its probabilities."""

    patterns: dict[str, float] = Field(
        description="Training samples that show each pattern, such as text+image, in an epoch; "
        "with modality dropout the number to be expected."
    )
    temperature: Temperature | None = Field(
        description="Fitted on validation samples; null of a regression."
    )

    def familiarity(self, pattern: str) -> Familiarity:
        """How often fine-tuning saw a pattern."""
        return familiarity(self.patterns.get(pattern, 0))

    def temper(self, task: Task, answer: np.ndarray) -> np.ndarray:
        """Answers (N, outputs) under the temperature, where there is one."""
        return temper(task, answer, self.temperature.value) if self.temperature else answer

    def compare(self, patterns: Iterable[str]) -> list[dict[str, Any]]:
        """The patterns of rows, the commonest first, with how often fine-tuning saw each."""
        return [
            {
                "pattern": pattern,
                "n": count,
                "seen_in_training": self.patterns.get(pattern, 0),
                "seen": self.familiarity(pattern),
            }
            for pattern, count in Counter(patterns).most_common()
        ]


def familiarity(seen: float) -> Familiarity:
    """How often a pattern was seen that so many training samples show."""
    return "often" if seen >= RARE else "rarely" if seen else "never"


def shown_patterns(counts: Mapping[str, int], dropout: float) -> dict[str, float]:
    """How many samples of an epoch are to be expected to show each pattern of modalities.

    Args:
        counts: samples that have each pattern of themselves, such as text+image.
        dropout: probability of going without a modality; of what would all go one stays.

    >>> shown_patterns({"text+image": 8, "text": 2}, 0.5)
    {'text+image': 2.0, 'text': 5.0, 'image': 3.0}
    """
    shown: defaultdict[str, float] = defaultdict(float)
    for pattern, count in counts.items():
        names = pattern.split("+")
        for kept in range(len(names), 0, -1):
            chance = (1 - dropout) ** kept * dropout ** (len(names) - kept)
            if kept == 1:
                chance += dropout ** len(names) / len(names)
            for some in combinations(names, kept):
                shown["+".join(some)] += chance * count
    return {pattern: round(count, 6) for pattern, count in shown.items() if count}


def warn_of(compared: Sequence[Mapping[str, Any]]) -> str | None:
    """What readers of answers must know; None where fine-tuning saw all patterns often.

    Args:
        compared: as `Finetuned.compare` gives them.

    >>> print(warn_of(Finetuned(patterns={"text": 90, "image": 7}, temperature=None).compare(
    ...     ["text", "text", "image", "text+image"])))
    Fine-tuning never or rarely (in fewer than 30 samples) saw rows with just these modalities; do \
not rely on what is said of them:
      image: 1 row, seen in 7 samples
      text+image: 1 row, never seen
    """
    lines = [
        f"  {each['pattern']}: {each['n']} row{'s' * (each['n'] > 1)}, "
        + ("never seen" if each["seen"] == "never" else _samples(each["seen_in_training"]))
        for each in compared
        if each["seen"] != "often"
    ]
    if not lines:
        return None
    return "\n".join(
        [
            f"Fine-tuning never or rarely (in fewer than {RARE} samples) saw rows with just these "
            "modalities; do not rely on what is said of them:",
            *lines,
        ]
    )


def _samples(seen: float) -> str:
    return f"seen in {seen:.3g} sample{'s' * (seen != 1)}"


def write_finetuned(finetuned: Finetuned, folder: Path) -> None:
    """Write finetuned.json into the folder of a model."""
    (folder / FILE).write_text(finetuned.model_dump_json(indent=2) + "\n", encoding="utf-8")


def read_finetuned(folder: Path) -> Finetuned | None:
    """What finetuned.json says; None where a model was exported before there was one.

    Raises:
        DataContractError: it is broken.
    """
    path = folder / FILE
    if not path.is_file():
        return None
    try:
        return Finetuned.model_validate_json(path.read_text(encoding="utf-8"))
    except ValidationError as error:
        raise DataContractError(
            f"{path} is not what `python -m lanistr export` writes ({type(error).__name__}). "
            "Export the model again."
        ) from None
