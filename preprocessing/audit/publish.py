"""Audits and subgroups together: one decision over all counts that may leave the machine."""

from pathlib import Path
from typing import Annotated

from typer import Option

from preprocessing.audit import flow, subgroups
from preprocessing.audit.leakage import publish as of_leakage
from preprocessing.audit.leakage import report as leakage
from preprocessing.audit.missingness import publish as of_missingness
from preprocessing.audit.missingness import report as missingness
from preprocessing.audit.shards import open_variants
from preprocessing.audit.tables import Tables
from preprocessing.engine.duckdb import Connection
from preprocessing.options import (
    AcknowledgedGates,
    AmazonInterim,
    GateFiles,
    MimicRoot,
    MissingnessCsv,
    MissingnessJson,
    ShardFolders,
    VocabularyFiles,
)


def publish_audits(
    shards: ShardFolders,
    con: Connection,
    gates: GateFiles,
    vocabularies: VocabularyFiles = None,
    acknowledged: AcknowledgedGates = None,
    *,
    ledgers: Annotated[Path | None, Option(help="Folder of ledgers: how the units came about")],
    output_csv: MissingnessCsv,
    output_json: MissingnessJson,
    output_leakage: Annotated[Path, Option(help="audit/leakage.json to write")],
    output_subgroups: Annotated[
        Path | None, Option(help="audit/subgroups.json to write: groups whose results may be told")
    ] = None,
    mimic_root: MimicRoot = None,
    amazon_interim: AmazonInterim = None,
) -> None:
    """Count the data sets, and write what may be shared of that, of gates and of subgroups.

    Raises:
        ConfigError: a data set needs more than its shards, or a name is of no gate.
        SourceMissingError: a file is not there.
        DataContractError: the shards contradict each other or their manifest.
    """
    beside = {"mimic": mimic_root, "amazon": amazon_interim}
    counted = missingness.count_datasets(shards, beside, con)
    found = leakage.read_gates(gates, vocabularies, acknowledged)
    ways = flow.read_ways(ledgers) if ledgers else []
    tables = Tables()
    for counts in counted:
        tables.add(of_missingness.tables(counts))
    for dataset in found:
        of_leakage.add_gates(tables, dataset, counted)
    flow.add_ways(tables, ways)
    grouped = [
        subgroups.group_samples(variant)
        for folder in dict.fromkeys(shards)
        for variant in open_variants(folder)
        if variant.card.subgroups
    ]
    for each in grouped:
        subgroups.add_groups(tables, each, counted)
    hidden = tables.withheld()
    missingness.write_audit(
        counted,
        hidden,
        flow.shareable(ways, hidden),
        output_csv=output_csv,
        output_json=output_json,
    )
    leakage.write_audit(found, hidden, acknowledged, output_leakage)
    if output_subgroups:
        subgroups.write_told(grouped, hidden, output_subgroups)
