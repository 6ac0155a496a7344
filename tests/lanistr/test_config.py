from pathlib import Path

import pytest
from pydantic import BaseModel, ValidationError

from lanistr.data.card import Card
from lanistr.errors import ConfigError
from lanistr.experiments.config import Experiment
from lanistr.experiments.objectives import Objectives
from lanistr.experiments.recipes import load_experiment
from lanistr.modality import Modality
from tests.lanistr.shards import CARD

RECIPE = """
shared: {fusion: {hidden: 64, heads: 4}}
pretrain: {optim: {epochs: 3, batch_size: 8}}
finetune: {optim: {epochs: 5, batch_size: 8, lr: 1.0e-3}}
methods: {latefusion: {freeze: none}}
experiments: {again: {optim: {lr: 0.5}}}
"""
REGISTRY = """
whole: {stage: pretrain, dataset: mimic, modalities: [text, image]}
ablated: {stage: finetune, dataset: mimic, modalities: [text], optim: {epochs: 7}}
late: {stage: finetune, dataset: mimic, method: latefusion, modalities: [text]}
again: {stage: finetune, dataset: mimic, modalities: [text]}
everything: {stage: finetune, dataset: mimic, modalities: all}
wordless: {like: everything, without: [text]}
tableless: {like: everything, without: [tabular]}
wrong: {stage: finetune, dataset: mimic, modalities: [text], optim: {lrr: 1}}
"""


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    registry, recipe = tmp_path / "experiments.yaml", tmp_path / "tiny.yaml"
    registry.write_text(REGISTRY)
    recipe.write_text(RECIPE)
    return registry, recipe


def test_an_entry_lies_over_the_section_of_its_stage(files):
    ablated = load_experiment(*files, "ablated")
    assert (ablated.optim.epochs, ablated.optim.lr, ablated.fusion.hidden) == (7, 1e-3, 64)
    assert load_experiment(*files, "whole").optim.epochs == 3


def test_a_method_has_settings_of_its_own(files):
    assert load_experiment(*files, "late").freeze == "none"
    assert load_experiment(*files, "ablated").freeze == "pretrained"


def test_a_recipe_can_say_more_of_one_experiment(files):
    again, ablated = (load_experiment(*files, name) for name in ("again", "ablated"))
    assert (again.optim.lr, again.optim.epochs, ablated.optim.lr) == (0.5, 5, 1e-3)


def test_all_modalities_are_those_of_the_card_but_for_some(files):
    card = Card.model_validate(CARD)
    everything = load_experiment(*files, "everything", card)
    assert everything.modalities == {"text", "image", "timeseries"}
    assert load_experiment(*files, "wordless", card).modalities == {"image", "timeseries"}
    assert load_experiment(*files, "everything").modalities == set(Modality)
    with pytest.raises(ConfigError, match=r"without: \['tabular'\] are none of modalities"):
        load_experiment(*files, "tableless", card)


def test_a_task_is_of_fine_tuning(experiment):
    assert experiment("finetune", task="length_of_stay").task == "length_of_stay"
    with pytest.raises(ValidationError, match="task: pretraining has no labels"):
        experiment("pretrain", task="length_of_stay")


def test_an_unknown_key_is_named_with_its_path(files):
    with pytest.raises(ConfigError, match=r"optim\.lrr: there is no such key\. Did you mean lr\?"):
        load_experiment(*files, "wrong")


def test_an_unknown_experiment_names_those_there_are(files):
    with pytest.raises(ConfigError, match=r"no experiment 'x'.*ablated"):
        load_experiment(*files, "x")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"stage": "pretrain", "init": "whole"}, "init"),
        ({"stage": "pretrain", "method": "latefusion"}, "has no pretrain; allowed: finetune"),
        (
            {"stage": "pretrain", "method": "medfuse"},
            r"\[text\]; medfuse can pretrain on \[image\] ",
        ),
        ({"method": "medfuse"}, r"medfuse can finetune on \[timeseries\], \[image, timeseries\]"),
        ({"fusion": {"hidden": 10, "heads": 4}}, "10 is not a multiple of heads, 4"),
        ({"stage": "pretrain", "objectives": {"mlm": 0, "mmm": 0}}, "no weight above 0"),
        ({"objectives": {"timeseries_ratio": 0.5, "segment_hours": 1.5}}, "segment_hours"),
        ({"stage": "pretrain", "task": "regression"}, "of stage finetune"),
        (
            {"stage": "pretrain", "data": {"modality_dropout": 0.3}},
            r"data\.modality_dropout: pretraining has objectives\.modality_ratio",
        ),
        ({"fusion": {"kind": "perceiver", "pretrained": "x"}}, "starts from random weights"),
        ({"fusion": {"kind": "perceiver", "hidden": 24, "intermediate": 36}}, "multiple of hidden"),
        ({"fusion": {"pretrained": "x", "attributes": {"a": 1}}}, "give one of the two"),
        (
            {"optim": {"epochs": 1, "batch_size": 1, "keep": "last", "stop_after": 1}},
            "the last epoch is kept",
        ),
        ({"variants": {"normalise": "rows"}}, "Input should be 'none', 'tokens' or 'features'"),
    ],
)
def test_settings_that_do_not_fit_are_refused(change, message):
    settings = {
        "name": "x",
        "stage": "finetune",
        "dataset": "mimic",
        "modalities": ["text"],
        "optim": {"epochs": 1, "batch_size": 1},
    }
    Experiment.model_validate(settings)
    with pytest.raises(ValidationError, match=message):
        Experiment.model_validate(settings | change)


def test_losses_in_use_need_a_weight_and_their_modality(experiment):
    assert experiment().losses == ("mlm", "mim", "mtm", "mmm")
    assert experiment(modalities=["image"]).losses == ("mim", "mmm")
    assert experiment(objectives={"mim": 0, "mmm": 0}).losses == ("mlm", "mtm")
    assert experiment(modalities=["tabular"], objectives={"mfm": 0.01}).losses == ("mfm", "mmm")


def test_default_weights_are_those_of_table_5():
    weights = Objectives()
    assert (weights.mlm, weights.mim, weights.mfm) == (1, 1, 0)
    assert (weights.mtm, weights.mmm) == (0.1, 0.5)
    assert Experiment.model_fields["variants"].default.model_dump() == {
        "normalise": "none",
        "text_pooling": "tokens",
        "mlm_over": "hidden",
        "absent": "masked",
    }


def described(model, above=""):
    """Every setting by its path, with what is said about it."""
    for name, field in model.model_fields.items():
        yield f"{above}{name}", field.description
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from described(field.annotation, f"{above}{name}.")


@pytest.mark.parametrize(("setting", "words"), list(described(Experiment)))
def test_a_setting_says_what_it_is(setting, words):
    assert words, setting
    assert words[0].isupper() or words.startswith("timm")
    assert not words.startswith(("Of ", "At ", "In ", "That ", "Which ", "What ", "Keep "))


def test_modalities_keep_their_columns():
    assert [m.value for m in Modality] == ["text", "image", "tabular", "timeseries"]


@pytest.mark.parametrize(
    ("section", "key", "value"),
    [
        ("data", "views", 2),
        ("data", "samples_per_epoch", 8),
        ("data", "modality_dropout", 0.3),
        ("optim", "algorithm", "adam"),
        ("optim", "betas", [0.9, 0.9]),
        ("optim", "schedule", "constant"),
    ],
)
def test_what_autogluon_would_ignore_is_refused(section, key, value):
    settings = {
        "name": "x",
        "stage": "finetune",
        "method": "autogluon",
        "dataset": "mimic",
        "modalities": ["text", "image"],
        "optim": {"epochs": 1, "batch_size": 4, "betas": [0.9, 0.999]},
    }
    Experiment.model_validate(settings)
    changed = {**settings, section: {**settings.get(section, {}), key: value}}
    with pytest.raises(ValidationError, match=rf"{section}\.{key}: autogluon has no use"):
        Experiment.model_validate(changed)
    Experiment.model_validate({**changed, "method": "latefusion"})
