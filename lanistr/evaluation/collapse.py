"""What the history of a pretraining says of a collapse of its embeddings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

RANK = " effective rank"
FEWEST = 2.0
"""Effective rank below which embeddings count as collapsed: hardly more than a line."""


def told_collapse(record: Mapping[str, Any]) -> str:
    """A sentence on the embeddings that have collapsed by an epoch; empty where none has.

    Args:
        record: of the epoch, a line of history.jsonl.

    >>> told_collapse({"epoch": 3, "valid/fused effective rank": 1.24})
    'Collapsed by epoch 3: the fused embeddings have an effective rank of 1.2.'
    >>> told_collapse({"epoch": 3, "valid/fused effective rank": 7.5})
    ''
    """
    fallen = [
        f"the {name.removeprefix('valid/').removesuffix(RANK)} embeddings have an effective rank "
        f"of {value:.1f}"
        for name, value in record.items()
        if name.endswith(RANK) and value < FEWEST
    ]
    return f"Collapsed by epoch {record['epoch']}: {', '.join(fallen)}." if fallen else ""
