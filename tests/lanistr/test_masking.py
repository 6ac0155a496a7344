import pytest
import torch

from lanistr.models.masking import (
    hide_columns,
    hide_events,
    hide_future,
    hide_modalities,
    hide_patches,
    hide_segments,
    hide_tokens,
)


def test_tokens_are_hidden_at_the_ratio_and_only_where_eligible(rng):
    eligible = torch.rand(200, 100, generator=rng(1)) < 0.6
    hidden = hide_tokens(eligible, 0.15, rng())
    assert not (hidden & ~eligible).any()
    assert hidden.sum() / eligible.sum() == pytest.approx(0.15, abs=0.01)


def test_every_present_image_loses_the_same_number_of_patches(rng):
    present = torch.tensor([True, False, True])
    hidden = hide_patches(present, 37, 0.5, rng())
    assert hidden.sum(dim=1).tolist() == [18, 0, 18]
    assert not torch.equal(hidden[0], hidden[2])


def test_at_least_one_patch_is_hidden(rng):
    assert hide_patches(torch.tensor([True]), 4, 0.01, rng()).sum() == 1


def test_every_patch_is_as_likely_to_be_hidden(rng):
    hidden = hide_patches(torch.ones(4000, dtype=torch.bool), 9, 1 / 3, rng())
    assert hidden.float().mean(dim=0) == pytest.approx([1 / 3] * 9, abs=0.03)


def test_columns_are_hidden_one_by_one_and_of_rows_that_are_there(rng):
    present = torch.arange(4000) % 2 == 0
    hidden = hide_columns(present, 5, 0.15, rng())
    assert hidden.shape == (4000, 5) and not hidden[~present].any()
    assert hidden[present].float().mean(dim=0) == pytest.approx([0.15] * 5, abs=0.03)
    assert torch.corrcoef(hidden[present].float().T).fill_diagonal_(0).abs().max() < 0.1


@pytest.mark.parametrize(("ratio", "mean_length"), [(0.15, 3.0), (0.3, 5.0), (0.5, 2.0)])
def test_segments_have_the_share_and_the_geometric_lengths_asked_for(rng, ratio, mean_length):
    hidden = hide_segments(torch.ones(50, 400, 20, dtype=torch.bool), ratio, mean_length, rng())
    assert hidden.float().mean() == pytest.approx(ratio, rel=0.03)
    assert hidden[:, 0].float().mean() == pytest.approx(ratio, abs=0.04)  # from the first hour on
    starts = hidden[:, 1:] & ~hidden[:, :-1]
    ends = hidden[:, :-1] & ~hidden[:, 1:]
    assert hidden.sum() / starts.sum() == pytest.approx(mean_length, rel=0.04)
    one_hour = starts[:, :-1] & ends[:, 1:]  # geometric: P(length = 1) = 1 / mean
    assert one_hour.sum() / starts.sum() == pytest.approx(1 / mean_length, rel=0.05)


def test_segments_are_drawn_per_variable_and_only_where_observed(rng):
    observed = torch.rand(40, 48, 17, generator=rng(1)) < 0.4
    hidden = hide_segments(observed, 0.15, 3.0, rng())
    assert not (hidden & ~observed).any()
    assert hidden.sum() / observed.sum() == pytest.approx(0.15, abs=0.02)
    whole = hide_segments(torch.ones_like(observed), 0.15, 3.0, rng()).flatten(0, 1).float()
    correlation = torch.corrcoef(whole.T) - torch.eye(17)
    assert correlation.abs().max() < 0.3


def test_events_are_whole_variables_and_hours_of_all_variables(rng):
    everything = torch.ones(400, 48, 17, dtype=torch.bool)
    hidden = hide_events(everything, 0.2, 6.0, rng())
    variables, hours = hidden.all(dim=1), hidden.all(dim=2)
    assert torch.equal(hidden, variables[:, None] | hours[:, :, None])
    assert variables.float().mean() == pytest.approx(0.2, abs=0.02)
    assert hours.float().mean() == pytest.approx(0.2, abs=0.02)
    observed = torch.rand(everything.shape, generator=rng(1)) < 0.4
    assert torch.equal(hide_events(observed, 0.2, 6.0, rng()), hidden & observed)


def test_the_future_is_all_that_follows_an_hour_of_each_series(rng):
    everything = torch.ones(2000, 48, 3, dtype=torch.bool)
    hidden = hide_future(everything, rng())
    first = 48 - hidden.sum(dim=1)
    assert torch.equal(hidden, torch.arange(48)[:, None] >= first[:, None])
    assert (first == first[:, :1]).all()  # of all variables
    assert first.min() >= 12 and first.float().mean() == pytest.approx(30.5, abs=0.8)
    observed = torch.rand(everything.shape, generator=rng(1)) < 0.4
    assert torch.equal(hide_future(observed, rng()), hidden & observed)


def test_modalities_are_hidden_as_a_whole_but_never_all_of_a_sample(rng):
    present = torch.rand(4000, 4, generator=rng(1)) < 0.7
    hidden = hide_modalities(present, 0.5, rng())
    assert not (hidden & ~present).any()
    assert ((present & ~hidden).any(dim=1) == present.any(dim=1)).all()
    whole = hide_modalities(torch.ones(4000, 4, dtype=torch.bool), 0.5, rng()).float()
    # Of four all would be hidden in one of 16 cases, and one of them stays.
    assert whole.mean() == pytest.approx(0.5 - 1 / 16 / 4, abs=0.01)
    assert (whole.mean(dim=0) - whole.mean()).abs().max() < 0.02


def test_the_same_generator_hides_the_same(rng):
    observed = torch.ones(2, 48, 3, dtype=torch.bool)
    first, second = (hide_segments(observed, 0.15, 3.0, rng()) for _ in range(2))
    assert torch.equal(first, second)
