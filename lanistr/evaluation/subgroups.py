"""Results by subgroup, such as sex or age, and how far apart the groups are. Works without torch.

Groups are those of `preprocessing subgroups`, which also says of which results may be told. All
groups of a run are resampled together, over subjects and seeds, so that a difference of two has an
interval of its own.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

from lanistr.errors import DataContractError
from lanistr.evaluation.comparison import draw_subjects, holm, resampled_means, two_sided
from lanistr.evaluation.predictions import Predictions, interval, resampled
from lanistr.evaluation.runs import Runs

WITHHELD = "withheld"


@dataclass(frozen=True)
class Subgroup:
    """One way to tell samples apart.

    Attributes:
        title: name in captions, such as "Age".
        groups: groups of which results may be told, in order.
        withheld: number of the others.
        members: group of each test sample, by its id.
    """

    title: str
    groups: Sequence[str]
    withheld: int
    members: Mapping[int, str]


@dataclass(frozen=True)
class Line:
    """One line of the table; numbers as readers see them, None = does not apply.

    Attributes:
        experiment: entry of the registry.
        dataset: data set.
        task: what was asked, in words.
        metric: title of the metric.
        unit: what it is in.
        subgroup: what samples are told apart by.
        group: group; of a gap the two groups; or `withheld`.
        status: `ok`, `undefined`, `withheld`, or why there is no run.
        n_test: test samples of the group, with those whose answer is not known.
        mean: mean over runs; of a gap the best group's less the worst's.
        low: lower end of the 95 % interval.
        high: upper end.
        difference: mean less that of all other samples.
        difference_low: lower end of its 95 % interval.
        difference_high: upper end.
        p_value: of a gap, two-sided, times the pairs of groups that there are to choose from.
        p_holm: the same, adjusted for the gaps of the table.
    """

    experiment: str
    dataset: str
    task: str
    metric: str
    unit: str
    subgroup: str
    group: str
    status: str = "ok"
    n_test: int | None = None
    mean: float | None = None
    low: float | None = None
    high: float | None = None
    difference: float | None = None
    difference_low: float | None = None
    difference_high: float | None = None
    p_value: float | None = None
    p_holm: float | None = None

    @property
    def is_gap(self) -> bool:
        """Whether it is of two groups."""
        return self.p_value is not None


def read_subgroups(folder: Path, dataset: str) -> list[Subgroup]:
    """The subgroups of a data set.

    Args:
        folder: holds a .parquet and a .json per data set.
        dataset: name, as an experiment has it.

    Raises:
        DataContractError: the files are not those of `preprocessing subgroups`.
    """
    import polars as pl

    path = folder / f"{dataset}.json"
    try:
        told = json.loads(path.read_text(encoding="utf-8"))["subgroups"]
        rows = pl.read_parquet(path.with_suffix(".parquet"), glob=False)
        ids = rows["sample_id"].to_list()
        return [
            Subgroup(
                each["title"],
                each["groups"],
                each["withheld"],
                dict(zip(ids, rows[each["column"]], strict=True)),
            )
            for each in told
        ]
    except (OSError, KeyError, ValueError, pl.exceptions.PolarsError) as error:
        raise DataContractError(
            f"{path} is not of `preprocessing subgroups` ({type(error).__name__}). Make it again."
        ) from None


def lines_of(
    runs: Runs, subgroups: Sequence[Subgroup], about: Line, resamples: int
) -> Iterator[Line]:
    """The lines of one experiment: per subgroup each group, what is withheld, and the gap.

    Args:
        runs: its runs.
        subgroups: those of its data.
        about: what all its lines say.
        resamples: number of resamples.
    """
    for subgroup in subgroups:
        line = replace(about, subgroup=subgroup.title)
        if not runs.done:
            yield replace(line, status=runs.status)
            continue
        if runs.predictions[0].experiment.data.require:  # fewer samples than were counted
            yield replace(line, status="asked of some test samples alone")
            continue
        yield from told(runs.predictions, subgroup, line, resamples)
        if subgroup.withheld:
            group = f"{subgroup.withheld} of {subgroup.withheld + len(subgroup.groups)} groups"
            yield replace(line, group=group, status=WITHHELD)


def told(
    runs: Sequence[Predictions], subgroup: Subgroup, line: Line, resamples: int
) -> Iterator[Line]:
    """Each group that may be told, and the gap between the best and the worst of them."""
    first = runs[0]
    if not set(first.sample_id) <= subgroup.members.keys():
        raise DataContractError(
            f"{line.experiment}: test samples are in no group. Make the groups again: "
            "snakemake analysis."
        )
    group_of = np.array([subgroup.members[sample] for sample in first.sample_id.tolist()])
    factor = first.primary.factor
    means: dict[str, np.ndarray] = {}
    for group in subgroup.groups:
        inside = group_of == group
        made = replace(
            line,
            group=group,
            n_test=list(subgroup.members.values()).count(group),
        )
        own, others = (factor * means_within(runs, which, resamples) for which in (inside, ~inside))
        if np.isnan(own[0]):
            yield replace(made, status="undefined")
            continue
        means[group] = own
        low, high = interval(own[1:]) or (None, None)
        yield replace(made, mean=float(own[0]), low=low, high=high, **difference(own, others))
    if len(means) > 1:
        yield gap(means, line, first.primary.higher_is_better)


def means_within(runs: Sequence[Predictions], inside: np.ndarray, resamples: int) -> np.ndarray:
    """The metric of some samples, mean over runs: as they are, then resampled, (1 + R,)."""
    once = np.mean([within(run, inside, np.ones((1, len(inside))))[0] for run in runs])
    measure = partial(resample_within, inside)
    (drawn,) = resampled_means([runs], resamples, measure)
    return np.concatenate([[once], drawn])


def resample_within(inside: np.ndarray, run: Predictions, resamples: int) -> np.ndarray:
    """The reported metric of some samples of a run, had other subjects been tested, (R,)."""
    return within(run, inside, draw_subjects(run.subject_id.tobytes(), resamples))


def within(run: Predictions, inside: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The reported metric of some samples under weights of all, (R, N); as (R,)."""
    if not inside.any():
        return np.full(len(weights), np.nan)
    return resampled(run.primary, run.label[inside], run.answer[inside], weights[:, inside])


def difference(own: np.ndarray, others: np.ndarray) -> dict[str, Any]:
    """How far a group is from all other samples, with its interval; nothing where undefined."""
    apart = own - others
    if np.isnan(apart[0]) or not (ends := interval(apart[1:])):
        return {}
    return {
        "difference": float(apart[0]),
        "difference_low": ends[0],
        "difference_high": ends[1],
    }


def gap(means: Mapping[str, np.ndarray], line: Line, higher_is_better: bool) -> Line:
    """The line of the best group less the worst, which were chosen for being that.

    Its interval is that of these two groups; p is multiplied by the pairs that there were to choose
    from (Bonferroni).
    """
    ordered = sorted(means, key=lambda group: means[group][0], reverse=higher_is_better)
    best, worst = ordered[0], ordered[-1]
    apart = means[best] - means[worst]
    low, high = interval(apart[1:]) or (None, None)
    pairs = len(list(combinations(means, 2)))
    return replace(
        line,
        group=f"{best} less {worst}",
        mean=float(apart[0]),
        low=low,
        high=high,
        p_value=min(1.0, pairs * two_sided(apart[1:])),
    )


def adjusted(lines: Sequence[Line]) -> list[Line]:
    """The lines, p of gaps adjusted for how many gaps the table has."""
    holms = iter(holm([line.p_value for line in lines if line.p_value is not None]))
    return [replace(line, p_holm=next(holms)) if line.is_gap else line for line in lines]
