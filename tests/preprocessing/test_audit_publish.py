"""All shareable counts attacked, from their files alone: no withheld one is known to within 3."""

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from preprocessing.audit import flow
from preprocessing.audit.leakage import report as leakage
from preprocessing.audit.leakage.gates import every_gate
from preprocessing.audit.leakage.measure import DEVIATIONS
from preprocessing.audit.publish import publish_audits
from preprocessing.audit.shards import Shards
from preprocessing.audit.subgroups import group_samples, write_groups
from preprocessing.engine.duckdb import connect
from tests.preprocessing.attack import Key
from tests.preprocessing.attack_subgroups import attack_all, find_known
from tests.preprocessing.generic_shards import write_generic
from tests.preprocessing.leakage_shards import Tables, mimic_shards
from tests.preprocessing.missingness_shards import planted, write_shards

FLAGS = ["has_text", "has_image", "has_timeseries"]
STOPPING = [name for name, gate in every_gate().items() if gate.stops]


def sparse(seed: int, flags: list[str]) -> Any:
    """Plants samples that lack modalities, and notes and radiographs out of their time."""

    def plant(tables: Tables, manifest: dict[str, Any]) -> None:
        rng = np.random.default_rng(seed)
        samples = tables["samples"]
        keys = samples["sample_id"].unique(maintain_order=True)
        there = {name: rng.random(len(keys)) < rng.uniform(0.2, 0.95) for name in flags}
        chosen = pl.DataFrame({"sample_id": keys, **there})
        rows = samples.drop(flags).join(chosen, on="sample_id", maintain_order="left")
        tables["samples"] = rows.select(samples.columns)

    return plant


def crowd(seed: int) -> Any:
    """Plants a population: splits of any size, a rare outcome, subgroups of few, modalities."""

    def plant(tables: Tables, manifest: dict[str, Any]) -> None:
        rng = np.random.default_rng(seed)
        sparse(seed, FLAGS)(tables, manifest)
        samples = tables["samples"].filter(stage="finetune")
        n = samples.height
        kinds = ["a", "b", "c", None][: rng.integers(2, 5)]
        split = rng.choice(["train", "valid", "test"], n // 2, p=rng.dirichlet([6, 1, 6])).tolist()
        sold = rng.random(n) < rng.uniform(0.03, 0.7)
        known = rng.random(n) < rng.choice([1.0, 0.95])
        tables["samples"] = samples.with_columns(
            sold=pl.when(pl.Series(known)).then(pl.Series(sold).cast(pl.Int8)),
        )
        shares = rng.dirichlet(np.full(len(kinds), rng.choice([1, 9])))
        tables["tabular"] = tables["tabular"].with_columns(
            kind=pl.Series(
                [kinds[i] for i in rng.choice(len(kinds), n, p=shares)], dtype=pl.String
            ),
            age=pl.Series(rng.normal(50, 15, n)),
        )
        for name, table in tables.items():
            tables[name] = table.with_columns(split=pl.Series([split[i // 2] for i in range(n)]))
        manifest["card"]["subgroups"] = [
            {"column": "kind", "title": "Kind"},
            {"column": "age", "title": "Age", "cuts": [45, 55]},
        ]

    return plant


def publish(
    shards: Path, folder: Path, *, gates: Sequence[Path] = (), acknowledged: Sequence[str] = ()
) -> Path:
    """The folder of what may be shared."""
    publish_audits(
        [shards],
        connect(memory_limit="300MB"),
        list(gates),
        acknowledged=list(acknowledged),
        ledgers=None,
        output_csv=folder / "missingness.csv",
        output_json=folder / "missingness.json",
        output_leakage=folder / "leakage.json",
        output_subgroups=folder / "subgroups.json",
    )
    return folder


def publish_gated(shards: Path, folder: Path) -> Path:
    """The same, with what the gates found."""
    leakage.check_shards(shards, STOPPING, resamples=5, output=folder / "gates.json")
    return publish(shards, folder, gates=[folder / "gates.json"], acknowledged=STOPPING)


def find_undefined(shards: Path) -> dict[Key, str]:
    """The outcome that no test sample of a group has, whose results then say so."""
    grouped = group_samples(Shards.open(shards))
    found = {}
    for column in (subgroup.column for subgroup in grouped.card.subgroups):
        for (group,), rows in grouped.rows.group_by(column):
            for outcome, answer in (("with", 1), ("without", 0)):
                if not (rows[grouped.card.tasks[0].name] == answer).any():
                    found[grouped.dataset, column, group] = outcome
    return found


@pytest.mark.parametrize("seed", range(24))
def test_no_withheld_count_of_audits_and_subgroups_is_known(seed: int, tmp_path: Path) -> None:
    shards = write_generic(tmp_path, "sold", plant=crowd(seed))
    attack = attack_all(publish(shards, tmp_path), find_undefined(shards))
    assert attack.targets
    assert not find_known(attack)


def hospital(seed: int, folder: Path) -> Path:
    """Shards of stays in care units that both the audit and the subgroups tell of."""
    rng = np.random.default_rng(seed)
    units = ["CCU", "CVICU", "MICU", "SICU"][: rng.integers(2, 5)]
    patterns = [f"{name}timeseries+tabular" for name in ("image+text+", "text+", "image+", "")]
    patterns += ["text+tabular", "tabular"]
    splits, died = ["train", "valid", "test"], rng.uniform(0.05, 0.5)
    names = (patterns, splits, units)
    shares = [
        rng.dirichlet(np.full(len(patterns), rng.choice([1, 5]))),
        rng.dirichlet([6, 1, 5]),
        rng.dirichlet(np.full(len(units), rng.choice([1, 6]))),
    ]
    drawn: Counter[Any] = Counter()
    for _ in range(rng.integers(150, 500)):
        what = (some[rng.choice(len(some), p=p)] for some, p in zip(names, shares, strict=True))
        drawn[(*what, int(rng.random() < died))] += 1
    shards = write_shards(planted(drawn), folder)
    path = shards / "tabular/part-00000.parquet"
    cohort = pl.read_parquet(shards / "cohort.parquet").select("stay_id", "careunit")
    rows = pl.read_parquet(path).select("stay_id", "subject_id", "split")
    n = rows.height
    rows.join(cohort, on="stay_id", how="left", maintain_order="left").with_columns(
        gender=pl.Series(rng.choice(["F", "M"], n)),
        age=pl.Series(rng.normal(60, 15, n)),
        race=pl.Series(rng.choice(["A", "B", "C"], n, p=[0.8, 0.15, 0.05])),
        insurance=pl.lit("Other"),
    ).write_parquet(path)
    return shards


@pytest.mark.parametrize("seed", range(2))
def test_no_withheld_count_of_a_random_hospital_is_known(seed: int, tmp_path: Path) -> None:
    """Groups by care unit are told of by the audit too, by modalities and outcome."""
    shards = hospital(seed, tmp_path)
    attack = attack_all(publish(shards, tmp_path), find_undefined(shards))
    assert attack.targets
    assert not find_known(attack)


@pytest.mark.parametrize("seed", range(4))
def test_no_withheld_count_of_a_random_population_is_known(seed: int, tmp_path: Path) -> None:
    shards = write_generic(tmp_path, "sold", plant=sparse(seed, FLAGS))
    attack = attack_all(publish_gated(shards, tmp_path))
    assert attack.targets
    assert not find_known(attack)


def test_the_attack_finds_what_is_told_twice(tmp_path: Path) -> None:
    """A total that one file withholds and the others tell is found: the attack is one."""
    shards = write_generic(tmp_path, "sold", plant=sparse(0, FLAGS))
    path = publish_gated(shards, tmp_path) / "missingness.json"
    audit = json.loads(path.read_text())
    for row in audit["datasets"][0]["rows"]:
        if (row["unit"], row["kind"], row["level"]) == ("sample", "total", "valid"):
            row |= {"count": None, "known": None, "outcome": None}
            row |= {"suppressed": True, "outcome_suppressed": True}
    path.write_text(json.dumps(audit))
    told = {name: (least, most) for name, least, most in find_known(attack_all(tmp_path))}
    least, most = told["rows", "sample", "split", "valid", "total", "any"]
    assert least == most


def test_the_attack_finds_a_split_that_its_groups_add_up_to(tmp_path: Path) -> None:
    """Decided alone, subgroups tell how many are tested, and so how few validate."""

    def plant(tables: Tables, manifest: dict[str, Any]) -> None:
        few = pl.when(pl.col("group").is_in(["g3", "g8"])).then(pl.lit("valid"))
        for name, table in tables.items():
            split = few.when(pl.col("split") == "valid").then(pl.lit("train")).otherwise("split")
            tables[name] = table.with_columns(split=split)
        member = pl.when(pl.int_range(pl.len()) % 2 > 0).then(pl.lit("yes")).otherwise(pl.lit("no"))
        tables["tabular"] = tables["tabular"].with_columns(member=member)
        manifest["card"]["subgroups"] = [{"column": "member", "title": "Member"}]

    shards = write_generic(tmp_path, "sold", plant=plant)
    assert not find_known(attack_all(publish(shards, tmp_path), {}))
    write_groups(shards, groups=tmp_path / "g.parquet", told=tmp_path / "subgroups.json")
    told = {name: (least, most) for name, least, most in find_known(attack_all(tmp_path, {}))}
    assert told["rows", "sample", "split", "valid", "total", "any"] == (4, 4)


def test_a_way_ends_in_what_is_counted(tmp_path: Path) -> None:
    entries = [("icustays", 100, 97), ("icustays", 97, 60), ("remark", 4, 4)]
    ledger = {
        "flow": {"rows": "stays", "tables": ["icustays"], "order": 1, "ends_in": ["m", "stay"]},
        "entries": [
            {"table": table, "reason": "r", "rows_before": before, "rows_after": after}
            for table, before, after in entries
        ],
    }
    (tmp_path / "a.json").write_text(json.dumps(ledger))
    (tmp_path / "b.json").write_text(json.dumps({"flow": None, "entries": []}))
    (way,) = flow.read_ways(tmp_path)
    assert (way.rows, way.read) == ("stays", 100)
    assert way.steps == [("r", 3, 97, ()), ("r", 37, 60, ("m", "stay"))]


def test_figures_are_rounded_so_that_they_name_no_count(tmp_path: Path) -> None:
    shards = mimic_shards(tmp_path / "shards")
    leakage.check_shards(shards, [], resamples=5, output=tmp_path / "gates.json")
    for gate in json.loads((tmp_path / "gates.json").read_text())["gates"]:
        for measure in gate["measures"]:
            if measure["metric"] != DEVIATIONS:
                told = [measure[name] or 0 for name in ("value", "low", "high", "chance")]
                assert told == [round(figure, 2) for figure in told]
