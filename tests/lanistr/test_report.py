"""The report of a folder: complete where files are, honest where not, without identifiers."""

import re
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from lanistr.errors import DataContractError
from lanistr.evaluation.render import counted
from lanistr.evaluation.row import Row, Table, read_csv, write_csv
from lanistr.report.report import write_report
from lanistr.report.tables import withheld
from tests.lanistr.pages import check
from tests.lanistr.report_folder import (
    CONFIG,
    FIRST_ID,
    LATE,
    LAYOUT,
    MISSING,
    SAMPLES,
    STAMP,
    make_results,
    write_json,
)


@pytest.fixture
def results(tmp_path):
    return make_results(tmp_path)


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
