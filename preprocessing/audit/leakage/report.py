"""The files of the audit: one per data set before training, and all in one afterwards."""

import json
import logging
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from preprocessing.audit.leakage.findings import Finding, check_names, leaks
from preprocessing.audit.leakage.runs import of_runs, read_stories
from preprocessing.audit.suppression import LIMIT
from preprocessing.datasets.amazon import leakage as amazon
from preprocessing.datasets.mimic import leakage as mimic
from preprocessing.errors import ConfigError, DataContractError, LeakageError, SourceMissingError

log = logging.getLogger(__name__)

VOCABULARY = "vocabulary-outside-training"


def gate(
    shards: Path,
    acknowledged: Collection[str],
    *,
    source: str | None = None,
    resamples: int,
    output: Path,
) -> None:
    """Run the gates of a data set and write what they found.

    Args:
        shards: folder with manifest.json.
        acknowledged: names of gates whose findings do not stop the run.
        source: the text source to look at, where the shards have several.
        resamples: behind each interval.
        output: JSON; written even if the run is stopped.

    Raises:
        ConfigError: a name is of no gate, or the shards have no such text source.
        SourceMissingError: there are no shards.
        LeakageError: a leak that is not acknowledged.
    """
    check_names(acknowledged)
    manifest = _read(shards / "manifest.json", "snakemake shards")
    about = {name: manifest[name] for name in ("dataset", "scale", "text_source", "digest")}
    if source is not None:
        if source not in manifest.get("text_sources", {}):
            raise ConfigError(f"--source {source}: {shards} holds no such text source.")
        about |= {"dataset": f"{about['dataset']}/{source}", "text_source": source}
    entries = []
    for finding in findings(shards, manifest["dataset"], source, resamples):
        entries.append(finding.entry(acknowledged))
        log.info("%s: %s", finding.gate, entries[-1]["status"])
    _write(output, {**about, "gates": entries})
    stop(about["dataset"], entries)


def findings(shards: Path, dataset: str, source: str | None, resamples: int) -> Iterator[Finding]:
    """What every gate finds in the shards of a data set."""
    if dataset == "amazon":
        yield from amazon.findings(amazon.Reviews.open(shards), resamples)
    else:
        yield from mimic.findings(mimic.Mimic.open(shards, source), resamples)


def stop(dataset: str, entries: Iterable[Mapping[str, Any]]) -> None:
    """Raise if there is a leak.

    Raises:
        LeakageError: says which, how often, and what to do.
    """
    if messages := leaks(entries):
        raise LeakageError(
            "\n".join([f"leakage in {dataset}; nothing is trained or reported on it:", *messages])
            + "\nRemove the leak, or acknowledge it in the configuration by name:"
            " leakage: {acknowledge: [...]}; the audit then says so."
        )


def selection(runs: Sequence[Path], acknowledged: Collection[str], *, output: Path) -> None:
    """Check after training what runs were selected on, and write what was found.

    Args:
        runs: experiment.json of each run.
        acknowledged: names of gates whose findings do not stop the run.
        output: JSON; written even if the run is stopped.

    Raises:
        ConfigError: a name is of no gate.
        LeakageError: a run selected on the test split, and not acknowledged.
    """
    check_names(acknowledged)
    entries = [of_runs(read_stories(runs)).entry(acknowledged)]
    _write(output, {"gates": entries})
    stop("the runs", entries)


def merge(
    gates: Sequence[Path],
    vocabularies: Sequence[Path],
    acknowledged: Collection[str],
    *,
    output: Path,
) -> None:
    """Write audit/leakage.json: all data sets, with what only their caches can tell.

    Args:
        gates: what `gate` wrote.
        vocabularies: what `python -m lanistr audit-vocabulary` wrote.
        acknowledged: names of gates whose findings do not stop the run.
        output: JSON.

    Raises:
        ConfigError: a name is of no gate.
    """
    check_names(acknowledged)
    datasets = [_read(path, "snakemake audit") for path in gates]
    tokenizers = [_read(path, "snakemake audit") for path in vocabularies]
    names = {entry["dataset"] for entry in datasets}
    for entry in datasets:
        name = entry["dataset"]
        words = _vocabulary([t for t in tokenizers if _gated(t["dataset"], names) == name])
        entry["gates"].append(words.entry(acknowledged))
    found = {g["gate"] for e in datasets for g in e["gates"] if g["status"] != "clean"}
    idle = sorted(set(acknowledged) - found)
    if idle:
        log.warning("acknowledged, but not found: %s", ", ".join(idle))
    about = {"limit": LIMIT, "acknowledged": sorted(acknowledged)}
    _write(output, {**about, "acknowledged_without_finding": idle, "datasets": datasets})


def _gated(dataset: str, names: Collection[str]) -> str:
    """The data set whose gates a cache belongs to: of "amazon/All_Beauty" those of "amazon".

    >>> _gated("amazon/All_Beauty", {"amazon"}), _gated("mimic/discharge", {"mimic/discharge"})
    ('amazon', 'mimic/discharge')
    """
    return dataset if dataset in names else dataset.split("/")[0]


def _vocabulary(facts: Sequence[Mapping[str, Any]]) -> Finding:
    """What the comparison of tokenizers found."""
    return Finding(
        VOCABULARY,
        settings=[
            f"{fact['dataset']}: {fact['foreign_tokens']} of {fact['tokens']} tokens are not those "
            "of the training texts"
            for fact in facts
            if not fact["of_training"]
        ],
    )


def _read(path: Path, made_by: str) -> dict[str, Any]:
    try:
        return dict(json.loads(path.read_text()))
    except FileNotFoundError:
        raise SourceMissingError(f"{path} is not there. Make it: {made_by}.") from None
    except ValueError:
        raise DataContractError(f"{path} is not JSON. Make it again: {made_by}.") from None


def _write(path: Path, content: Mapping[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=1) + "\n")
