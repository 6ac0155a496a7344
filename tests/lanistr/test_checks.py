"""What is wrong with entries and recipes is told with its place and the nearest name."""

import pytest

from lanistr.experiments.checks import check_entry, check_recipe, check_whole

ENTRY = {"stage": "finetune", "dataset": "stays", "modalities": ["text", "image"]}
OPTIM = {"epochs": 1, "batch_size": 4}


@pytest.mark.parametrize(
    ("settings", "line"),
    [
        ({"objective": {}}, "objective: there is no such key. Did you mean objectives?"),
        ({"optim": {"epoch": 1}}, "optim.epoch: there is no such key. Did you mean epochs?"),
        ({"optim": {"schedule": {"factr": 1}}}, "factr: there is no such key. Did you mean factor"),
        ({"modalities": ["txt"]}, "modalities: found 'txt'. Did you mean text?"),
        ({"modalities": "text"}, "modalities: found 'text'; give a list, such as [text], or all"),
        ({"without": "text"}, "without: found 'text'; give a list, such as [text]."),
        ({"task": "motality"}, "task: found 'motality'. Did you mean mortality?"),
        ({"freeze": "some"}, "freeze: found 'some'. Allowed: none, pretrained."),
        ({"stage": "finetuning"}, "stage: found 'finetuning'. Did you mean finetune?"),
        ({"optim": {"epochs": "ten"}}, "optim.epochs: Input should be a valid integer"),
        ({"data": {"labels": 0}}, "data.labels: Input should be greater than 0, found 0"),
    ],
)
def test_a_mistake_in_an_entry_is_told_by_itself(settings, line):
    assert line in check_entry(ENTRY | settings, ["mortality"])[-1]


@pytest.mark.parametrize("modalities", ["all", "readable", ["text"]])
def test_what_a_recipe_will_add_is_not_missed(modalities):
    assert not check_entry(ENTRY | {"modalities": modalities, "fusion": {"hidden": 10}}, None)


@pytest.mark.parametrize(
    ("sections", "line"),
    [
        (
            {"finetune": {"optim": {"learning_rate": 1}}},
            "finetune.optim.learning_rate: there is no",
        ),
        (
            {"shared": {"encoders": {"txt": {}}}},
            "shared.encoders.txt: there is no such key. Did you",
        ),
        ({"methods": {"latefusoin": {}}}, "methods.latefusoin: there is no such method. Did you"),
        ({"methods": {"albef": {"finetune": {"lr": 1}}}}, "methods.albef.finetune.lr: there is no"),
        ({"datasets": {"reviews/x": {}}}, "datasets.reviews/x: this is the recipe of stays."),
        ({"experiments": {"a": {"stage": "finetune"}}}, "experiments.a.stage: is said in the"),
        ({"pretrain": 3}, "pretrain: holds int, expected is a mapping."),
        ({"methods": ["albef"]}, "methods: holds list, expected is a mapping."),
    ],
)
def test_a_mistake_in_a_recipe_is_told_with_its_section(sections, line):
    (told,) = check_recipe(sections, ["stays"])
    assert told.startswith(line)


def test_an_entry_is_checked_with_all_that_is_laid_under_it():
    sections = {"shared": {"fusion": {"hidden": 10, "heads": 4}}, "finetune": {"optim": OPTIM}}
    (told,) = check_whole("a", ENTRY, sections, None)
    assert told == "fusion: hidden: 10 is not a multiple of heads, 4"
    assert check_whole("a", ENTRY, {}, None) == ["optim: Field required"]
    assert not check_whole("a", ENTRY, {"finetune": {"optim": OPTIM}}, None)
