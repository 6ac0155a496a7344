import torch

from lanistr.batch import Batch
from lanistr.modality import Modality


def test_has_reads_the_column_of_the_modality(batch):
    samples = batch("text", "image timeseries", "text image")
    assert samples.has(Modality.IMAGE).tolist() == [False, True, True]
    assert samples.has_any([Modality.TEXT, Modality.TIMESERIES]).tolist() == [True, True, True]
    assert samples.has_any([Modality.TIMESERIES]).tolist() == [False, True, False]


def test_only_makes_the_other_modalities_absent_and_nothing_else(batch):
    samples = batch("text image", "timeseries")
    kept = samples.only(frozenset({Modality.TEXT}))
    assert kept.present.sum(dim=1).tolist() == [1, 0]
    assert kept.tokens is samples.tokens


def test_repeated_puts_whole_batches_one_after_the_other(batch):
    samples = batch("text", "image")
    twice = samples.repeated(2)
    assert len(twice) == 4
    assert twice.sample_id.tolist() == [0, 1, 0, 1]
    for half in (slice(0, 2), slice(2, 4)):
        assert torch.equal(twice.pixels[half], samples.pixels)
        assert torch.equal(twice.present[half], samples.present)


def test_data_without_tables_have_tables_without_columns(batch):
    samples = batch("text", "image")
    bare = Batch(**{n: v for n, v in vars(samples).items() if n not in ("categories", "numbers")})
    for each, length in ((bare, 2), (bare.repeated(2), 4)):
        assert each.categories.shape == each.numbers.shape == (length, 0)
    assert (bare.categories.dtype, bare.numbers.dtype) == (torch.int64, torch.float32)


def test_to_moves_every_tensor(batch):
    moved = batch("text").to("meta")
    assert {value.device.type for value in vars(moved).values()} == {"meta"}
