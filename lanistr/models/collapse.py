"""Whether embeddings still tell samples apart: what a similarity loss alone would let them unlearn.

All samples in one place have no direction of their own (`spread`), or they lie along a line or a
plane of the room that they were given (`effective_rank`).
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def effective_rank(embeddings: Tensor) -> float:
    """How many directions the embeddings use evenly: from 1, a line, to D, a ball.

    The exponential of the entropy of the singular values of the centred embeddings, as shares of
    their sum; 0 where all embeddings are one.

    Args:
        embeddings: one per sample, (N, D).

    Source:
        Roy and Vetterli, The effective rank: a measure of effective dimensionality (2007).

    >>> effective_rank(torch.tensor([[1.0, 0], [-1, 0], [0, 1], [0, -1]]))
    2.0
    >>> effective_rank(torch.tensor([[1.0, 2], [2, 4], [3, 6]]))
    1.0
    """
    centred = embeddings.float() - embeddings.float().mean(dim=0)
    values = torch.linalg.svdvals(centred)
    if not values.sum() > 0:
        return 0.0
    shares = values / values.sum()
    return round(float(torch.special.entr(shares).sum().exp()), 4)


def spread(embeddings: Tensor) -> float:
    """Standard deviation of embeddings of length 1 times the root of D: 0 = one place, 1 = a ball.

    Args:
        embeddings: one per sample, (N, D).

    Source:
        Chen and He, Exploring Simple Siamese Representation Learning (2021), figure 2.

    >>> spread(torch.eye(4)), spread(torch.ones(3, 4))
    (0.866, 0.0)
    """
    unit = functional.normalize(embeddings.float())
    deviation = unit.std(dim=0, correction=0).mean()
    return round(float(deviation) * embeddings.shape[1] ** 0.5, 4)


def describe_spread(embeddings: dict[str, Tensor]) -> dict[str, float]:
    """Both measures of each kind of embedding, by name."""
    return {
        f"{kind} {name}": measure(each)
        for kind, each in embeddings.items()
        for name, measure in (("effective rank", effective_rank), ("spread", spread))
    }
