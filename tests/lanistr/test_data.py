"""Which samples a run sees, in which order, and that a batch holds what the cache holds."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from lanistr.data.cache import open_cache
from lanistr.data.labels import check_labels
from lanistr.data.manifest import Manifest
from lanistr.data.samples import Samples, batches, epoch_plan, plan_in_order
from lanistr.data.selection import select
from lanistr.errors import ConfigError
from lanistr.modality import Modality
from tests.lanistr.review_shards import on_beauty
from tests.lanistr.shards import experiment, write_cache


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return open_cache(write_cache(tmp_path_factory.mktemp("data")))


def subjects(samples):
    return set(samples.records["subject_id"].tolist())


def test_a_batch_holds_what_the_cache_holds(cache):
    samples = select(cache, experiment(), "train")
    batch = samples.batch(np.array([3, 0, 5]))
    assert batch.sample_id.tolist() == samples.records["sample_id"][[3, 0, 5]].tolist()
    assert batch.target.tolist() == samples.targets[[3, 0, 5]].tolist()
    for i, record in enumerate(samples.records[[3, 0, 5]]):
        for modality, row in [
            (Modality.TEXT, record["text_row"]),
            (Modality.IMAGE, record["image_row"]),
            (Modality.TIMESERIES, record["timeseries_row"]),
        ]:
            assert batch.has(modality)[i].item() == (row >= 0)
        row = record["timeseries_row"]
        np.testing.assert_array_equal(batch.series[i], cache.series[row])
        np.testing.assert_array_equal(batch.observed[i], cache.observed[row] == 1)
        if (row := record["image_row"]) >= 0:
            expected = (cache.pixels[row] / 255 - 0.5) / 0.5
            for channel in batch.pixels[i]:
                np.testing.assert_allclose(channel, expected, atol=1e-6)
        if (row := record["text_row"]) >= 0:
            start, end = cache.tokens_offsets[row : row + 2]
            assert batch.tokens[i][batch.is_token[i]].tolist() == cache.tokens[start:end].tolist()
    assert batch.observed.dtype == batch.is_token.dtype == torch.bool


def test_findings_are_read_where_they_are_learned(cache):
    settings = {"method": "medfuse", "modalities": ["image"]}
    samples = select(cache, experiment("pretrain", **settings), "train")
    batch = samples.batch(np.arange(4))
    rows = samples.records["image_row"][:4]
    np.testing.assert_array_equal(batch.findings, cache.findings[rows])
    assert len(set(samples.records["image_row"])) == len(samples)  # every radiograph once
    assert select(cache, experiment(), "train").batch(np.arange(4)).findings.shape == (4, 0)


def test_the_train_split_can_have_another_population(cache):
    data = {"require": ["image", "text"], "train_require": ["timeseries"]}
    loose = select(cache, experiment(data=data), "train")
    assert len(loose) == len(select(cache, experiment(), "train"))
    for split in ("valid", "test"):
        assert (select(cache, experiment(data=data), split).records["image_row"] >= 0).all()


def test_texts_are_padded_to_the_longest_of_the_batch(cache):
    samples = select(cache, experiment(), "train")
    rows = samples.records["text_row"]
    lengths = np.where(rows >= 0, np.diff(cache.tokens_offsets)[rows], 0)
    shortest_two = np.argsort(np.where(lengths > 0, lengths, 99))[:2]
    batch = samples.batch(shortest_two)
    assert batch.tokens.shape[1] == lengths[shortest_two].max() < lengths.max()


def test_absent_modalities_are_zero_or_padding(cache):
    samples = select(cache, experiment(), "train")
    absent = np.flatnonzero((samples.records["text_row"] < 0) & (samples.records["image_row"] < 0))
    batch = samples.batch(absent[:2])
    assert not batch.is_token.any()
    assert (batch.tokens == cache.spec.pad_token_id).all()
    assert (batch.pixels == 0).all()


def test_modalities_not_in_use_are_absent_in_every_sample(cache):
    only = experiment(modalities=["text"])
    batch = select(cache, only, "test").batch(np.arange(12))
    assert not batch.has(Modality.IMAGE).any()
    assert not batch.has(Modality.TIMESERIES).any()
    assert batch.has(Modality.TEXT).any()


def test_fine_tuning_keeps_samples_without_any_modality_in_use(cache):
    assert len(select(cache, experiment(modalities=["image"]), "test")) == 12


def test_required_modalities_hold_in_every_split(cache):
    needs = experiment(data={"require": ["image", "text"]})
    for split in ("train", "valid", "test"):
        samples = select(cache, needs, split)
        assert 0 < len(samples) < len(select(cache, experiment(), split))
        assert (samples.records["image_row"] >= 0).all()
        assert (samples.records["text_row"] >= 0).all()


def test_parallel_only_leaves_the_test_split_alone(cache):
    parallel = experiment(data={"parallel_only": True})
    assert (select(cache, parallel, "train").records["image_row"] >= 0).all()
    assert len(select(cache, parallel, "test")) == len(select(cache, experiment(), "test"))


def test_smaller_shares_of_unlabeled_data_are_subsets_of_larger_ones(cache):
    shares = [
        subjects(select(cache, experiment("pretrain", data={"unlabeled_share": share}), "train"))
        for share in (0.25, 0.5, 0.75, 1.0)
    ]
    assert shares[0] < shares[1] < shares[2] < shares[3]
    assert [len(share) for share in shares] == [9, 18, 27, 36]


def test_a_share_of_unlabeled_data_is_one_of_samples(cache):
    """Patients with many samples do not tilt it."""
    subject = np.minimum(cache.samples["subject_id"], 1020)
    samples = cache.samples.copy()
    samples["subject_id"] = subject
    uneven = type(cache)(**{**vars(cache), "samples": samples})
    whole = select(uneven, experiment("pretrain"), "train").records
    largest = np.unique(whole["subject_id"], return_counts=True)[1].max()
    for share in (0.25, 0.5, 0.75):
        part = experiment("pretrain", data={"unlabeled_share": share})
        missing = share * len(whole) - len(select(uneven, part, "train"))
        assert 0 <= missing < largest


def test_a_share_of_unlabeled_data_leaves_validation_and_labels_alone(cache):
    part = experiment("pretrain", data={"unlabeled_share": 0.25})
    assert len(select(cache, part, "valid")) == len(select(cache, experiment("pretrain"), "valid"))


def test_the_population_may_demand_a_modality_that_is_not_in_use(cache):
    """An ablation is tested on the patients of the whole model."""
    data = {"require": ["image", "text"]}
    ablated = select(cache, experiment(modalities=["text"], data=data), "test").records
    whole = select(cache, experiment(data=data), "test").records
    assert ablated["sample_id"].tolist() == whole["sample_id"].tolist()
    assert (ablated["image_row"] == -1).all()


def test_unused_modalities_do_not_multiply_pretraining_samples(cache):
    """A patient with two radiographs has one text sample once radiographs are not in use."""
    doubled = cache.samples.copy()
    doubled["image_row"] = (doubled["image_row"] + 2) % 30
    twice = np.concatenate([cache.samples, doubled])
    many = type(cache)(**{**vars(cache), "samples": twice})
    texts = select(many, experiment("pretrain", modalities=["text"]), "train")
    rows = texts.records["text_row"]
    assert len(rows) == len(set(rows.tolist()))
    assert (rows >= 0).all()


def test_limited_pretraining_epochs_limit_validation_too(cache):
    everything = select(cache, experiment("pretrain"), "valid").records
    limited = experiment("pretrain", data={"samples_per_epoch": 20})
    some = select(cache, limited, "valid").records
    assert len(everything) == 12
    assert len(some) == 4
    assert set(some["sample_id"]) < set(everything["sample_id"])
    assert len(select(cache, experiment(data={"samples_per_epoch": 20}), "valid")) == 12


def test_nothing_left_to_learn_from_is_refused(cache):
    with pytest.raises(ConfigError, match="no train sample of stage pretrain is left"):
        select(cache, experiment("pretrain", data={"unlabeled_share": 0}), "train")
    with pytest.raises(ValueError, match="a fine-tuning learns from labels"):
        experiment(data={"unlabeled_share": 0.5})


def labeled(cache, split="train", **data):
    return select(cache, experiment(data=data), split)


def test_fewer_labels_are_subsets_of_more(cache):
    drawn = [subjects(labeled(cache, labels=number)) for number in (4, 9, 18, 36)]
    assert drawn[0] < drawn[1] < drawn[2] < drawn[3] == subjects(labeled(cache))
    assert [len(each) for each in drawn] == [4, 9, 18, 36]
    assert subjects(labeled(cache, labels=18)) == subjects(labeled(cache, labeled_share=0.5))


def test_classes_keep_their_shares_among_few_labels(cache):
    whole = labeled(cache).targets.mean()
    for number in (6, 12, 24):
        assert abs(labeled(cache, labels=number).targets.sum() - whole * number) <= 1
    assert set(labeled(cache, labels=2).targets[:, 0]) == {0, 1}  # each class keeps one


def test_validation_has_as_large_a_share_of_labels_and_the_test_split_all(cache):
    assert len(labeled(cache, "valid", labels=9)) == len(labeled(cache, "valid")) / 4
    assert len(labeled(cache, "test", labels=9)) == len(labeled(cache, "test"))


def test_labels_of_a_number_are_drawn_too(cache):
    long = experiment(task="length_of_stay", data={"labeled_share": 0.5})
    half = select(cache, long, "train")
    whole = select(cache, experiment(task="length_of_stay"), "train")
    assert len(half) == len(whole) // 2
    assert subjects(half) < subjects(whole)


def test_labels_that_cannot_be_given_are_refused(cache):
    with pytest.raises(ConfigError, match="asks for 37 labeled samples of train, where there are"):
        labeled(cache, labels=37)
    with pytest.raises(ValueError, match="a pretraining has no labels"):
        experiment("pretrain", data={"labels": 9})
    with pytest.raises(ValueError, match="there is labeled_share too"):
        experiment(data={"labels": 9, "labeled_share": 0.5})


@pytest.mark.parametrize(
    ("data", "there"),
    [
        ({}, 9),
        ({"require": ["text"]}, 5),
        ({"require": ["text"], "train_require": ["text", "image"]}, 3),
    ],
)
def test_shards_tell_how_many_labels_there_are_at_most(data, there):
    train = {"image+text": 3, "text": 2, "timeseries": 4}
    shards = Manifest.model_construct(counts={"finetune": {"train": train}})
    check_labels(experiment(data=data | {"labels": there}), shards)
    with pytest.raises(ConfigError, match=f"of train, where there are {there}"):
        check_labels(experiment(data=data | {"labels": there + 1}), shards)


@pytest.mark.parametrize(("samples", "batch_size"), [(10, 4), (8, 4), (3, 8)])
def test_every_sample_comes_in_every_epoch(samples, batch_size):
    plan = epoch_plan(samples, batch_size, seed=1, epoch=0)
    assert plan.shape == (-(-samples // batch_size), batch_size)
    assert set(plan.flat) == set(range(samples))


def test_order_follows_from_seed_and_epoch_alone():
    one = epoch_plan(100, 10, seed=1, epoch=2)
    np.testing.assert_array_equal(one, epoch_plan(100, 10, seed=1, epoch=2))
    assert (one != epoch_plan(100, 10, seed=1, epoch=3)).any()
    assert (one != epoch_plan(100, 10, seed=2, epoch=2)).any()


def test_drawn_epochs_differ_and_repeat_nothing():
    first, second = (epoch_plan(100, 10, seed=0, epoch=e, draw=30) for e in range(2))
    assert len(set(first.flat)) == 30
    assert set(first.flat) != set(second.flat)


def test_evaluation_takes_every_sample_once_in_order():
    assert [part.tolist() for part in plan_in_order(5, 2)] == [[0, 1], [2, 3], [4]]
    assert plan_in_order(0, 2) == []


def test_reading_processes_give_the_same_batches(cache):
    samples = select(cache, experiment(), "train")
    plan = list(epoch_plan(len(samples), 8, seed=0, epoch=0))
    here, there = batches(samples, plan), batches(samples, plan, workers=2)
    for one, other in zip(here, there, strict=True):
        for name, value in vars(one).items():
            torch.testing.assert_close(value, getattr(other, name), rtol=0, atol=0)


def test_samples_of_many_rows_stay_memory_mapped(cache):
    assert isinstance(Samples(cache, cache.samples, cache.spec).cache.pixels, np.memmap)


def test_further_views_change_images_alone(cache):
    samples = select(cache, experiment(data={"views": 3}), "train")
    positions = np.arange(len(samples))
    first, second, again = (samples.shown(view).batch(positions) for view in (0, 1, 1))
    there = first.has(Modality.IMAGE)
    assert torch.equal(first.pixels, samples.batch(positions).pixels)
    assert not torch.equal(first.pixels[there], second.pixels[there])
    assert torch.equal(second.pixels, again.pixels)
    assert (second.pixels[~there] == 0).all()
    for name, value in vars(first).items():
        assert name == "pixels" or torch.equal(value, getattr(second, name))


def test_samples_without_a_modality_have_it_absent(cache):
    samples = select(cache, experiment(), "train")
    some = samples.without({Modality.TEXT}).batch(np.arange(len(samples)))
    assert not some.has(Modality.TEXT).any()
    assert torch.equal(some.has(Modality.IMAGE), samples.batch(np.arange(36)).has(Modality.IMAGE))
    assert samples.batch(np.arange(36)).has(Modality.TEXT).any()


def test_mirroring_is_refused_where_it_shows_something_else_and_for_a_single_view(cache):
    with pytest.raises(ConfigError, match="whose pictures show something else when mirrored"):
        select(cache, experiment(data={"views": 2, "mirror": True}), "train")
    with pytest.raises(ValueError, match="set views above 1"):
        experiment(data={"mirror": True})
    allowed = replace(cache, card=cache.card.model_copy(update={"mirror": True}))
    assert select(allowed, experiment(data={"views": 2, "mirror": True}), "train").mirror


def test_only_samples_whose_answer_is_known_are_learned_and_asked(cache):
    every = select(cache, experiment(), "train")
    known = select(cache, experiment(task="length_of_stay"), "train")
    assert 0 < len(known) < len(every)
    assert np.isfinite(known.targets).all()
    assert known.targets.shape == (len(known), 1)
    labels = select(cache, experiment(task="phenotypes"), "test")
    assert labels.batch(np.arange(2)).target.shape == (2, 25)


def test_a_task_that_the_data_do_not_have_is_refused(cache):
    with pytest.raises(ConfigError, match=r"task: made-up stays has no stars. Allowed: in_hosp"):
        select(cache, experiment(task="stars"), "train")


def test_columns_that_tell_the_answer_are_no_input_of_it(reviews):
    folder, _ = reviews
    cache = open_cache(folder / "cache")
    task = replace(cache.card.task(None), never_inputs=("product", "votes"))
    other = replace(cache, card=cache.card.model_copy(update={"tasks": (task,)}))
    asked = on_beauty(modalities=["tabular"])
    whole, some = (select(each, asked, "train").batch(np.arange(4)) for each in (cache, other))
    spec = other.spec_for(asked)
    assert spec.category_names == ("reviewer", "verified", "year")
    assert spec.category_sizes == (40, 4, 4)
    assert spec.identifiers == ("reviewer",)
    assert spec.number_names == ("time",)
    assert torch.equal(some.categories, whole.categories[:, 1:])
    assert torch.equal(some.numbers, whole.numbers[:, 1:])
    in_words = on_beauty(modalities=["text"], data={"columns_as_text": True})
    with pytest.raises(ConfigError, match="would read product, votes in its texts"):
        select(other, in_words, "train")
