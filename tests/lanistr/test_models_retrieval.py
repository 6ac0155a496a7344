import pytest
import torch
from torch.nn import functional

from lanistr.methods.build import build
from lanistr.methods.lanistr.retrieval import nearest
from lanistr.modality import Modality


def test_chunks_change_nothing(rng):
    queries, gallery = (functional.normalize(torch.randn(n, 6, generator=rng(n))) for n in (7, 20))
    rows, similarity = nearest(queries, gallery, 3)
    expected = (queries @ gallery.T).sort(dim=1, descending=True)
    assert torch.equal(rows, expected.indices[:, :3])
    torch.testing.assert_close(similarity, expected.values[:, :3])
    assert torch.equal(nearest(queries, gallery, 3, chunk=2)[0], rows)


def test_more_neighbours_than_there_are_is_refused(rng):
    with pytest.raises(ValueError, match="4 neighbours asked for, the gallery has 3"):
        nearest(torch.ones(1, 2), torch.ones(3, 2), 4)


def test_any_modality_can_ask_for_any_other(experiment, spec, batch):
    model = build(experiment("finetune"), spec).eval()
    samples = batch(*["text image"] * 5)
    texts, images = (model.embed(samples.only(frozenset({m}))) for m in list(Modality)[:2])
    torch.testing.assert_close(texts.norm(dim=1), torch.ones(5))
    rows, _ = nearest(texts, images, 2)
    assert rows.shape == (5, 2)
    assert torch.equal(nearest(texts, texts, 1)[0][:, 0], torch.arange(5))
