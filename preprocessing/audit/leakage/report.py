"""The files of the audit: one per data set before training, and all in one afterwards."""

import json
import logging
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from preprocessing.audit.declared import find_module
from preprocessing.audit.leakage import generic
from preprocessing.audit.leakage.findings import Finding, check_names, leaks
from preprocessing.audit.leakage.runs import check_runs, read_stories
from preprocessing.audit.shards import Shards, open_variants, read_json, read_manifest
from preprocessing.audit.suppression import LIMIT
from preprocessing.errors import LeakageError

log = logging.getLogger(__name__)

VOCABULARY = "vocabulary-outside-training"


def check_shards(
    shards: Path,
    acknowledged: Collection[str],
    *,
    resamples: int,
    output: Path,
) -> None:
    """Ask the gates of a data set and write what they found.

    Args:
        shards: folder with manifest.json.
        acknowledged: names of gates whose findings do not stop the run.
        resamples: behind each interval.
        output: JSON; written even if the run is stopped.

    Raises:
        ConfigError: a name is of no gate.
        SourceMissingError: there are no shards.
        LeakageError: a leak that is not acknowledged.
    """
    check_names(acknowledged)
    manifest, variants = read_manifest(shards), open_variants(shards)
    about = {name: manifest.get(name, "") for name in ("dataset", "scale", "text_source", "digest")}
    about["title"] = variants[0].card.title
    entries = []
    for finding in findings(variants, resamples):
        entries.append(finding.entry(acknowledged))
        log.info("%s: %s", finding.gate, entries[-1]["status"])
    write_json(output, {**about, "gates": entries})
    stop(about["dataset"], entries)


def findings(variants: Sequence[Shards], resamples: int) -> Iterator[Finding]:
    """What every gate of a data set finds: those it names, else the generic ones."""
    own = find_module(variants[0].card.name, "leakage")
    yield from (own or generic).findings(variants, resamples)


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


def check_selection(runs: Sequence[Path], acknowledged: Collection[str], *, output: Path) -> None:
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
    entries = [check_runs(read_stories(runs)).entry(acknowledged)]
    write_json(output, {"gates": entries})
    stop("the runs", entries)


def merge_gates(
    gates: Sequence[Path],
    vocabularies: Sequence[Path],
    acknowledged: Collection[str],
    *,
    output: Path,
) -> None:
    """Write audit/leakage.json: all data sets, with what only their caches can tell.

    Args:
        gates: what `check_shards` wrote.
        vocabularies: what `python -m lanistr audit-vocabulary` wrote.
        acknowledged: names of gates whose findings do not stop the run.
        output: JSON.

    Raises:
        ConfigError: a name is of no gate.
    """
    check_names(acknowledged)
    datasets = [read_json(path, "snakemake audit") for path in gates]
    tokenizers = [read_json(path, "snakemake audit") for path in vocabularies]
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
    write_json(output, {**about, "acknowledged_without_finding": idle, "datasets": datasets})


def _gated(dataset: str, names: Collection[str]) -> str:
    """The data set whose gates a cache belongs to: of a variant its own, or those of all variants.

    >>> _gated("shop/toys", {"shop"}), _gated("shop/toys", {"shop", "shop/toys"})
    ('shop', 'shop/toys')
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


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write a file of the audit."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=1) + "\n")
