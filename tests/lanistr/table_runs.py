"""Results of made-up runs, and the tables that are made of them."""

import json

import yaml

from lanistr.data.cache import open_cache
from lanistr.evaluation.predictions import evaluate
from lanistr.evaluation.tables import assemble
from tests.lanistr.made_predictions import MORTALITY, of_cache, write

REGISTRY = {
    "pre": {"stage": "pretrain", "dataset": "mimic"},
    "full": {"dataset": "mimic", "rows": {"table1": "LANISTR", "table4": "100 %"}, "init": "pre"},
    "late": {"dataset": "mimic", "rows": {"table1": "LateFusion", "table4": "0 %"}},
    "scratch": {"dataset": "mimic", "rows": {"table1": "LANISTR w/o pretraining"}},
    "flava": {"dataset": "mimic", "rows": {"table1": "FLAVA"}},
    "other": {"like": "late", "rows": {"table3": "w/o text"}},
    # Of another table, with a task that these data do not have: no table of theirs minds it.
    "absent": {"dataset": "mimic", "task": "unheard_of", "rows": {"readmission": "LANISTR"}},
}
SEEDS = [0, 1, 2]


def write_runs(results, cache):
    """Runs of `late` (three seeds) and `full` (two); `scratch` has none."""
    for name, seeds in {"late": SEEDS, "full": SEEDS[:2]}.items():
        for seed in seeds:
            write_run(results, cache, name, seed)
    for seed in SEEDS:
        write_story(results, "pre", seed, seconds=100 + seed)
    (results / "registry.yaml").write_text(yaml.safe_dump(REGISTRY, sort_keys=False))


def write_story(results, name, seed, seconds):
    path = results / f"runs/{name}/seed{seed}/experiment.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    story = {
        "experiment": {"init": ["pre"] if name == "full" else []},
        "trainable_parameters": 1234,
        "train_samples": 90,
        "seconds": seconds,
        "data": {"digest": "0123456789abcdef", "cache": "fedc"},
        "machine": {"commit": "abc123"},
    }
    path.write_text(json.dumps(story))


def write_run(results, cache, name, seed, task=MORTALITY):
    made = of_cache(open_cache(cache), task, seed, name=name)
    path = write(results / f"predictions/{name}/seed{seed}.parquet", made)
    evaluate(path, cache, results / f"metrics/{name}/seed{seed}.json", resamples=50)
    write_story(results, name, seed, seconds=10 + seed)


def made_table(results, cache, repository, table="table1", seeds=SEEDS, pending=()):
    own = results / "tables.yaml"
    return assemble(
        table,
        registry=results / "registry.yaml",
        tables=own if own.is_file() else repository / "config/tables.yaml",
        results=results,
        seeds=seeds,
        paper=repository / "config/paper_results.tsv",
        manifests=[cache.parent / "shards/manifest.json"],
        resamples=200,
        pending=pending,
    )
