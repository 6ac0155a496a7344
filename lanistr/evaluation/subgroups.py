"""Results by subgroup, such as sex or age, and how far apart the groups are. Works without torch.

Groups are those of `preprocessing subgroups`; of which results may be told, `publish-audits` says,
and what is told of them is rounded, so that it names no count. All groups of a run are resampled
together, over subjects and seeds, so that a difference of two has an interval of its own.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import combinations
from pathlib import Path

import numpy as np

from lanistr.errors import DataContractError
from lanistr.evaluation.comparison import draw_subjects, holm, resampled_means, two_sided
from lanistr.evaluation.metrics import Metric
from lanistr.evaluation.predictions import Predictions, interval, resampled
from lanistr.evaluation.runs import Runs
from reading.rounding import round_figure, round_number

WITHHELD = "withheld"
# A group is compared with all others if they are this many times `fewest`.
FEWEST_OTHERS = 3


@dataclass(frozen=True)
class Subgroup:
    """One way to tell samples apart.

    Attributes:
        title: name in captions, such as "Age".
        groups: number of test samples of each group of which results may be told, in order.
        withheld: number of the other groups.
        members: group of each test sample, by its id.
        fewest: samples that results may be of.
    """

    title: str
    groups: Mapping[str, int]
    withheld: int
    members: Mapping[int, str]
    fewest: int = 10


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


def read_subgroups(groups: Path, told: Path, dataset: str) -> list[Subgroup]:
    """The subgroups of a data set.

    Args:
        groups: folder with a .parquet per data set.
        told: audit/subgroups.json.
        dataset: name, as an experiment has it; a variant has the samples of its data set.

    Raises:
        DataContractError: the files are not those of `preprocessing`.
    """
    import polars as pl

    path = groups / f"{dataset}.parquet"
    try:
        may = json.loads(told.read_text(encoding="utf-8"))
        names = (dataset, dataset.partition("/")[0])
        (own,) = (each for each in may["datasets"] if each["dataset"] in names)
        rows = pl.read_parquet(path, glob=False)
        ids = rows["sample_id"].to_list()
        return [
            Subgroup(
                each["title"],
                {group["group"]: group["samples"] for group in each["groups"]},
                each["withheld"],
                dict(zip(ids, rows[each["column"]], strict=True)),
                may["limit"],
            )
            for each in own["subgroups"]
        ]
    except (OSError, KeyError, ValueError, TypeError, pl.exceptions.PolarsError) as error:
        raise DataContractError(
            f"{path} and {told} are not of `preprocessing subgroups` and `preprocessing "
            f"publish-audits` ({type(error).__name__}). Make them again: snakemake analysis."
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
    means: dict[str, np.ndarray] = {}
    for group, size in subgroup.groups.items():
        inside = group_of == group
        made = replace(line, group=group, n_test=size)
        own, others = (means_within(runs, which, resamples) for which in (inside, ~inside))
        if np.isnan(own[0]):
            yield replace(made, status="undefined")
            continue
        means[group] = own
        mean, low, high = figures(own, first.primary, size, subgroup.fewest)
        made = replace(made, mean=mean, low=low, high=high)
        rest = len(group_of) - size
        if rest >= FEWEST_OTHERS * subgroup.fewest:
            fewer = min(size, rest)
            mean, low, high = figures(own - others, first.primary, fewer, subgroup.fewest)
            made = replace(made, difference=mean, difference_low=low, difference_high=high)
        yield made
    if len(means) > 1:
        yield gap(means, subgroup, line, first.primary)


def figures(
    values: np.ndarray, metric: Metric, samples: int, fewest: int
) -> tuple[float | None, float | None, float | None]:
    """A value and the ends of its interval for readers, rounded so that they name no count.

    Args:
        values: as it is, then resampled, (1 + R,).
        metric: what it is of.
        samples: number that it is about.
        fewest: samples that a count may be told of.
    """
    is_share = "auroc" not in metric.name

    def shown(value: float) -> float:
        if not metric.percent:
            return round_number(value)
        return round(100 * round_figure(value, fewest, samples, is_share=is_share), 9)

    if np.isnan(values[0]):
        return None, None, None
    ends = interval(values[1:])
    low, high = map(shown, ends) if ends else (None, None)
    return shown(values[0]), low, high


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


def gap(means: Mapping[str, np.ndarray], subgroup: Subgroup, line: Line, metric: Metric) -> Line:
    """The line of the best group less the worst, which were chosen for being that.

    Its interval is that of these two groups; p is multiplied by the pairs that there were to choose
    from (Bonferroni).
    """
    ordered = sorted(means, key=lambda group: means[group][0], reverse=metric.higher_is_better)
    best, worst = ordered[0], ordered[-1]
    apart = means[best] - means[worst]
    samples = min(subgroup.groups[best], subgroup.groups[worst])
    mean, low, high = figures(apart, metric, samples, subgroup.fewest)
    pairs = len(list(combinations(means, 2)))
    return replace(
        line,
        group=f"{best} less {worst}",
        mean=mean,
        low=low,
        high=high,
        p_value=min(1.0, pairs * two_sided(apart[1:])),
    )


def adjusted(lines: Sequence[Line]) -> list[Line]:
    """The lines, p of gaps adjusted for how many gaps the table has."""
    holms = iter(holm([line.p_value for line in lines if line.p_value is not None]))
    return [replace(line, p_holm=next(holms)) if line.is_gap else line for line in lines]
