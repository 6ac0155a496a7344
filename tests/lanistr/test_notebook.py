"""The notebook of the documentation runs on what a run leaves."""

import matplotlib.pyplot as plt
import nbformat
import polars as pl
import pytest

from lanistr.evaluation.row import write_csv
from tests.lanistr.table_runs import made_table, write_runs


@pytest.fixture
def demo(stays, repository, tmp_path, monkeypatch):
    """Runs of made-up stays in place of those of `make demo`, seen from the notebook's folder."""
    folder, results = stays[0], tmp_path / "results/demo"
    (results / "shards").mkdir(parents=True)
    (results / "shards/mimic").symlink_to(folder / "shards")
    write_runs(results, folder / "cache")
    write_csv(results / "tables/demo.csv", made_table(results, folder / "cache", repository))
    (tmp_path / "docs").mkdir()
    monkeypatch.chdir(tmp_path / "docs")
    return results


def test_the_notebook_runs(demo, stays, repository, monkeypatch, capsys):
    notebook = nbformat.read(repository / "docs/first-results.ipynb", as_version=4)
    drawn = []
    monkeypatch.setattr(plt, "show", lambda: drawn.append(plt.gcf()))
    seen = {}
    for cell in notebook.cells:
        if cell.cell_type == "code":
            exec(cell.source, seen)
    plt.close("all")
    told = capsys.readouterr().out
    assert "LateFusion: " in told and f"AUROC {seen['auroc']:.2f}" in told
    (axes,) = drawn[0].axes
    assert axes.get_xlabel().startswith("AUROC in percent")
    assert [label.get_text() for label in axes.get_yticklabels()] == ["LateFusion", "LANISTR"]
    there = stays[1].select(pl.col("text", "image", "timeseries").is_not_null().sum())
    assert seen["asked"].select(seen["modalities"]).sum().row(0) == there.row(0)
