"""One line of a table, and the file that holds all of it."""

from __future__ import annotations

import csv
import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Row:
    """One line of a table; metrics in percent, None = does not apply or is not known.

    Attributes:
        row: method or ablation, as the paper calls it.
        status: `ok`, `m of n runs`, `failed`, `stopped`, `not installed`, `not run`, `not built`
            or `undefined`.
        reason: of another status than ok: which seeds, and the log that says more.
        experiment: entry of the registry.
        dataset: as the paper calls it.
        metric: of the columns below.
        mean: over runs.
        std: over runs, with n - 1.
        n_runs: seeds that the mean is over.
        seeds: which, with spaces between.
        low: lower end of the 95 % interval of the mean, by bootstrap over subjects.
        high: upper end.
        difference: mean minus that of LANISTR on the same test samples.
        difference_low: lower end of its 95 % interval, by paired bootstrap over subjects.
        difference_high: upper end.
        p_value: of the difference, two-sided; see `lanistr.evaluation.comparison`.
        auprc: area under the precision-recall curve, mean over runs.
        macro_f1: F1 averaged over the classes, mean over runs.
        trivial: what constant predictions reach: an AUROC of 50, or the majority rate.
        ceiling: of generated data, what an ideal reader of the row's modalities reaches on the
            same test samples.
        ceiling_severity: the same, if the planted severity itself were known.
        prevalence: share of positives, which constant predictions reach as AUPRC.
        majority_rate: share of the most frequent class of the test set.
        n_test: test samples.
        n_positive: positive ones.
        n_subjects: patients or products among the test samples.
        trainable_parameters: of this stage.
        seconds: wall time of a run, mean.
        pretraining_seconds: wall time of the runs that it starts from, mean.
        paper: published mean.
        paper_std: published standard deviation.
        paper_n_runs: published number of runs.
    """

    row: str
    status: str
    experiment: str | None
    dataset: str
    metric: str
    reason: str = ""
    mean: float | None = None
    std: float | None = None
    n_runs: int = 0
    seeds: str = ""
    low: float | None = None
    high: float | None = None
    difference: float | None = None
    difference_low: float | None = None
    difference_high: float | None = None
    p_value: float | None = None
    auprc: float | None = None
    macro_f1: float | None = None
    trivial: float | None = None
    ceiling: float | None = None
    ceiling_severity: float | None = None
    prevalence: float | None = None
    majority_rate: float | None = None
    n_test: int | None = None
    n_positive: int | None = None
    n_subjects: int | None = None
    trainable_parameters: int | None = None
    seconds: float | None = None
    pretraining_seconds: float | None = None
    paper: float | None = None
    paper_std: float | None = None
    paper_n_runs: int | None = None


COLUMNS = tuple(field.name for field in fields(Row))


def write_csv(path: Path, table: str, rows: list[Row], stamp: dict[str, Any]) -> None:
    """All columns at full precision; the stamp is repeated in every line."""
    stamped = {
        **{name: stamp[name] for name in ("scale", "profile", "text_source", "leaky_text")},
        "data_digest": stamp["digest"],
        "switches": json.dumps(stamp["switches"], sort_keys=True),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, ["table", *COLUMNS, *stamped], lineterminator="\n")
        writer.writeheader()
        writer.writerows({"table": table, **asdict(row), **stamped} for row in rows)
