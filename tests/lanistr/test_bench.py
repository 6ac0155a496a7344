"""The benchmark of training takes what training takes: it is run by hand, and seldom."""

import pytest

from lanistr.training.distributed import world
from tests.bench.training import CASES, made_up, step_flop, trainer


@pytest.mark.parametrize("stage", ["pretrain", "finetune"])
def test_a_step_of_the_benchmark_is_counted(stage, tmp_path):
    case = {**CASES["tiny"], "samples": 64}
    with world("cpu", 1) as here:
        run = trainer(case, stage, made_up(case), here, tmp_path, features=False)
        assert step_flop(run) > 1e9
