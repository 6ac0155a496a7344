"""What the workflow would do with PhysioNet 2012, and what it says without it."""

import json

import pytest

CONFIG = "config/physionet-2012.yaml"


@pytest.fixture
def root(tmp_path):
    """As much of the challenge as a plan looks at: an archive, a folder, and the outcomes."""
    (tmp_path / "set-b").mkdir()
    for name in ("set-a.zip", "Outcomes-a.txt", "Outcomes-b.txt"):
        (tmp_path / name).touch()
    return tmp_path


def test_the_table_is_planned_from_the_records_on(snakemake, root):
    section = json.dumps({"root": str(root)})
    run = snakemake(
        "mortality", "-n", "--configfile", CONFIG, "--config", f"physionet2012={section}"
    )
    assert run.returncode == 0, run.stdout
    for words in ("Reading the records", "Looking for leaks in physionet2012", "Training"):
        assert words in run.stdout


def test_files_that_are_missing_are_named_with_the_key(snakemake):
    run = snakemake("mortality", "-n", "--configfile", CONFIG)
    assert run.returncode != 0 and "Traceback" not in run.stdout
    for name in ("set-a", "set-b", "Outcomes-a.txt", "Outcomes-b.txt"):
        assert f"data/physionet-2012/{name}" in run.stdout
    assert "physionet2012.root" in run.stdout
