"""Nearest neighbours of embeddings: the sample most like a query, whatever either consists of."""

from __future__ import annotations

import torch
from torch import Tensor


def nearest(
    queries: Tensor, gallery: Tensor, count: int, *, chunk: int = 1024
) -> tuple[Tensor, Tensor]:
    """The embeddings of the gallery that are most similar to each query.

    Args:
        queries: of length 1, as `LANISTR.embed` gives them, (Q, D).
        gallery: of length 1, (G, D).
        count: neighbours per query, at most G.
        chunk: queries compared at a time; bounds the memory to chunk * G similarities.

    Returns:
        Rows of the gallery, (Q, count) int64, the most similar first; and their cosine
        similarities, (Q, count).

    Raises:
        ValueError: more neighbours than the gallery has.

    >>> gallery = torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.6, 0.8]])
    >>> nearest(torch.tensor([[0.0, 1.0]]), gallery, 2)[0]
    tensor([[1, 2]])
    """
    if count > len(gallery):
        raise ValueError(f"count: {count} neighbours asked for, the gallery has {len(gallery)}")
    found = [(part @ gallery.T).topk(count) for part in queries.split(chunk)]
    similarities = torch.cat([part.values for part in found])
    return torch.cat([part.indices for part in found]), similarities
