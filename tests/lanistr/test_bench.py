"""The benchmarks of training take what training takes: they are run by hand, and seldom."""

import pytest

from lanistr.experiments.recipes import load_experiment
from lanistr.training.distributed import world
from tests.bench.flops import CONFIG, longest_notes, step_flops
from tests.bench.training import CASES, made_up, step_flop, trainer


@pytest.mark.parametrize("stage", ["pretrain", "finetune"])
def test_a_step_of_the_benchmark_is_counted(stage, tmp_path):
    case = {**CASES["tiny"], "samples": 64}
    with world("cpu", 1) as here:
        run = trainer(case, stage, made_up(case), here, tmp_path, features=False)
        assert step_flop(run) > 1e9


def test_the_official_way_scores_every_word_and_ours_the_hidden_ones():
    recipe, length = CONFIG / "recipes" / "mimic-tiny.yaml", 32

    def of_words(*, official):
        """Operations for each further word of the vocabulary, of a text of 32 words."""
        counts = []
        for words in (1000, 2000):
            experiment = load_experiment(CONFIG / "experiments.yaml", recipe, "mimic-pretrain")
            text = experiment.encoders.text.model_copy(update={"vocab_size": words})
            encoders = experiment.encoders.model_copy(update={"text": text})
            sized = experiment.model_copy(update={"encoders": encoders})
            counts.append(step_flops(sized, length, official=official))
        return (counts[1] - counts[0]) / 1000

    # 64 numbers a word; a multiplication and an addition, forward and for both gradients.
    assert of_words(official=True) == length * 64 * 2 * 3
    assert 0 < of_words(official=False) < of_words(official=True) / 4


def test_a_batch_of_discharge_summaries_has_a_long_one():
    assert longest_notes(128) == 512 > longest_notes(1)
