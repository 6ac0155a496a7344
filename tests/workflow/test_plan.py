"""What the workflow would do, and what it says when it cannot: dry runs only."""

import json
import re

import pytest

TABLES = {
    "mimic": [
        *("hosp/patients", "hosp/admissions", "hosp/d_labitems", "hosp/d_icd_diagnoses"),
        *("hosp/diagnoses_icd", "hosp/labevents", "icu/d_items", "icu/icustays"),
        *("icu/chartevents", "icu/outputevents"),
    ],
    "notes": ["note/discharge"],
    "cxr": ["mimic-cxr-2.0.0-metadata"],
}
REVIEWS = [
    f"{prefix}{category}.json.gz"
    for category in ("Office_Products", "All_Beauty", "AMAZON_FASHION")
    for prefix in ("", "meta_")
]


@pytest.fixture(scope="module")
def paper_roots(tmp_path_factory):
    """Empty files where full dumps would lie: enough to plan, not to run."""
    top = tmp_path_factory.mktemp("raw")
    for root, tables in TABLES.items():
        for table in tables:
            path = top / root / f"{table}.csv.gz"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
    (top / "cxr/files").mkdir()
    (top / "amazon").mkdir()
    for name in REVIEWS:
        (top / "amazon" / name).touch()
    mimic = {"root": top / "mimic", "notes": top / "notes", "cxr": top / "cxr"}
    roots = {"mimic": mimic, "amazon": {"root": top / "amazon"}}
    return [f"{name}={json.dumps(keys, default=str)}" for name, keys in roots.items()]


def test_the_paper_is_planned_where_its_raw_files_are(snakemake, paper_roots):
    run = snakemake(
        *("table1", "-n", "--configfile", "config/paper.yaml"),
        *("--config", *paper_roots, "seeds=[0, 1, 2, 3]"),
    )
    assert run.returncode == 0, run.stdout
    assert "generate_mimic" not in run.stdout
    planned = dict(re.findall(r"^(\w+) +(\d+)$", run.stdout, re.MULTILINE))
    assert planned["table"] == "1"
    assert planned["train"] == "16"  # four experiments, four seeds


def test_table_2_needs_nothing_of_mimic(snakemake, paper_roots):
    run = snakemake(
        *("table2", "-n", "--configfile", "config/paper.yaml", "--config", paper_roots[1])
    )
    assert run.returncode == 0, run.stdout
    assert "mimic" not in run.stdout.split("Job stats")[1]


def test_every_missing_raw_file_is_named_at_once(snakemake):
    run = snakemake("-n", "--configfile", "config/paper.yaml")
    assert run.returncode != 0
    assert "Traceback" not in run.stdout
    for root, tables in (("mimiciv/2.2", TABLES["mimic"]), ("mimic-iv-note/2.2", TABLES["notes"])):
        for table in tables:
            assert f"data/{root}/{table}.csv.gz (or .csv, .parquet)" in run.stdout
    assert "data/mimic-cxr-jpg/2.0.0/files/" in run.stdout
    for name in REVIEWS:
        assert f"data/amazon-2018/{name}" in run.stdout
    assert "README.md says how to obtain them" in run.stdout


def test_a_null_location_without_generate_is_refused(snakemake, repository, tmp_path):
    lines = (repository / "config/paper.yaml").read_text().splitlines(keepends=True)
    config = tmp_path / "no-notes.yaml"
    config.write_text("".join(line for line in lines if "notes:" not in line))
    run = snakemake("-n", "--configfile", str(config))
    assert run.returncode != 0
    assert "mimic.notes is null and there is no `generate`" in run.stdout


def test_unknown_keys_and_wrong_values_are_refused_together(snakemake):
    run = snakemake("-n", "--config", "nam=x", 'mimic={"rot": 1}', "profile=exact")
    assert run.returncode != 0
    assert "Traceback" not in run.stdout
    for part in ("'nam' was unexpected", "'rot' was unexpected", "'exact' is not one of"):
        assert part in run.stdout
