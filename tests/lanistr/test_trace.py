"""From a cell to its files and back to the same number; a cell that was changed is noticed."""

import re

import pytest
from typer.testing import CliRunner

from lanistr.__main__ import app
from lanistr.errors import ConfigError, DataContractError
from lanistr.evaluation.render import write_table
from lanistr.evaluation.trace import trace
from tests.lanistr.shards import write_cache
from tests.lanistr.table_runs import made_table, write_runs


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return write_cache(tmp_path_factory.mktemp("trace"), stays=150)


@pytest.fixture
def made(cache, tmp_path, repository):
    """Results with the three forms of Table 1."""
    results = tmp_path
    write_runs(results, cache)
    files = {form: results / f"tables/table1.{form}" for form in ("csv", "md", "tex")}
    write_table(made_table(results, cache, repository), **files)
    return results


def test_every_file_behind_a_cell_is_named(made):
    text = "\n".join(trace(made, "table1", "LANISTR"))
    for seed in (0, 1):
        for path in (
            f"predictions/full/seed{seed}.parquet",
            f"runs/full/seed{seed}/checkpoint.safetensors",
            f"runs/pre/seed{seed}/checkpoint.safetensors",
            f"runs/full/seed{seed}/experiment.json",
        ):
            assert str(made / path) in text
    assert "seed 2" not in text
    assert text.count("commit abc123, shards 0123456789abcdef, cache fedc") == 4
    assert text.endswith("equal")


def test_the_command_prints_and_ends_well(made):
    options = ["trace", "--results", str(made), "--table", "table1", "--row", "LateFusion"]
    run = CliRunner().invoke(app, options)
    assert run.exit_code == 0
    assert "seed 2: " in run.output


def test_a_row_without_runs_has_nothing_to_trace(made):
    lines = list(trace(made, "table1", "MedFuse"))
    assert lines[-1].strip() == "no number to trace"


def test_a_changed_cell_is_noticed(made):
    path = made / "tables/table1.csv"
    changed = re.sub(
        r"(table1,LANISTR,.*?,auroc,[^,]*,)(\d+\.\d\d)\d+", r"\g<1>\g<2>5", path.read_text()
    )
    assert changed != path.read_text()
    path.write_text(changed)
    with pytest.raises(DataContractError, match=r"mean of 'LANISTR' is .*, the predictions give"):
        list(trace(made, "table1", "LANISTR"))


def test_an_unknown_row_names_those_there_are(made):
    with pytest.raises(ConfigError, match=r"no row 'LANISTER'.*'LateFusion'"):
        list(trace(made, "table1", "LANISTER"))
    with pytest.raises(ConfigError, match="Make the table: snakemake table3"):
        list(trace(made, "table3", "LANISTR"))
