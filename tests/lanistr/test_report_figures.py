"""Figures of trainings, of labels and of modalities, drawn with what there is."""

import json
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from lanistr.errors import DataContractError
from lanistr.evaluation.row import Row
from lanistr.report.curves import histories, panels, read_history, write_run_figures
from lanistr.report.curves import sections as training_sections
from lanistr.report.learning import over_labels, over_unlabeled
from lanistr.report.page import Section, page
from lanistr.report.tables import bars
from tests.lanistr.pages import check
from tests.lanistr.report_folder import LATE, make_results, write_json


@pytest.fixture
def results(tmp_path):
    return make_results(tmp_path)


def test_the_learning_curve_is_drawn_with_what_there_is():
    paper = [Row(f"{share} %", "not run", None, "mimic", "auroc", paper=80.0) for share in (0, 50)]
    ours = Row("25 %", "ok", "e", "mimic", "auroc", mean=71.0, low=60.0, high=80.0)
    for rows in (paper, [*paper, ours], [ours], [LATE]):
        html = over_unlabeled("Table 4", rows)
        legend = [word for word in ("ours", "paper") if f">{word}</text>" in html]
        assert legend == ["ours"] * (ours in rows) + ["paper"] * (paper[0] in rows)
    assert "25 %: ours 71.0 (60.0 to 80.0)." in over_unlabeled("Table 4", [ours])


def test_a_curve_over_labels_has_a_line_per_method_at_the_labels_of_its_rows():
    rows = [
        Row(f"{method}, {n} labels", "ok", "e", "mimic", "auroc", mean=60.0 + n, labels=n)
        for method in ("LANISTR", "LateFusion")
        for n in (9, 3)
    ]
    html = over_labels("Labels", [*rows, Row("MedFuse, 3 labels", "failed", "f", "mimic", "auroc")])
    assert [f">{name}</text>" in html for name in ("LANISTR", "LateFusion", "MedFuse")] == [
        True,
        True,
        False,
    ]
    assert ">3</text>" in html and ">9</text>" in html
    assert "LANISTR, 9 labels: ours 69.0" in html
    assert "MedFuse, 3 labels: ours failed" in html


def test_numbers_have_bars_in_their_unit():
    rows = [
        Row("LANISTR", "ok", "e", "stays", "mae", mean=21.25, low=20.0, high=23.0, unit="hours"),
        Row("w/o text", "not run", None, "stays", "mae", unit="hours"),
        Row("LANISTR", "ok", "f", "stays", "auroc", mean=80.0, trivial=50.0, paper=81.0),
    ]
    html = bars("Both tasks", rows)
    check(page("T", [Section("a", "A", html)]))
    assert html.count("<svg") == 2
    assert ">MAE in hours; lower is better</text>" in html and ">AUROC in percent</text>" in html
    assert "LANISTR: ours 21.25 (20.00 to 23.00)." in html
    first, second = html.split("</svg>")[:2]
    assert ">paper</text>" not in first and ">paper</text>" in second


def test_every_experiment_has_a_figure_of_all_its_seeds(results):
    assert write_run_figures(results, results / "figures/runs") == 1
    drawn = results / "figures/runs/mimic-latefusion.svg"
    assert ElementTree.parse(drawn).getroot().get("role") == "img"
    text = drawn.read_text()
    assert "2 seeds; values of the first" in text
    for words in ("mimic-latefusion", "loss of the task", "learning rate", "AUROC in percent"):
        assert f">{words}</text>" in text


def test_the_report_says_which_pretraining_collapsed(tmp_path):
    for seed, rank in ((0, 1.4), (1, 9.0)):
        run = tmp_path / f"runs/pre/seed{seed}"
        run.mkdir(parents=True)
        (run / "experiment.json").write_text('{"experiment": {"method": "lanistr"}}')
        record = {"epoch": 1, "loss": 2.0, "lr": 0.1, "valid/fused effective rank": rank}
        (run / "history.jsonl").write_text(json.dumps(record))
    assert "snakemake figures" in page("T", training_sections(tmp_path))
    write_run_figures(tmp_path, tmp_path / "figures/runs")
    html = page("T", training_sections(tmp_path))
    assert (
        "Seed 0: Collapsed by epoch 1: the fused embeddings have an effective rank of 1.4." in html
    )
    assert "Seed 1: Collapsed" not in html
    assert "<summary>lanistr: curves of 1 experiment</summary>" in html


def test_pretraining_shows_every_term_beside_the_total():
    record = {"epoch": 1, "loss": 3.0, "loss/mim": 1.0, "loss/mlm": 2.0, "valid/loss/mlm": 2.1}
    titles = dict(panels([[record]]))
    assert list(titles) == ["total loss", "masked language", "masked image"]
    assert titles["masked language"] == [("loss/mlm", "train"), ("valid/loss/mlm", "valid")]


def test_a_method_without_epochs_of_its_own_has_a_figure_too(results):
    for seed, lines in enumerate(('{"epoch": 1}', '{"epoch": 1, "lr": 1}\n{"epoch": 2}')):
        (results / f"runs/mimic-latefusion/seed{seed}/history.jsonl").write_text(lines)
    assert write_run_figures(results, results / "figures/runs") == 1


def test_a_broken_history_is_named(tmp_path):
    path = tmp_path / "history.jsonl"
    for content in ("not json", '{"loss": 1}', "3"):
        path.write_text(content)
        with pytest.raises(DataContractError, match="Train again"):
            read_history(path)


def test_runs_are_found_by_experiment_and_seed(results):
    found = histories(results)
    assert {name: list(seeds) for name, seeds in found.items()} == {"mimic-latefusion": [0, 1]}
    assert all(isinstance(path, Path) for path in found["mimic-latefusion"].values())


def test_modalities_are_shown_with_their_intervals(tmp_path):
    from lanistr.report.modalities import sections

    about = {"experiment": "mimic-lanistr", "metric": "auroc", "unit": "percent"}
    value = {"value": 0.2, "low": 0.1, "high": 0.3}
    experiment = {
        "about": about,
        "modalities": {"text": value, "image": {**value, "value": None}, "total": value},
        "subsets": {"none": {"value": 0.5, "low": None, "high": None}, "text": value},
    }
    points = [
        {**about, **value, "modality": "text", "percent_removed": percent} for percent in (0, 100)
    ]
    folder = tmp_path / "analysis"
    write_json(folder / "shapley.json", {"note": "N", "experiments": [experiment]})
    one = {**about, **value, "pattern": "text", "seen": "never", "nll": {"value": 0.61234}}
    patterns = [{**one, "n": 10}, {**one, "pattern": "image", "n": 9}]
    removed = {"note": "M", "points": points, "patterns": patterns}
    write_json(folder / "removal.json", removed)
    html = page("T", sections(tmp_path))
    assert len(check(html).all("svg")) == 2
    assert "text: 20.0 (10.0 to 30.0) percentage points" in html
    assert ">50.0</td>" in html
    assert html.count("0.612") == 1 and html.count("fewer than 10 samples") == 1


def test_what_error_a_modality_takes_away_is_in_its_unit(tmp_path):
    from lanistr.report.modalities import shares, subsets

    about = {"experiment": "stay", "metric": "mae", "unit": "hours"}
    value = {"value": 2.0, "low": 1.5, "high": 2.5}
    one = {"about": about, "modalities": {"total": value}, "subsets": {"none": value}}
    assert "total: 2.00 (1.50 to 2.50) hours." in shares(one)
    assert ">MAE, hours</text>" in shares(one)
    assert "MAE in hours (95 % interval)" in subsets(one)
