"""The files of the audit: one per data set before training, and all in one afterwards."""

import json
import logging
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

from typer import Option

from preprocessing.audit.declared import find_module
from preprocessing.audit.leakage import generic, publish
from preprocessing.audit.leakage.findings import Finding, check_names, leaks
from preprocessing.audit.leakage.runs import check_runs, read_stories
from preprocessing.audit.shards import Shards, open_variants, read_json, read_manifest
from preprocessing.audit.suppression import LIMIT
from preprocessing.audit.tables import Key, Tables
from preprocessing.errors import LeakageError
from preprocessing.options import AcknowledgedGates, GateFiles, Resamples, VocabularyFiles

log = logging.getLogger(__name__)

VOCABULARY = "vocabulary-outside-training"


def check_shards(
    shards: Annotated[Path, Option(help="Folder with the manifest.json of a data set")],
    acknowledged: AcknowledgedGates = None,
    *,
    variant: Annotated[
        str | None, Option("--variant", "--source", help="Subfolder of the variant to look at")
    ] = None,
    resamples: Resamples = 1000,
    output: Annotated[Path, Option(help="JSON to write, even if the run is stopped")],
) -> None:
    """Ask the gates of a data set and write what they found, with counts as they are.

    Raises:
        ConfigError: a name is of no gate.
        SourceMissingError: there are no shards.
        LeakageError: a leak that is not acknowledged.
    """
    acknowledged, shards = acknowledged or [], shards / (variant or "")
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


def check_selection(
    runs: Annotated[list[Path], Option("--run", help="experiment.json of a run; repeatable")],
    acknowledged: AcknowledgedGates = None,
    *,
    output: Annotated[Path, Option(help="JSON to write, even if the run is stopped")],
) -> None:
    """Check after training what runs were selected on, and write what was found.

    Raises:
        ConfigError: a name is of no gate.
        LeakageError: a run selected on the test split, and not acknowledged.
    """
    acknowledged = acknowledged or []
    check_names(acknowledged)
    entries = [check_runs(read_stories(runs)).entry(acknowledged)]
    write_json(output, {"gates": entries})
    stop("the runs", entries)


def merge_gates(
    gates: GateFiles,
    vocabularies: VocabularyFiles = None,
    acknowledged: AcknowledgedGates = None,
    *,
    output: Annotated[Path, Option(help="audit/leakage.json to write")],
) -> None:
    """Write what may be shared of all gates, where nothing else is.

    Raises:
        ConfigError: a name is of no gate.
    """
    datasets = read_gates(gates, vocabularies, acknowledged)
    tables = Tables()
    for found in datasets:
        publish.add_gates(tables, found, [])
    write_audit(datasets, tables.withheld(), acknowledged, output)


def read_gates(
    gates: Sequence[Path], vocabularies: Sequence[Path] | None, acknowledged: Sequence[str] | None
) -> list[dict[str, Any]]:
    """What the gates of all data sets found, exactly, with what only their caches can tell.

    Raises:
        ConfigError: a name is of no gate.
    """
    check_names(acknowledged or [])
    datasets = [read_json(path, "snakemake audit") for path in gates]
    tokenizers = [read_json(path, "snakemake audit") for path in vocabularies or ()]
    names = {entry["dataset"] for entry in datasets}
    for entry in datasets:
        name = entry["dataset"]
        words = _vocabulary([t for t in tokenizers if _gated(t["dataset"], names) == name])
        entry["gates"].append(words.entry(acknowledged or []))
    return datasets


def write_audit(
    datasets: Sequence[Mapping[str, Any]],
    hidden: Collection[Key],
    acknowledged: Sequence[str] | None,
    output: Path,
) -> None:
    """Write audit/leakage.json: all data sets, None where a count is withheld."""
    named = sorted(acknowledged or [])
    found = {g["gate"] for e in datasets for g in e["gates"] if g["status"] != "clean"}
    idle = sorted(set(named) - found)
    if idle:
        log.warning("acknowledged, but not found: %s", ", ".join(idle))
    about = {"limit": LIMIT, "acknowledged": named, "acknowledged_without_finding": idle}
    write_json(
        output, {**about, "datasets": [publish.shareable(found, hidden) for found in datasets]}
    )


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
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
