"""A newcomer's mistakes are told before anything runs, with what was perhaps meant."""

import json

import pytest
import yaml

from tests.workflow.registry import change

TOY = ("--configfile", "tests/workflow/toy.yaml", "--config")


@pytest.fixture
def refused(snakemake):
    """Run with a mistake; the message, which is no traceback."""

    def run(*arguments):
        made = snakemake(*arguments)
        assert made.returncode != 0
        assert "Traceback" not in made.stdout
        assert "localrule" not in made.stdout  # no job was begun or planned
        return made.stdout

    return run


@pytest.fixture
def registry(folder, tmp_path):
    """A registry that may be changed."""
    path = tmp_path / "registry.yaml"
    path.write_text((folder / "tests/workflow/toy-experiments.yaml").read_text())
    return path


@pytest.fixture
def recipe(folder, tmp_path):
    """Write the toy's recipe with other sections; the setting that names it."""

    def write(**sections):
        told = yaml.safe_load((folder / "tests/workflow/toy-recipe.yaml").read_text())
        path = tmp_path / "recipe.yaml"
        path.write_text(yaml.safe_dump(told | sections))
        return f"recipes={json.dumps({'mimic': str(path)})}"

    return write


def test_settings_of_the_registry_and_of_recipes_are_told_together(refused, registry, recipe):
    change(registry, "mimic-pretrain", modalities=["txt"])
    change(registry, "mimic-lanistr", init="amazon-pretrain", task="mortalty")
    change(registry, "mimic-latefusion", rows={"table1": "LANISTR"}, optim={"epoch": 3})
    change(registry, "amazon-beauty-lanistr", modalities=["timeseries"])
    told = refused(
        *("all", "-n", *TOY, f"registry={registry}"),
        recipe(finetune={"optim": {"learning_rate": 1}}),
        f"mimic={json.dumps({'split': {'valid': 0.6, 'test': 0.6}})}",
    )
    for part in (
        "mimic.split: valid 0.6 and test 0.6 leave nothing for train",
        "recipe.yaml: finetune.optim.learning_rate: there is no such key.",
        "mimic-pretrain and 2 more: modalities: found 'txt'. Did you mean text?",
        "mimic-lanistr and 2 more: task: found 'mortalty'. Allowed: in_hospital_mortality",
        "mimic-lanistr: starts from amazon-pretrain, whose data are amazon; name one on mimic.",
        "is the row LANISTR of table1, as mimic-lanistr is",
        "mimic-latefusion: optim.epoch: there is no such key. Did you mean epochs?",
        "amazon-beauty-lanistr: amazon/All_Beauty has no timeseries. Allowed: text, image, tabular",
    ):
        assert part in told


def test_experiments_that_do_not_fit_as_a_whole_are_told_once(refused, registry, recipe):
    change(registry, "mimic-without-mim", data={"unlabeled_share": 0.5})
    told = refused(
        *("all", "-n", *TOY, f"registry={registry}"), recipe(pretrain={"optim": {"epochs": 2}})
    )
    assert told.count("optim.batch_size: Field required") == 1
    assert "mimic-without-mim: over " in told
    assert "mimic-pretrain and 2 more: over " in told


@pytest.mark.parametrize(
    ("target", "part"),
    [
        ("tabel1", "tabel1: there is no such target. Did you mean table1"),
        ("results/toy/reprot.html", "Did you mean results/toy/report.html"),
    ],
)
def test_a_target_that_is_none_is_told_with_the_nearest(refused, target, part):
    assert part in refused(target, "-n", *TOY, "seeds=[0]")


def test_without_a_recipe_there_is_nothing_to_make(refused, tmp_path):
    config = tmp_path / "bare.yaml"
    config.write_text("{name: bare, scale: smoke, size: tiny}")
    assert "'bare' has no recipe, so" in refused("all", "-n", "--configfile", str(config))


def test_a_recipe_of_another_data_set_is_refused(refused):
    told = refused("-n", "--config", 'recipes={"mimic": "config/recipes/amazon-tiny.yaml"}')
    assert "recipes.mimic: config/recipes/amazon-tiny.yaml is a recipe of amazon." in told


def test_a_configuration_that_is_no_yaml_is_told_with_its_line(refused, tmp_path):
    config = tmp_path / "tab.yaml"
    config.write_text("name: x\nmimic:\n\troot: y\n")
    told = refused("all", "-n", "--configfile", str(config))
    assert f"{config}: is not YAML, as line 3 says." in told


def test_a_column_of_no_kind_is_told_with_the_nearest(refused, tmp_path):
    own = {"title": "Mine", "source": "rows.csv", "columns": {"colour": "categry"}}
    own["tasks"] = {"good": {"kind": "binary"}}
    config = tmp_path / "own.yaml"
    config.write_text(yaml.safe_dump({"name": "own", "scale": "own", "size": "tiny", "rows": own}))
    told = refused("own", "-n", "--configfile", str(config))
    assert "rows.columns.colour: found 'categry'. Did you mean category?" in told


@pytest.mark.parametrize("beside", ["", "dump/hosp"])
def test_a_root_that_is_a_folder_too_high_or_too_low_is_told(refused, tmp_path, beside):
    for name in ("hosp", "icu"):
        (tmp_path / "dump" / name).mkdir(parents=True)
    root = tmp_path / beside
    told = refused("table1", "-n", *TOY, f"mimic={json.dumps({'root': str(root)})}")
    assert f"mimic.root is {root}; there are hosp, icu in {tmp_path / 'dump'}: give that." in told


def test_a_disk_that_is_certain_to_be_too_small_is_told_before_the_first_job(refused, recipe):
    huge = {"hidden": 65536, "layers": 200, "heads": 2, "intermediate": 65536}
    told = refused(
        *("table1", "--cores", "1", *TOY, 'engine={"train_on_cpu": true}'),
        recipe(shared={"fusion": huge}),
    )
    assert "GB free, and what is planned takes" in told
    assert "weights of 4 runs" in told
