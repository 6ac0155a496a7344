"""What a count of a gate is part of, in terms of the missingness audit: both count the same."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Among:
    """Samples of fine-tuning, or units of the splits, that some numbers of the audits are about.

    Attributes:
        dataset: name in the manifest, of a variant its own.
        split: name; empty = all.
        modality: that all of them have; empty = any.
        outcome: "known" to the default task, "with" it, or "any" where that makes no difference.
        role: "sample" or "unit".
    """

    dataset: str
    split: str = ""
    modality: str = ""
    outcome: str = "known"
    role: str = "sample"
