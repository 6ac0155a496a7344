"""A folder of results as the report reads it."""

import json
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np

from lanistr.evaluation.layout import Layout
from lanistr.evaluation.row import Row, Stamp, Table, write_csv
from lanistr.report.curves import write_run_figures
from tests.lanistr.made_predictions import MORTALITY, predictions, write
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


def make_results(tmp_path):
    """A folder with Table 1, two seeds of one experiment, a ledger and a manifest; nothing else."""
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
