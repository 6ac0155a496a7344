import pytest
import torch
from transformers import FlavaMultimodalConfig, FlavaMultimodalModel

from lanistr.experiments.objectives import Objectives, Variants
from lanistr.modality import Modality
from lanistr.models.encoders import Tokens
from lanistr.models.fusion import Fusion, Projection, Projections, SimilarityHead

WIDTHS = {Modality.TEXT: 6, Modality.IMAGE: 8}


def flava() -> FlavaMultimodalModel:
    torch.manual_seed(0)
    sizes = FlavaMultimodalConfig(
        hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=24
    )
    return FlavaMultimodalModel(sizes, add_pooling_layer=False).eval()


def projections(**variants) -> Projections:
    torch.manual_seed(1)
    chosen = Variants(**variants)
    parts = {modality: Projection(width, 16, chosen) for modality, width in WIDTHS.items()}
    return Projections(parts, chosen)


@pytest.fixture
def fusion() -> Fusion:
    return Fusion(projections(), flava()).eval()


@pytest.fixture
def tokens(rng) -> dict[Modality, Tokens]:
    is_token = torch.tensor([[True, True, False], [True, True, True], [False] * 3])
    return {
        Modality.TEXT: Tokens(torch.randn(3, 3, 6, generator=rng()), is_token),
        Modality.IMAGE: Tokens(
            torch.randn(3, 2, 8, generator=rng()), torch.tensor([[True] * 2, [False] * 2] * 2)[:3]
        ),
    }


def test_fusion_is_the_library_encoder_with_masked_attention(fusion, tokens):
    states = torch.cat([fusion.projections[m](t) for m, t in tokens.items()], dim=1)
    attended = torch.cat([t.is_token for t in tokens.values()], dim=1)
    with_cls = torch.nn.functional.pad(attended, (1, 0), value=True)
    expected = flava()(states, attention_mask=with_cls.long()).last_hidden_state[:, 0]
    torch.testing.assert_close(fusion(tokens), expected, rtol=1e-4, atol=1e-5)


def test_variants_normalise_what_is_projected_and_take_cls_of_a_text(tokens):
    with torch.no_grad():
        plain, _ = projections()(tokens)
        states, is_token = projections(normalise="tokens", text_pooling="cls")(tokens)
        kind = projections()[Modality.TEXT].kind
    assert states.shape == (3, 1 + 2, 16) and is_token.shape == (3, 3)
    assert not is_token[2, 0] and is_token[:2, 0].all()
    signs = (states[:2, 0] - kind).sign()
    torch.testing.assert_close(states[:2, 0] - kind, signs)
    assert torch.equal(signs, (plain[:2, 0] - kind).sign())


def test_parameters_keep_the_names_of_the_library(fusion):
    assert fusion.transformer.state_dict().keys() == flava().state_dict().keys()


def test_what_is_no_token_contributes_nothing_and_gets_no_gradient(fusion, tokens):
    for each in tokens.values():
        each.states.requires_grad_()
    before = fusion(tokens)
    before.square().sum().backward()
    for each in tokens.values():
        assert (each.states.grad[~each.is_token] == 0).all()
        assert (each.states.grad[each.is_token].abs().sum(dim=-1) > 0).all()
    other = {
        m: Tokens(torch.where(t.is_token[..., None], t.states, 50.0), t.is_token)
        for m, t in tokens.items()
    }
    assert torch.equal(fusion(other), before)


def test_an_absent_modality_is_the_same_as_one_that_is_not_there(fusion, tokens):
    text_only = {
        Modality.TEXT: Tokens(
            tokens[Modality.TEXT].states[1:2], tokens[Modality.TEXT].is_token[1:2]
        )
    }
    torch.testing.assert_close(fusion(tokens)[1:2], fusion(text_only), rtol=1e-4, atol=1e-5)


def test_a_sample_without_any_modality_is_finite(fusion, tokens):
    none = {m: Tokens(t.states, torch.zeros_like(t.is_token)) for m, t in tokens.items()}
    assert fusion(none).isfinite().all()


def test_similarity_pulls_views_together_without_collapsing(rng):
    torch.manual_seed(0)
    head = SimilarityHead(16, Objectives(projector_hidden=32, predictor_hidden=8))
    encoder = torch.nn.Linear(10, 16)
    optimizer = torch.optim.Adam([*head.parameters(), *encoder.parameters()], lr=3e-3)
    content = torch.randn(64, 10, generator=rng())
    losses = []
    for step in range(80):
        noise = 0.3 * torch.randn(2, 64, 10, generator=rng(step))
        loss = head(encoder((content + noise).flatten(0, 1)), torch.ones(64, dtype=torch.bool))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert -2 < losses[-1] < losses[0] - 0.5
    projected = torch.nn.functional.normalize(head.projector(encoder(content)))
    assert projected.std(dim=0).mean() > 0.5 / 32**0.5  # 0 = all samples alike


@pytest.mark.parametrize(("statistics", "apart"), [("joint", 1.0), ("each", 0.0)])
def test_views_that_are_two_points_agree_only_where_they_are_normalised_together(
    statistics, apart, rng
):
    """Two points, one for each view, are told apart where both are in one batch."""
    torch.manual_seed(0)
    sizes = {"projector_hidden": 8, "predictor_hidden": 4}
    head = SimilarityHead(16, Objectives(view_statistics=statistics, **sizes))
    points = torch.randn(2, 1, 16, generator=rng()).expand(2, 6, 16)
    seen = []
    head.predictor.register_forward_hook(lambda module, given, made: seen.append(given[0]))
    head(points.flatten(0, 1), torch.ones(6, dtype=torch.bool))
    assert torch.cat(seen).abs().mean().item() == pytest.approx(apart, abs=0.05)


def test_similarity_works_for_a_batch_of_one():
    head = SimilarityHead(16, Objectives(projector_hidden=8, predictor_hidden=4))
    assert head(torch.randn(2, 16), torch.tensor([True])).isfinite()
