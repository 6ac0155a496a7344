"""Phrases whose grade follows what the text sees of the severity.

For each slot of a note (lungs, effusion, hospital course, ...) the grade is

    g = number of THRESHOLDS below z_text + SLOT_NOISE * e,    e ~ N(0, 1) per note and slot

and the phrase is drawn uniformly from those of that slot and grade in `phrases.tsv`. No phrase is
reserved to an outcome; a note as a whole tells more than any of its sentences.
"""

from functools import cache

import numpy as np

from synthetic.write import packaged_table

THRESHOLDS = (-0.9, 0.7, 2.0)
SLOT_NOISE = 0.9
SIDES = np.array(["left", "right", "bilateral"])
LOBES = np.array(["right upper lobe", "right lower lobe", "left lower lobe", "lingula"])


@cache
def _phrases(slot: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The texts of a slot in order of grade, where each grade starts, how many it has."""
    rows = packaged_table("phrases.tsv").filter(slot=slot).fill_null("")
    texts = np.array([text.replace("\\n", "\n") for text in rows["text"]], dtype=object)
    counts = np.bincount(rows["level"].cast(int).to_numpy())
    return texts, np.cumsum(counts) - counts, counts


class Wording:
    """Draws the phrases of many notes at once."""

    def __init__(self, rng: np.random.Generator, severity: np.ndarray):
        self.rng = rng
        self.severity = severity
        self.side = rng.choice(SIDES, len(severity))
        self.lobe = rng.choice(LOBES, len(severity))

    def say(self, slot: str) -> list[str]:
        """One phrase of the slot per note, graded by severity where the slot has grades."""
        texts, starts, counts = _phrases(slot)
        noisy = self.severity + SLOT_NOISE * self.rng.standard_normal(len(self.severity))
        grade = np.minimum(np.digitize(noisy, THRESHOLDS), len(counts) - 1)
        row = starts[grade] + (self.rng.random(len(grade)) * counts[grade]).astype(int)
        return [
            text.replace("{side}", side).replace("{lobe}", lobe) if "{" in text else text
            for text, side, lobe in zip(texts[row], self.side, self.lobe, strict=True)
        ]

    def several(self, slot: str, share: float) -> list[list[str]]:
        """A random subset of the slot's phrases per note, each with probability `share`."""
        texts, *_ = _phrases(slot)
        chosen = self.rng.random((len(self.severity), len(texts))) < share
        return [list(texts[row]) for row in chosen]

    def number(self, mean: float, slope: float, spread: float, digits: int = 0) -> list[str]:
        """A measured value, `mean + slope * severity` and noise, as text."""
        value = mean + slope * self.severity + spread * self.rng.standard_normal(len(self.severity))
        return [f"{v:.{digits}f}" for v in np.maximum(value, 0.1 * mean)]
