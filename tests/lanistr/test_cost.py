"""Estimates follow from sizes and counts, and react to what changes the work."""

import json

import pytest

from lanistr.cost import Counts, cost, counts_of, flops_per_sample, per_epoch
from lanistr.errors import ConfigError
from lanistr.recipes import load_experiment, needed_for, read_registry

COUNTS = Counts(samples=1000, parallel=400)
BERT = 12 * (4 * 768**2 + 2 * 768 * 3072)
VIT = BERT
SERIES = 3 * (4 * 256**2 + 2 * 256 * 3072)
FUSION = BERT // 2


@pytest.fixture(scope="module")
def paper(repository):
    files = repository / "config/experiments.yaml", repository / "config/recipes/mimic-paper.yaml"
    return lambda name: load_experiment(*files, name)


def test_pretraining_passes_every_token_twice(paper):
    encoding = BERT * 512 + VIT * 197 + SERIES * 48
    expected = 2 * 6 * (encoding + FUSION * (1 + 512 + 197 + 48))
    assert flops_per_sample(paper("mimic-pretrain"), 224) == (expected, 0)


def test_frozen_encoders_read_once_and_learn_nothing(paper):
    tuned = paper("mimic-lanistr")
    every, once = flops_per_sample(tuned, 224)
    assert every == 6 * FUSION * 758
    assert once == 2 * (BERT * 512 + tuned.data.views * VIT * 197 + SERIES * 48)
    made = cost(tuned, COUNTS, 224)  # of the samples that have all modalities
    assert made.flops == 400 * (500 * every + once)


def test_encoders_without_trained_weights_learn(paper):
    """Text and image start from the hub's weights, time series from random ones."""
    every, once = flops_per_sample(paper("mimic-lanistr-scratch"), 224)
    whole = flops_per_sample(paper("mimic-lanistr"), 224)
    assert every == whole[0] + 6 * SERIES * 48
    assert once == whole[1] - 2 * SERIES * 48


def test_without_the_similarity_loss_the_fusion_rests(paper):
    encoding = BERT * 512 + VIT * 197 + SERIES * 48
    assert flops_per_sample(paper("mimic-pretrain-without-mmm"), 224) == (6 * encoding, 0)


@pytest.mark.parametrize(
    ("name", "samples"),
    [("mimic-pretrain", 1000), ("mimic-pretrain-25", 250), ("mimic-pretrain-parallel", 400)],
)
def test_an_epoch_has_what_the_experiment_sees(paper, name, samples):
    assert per_epoch(paper(name), COUNTS) == samples
    assert cost(paper(name), COUNTS, 224).samples == 40 * samples


def test_counts_are_the_papers_until_there_are_shards(repository, tmp_path):
    paper, manifest = repository / "config/paper_samples.tsv", tmp_path / "manifest.json"
    assert counts_of(manifest, paper, "mimic", "pretrain") == Counts(3_680_784, 2_365_192)
    patterns = {"image+text": 30, "image": 5, "text": 7}
    category = {"pretrain": {"train": patterns, "valid": {"image": 99}}}
    manifest.write_text(json.dumps({"counts": category}))
    assert counts_of(manifest, paper, "mimic", "pretrain") == Counts(42, 30)
    manifest.write_text(json.dumps({"counts": {"Office_Products": category}}))
    assert counts_of(manifest, paper, "amazon/Office_Products", "pretrain") == Counts(42, 30)


def test_a_dataset_nobody_counted_is_refused(repository, tmp_path):
    with pytest.raises(ConfigError, match="has no number of samples"):
        counts_of(tmp_path / "no.json", repository / "config/paper_samples.tsv", "eicu", "finetune")


def test_a_table_needs_its_pretraining_once_and_first(repository):
    entries = read_registry(repository / "config/experiments.yaml")
    names = needed_for(entries, "table4")
    assert len(names) == len(set(names)) == 9
    assert names.index("mimic-pretrain-25") < names.index("mimic-unlabeled-25")
