"""Rows of the table that `batch` makes: which columns a masked view hides."""

import torch

from lanistr.modality import Modality

REVIEWER, YEAR, VOTES, TIME = range(4)  # columns


def hidden_columns(samples, *columns: int) -> torch.Tensor:
    """True = hidden: these columns of the rows that are there, (B, 4) bool."""
    hidden = torch.zeros(len(samples), 4, dtype=torch.bool)
    hidden[:, list(columns)] = samples.has(Modality.TABULAR)[:, None]
    return hidden
