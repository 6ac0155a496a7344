import csv
from importlib.util import find_spec
from pathlib import Path

import pytest
from PIL import ImageFile

from lanistr.commands.parameters import parameters
from lanistr.errors import ConfigError
from lanistr.experiments.recipes import load_experiment, read_registry
from lanistr.methods.sizes import model_of, size_of

CONFIG = Path("config")


def files(repository, name):
    config = repository / CONFIG
    return config / "experiments.yaml", config / f"recipes/{name.split('-')[0]}-paper.yaml"


def size(repository, name):
    experiment = load_experiment(*files(repository, name), name)
    init = [load_experiment(*files(repository, name), before) for before in experiment.init]
    published, columns = (
        repository / CONFIG / name for name in ("published_parameters.tsv", "full_columns.tsv")
    )
    return size_of(experiment, published, columns, init)


@pytest.mark.parametrize(
    ("name", "trained"),
    [
        ("mimic-pretrain", None),
        ("amazon-pretrain", None),
        ("mimic-lanistr", ["fusion", "head"]),
        ("mimic-lanistr-scratch", ["encoders.timeseries", "fusion", "head"]),
        # the embeddings of other products and reviewers start anew
        ("amazon-beauty-lanistr", ["encoders.tabular", "fusion", "head"]),
    ],
)
def test_what_fine_tuning_freezes_is_not_trained(repository, name, trained):
    found = size(repository, name)
    assert found.trained == sum(found.parts[part] for part in trained or found.parts)


def test_table_5s_three_totals_are_told_with_their_share(repository, capsys):
    tsv, columns = (
        repository / CONFIG / name for name in ("published_parameters.tsv", "full_columns.tsv")
    )
    for name in ("mimic-pretrain", "amazon-pretrain", "amazon-beauty-lanistr"):
        parameters(*files(repository, name), [name], tsv, columns)
    said = capsys.readouterr().out
    assert [part in said for part in ("277.16 M", "288.66 M", "242.13 M")] == [True] * 3
    assert "amazon-beauty-lanistr: 241.23 M, of which 46.54 M trained (19.3 %)" in said


def test_autogluon_has_its_own_encoders_of_the_papers_sizes(repository):
    if find_spec("autogluon") is None:
        pytest.skip("the extra autogluon is not installed")
    found = size(repository, "amazon-beauty-autogluon-mlp")
    assert not ImageFile.LOAD_TRUNCATED_IMAGES  # which importing AutoGluon turns on
    vit_bert_and_its_pooler = 85.80e6 + 108.89e6 + 0.59e6
    assert found.parts["model"] == pytest.approx(vit_bert_and_its_pooler, rel=1e-3)
    assert found.trained == sum(found.parts.values())


def test_autogluons_models_are_built_nowhere_else(repository):
    experiment = load_experiment(*files(repository, "amazon"), "amazon-beauty-autogluon-mlp")
    with pytest.raises(ConfigError, match=r"autogluon builds .* itself.*lanistr predict --run"):
        model_of(experiment, repository / CONFIG / "full_columns.tsv")


def test_albef_is_as_large_as_published_and_has_a_teacher_as_large(repository):
    """Published are BERT with cross-attention, 123.7 M, and ViT, 85.8 M."""
    found = size(repository, "amazon-beauty-albef")
    assert found.published == 209.5
    both = found.parts["student.encoders"] + found.parts["student.fusion"]
    assert both == pytest.approx(209.5e6, rel=4e-3)  # and a pooler or not
    assert sum(found.parts.values()) == 2 * found.trained


def test_flava_is_as_large_as_the_librarys_model(repository):
    found = size(repository, "mimic-flava")
    assert found.parts["flava"] == pytest.approx(241.4e6, rel=1e-3)
    assert found.trained < sum(found.parts.values())  # but for what is not read


def test_coca_is_as_large_as_published_but_for_its_vocabulary(repository):
    pytest.importorskip("open_clip", reason="open_clip is not installed")
    found = size(repository, "mimic-coca")
    words, scores = (49408 - 30522) * 512, 512 * 49408
    assert found.parts["coca"] + words + scores == pytest.approx(253.56e6, rel=1e-4)
    assert found.published == 253.56


def test_published_counts_are_of_entries_of_the_registry(repository):
    entries = read_registry(repository / CONFIG / "experiments.yaml")
    with (repository / CONFIG / "published_parameters.tsv").open() as lines:
        rows = list(csv.DictReader(lines, delimiter="\t"))
    assert {row["experiment"] for row in rows} <= entries.keys()
    assert all(float(row["million"]) > 0 and row["counted"] for row in rows)


def test_tables_with_unknown_columns_are_refused(repository):
    with pytest.raises(ConfigError, match="has no columns of amazon/AMAZON_FASHION"):
        size(repository, "amazon-fashion-lanistr")
