"""The report of a folder: complete where files are, honest where not, without identifiers."""

import json
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest

from lanistr.errors import DataContractError
from lanistr.evaluation.layout import Layout
from lanistr.evaluation.render import counted
from lanistr.evaluation.row import Row, Stamp, Table, read_csv, write_csv
from lanistr.report.curves import histories, panels, read_history, write_run_figures
from lanistr.report.curves import sections as training_sections
from lanistr.report.learning import over_labels, over_unlabeled
from lanistr.report.page import Section, page
from lanistr.report.report import write_report
from lanistr.report.tables import bars, withheld
from tests.lanistr.made_predictions import MORTALITY, predictions, write
from tests.lanistr.pages import check
from tests.lanistr.shards import CARD

STAMP = Stamp(
    scale="smoke",
    profile="corrected",
    text_source="radiology_48h",
    leaky_text=False,
    digest="abc123",
    switches={"age": "admission"},
    subjects="patients",
)
LAYOUT = Layout(title="Table 1: mortality", data="mimic", all=True, predictions=True)
CONFIG = Path("config/tables.yaml")
FIRST_ID = 30_000_017
SAMPLES = 120
LATE = Row(
    row="LateFusion",
    status="ok",
    experiment="mimic-latefusion",
    dataset="mimic",
    metric="auroc",
    mean=78.3,
    std=2.0,
    n_runs=2,
    low=65.6,
    high=90.2,
    trivial=50.0,
    prevalence=25.0,
    n_test=SAMPLES,
    n_positive=30,
    n_subjects=100,
    paper=80.79,
    paper_std=1.12,
    paper_n_runs=3,
)
MISSING = Row("MedFuse", "not built", None, "mimic", "auroc", paper=78.12)


@pytest.fixture
def results(tmp_path):
    """A run with Table 1, two seeds of one experiment, a ledger and a manifest; nothing else."""
    write_csv(tmp_path / "tables/table1.csv", Table("table1", LAYOUT, [LATE, MISSING], STAMP))
    for seed in range(2):
        write_run(tmp_path, "mimic-latefusion", seed)
    manifest = {**asdict(STAMP), "dataset": "mimic", "card": CARD}
    for folder in ("mimic", "mimic/discharge"):
        write_json(tmp_path / f"shards/{folder}/manifest.json", manifest)
    drop = {"table": "icu/icustays", "reason": "younger", "rows_before": 90, "rows_after": 50}
    write_json(tmp_path / "ledger/mimic_cohort.json", {"step": "x", "entries": [drop]})
    benchmark = tmp_path / "benchmarks/mimic_notes.tsv"
    benchmark.parent.mkdir(parents=True)
    benchmark.write_text("s\th:m:s\tmax_rss\n12.5\t0:00:12\t-\n")
    write_run_figures(tmp_path, tmp_path / "figures/runs")
    return tmp_path


def write_json(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))


def write_run(results, name, seed):
    rng = np.random.default_rng(seed)
    label = np.arange(SAMPLES) % 4 == 0
    score = np.clip(0.3 * label + 0.7 * rng.random(SAMPLES), 0, 1)
    ids = FIRST_ID + 31 * np.arange(SAMPLES)
    made = replace(predictions(MORTALITY, label, score, ids + 7, seed, name=name), sample_id=ids)
    write(results / f"predictions/{name}/seed{seed}.parquet", made)
    folder = results / f"runs/{name}/seed{seed}"
    story = {
        "experiment": {"name": name, "stage": "finetune", "method": "latefusion"},
        "seconds": 36,
        "memory_mb": 812,
        "machine": {"python": "3.11", "commit": "0123abc"},
    }
    write_json(folder / "experiment.json", story)
    epochs = [
        {
            "epoch": epoch,
            "lr": 1e-3 / epoch,
            "samples_per_second": 400.0,
            "loss": 1 / epoch,
            "loss/label": 1 / epoch,
            "valid/loss": 1.1 / epoch,
            "valid/loss/label": 1.1 / epoch,
            "valid/auroc": None if epoch == 1 else 0.6,
        }
        for epoch in (1, 2, 3)
    ]
    (folder / "history.jsonl").write_text("".join(json.dumps(e) + "\n" for e in epochs))


def test_the_page_is_navigable_and_holds_no_identifier(results):
    write_report(
        results, results / "report.html", CONFIG, '{"name": "tiny", "mimic": {"parts": 1}}'
    )
    html = (results / "report.html").read_text()
    outline = check(html)
    assert len(outline.all("svg")) == 3  # bars, ROC with calibration, curves
    numbers = {int(digits) for digits in re.findall(r"\d{8,}", html)}
    ids = FIRST_ID + 31 * np.arange(SAMPLES)
    assert not numbers & {*ids.tolist(), *(ids + 7).tolist()}
    for text in (
        "Generated data",
        "made-up stays: generated, nobody in it is real",
        "abc123",
        "0123abc",
        "mimic.parts",
        "65.60 to 90.20",
        "80.79",
        "train: mimic-latefusion",
        "What leaks?",
        "Not known: the leakage audit was not run.",
        "Results of MedFuse of table1 (not built)",
        "Area under the ROC curve",
        "812",  # MB
    ):
        assert text in html, text


def test_the_report_begins_with_what_the_tables_say_of_pretraining(results):
    full = replace(LATE, row="LANISTR", mean=80.0)
    ends = {"difference": -1.7, "difference_low": -3.0, "difference_high": -0.4, "p_value": 0.01}
    scratch = replace(LATE, row="LANISTR w/o pretraining", **ends)
    write_csv(results / "tables/table1.csv", Table("table1", LAYOUT, [full, scratch], STAMP))
    write_report(results, results / "report.html", CONFIG)
    html = (results / "report.html").read_text()
    claim = "Pretraining lifts LANISTR: AUROC 80.00 with it, 78.30 without, +1.70 points"
    answer = html.index(f"Yes. Table 1: mortality in MIMIC-IV. {claim}")
    assert html.index("Does pretraining help?") < answer < html.index("What is missing?")
    assert html.count(claim) == 2  # in the summary and above its table
    assert "<strong>80.00 ± 2.00</strong>" in html


def test_the_paper_has_bars_where_the_scale_is_its_own(results):
    for scale, drawn in (("smoke", False), ("paper", True)):
        stamp = replace(STAMP, scale=scale)
        write_csv(results / "tables/table1.csv", Table("table1", LAYOUT, [LATE, MISSING], stamp))
        write_report(results, results / "report.html", CONFIG)
        html = (results / "report.html").read_text()
        assert (">paper</text>" in html) is drawn
        assert "80.79" in html  # in the table


def test_giveaways_stand_beside_the_models_they_warn_about(results):
    told = {"metric": "AUROC", "value": 0.76, "low": 0.63, "high": 0.87, "chance": 0.5, "n": 181}
    measures = [
        {**told, "of": "length of the text", "better_than_chance": True},
        {**told, "of": "length of the text, for length of stay", "better_than_chance": True},
        {**told, "of": "hour of the radiograph", "better_than_chance": False},
    ]
    gate = {"gate": "text-length", "status": "notice", "question": "?", "danger": "Too good."}
    gate |= {"remedy": "", "counts": {}, "context": {}, "settings": [], "measures": measures}
    entry = {"dataset": "mimic", "title": "Stays", "text_source": "x", "gates": [gate]}
    audit = {"limit": 10, "datasets": [entry], "acknowledged_without_finding": []}
    write_json(results / "audit/leakage.json", audit)
    write_report(results, results / "report.html", CONFIG)
    html = (results / "report.html").read_text()
    check(html)
    row = (
        '<th scope="row">Giveaway alone: length of the text</th><td class=number data-of="Ours">76'
    )
    assert html.count(">Giveaway alone: ") == html.count(row) == 1
    assert "Noticed: text length (Stays). The strongest giveaway alone: length of the text" in html


def test_what_was_not_run_says_so(results):
    write_report(results, results / "report.html", CONFIG)
    html = (results / "report.html").read_text()
    for command in ("table3", "table4", "analysis", "audit"):
        assert f"Not run. Make it with: snakemake {command}" in html
    assert "not built" in html
    assert "without its configuration" in html
    assert "snakemake table2" not in html  # of data that are not there


def test_the_report_says_what_the_runs_of_each_table_were_selected_on(results):
    gate = {"gate": "selection-on-test", "status": "clean", "question": "?", "danger": "Too good."}
    gate |= {"remedy": "", "counts": {}, "context": {}, "settings": [], "measures": []}
    write_json(results / "audit/leakage/selection/table1.json", {"gates": [gate]})
    audit = {"limit": 10, "datasets": [], "acknowledged_without_finding": []}
    write_json(results / "audit/leakage.json", audit)
    write_report(results, results / "report.html", CONFIG)
    html = (results / "report.html").read_text()
    check(html)
    assert "Were the runs selected on test cases?" in html and "table1: not found" in html


def test_an_empty_folder_is_refused(tmp_path):
    with pytest.raises(DataContractError, match=r"manifest\.json"):
        write_report(tmp_path, tmp_path / "report.html", CONFIG)


def test_the_same_files_give_the_same_page(results):
    pages = []
    for name in ("one.html", "two.html"):
        write_report(results, results / name, CONFIG)
        pages.append((results / name).read_text())
    assert pages[0] == pages[1]


def test_the_report_needs_no_torch(results):
    code = (
        "import sys; from pathlib import Path; from lanistr.report.report import write_report; "
        "folder = Path(sys.argv[1]); "
        "write_report(folder, folder / 'r.html', Path('config/tables.yaml')); "
        "assert not {'torch', 'transformers', 'sklearn'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code, str(results)], check=True)


def test_a_row_is_read_as_it_was_written(results):
    assert read_csv(results / "tables/table1.csv") == ([LATE, MISSING], STAMP)


@pytest.mark.parametrize(("positive", "told"), [(9, False), (10, True), (110, True), (111, False)])
def test_few_patients_are_withheld(positive, told):
    row = Row("A", "ok", "a", "mimic", "auroc", n_test=120, n_positive=positive, n_subjects=99)
    heading = counted(row.kind, "patients")
    cells = {heading: f"99 ({positive} / 120)", "Prevalence": "9.00", "Ours": "80"}
    shown = withheld(cells, row, "patients")
    assert (shown == cells) is told
    assert ("9.00" in shown.values()) is told


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
