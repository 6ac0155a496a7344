"""What the workflow would do, and what it says when it cannot: dry runs only."""

import json
import re
import shutil

import pytest

from lanistr.evaluation.status import missing_extra
from lanistr.experiments.recipes import needed_for, read_registry
from tests.rehearsal.__main__ import configure
from tests.workflow.registry import change
from tests.workflow.running import PACKAGES, PYTHON

TABLES = {
    "mimic": [
        *("hosp/patients", "hosp/admissions", "hosp/d_labitems", "hosp/labevents"),
        *("icu/d_items", "icu/icustays", "icu/chartevents", "icu/outputevents"),
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


def planned(text):
    """How many jobs of each rule a dry run counts."""
    counts = re.findall(r"^(\w+) +(\d+)$", text, re.MULTILINE)
    return {rule: int(count) for rule, count in counts}


def trained(text):
    """The experiments that a dry run would train."""
    return set(re.findall(r"Training ([a-z0-9-]+), seed", text))


def runs(text):
    """How many trainings a dry run counts."""
    return sum(planned(text).get(rule, 0) for rule in ("pretrain", "finetune"))


@pytest.fixture(scope="module")
def registry(repository):
    """The entries that can be trained with what is installed."""
    entries = read_registry(repository / "config/experiments.yaml")
    return {name: entry for name, entry in entries.items() if not missing_extra(entry)}


@pytest.fixture(scope="module")
def plan(snakemake, paper_roots):
    """Plan targets on the paper's configuration."""
    return lambda *arguments, **options: snakemake(
        *(*arguments, "-n", "--configfile", "config/paper.yaml", "--config", *paper_roots),
        **options,
    )


@pytest.mark.parametrize("table", ["table1", "table2", "table3", "table4"])
def test_a_table_of_the_paper_is_planned_with_what_it_needs(plan, registry, table):
    run = plan(table)
    assert run.returncode == 0, run.stdout
    needed = needed_for(registry, table)
    seeds = 5 if table == "table2" else 3
    assert trained(run.stdout) == set(needed)
    assert runs(run.stdout) == seeds * len(needed)
    assert planned(run.stdout)["table"] == 1
    assert ("amazon" if table != "table2" else "mimic") not in run.stdout.split("Job stats")[1]


def test_the_paper_is_planned_where_its_raw_files_are(plan, registry):
    run = plan("all")
    assert run.returncode == 0, run.stdout
    assert "generate_mimic" not in run.stdout
    wanted = {name for table in range(1, 5) for name in needed_for(registry, f"table{table}")}
    assert trained(run.stdout) == wanted
    jobs = planned(run.stdout)
    assert [jobs[rule] for rule in ("table", "audits", "write_report")] == [4, 1, 1]


def test_an_evening_trains_the_papers_tables_on_its_data(snakemake, paper_roots, registry):
    run = snakemake(
        *("tables", "-n", "--configfile", "config/evening.yaml", "--config", *paper_roots)
    )
    assert run.returncode == 0, run.stdout
    wanted = {name for table in range(1, 5) for name in needed_for(registry, f"table{table}")}
    assert trained(run.stdout) == wanted
    assert runs(run.stdout) == 3 * len(wanted)


def test_a_rehearsal_is_planned_up_to_the_cache(snakemake, tmp_path):
    for table in (table for tables in TABLES.values() for table in tables):
        path = tmp_path / f"{table}.csv.gz"
        path.parent.mkdir(exist_ok=True)
        path.touch()
    (tmp_path / "note/radiology.csv.gz").touch()
    (tmp_path / "files").mkdir()
    config = configure(tmp_path, memory_mb=2000)
    run = snakemake("table1", "--until", "cache", "-n", "--configfile", str(config))
    assert run.returncode == 0, run.stdout
    jobs = planned(run.stdout)
    assert jobs["cache"] == 1 and not {"pretrain", "finetune"} & set(jobs)


def test_a_first_look_is_one_pretraining_and_three_rows(snakemake):
    run = snakemake("demo", "-n", "--configfile", "config/demo.yaml")
    assert run.returncode == 0, run.stdout
    jobs = planned(run.stdout)
    assert [jobs[rule] for rule in ("pretrain", "finetune", "table")] == [1, 3, 1]
    assert not any(rule.startswith("amazon") for rule in jobs)


def test_an_extra_that_is_not_installed_is_left_out(plan, registry, tmp_path):
    (tmp_path / "autogluon").mkdir()
    (tmp_path / "autogluon/__init__.py").touch()  # hides the library
    run = plan("table2", "figures", python=PYTHON, environment={"PYTHONPATH": str(tmp_path)})
    assert run.returncode == 0, run.stdout
    assert "autogluon" not in run.stdout
    assert "amazon-fashion-lanistr" in trained(run.stdout)


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
    assert "How to obtain them: docs/mimic.md and docs/amazon.md." in run.stdout


def test_text_sources_need_the_notes_of_all_of_them(plan):
    run = plan("textsources")
    assert run.returncode != 0
    assert "Traceback" not in run.stdout
    missing = [line for line in run.stdout.splitlines() if line.endswith(".parquet)")]
    assert [line.rpartition("/note/")[2].split(".")[0] for line in missing] == ["radiology"]


def test_text_sources_can_have_seeds_of_their_own(snakemake):
    run = snakemake("-n", "textsources", "--config", 'table_seeds={"textsources": [4]}')
    assert run.returncode == 0, run.stdout
    assert set(re.findall(r"Training mimic-text-\w+, seed (\d)", run.stdout)) == {"4"}


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
    for part in (
        "'nam' was unexpected). nam: Did you mean name?",
        "'rot' was unexpected). rot: Did you mean root",
        "profile: found 'exact'. Allowed: corrected, faithful",
    ):
        assert part in run.stdout


def test_the_order_of_the_rule_files_does_not_matter(snakemake, repository, tmp_path):
    copied = tmp_path / "workflow"
    for name in PACKAGES:
        (tmp_path / name).symlink_to(repository / name)
    shutil.copytree(repository / "workflow", copied)
    lines = (copied / "Snakefile").read_text().splitlines()
    places = [n for n, line in enumerate(lines) if line.startswith("include:")][2:]
    for place, line in zip(places, [lines[n] for n in reversed(places)], strict=True):
        lines[place] = line
    (copied / "Snakefile").write_text("\n".join(lines) + "\n")
    options = ("all", "-n", "--configfile", "tests/workflow/toy.yaml")
    there, other = snakemake(*options), snakemake(*options, "-s", str(copied / "Snakefile"))
    assert other.returncode == 0, other.stdout
    assert planned(other.stdout) == planned(there.stdout)


def test_names_that_nothing_has_are_told_together_with_the_nearest(snakemake, folder):
    registry = folder / "wrong.yaml"
    registry.write_text((folder / "tests/workflow/toy-experiments.yaml").read_text())
    change(registry, "mimic-lanistr", init="mimic-pretran", rows={"table9": "LANISTR"})
    change(registry, "mimic-latefusion", dataset="mimik")
    change(registry, "mimic-lanistr-scratch", dataset="mimic/dischrge")
    recipes = 'recipes={"fashion": "x.yaml", "mimic": "tests/workflow/toy-recipes.yaml"}'
    run = snakemake(
        *("-n", "--configfile", "tests/workflow/toy.yaml"),
        *("--config", f"registry={registry}", recipes, 'table_seeds={"table7": [0]}'),
    )
    assert run.returncode != 0
    assert "Traceback" not in run.stdout
    for part in (
        "recipes.fashion: no such data set. Allowed: amazon, control, mimic",
        "toy-recipes.yaml is not there. Did you mean tests/workflow/toy-recipe.yaml",
        "mimic-lanistr: starts from mimic-pretran, which is not there. Did you mean mimic-pretrain",
        "mimic-lanistr: no table table9. Did you mean table",
        "mimic-latefusion: no data set mimik. Did you mean mimic?",
        "more: no data set mimic/dischrge. Did you mean mimic/discharge",
        "table_seeds.table7: no such table. Did you mean table",
    ):
        assert part in run.stdout


def test_a_table_without_data_says_what_is_missing(snakemake):
    run = snakemake("table2", "-n", "--configfile", "config/mimic-iv-demo.yaml")
    assert run.returncode != 0
    assert "Traceback" not in run.stdout
    assert "table2 shows experiments on amazon" in run.stdout
    assert "Give recipes.amazon" in run.stdout


def test_an_own_registry_needs_none_of_the_experiments_that_are_weighed_by_default(
    snakemake, tmp_path
):
    registry = tmp_path / "own.yaml"
    registry.write_text(
        "alone: {stage: finetune, dataset: mimic, modalities: [text], rows: {table1: LANISTR}}"
    )
    run = snakemake("all", "-n", "--config", f"registry={registry}")
    assert run.returncode == 0, run.stdout
    assert trained(run.stdout) == {"alone"}
    assert planned(run.stdout)["presence"] == 2


def test_own_rows_are_planned_with_the_modalities_they_have(snakemake, tmp_path):
    (tmp_path / "rows.csv").touch()
    description = {
        "title": "Mine",
        "source": "rows.csv",
        "tasks": {"good": {"kind": "binary"}},
        "columns": {"words": "text", "color": "category"},
    }
    config = {"name": "own", "scale": "own", "size": "tiny", "rows": description}
    (tmp_path / "own.yaml").write_text(json.dumps(config))
    run = snakemake("own", "-n", "--configfile", str(tmp_path / "own.yaml"))
    assert run.returncode == 0, run.stdout
    whole = {"rows-lanistr", "rows-lanistr-scratch", "rows-latefusion", "rows-pretrain"}
    ablated = {
        f"rows-{stage}without-{m}" for stage in ("", "pretrain-") for m in ("text", "tabular")
    }
    known = {name for name in trained(run.stdout) if "autogluon" not in name}
    assert known == whole | ablated | {"rows-logistic", "rows-boosting"}
    jobs = planned(run.stdout)
    assert [jobs[rule] for rule in ("table", "cache", "audits", "write_report")] == [1] * 4


@pytest.fixture(scope="module")
def finished(snakemake, folder):
    """A configuration all of whose files are there, empty, and a registry that may change."""
    registry = folder / "registry.yaml"
    registry.write_text((folder / "tests/workflow/toy-experiments.yaml").read_text())
    options = ("--configfile", "tests/workflow/toy.yaml", "--config", "registry=registry.yaml")
    listing = snakemake("all", "--summary", *options)
    assert listing.returncode == 0, listing.stdout
    for line in listing.stdout.splitlines():
        name = line.split("\t")[0]
        if name.endswith(("figures/runs", "/arrays")):
            (folder / name).mkdir(parents=True)
        elif name.startswith("results/"):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).touch()
    touched = snakemake("all", "--touch", "--cores", "1", *options)
    assert touched.returncode == 0, touched.stdout
    return lambda: snakemake("all", "-n", *options).stdout


def test_changing_an_ablation_runs_its_row_again_and_no_other(finished, folder):
    before = (folder / "registry.yaml").read_text()
    change(folder / "registry.yaml", "mimic-pretrain-without-mim", objectives={"mim": 0.1})
    again = finished()
    (folder / "registry.yaml").write_text(before)
    assert trained(again) == {"mimic-pretrain-without-mim", "mimic-without-mim"}
    jobs = planned(again)
    assert [jobs[rule] for rule in ("pretrain", "finetune", "evaluate", "table")] == [1, 1, 1, 1]
    assert "presence" not in jobs


def test_another_name_of_a_row_makes_its_table_again_and_trains_nothing(finished, folder):
    change(folder / "registry.yaml", "mimic-unlabeled-25", rows={"table4": "a quarter"})
    assert planned(finished()) == {"all": 1, "table": 1, "write_report": 1, "total": 3}
