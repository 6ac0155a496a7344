"""What a table is assembled from, and which experiment its rows are compared with."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lanistr.data.manifest import Manifest
from lanistr.errors import ConfigError, DataContractError
from lanistr.evaluation.ceiling import Truth
from lanistr.evaluation.row import method_of
from lanistr.evaluation.runs import Entries, Runs, check_data, read_runs
from lanistr.task import Task

REFERENCE = "LANISTR"
"""The row that the others are compared with."""


@dataclass(frozen=True)
class Sources:
    """What a table is assembled from.

    Attributes:
        entries: completed entries of the registry.
        results: holds runs/, predictions/, metrics/, logs/ and cache/.
        seeds: runs that belong to the table.
        manifests: those of the shards behind the runs, by data set.
        resamples: number of resamples of the bootstrap.
        truth: what generated data were drawn from, for the ceilings.
        pending: metrics that were to be made anew.
    """

    entries: Entries
    results: Path
    seeds: Sequence[int]
    manifests: Mapping[str, Manifest]
    resamples: int
    truth: Truth | None = None
    pending: Collection[Path] = ()

    def task_of(self, name: str) -> Task:
        """The task of an experiment.

        Raises:
            ConfigError: its data set has no such task.
            DataContractError: no manifest of its data set was given.
        """
        entry = self.entries[name]
        if entry["dataset"] not in self.manifests:
            raise DataContractError(
                f"{name} is on {entry['dataset']}, manifests were given of "
                f"{sorted(self.manifests)}. Give that of its shards, too, with --manifest."
            )
        try:
            return self.manifests[entry["dataset"]].card.task(entry.get("task"))
        except KeyError as error:
            raise ConfigError(f"{name}: {error.args[0]}") from None

    def question(self, name: str) -> tuple[Any, ...]:
        """Data set, task and given labels of an experiment: what may be compared.

        Other entries may ask for tasks that these data do not have: they are no row here.
        """
        entry = self.entries[name]
        given = entry.get("data") or {}
        labels = (given.get("labels"), given.get("labeled_share", 1))
        return entry["dataset"], entry.get("task") or self.task_of(name).name, *labels

    def read(self, names: Sequence[str]) -> dict[str, Runs]:
        """The runs of some experiments.

        Raises:
            DataContractError: metrics and predictions disagree, or come from other shards.
        """
        told = (self.entries, self.results)
        runs = {name: read_runs(*told, name, self.seeds, self.pending) for name in names}
        digests = {dataset: told.digest for dataset, told in self.manifests.items()}
        check_data([run for each in runs.values() for run in each.done], digests)
        return runs


def rows_of(entry: Mapping[str, Any]) -> dict[str, str]:
    """Which row of which tables an entry is."""
    return entry.get("rows") or {}


def reference_of(sources: Sources, name: str) -> str | None:
    """The experiment that is LANISTR, in whichever table, asked the same as another."""
    candidates = [
        other
        for other, entry in sources.entries.items()
        if REFERENCE in map(method_of, rows_of(entry).values())
        and entry["dataset"] == sources.entries[name]["dataset"]
        and sources.question(other) == sources.question(name)
    ]
    return candidates[0] if candidates else None


def compared(sources: Sources, names: Mapping[tuple[str, str], str]) -> list[str]:
    """The experiments of a table, and those that they are compared with."""
    wanted = [*names.values(), *[reference_of(sources, name) for name in names.values()]]
    return list(dict.fromkeys(name for name in wanted if name))


def reference(sources: Sources, runs: Mapping[str, Runs], name: str) -> Runs | None:
    """The runs that a row is compared with; None for LANISTR itself."""
    other = reference_of(sources, name)
    return None if other in (None, name) else runs[other]
