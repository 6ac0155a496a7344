"""Every entry of the registry parses over every recipe and names a row of the paper."""

import csv

import pytest
import yaml

from lanistr.errors import ConfigError
from lanistr.evaluation.layout import read_layouts
from lanistr.experiments.recipes import load_experiment, read_registry, started_from

RECIPES = [
    "mimic-tiny",
    "mimic-demo",
    "mimic-few",
    "mimic-small",
    "mimic-paper",
    "amazon-tiny",
    "amazon-small",
    "amazon-paper",
    "physionet2012-tiny",
]


# Rows of the paper's tables that it has not: the whole model beside its ablations, and two methods
# of the authors' blog.
OURS = {("table3", "LANISTR"), ("table1", "FLAVA"), ("table1", "CoCa")}


@pytest.fixture(scope="module")
def entries(repository):
    return read_registry(repository / "config/experiments.yaml")


@pytest.fixture(scope="module")
def published(repository):
    with (repository / "config/paper_results.tsv").open() as lines:
        return [
            (line["table"], line["row"], line["dataset"])
            for line in csv.DictReader(lines, delimiter="\t")
        ]


def test_every_table_has_rows_in_a_registry_and_no_row_is_of_another(repository):
    registries = sorted((repository / "config").glob("experiments*.yaml"))
    named = {
        table
        for registry in registries
        for entry in read_registry(registry).values()
        for table in entry.get("rows") or {}
    }
    assert named == set(yaml.safe_load((repository / "config/tables.yaml").read_text()))


def family(entry):
    """The dataset without the category."""
    return entry["dataset"].split("/")[0]


def rows(entries, repository):
    """Table, row and dataset of every row, with the name of its entry."""
    layouts = read_layouts(repository / "config/tables.yaml")
    return [
        ((table, row, layouts[table].told(entry["dataset"])), name)
        for name, entry in entries.items()
        for table, row in entry.get("rows", {}).items()
    ]


@pytest.mark.parametrize("recipe", RECIPES)
def test_entries_parse_over_the_recipes_of_their_dataset(repository, entries, recipe):
    registry = repository / "config/experiments.yaml"
    for name, entry in entries.items():
        if recipe.startswith(family(entry)):
            path = repository / f"config/recipes/{recipe}.yaml"
            assert load_experiment(registry, path, name).name == name


def test_rows_are_the_papers_or_known_to_be_ours(entries, published, repository):
    of_the_paper = {table for table, *_ in published}
    for key, _ in rows(entries, repository):
        assert key in published or key[:2] in OURS or key[0] not in of_the_paper


def test_every_row_of_tables_3_and_4_is_built_once(entries, published, repository):
    built = [key for key, _ in rows(entries, repository)]
    assert len(built) == len(set(built))
    assert {key for key in published if key[0] in ("table3", "table4")} <= set(built)


def test_initial_weights_come_from_the_same_dataset_and_of_lanistr_from_pretraining(entries):
    for entry in entries.values():
        for name in started_from(entry):
            start = entries[name]
            assert family(start) == family(entry)
            assert start["stage"] == "pretrain" or "method" in entry


def mimic(repository, name, recipe="mimic-paper"):
    registry = repository / "config/experiments.yaml"
    return load_experiment(registry, repository / f"config/recipes/{recipe}.yaml", name)


@pytest.mark.parametrize("recipe", ["mimic-tiny", "mimic-paper"])
def test_an_ablation_differs_from_the_whole_in_what_it_says(repository, entries, recipe):
    """Both stages see the same modalities, and fine-tuning the same patients."""
    whole = {stage: mimic(repository, name, recipe) for stage, name in WHOLE.items()}
    for (table, row, _), name in rows(entries, repository):
        if table in ("table3", "table4") and row in ABLATED:
            tuned = mimic(repository, name, recipe)
            (start,) = tuned.init
            learned = mimic(repository, start, recipe)
            changed = {
                **differing(tuned, whole["finetune"]),
                **differing(learned, whole["pretrain"]),
            }
            assert changed == ABLATED[row], row
            assert tuned.data == whole["finetune"].data
            assert tuned.modalities == learned.modalities


WHOLE = {"pretrain": "mimic-pretrain", "finetune": "mimic-lanistr"}
ABLATED = {
    "w/o time series": {"modalities": ["image", "text"]},
    "w/o image": {"modalities": ["text", "timeseries"]},
    "w/o text": {"modalities": ["image", "timeseries"]},
    "w/o MTM": {"objectives.mtm": 0},
    "w/o MIM": {"objectives.mim": 0},
    "w/o MLM": {"objectives.mlm": 0},
    "w/o SimMMM": {"objectives.mmm": 0},
    "w/o non-parallel data": {"data.parallel_only": True},
    "25 %": {"data.unlabeled_share": 0.25},
    "50 %": {"data.unlabeled_share": 0.5},
    "75 %": {"data.unlabeled_share": 0.75},
}


def differing(one, other):
    """What `one` has that `other` has not, apart from names and origins, by dotted path."""

    def flat(content, prefix=""):
        for key, value in content.items():
            if isinstance(value, dict):
                yield from flat(value, f"{prefix}{key}.")
            elif prefix or key not in ("name", "init"):
                yield f"{prefix}{key}", value

    known = dict(flat(other.model_dump(mode="json", exclude={"rows"})))
    settings = dict(flat(one.model_dump(mode="json", exclude={"rows"})))
    return {key: value for key, value in settings.items() if known[key] != value}


@pytest.mark.parametrize(
    ("name", "losses"),
    [
        ("mimic-pretrain", ("mlm", "mim", "mtm", "mmm")),
        ("mimic-pretrain-without-timeseries", ("mlm", "mim", "mmm")),
        ("mimic-pretrain-without-image", ("mlm", "mtm", "mmm")),
        ("mimic-pretrain-without-text", ("mim", "mtm", "mmm")),
        ("mimic-pretrain-without-mtm", ("mlm", "mim", "mmm")),
        ("mimic-pretrain-without-mim", ("mlm", "mtm", "mmm")),
        ("mimic-pretrain-without-mlm", ("mim", "mtm", "mmm")),
        ("mimic-pretrain-without-mmm", ("mlm", "mim", "mtm")),
        ("mimic-pretrain-four", ("mlm", "mim", "mfm", "mtm", "mmm")),
    ],
)
def test_an_absent_modality_takes_its_objective_along(repository, name, losses):
    assert mimic(repository, name).losses == losses


@pytest.mark.parametrize("recipe", ["mimic-tiny", "mimic-paper"])
def test_demographics_and_other_tasks_change_nothing_else(repository, recipe):
    four = {"modalities": ["image", "tabular", "text", "timeseries"]}
    pretrained = differing(mimic(repository, "mimic-pretrain-four", recipe),
                           mimic(repository, "mimic-pretrain", recipe))  # fmt: skip
    assert pretrained == {**four, "objectives.mfm": 0.01}
    tasks = {"los": "length_of_stay", "phenotypes": "phenotypes", "readmission": "readmission_30d"}
    for like, suffix in (("latefusion", "-latefusion"), ("lanistr-scratch", "-scratch"),
                         ("lanistr", "")):  # fmt: skip
        base = mimic(repository, f"mimic-{like}", recipe)
        for key, task in tasks.items():
            entry = mimic(repository, f"mimic-{key}{suffix}", recipe)
            assert (entry.task, base.task, entry.init) == (task, None, base.init)
            assert {**differing(entry, base), "task": task} == {"task": task}
    for name, like in (("mimic-four", "mimic-lanistr"), ("mimic-four-scratch",
                       "mimic-lanistr-scratch")):  # fmt: skip
        entry, base = mimic(repository, name, recipe), mimic(repository, like, recipe)
        assert differing(entry, base) == four


def test_table_5s_weights_of_the_losses_on_reviews(repository):
    files = (
        repository / "config/experiments.yaml",
        repository / "config/recipes/amazon-paper.yaml",
    )
    experiment = load_experiment(*files, "amazon-pretrain")
    assert experiment.losses == ("mlm", "mim", "mfm", "mmm")
    weights = [getattr(experiment.objectives, name) for name in experiment.losses]
    assert weights == [1, 1, 0.01, 0.5]
    fashion = load_experiment(*files, "amazon-fashion-lanistr")
    assert (fashion.optim.lr, fashion.optim.batch_size) == (5e-5, 32)


def test_an_unknown_key_is_refused_with_its_path(repository, tmp_path):
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text("finetune: {optim: {epochs: 1, batch_size: 1, lrr: 1}}")
    with pytest.raises(ConfigError, match=r"optim\.lrr: there is no such key\. Did you mean lr"):
        load_experiment(repository / "config/experiments.yaml", recipe, "mimic-lanistr")
