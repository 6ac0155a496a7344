"""How far a run got, as its files tell; or that it cannot begin, as its library is not there."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from lanistr.experiments.methods import methods
from lanistr.experiments.recipes import started_from

FAILURES = ("error: ", "Traceback ")
TAIL_BYTES = 100_000  # of a log: an end without a message takes less


@dataclass(frozen=True)
class Status:
    """Why a run has no result."""

    status: Literal["failed", "stopped", "not installed", "not run"]
    reason: str = ""


@dataclass(frozen=True)
class RunFiles:
    """Where the files of one run of an experiment lie, below `results/<name>/`."""

    results: Path
    experiment: str
    seed: int

    @property
    def folder(self) -> Path:
        """Holds everything that training leaves."""
        return self.results / "runs" / self.experiment / f"seed{self.seed}"

    @property
    def story(self) -> Path:
        """The resolved experiment, its parameters, times, data and machine."""
        return self.folder / "experiment.json"

    @property
    def checkpoint(self) -> Path:
        """The weights of the selected epoch."""
        return self.folder / "checkpoint.safetensors"

    @property
    def predictions(self) -> Path:
        """For every test sample."""
        return self.results / "predictions" / self.experiment / f"seed{self.seed}.parquet"

    @property
    def metrics(self) -> Path:
        """Of the predictions."""
        return self.results / "metrics" / self.experiment / f"seed{self.seed}.json"

    def log(self, step: str) -> Path:
        """What a step of the workflow said: `train` or `evaluate`."""
        return self.results / "logs" / step / f"{self.experiment}_seed{self.seed}.log"


def why_missing(
    registry: Mapping[str, dict[str, Any]],
    results: Path,
    experiment: str,
    seed: int,
    pending: Collection[Path] = (),
) -> Status | None:
    """Why a run has no result; None if it has one.

    A result counts only while its method is installed and the runs that it starts from are whole:
    what is left of an earlier round does not stand for one that failed in this round.

    Args:
        registry: completed entries.
        results: holds runs/, predictions/, metrics/ and logs/.
        experiment: entry of the registry.
        seed: of the run.
        pending: metrics that were to be made anew; what lies there is of an earlier round.
    """
    if extra := missing_extra(registry[experiment]):
        return Status("not installed", f"pip install 'lanistr[{extra}]'")
    for name in started_from(registry[experiment]):
        before = RunFiles(results, name, seed)
        if not before.story.is_file() and (found := find_status(before, "train")):
            return found
    run = RunFiles(results, experiment, seed)
    for step, made in (
        ("train", run.story),
        ("train", run.predictions),
        ("evaluate", run.metrics),
    ):
        if not made.is_file():
            return find_status(run, step) or Status("not run")
    if run.metrics in pending:
        return Status("not run", "what is there is of earlier data or settings")
    return None


def missing_extra(entry: Mapping[str, Any]) -> str | None:
    """The extra of this package that the method of an entry needs and that is not installed."""
    name = entry.get("method", "")
    method = methods().get(name)
    return name if method and not method.installed else None


def find_status(run: RunFiles, step: str) -> Status | None:
    """How a step without its result ended, by its log; None if it never began."""
    log = run.log(step)
    if not log.is_file():
        return None
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - TAIL_BYTES))
        lines = file.read().decode(errors="replace").splitlines()
    failed = any(line.startswith(FAILURES) for line in lines)
    return Status("failed" if failed else "stopped", f"see {log}")
