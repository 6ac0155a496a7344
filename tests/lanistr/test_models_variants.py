"""Each variant of the official code is off by default and acts when turned on."""

import pytest
import torch

from lanistr.methods.build import build
from lanistr.modality import Modality
from lanistr.models.encoders import Tokens
from lanistr.models.variants import add_stand_ins, first_token, normalised

MIXED = ("text image timeseries", "text", "image", "timeseries")


def losses(experiment, spec, batch, rng, **variants) -> dict[str, float]:
    torch.manual_seed(3)
    model = build(experiment(variants=variants), spec)
    return {name: loss.item() for name, loss in model.losses(batch(*MIXED), rng()).items()}


@pytest.mark.parametrize(
    ("variant", "moved"),
    [
        ({"normalise": "tokens"}, {"mmm"}),
        ({"normalise": "features"}, {"mmm"}),
        ({"text_pooling": "cls"}, {"mmm"}),
        ({"mlm_over": "all"}, {"mlm"}),
        ({"absent": "zeros"}, {"mim", "mtm", "mmm"}),
    ],
)
def test_a_variant_moves_the_losses_it_is_about(experiment, spec, batch, rng, variant, moved):
    default = losses(experiment, spec, batch, rng)
    turned = losses(experiment, spec, batch, rng, **variant)
    assert {name for name in default if abs(default[name] - turned[name]) > 1e-6} == moved


def test_normalising_over_tokens_leaves_the_signs_of_a_single_token():
    states = torch.tensor([[[3.0, -2.0]], [[0.5, 4.0]]])
    is_token = torch.ones(2, 1, dtype=torch.bool)
    assert normalised(states, is_token, "tokens").tolist() == [[[1, -1]], [[1, 1]]]
    assert normalised(states, is_token, "none") is states


@pytest.mark.parametrize(("over", "dim"), [("tokens", 1), ("features", 2)])
def test_normalising_counts_tokens_only(rng, over, dim):
    states = torch.randn(2, 4, 3, generator=rng())
    is_token = torch.tensor([[True] * 4, [True, True, False, False]])
    length = normalised(states, is_token, over).norm(dim=dim)
    expected = torch.ones(2, 3) if over == "tokens" else is_token.float()
    torch.testing.assert_close(length, expected)


def test_the_first_token_stays_a_token_only_where_it_is_one(rng):
    tokens = Tokens(torch.randn(2, 3, 4, generator=rng()), torch.tensor([[True] * 3, [False] * 3]))
    first = first_token(tokens)
    assert torch.equal(first.states[:, 0], tokens.states[:, 0])
    assert first.is_token.tolist() == [[True], [False]]


def test_stand_ins_are_zeros_of_what_is_absent(batch, with_garbage):
    samples = batch("text image", "timeseries tabular")
    modalities = frozenset(Modality)
    filled = add_stand_ins(with_garbage(samples), modalities, pad_token_id=0)
    assert filled.present.all()
    assert torch.equal(filled.pixels[0], samples.pixels[0]) and (filled.pixels[1] == 0).all()
    assert torch.equal(filled.series[1], samples.series[1]) and (filled.series[0] == 0).all()
    assert filled.observed[0].all() and torch.equal(filled.observed[1], samples.observed[1])
    assert filled.is_token[1].tolist() == [True] + [False] * 11
    assert (filled.tokens[1] == 0).all()
    assert (filled.categories[0] == 0).all() and (filled.numbers[0] == 0).all()


def test_stand_ins_are_only_for_what_is_in_use(batch):
    filled = add_stand_ins(batch("text"), [Modality.TEXT, Modality.IMAGE], pad_token_id=0)
    assert filled.present.tolist() == [[True, True, False, False]]


def test_with_stand_ins_the_fusion_attends_to_what_is_absent(experiment, spec, batch):
    torch.manual_seed(3)
    model = build(experiment("finetune", variants={"absent": "zeros"}), spec).eval()
    assert model.encode(batch("text"))[Modality.IMAGE].is_token.all()
