"""Which samples an experiment is given to learn from, drawn by the names of subjects alone.

A draw is the same in every run and on every machine, and a smaller one is a subset of a larger
one. Subjects come with all their samples, so that a draw is exact but for the samples of one.
"""

from __future__ import annotations

from hashlib import blake2b

import numpy as np


def draw_unlabeled(subjects: np.ndarray, share: float) -> np.ndarray:
    """True for a share of the samples.

    Args:
        subjects: subject of each sample, (N,).
        share: 0 to 1.
    """
    distinct, where, samples = np.unique(subjects, return_inverse=True, return_counts=True)
    order = np.argsort(_hashes("unlabeled", distinct), kind="stable")
    fits = samples[order].cumsum() <= share * len(subjects)
    return np.isin(where, order[fits])


def draw_labeled(subjects: np.ndarray, targets: np.ndarray, share: float) -> np.ndarray:
    """True for a share of the samples, in which classes are as frequent as in all of them.

    Each class keeps at least one subject, however small the share.

    Args:
        subjects: subject of each sample, (N,).
        targets: class of each sample, (N,); a subject counts for the greatest of its samples.
            The same everywhere where answers are no classes.
        share: 0 to 1.
    """
    distinct, where, samples = np.unique(subjects, return_inverse=True, return_counts=True)
    strata = np.full(len(distinct), -np.inf)
    np.maximum.at(strata, where, targets)
    hashes = _hashes("labeled", distinct)
    # Where in its class a subject lies, 0 to 1: in this order classes take turns in proportion.
    place = np.empty(len(distinct))
    for stratum in np.unique(strata):
        members = np.flatnonzero(strata == stratum)
        members = members[np.argsort(hashes[members], kind="stable")]
        until = samples[members].cumsum()
        place[members] = (until - samples[members] / 2) / until[-1]
        place[members[0]] = 0
    order = np.lexsort((hashes, place))
    taken = samples[order].cumsum()
    least = taken[len(np.unique(strata)) - 1]
    return np.isin(where, order[taken <= max(share * len(subjects), least)])


def _hashes(purpose: str, subjects: np.ndarray) -> np.ndarray:
    """A number per subject that depends on its name alone; another purpose gives another one."""
    draws = b"".join(
        blake2b(f"{purpose}/{who}".encode(), digest_size=8).digest() for who in subjects
    )
    return np.frombuffer(draws, ">u8")
