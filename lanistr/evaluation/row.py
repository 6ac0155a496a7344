"""A table: its lines, what is stamped on all of them, and the file that holds both."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from lanistr.data.manifest import Manifest
from lanistr.evaluation.layout import Layout
from lanistr.evaluation.metrics import KIND_OF, METRIC, Metric
from lanistr.task import Kind
from reading.spreadsheets import escape_formula, read_escaped


@dataclass(frozen=True)
class Row:
    """One line of a table; metrics in their unit, None = does not apply or is not known.

    Attributes:
        row: method or ablation, as the paper calls it.
        status: `ok`, `m of n runs`, `failed`, `stopped`, `not installed`, `not run`, `not built`
            or `undefined`.
        experiment: entry of the registry.
        dataset: data set, as the paper calls it.
        metric: name of the metric in the columns below.
        reason: cause of another status than ok: which seeds, and the log that says more.
        mean: mean over runs.
        std: standard deviation over runs, with n - 1.
        n_runs: number of seeds that the mean is over.
        seeds: these seeds, with spaces between.
        low: lower end of the 95 % interval of the mean, by bootstrap over subjects and seeds; with
            one seed over subjects alone.
        high: upper end.
        difference: mean minus that of LANISTR on the same test samples.
        difference_low: lower end of its 95 % interval, by paired bootstrap over subjects and seeds;
            see `lanistr.evaluation.comparison`.
        difference_high: upper end.
        p_value: two-sided p of the difference.
        p_holm: p adjusted for the rows of the table that are compared with LANISTR.
        auprc: area under the precision-recall curve, mean over runs.
        macro_f1: F1 averaged over the classes, mean over runs.
        trivial: what the best constant answer reaches, such as an AUROC of 50.
        ceiling: of generated data, what an ideal reader of the row's modalities reaches on the
            same test samples.
        ceiling_severity: the same, if the planted severity itself were known.
        prevalence: share of positives in percent, which constant predictions reach as AUPRC.
        majority_rate: share in percent of the most frequent class of the test set.
        labels: number of labeled samples that were learned from.
        unlabeled: number of samples of the pretraining that it starts from.
        n_test: number of test samples.
        n_positive: number of positive ones.
        n_subjects: number of units, such as patients, among the test samples.
        trainable_parameters: number of parameters that this stage trains.
        seconds: wall time of a run, mean.
        pretraining_seconds: wall time of the runs that it starts from, mean.
        paper: published mean.
        paper_std: published standard deviation.
        paper_n_runs: published number of runs.
        unit: what the metric is in if not percent, such as "hours".
        auroc: like `auprc`, beside a task's own choice of what is reported; the next ones too.
        label_std: standard deviation of the numbers of the test set.
        n_labels_defined: labels that some test samples have and others lack.
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
    p_holm: float | None = None
    auprc: float | None = None
    macro_f1: float | None = None
    trivial: float | None = None
    ceiling: float | None = None
    ceiling_severity: float | None = None
    prevalence: float | None = None
    majority_rate: float | None = None
    labels: int | None = None
    unlabeled: int | None = None
    n_test: int | None = None
    n_positive: int | None = None
    n_subjects: int | None = None
    trainable_parameters: int | None = None
    seconds: float | None = None
    pretraining_seconds: float | None = None
    paper: float | None = None
    paper_std: float | None = None
    paper_n_runs: int | None = None
    unit: str = ""
    auroc: float | None = None
    accuracy: float | None = None
    macro_auroc: float | None = None
    micro_auroc: float | None = None
    macro_auprc: float | None = None
    mae: float | None = None
    r2: float | None = None
    label_std: float | None = None
    n_labels_defined: int | None = None

    @property
    def measure(self) -> Metric:
        """The metric of its columns."""
        return METRIC[self.metric]

    @property
    def kind(self) -> Kind:
        """The kind of task that its metric is of."""
        return KIND_OF[self.metric]


@dataclass(frozen=True)
class Stamp:
    """What must be stated of the data behind a table.

    Attributes:
        scale: scale of the run, such as `smoke`.
        profile: named set of switches.
        text_source: where texts come from; of several data sets all.
        leaky_text: whether they tell what is asked.
        digest: digest of the shards; of several data sets all.
        switches: quirks of the preprocessing.
        leaky: why such texts leak.
        subjects: what bootstraps are over, such as "patients".
    """

    scale: str
    profile: str
    text_source: str
    leaky_text: bool
    digest: str
    switches: dict[str, Any] = field(default_factory=dict)
    leaky: str = ""
    subjects: str = "subjects"


def stamp_of(manifests: Sequence[Manifest]) -> Stamp:
    """What the manifests of a table's data sets say, each thing once."""

    def joined(values: Sequence[str]) -> str:
        return ", ".join(dict.fromkeys(filter(None, values)))

    told = [manifest.provenance for manifest in manifests]
    leaks = any(each["leaky_text"] for each in told)
    return Stamp(
        **{name: joined([each[name] for each in told]) for name in JOINED},
        leaky_text=leaks,
        switches=told[0]["switches"],
        leaky=joined([manifest.card.leaky for manifest in manifests]) if leaks else "",
        subjects=joined([manifest.card.unit.plural for manifest in manifests]),
    )


@dataclass(frozen=True)
class Table:
    """A table, to be written in any form.

    Attributes:
        name: name of its files, such as `table1`.
        layout: its title, and what else is known of it.
        rows: its lines.
        stamp: what must be stated of the data.
    """

    name: str
    layout: Layout
    rows: Sequence[Row]
    stamp: Stamp


JOINED = ("scale", "profile", "text_source", "digest")
COLUMNS = tuple(field.name for field in fields(Row))
ALWAYS = COLUMNS[: COLUMNS.index("unit")]
"""The columns of every table; the others are there where a row has a value."""


def write_csv(path: Path, table: Table) -> None:
    """All columns at full precision; the stamp is repeated in every line."""
    stamp = table.stamp
    told = asdict(stamp)
    stamped = {
        **{name: told[name] for name in ("scale", "profile", "text_source", "leaky_text")},
        "data_digest": stamp.digest,
        "switches": json.dumps(stamp.switches, sort_keys=True),
        **({"leaky": stamp.leaky} if stamp.leaky else {}),
        "subjects": stamp.subjects,
    }
    lines = [asdict(row) | point_of(table, row) for row in table.rows]
    used = [name for name in lines[0] if name in ALWAYS or any(line[name] for line in lines)]
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        names = ["table", *used, *stamped]
        writer = csv.DictWriter(file, names, extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        for line in lines:
            cells = {"table": table.name, **line, **stamped}
            writer.writerow({key: escape_formula(cell) for key, cell in cells.items()})


def point_of(table: Table, row: Row) -> dict[str, Any]:
    """What a curve over labels is drawn from, under names that say so."""
    if table.layout.curve != "labels":
        return {}
    return {"method": method_of(row.row), row.metric: row.mean}


def method_of(row: str) -> str:
    """The method that a row is named after; a point of a curve adds what it is at.

    >>> method_of("LANISTR, 64 labels"), method_of("LANISTR")
    ('LANISTR', 'LANISTR')
    """
    return row.partition(", ")[0]


def read_csv(path: Path) -> tuple[list[Row], Stamp]:
    """The rows of a table's csv and its stamp; a column that is not there says nothing."""
    with path.open(newline="", encoding="utf-8") as file:
        lines = [
            {name: read_escaped(text) for name, text in line.items() if text}
            for line in csv.DictReader(file)
        ]
    rows = [TypeAdapter(Row).validate_python({"experiment": None, **line}) for line in lines]
    first = lines[0]
    told = {**first, "digest": first["data_digest"], "switches": json.loads(first["switches"])}
    return rows, TypeAdapter(Stamp).validate_python(dict.fromkeys(JOINED, "") | told)
