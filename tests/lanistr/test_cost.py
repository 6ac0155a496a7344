"""Estimates follow from sizes and counts, and react to what changes the work."""

import json

import pytest

from lanistr.errors import ConfigError
from lanistr.experiments.cost import Counts, cost, counts_of, flops_per_sample, per_epoch
from lanistr.experiments.recipes import load_experiment, needed_for, read_registry

COUNTS = Counts(samples=1000, parallel=400)
BERT = 12 * (4 * 768**2 + 2 * 768 * 3072)
VIT = BERT
SERIES = 3 * (4 * 256**2 + 2 * 256 * 3072)
FUSION = BERT // 2


@pytest.fixture(scope="module")
def paper(repository):
    def experiment(name):
        recipe = repository / f"config/recipes/{name.split('-')[0]}-paper.yaml"
        return load_experiment(repository / "config/experiments.yaml", recipe, name)

    return experiment


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


def test_medfuse_sees_each_radiograph_once_through_its_resnet(paper):
    made, counts = paper("mimic-medfuse-cxr"), Counts(1000, 400, images=90)
    assert per_epoch(made, counts) == 90
    every, once = flops_per_sample(made, 224)
    assert every == pytest.approx(6 * 3.66e9, rel=1e-3)  # as published for ResNet-34
    assert once == 0
    assert cost(made, counts, 224).samples == 100 * 90


def test_medfuse_learns_from_every_stay(paper):
    assert per_epoch(paper("mimic-medfuse"), COUNTS) == 1000
    assert per_epoch(paper("mimic-latefusion"), COUNTS) == 400
    alone, both = (flops_per_sample(paper(f"mimic-medfuse{part}"), 224)[0] for part in ("-ehr", ""))
    assert alone == 6 * 48 * 4 * 256 * (76 + 256 + 512)
    assert both == alone + flops_per_sample(paper("mimic-medfuse-cxr"), 224)[0]


def test_albef_has_a_teacher_that_reads_and_learns_nothing(paper):
    half, image, cross = BERT // 2 * 512, VIT * 197, 6 * 2 * 768**2 * (512 + 197)
    fusion = half + cross
    pretraining = 6 * (2 * half + image + 4 * fusion) + 2 * (2 * half + image + fusion)
    assert flops_per_sample(paper("amazon-pretrain-albef"), 224) == (pretraining, 0)
    tuned = paper("amazon-beauty-albef")
    assert flops_per_sample(tuned, 224) == ((6 + 2) * (half + image + fusion), 0)
    frozen = tuned.model_copy(update={"freeze": "pretrained"})
    assert flops_per_sample(frozen, 224) == (6 * fusion + 2 * (2 * (half + image) + fusion), 0)


def test_methods_without_a_transformer_that_fuses_do_not_pay_for_one(paper):
    encoders = 6 * (BERT * 512 + VIT * 197)
    assert flops_per_sample(paper("mimic-latefusion"), 224) == (encoders + 6 * SERIES * 48, 0)
    # AutoGluon freezes nothing, though its encoders start from trained weights
    assert flops_per_sample(paper("amazon-beauty-autogluon-tf"), 224) == (encoders, 0)


@pytest.mark.parametrize(
    ("name", "samples"),
    [("mimic-pretrain", 1000), ("mimic-pretrain-25", 250), ("mimic-pretrain-parallel", 400)],
)
def test_an_epoch_has_what_the_experiment_sees(paper, name, samples):
    assert per_epoch(paper(name), COUNTS) == samples
    assert cost(paper(name), COUNTS, 224).samples == 40 * samples


def test_counts_are_the_papers_until_there_are_shards(repository, tmp_path):
    paper, manifest = repository / "config/paper_samples.tsv", tmp_path / "manifest.json"
    assert counts_of(manifest, paper, "mimic", "pretrain") == Counts(
        3_680_784, 2_365_192, images=377_110
    )
    patterns = {"image+text": 30, "image": 5, "text": 7}
    category = {"pretrain": {"train": patterns, "valid": {"image": 99}}}
    told = {"counts": category, "tables": {"images": {"rows": 20}}}
    manifest.write_text(json.dumps(told))
    assert counts_of(manifest, paper, "mimic", "pretrain") == Counts(42, 30, images=20)
    manifest.write_text(json.dumps({"counts": {"Office_Products": category}, "tables": {}}))
    assert counts_of(manifest, paper, "amazon/Office_Products", "pretrain") == Counts(42, 30)


def test_a_dataset_nobody_counted_is_refused(repository, tmp_path):
    paper = repository / "config/paper_samples.tsv"
    with pytest.raises(ConfigError, match=r"no manifest was given.*with --manifest"):
        counts_of(None, paper, "eicu", "finetune")
    with pytest.raises(ConfigError, match=r"no\.json is not there.*with --manifest"):
        counts_of(tmp_path / "no.json", paper, "eicu", "finetune")


def test_a_table_needs_its_pretraining_once_and_first(repository):
    entries = read_registry(repository / "config/experiments.yaml")
    names = needed_for(entries, "table4")
    assert len(names) == len(set(names)) == 9
    assert names.index("mimic-pretrain-25") < names.index("mimic-unlabeled-25")
