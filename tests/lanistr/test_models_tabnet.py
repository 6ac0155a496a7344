import copy

import pytest
import torch
from pytorch_tabnet.tab_network import TabNetDecoder, TabNetEncoder
from safetensors.torch import load_file, save_file
from torch.nn import functional

from lanistr.experiments.architecture import TabularEncoder
from lanistr.models.tabnet import GhostNorm, tabnet_decoder, tabnet_encoder

WIDTHS = (3, 5, 1, 1)
SIZES = TabularEncoder(hidden=8, steps=2, ghost_batch=4)


@pytest.fixture
def encoder() -> TabNetEncoder:
    torch.manual_seed(0)
    return tabnet_encoder(SIZES, WIDTHS)


@pytest.fixture
def decoder() -> TabNetDecoder:
    torch.manual_seed(0)
    return tabnet_decoder(SIZES, sum(WIDTHS))


def library() -> TabNetEncoder:
    """As pytorch-tabnet's own wrapper builds it."""
    torch.manual_seed(0)
    group = torch.zeros(len(WIDTHS), sum(WIDTHS))
    for column, (start, width) in enumerate(zip((0, 3, 8, 9), WIDTHS, strict=True)):
        group[column, start : start + width] = 1 / width
    return TabNetEncoder(
        sum(WIDTHS),
        sum(WIDTHS),
        n_d=8,
        n_a=8,
        n_steps=2,
        gamma=1.8,
        virtual_batch_size=4,
        group_attention_matrix=group,
    )


@pytest.mark.parametrize("training", [True, False])
def test_the_steps_are_those_of_the_library(encoder, training, rng):
    rows = torch.randn(8, sum(WIDTHS), generator=rng())
    expected, _ = library().train(training)(rows)
    found, _ = encoder.train(training)(rows)
    torch.testing.assert_close(found, expected)


def test_each_tensor_has_one_name_and_fits_a_safetensors_file(encoder, decoder, tmp_path, rng):
    for network in (encoder, decoder):
        save_file(network.state_dict(), tmp_path / "network.safetensors")
        names = [n for n, _ in network.named_parameters(remove_duplicate=False)]
        assert len(names) == len(list(network.parameters()))
    other = tabnet_encoder(SIZES, WIDTHS).eval()
    save_file(encoder.state_dict(), tmp_path / "network.safetensors")
    other.load_state_dict(load_file(tmp_path / "network.safetensors"))
    rows = torch.randn(3, sum(WIDTHS), generator=rng())
    torch.testing.assert_close(other(rows)[0], encoder.eval()(rows)[0])


def test_a_copy_shares_its_layers_among_its_own_steps(encoder):
    twin = copy.deepcopy(encoder)
    shared = twin.initial_splitter.shared.shared_layers[0]
    assert twin.feat_transformers[1].shared.glu_layers[0].fc is shared
    assert shared is not encoder.initial_splitter.shared.shared_layers[0]


def test_the_groups_move_with_the_network(encoder):
    assert encoder.to("meta").group_attention_matrix.device.type == "meta"


@pytest.mark.parametrize("rows", [0, 1, 2, 5, 9])
def test_any_number_of_rows_trains_with_a_gradient_everywhere(encoder, decoder, rows, rng):
    values = torch.randn(rows, sum(WIDTHS), generator=rng())
    steps, _ = encoder(values)
    decoder(steps).sum().backward()
    gradients = [p.grad for net in (encoder, decoder) for p in net.parameters()]
    assert all(gradient is not None and gradient.isfinite().all() for gradient in gradients)


def test_ghost_batches_are_normalised_on_their_own_and_one_row_joins_the_last(rng):
    rows = torch.randn(9, 3, generator=rng())
    norm = GhostNorm(3, momentum=0.1, rows=4)
    expected = [functional.batch_norm(p, None, None, training=True) for p in rows.split([5, 4])]
    torch.testing.assert_close(norm(rows), torch.cat(expected))
    assert norm.num_batches_tracked == 2
    before = norm.running_mean.clone()
    norm(rows[:1])
    assert torch.equal(norm.running_mean, before)
