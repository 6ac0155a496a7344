"""Tasks of srun find each other, on several nodes."""

import sys

from tests.conftest import REPOSITORY

BODY = """
import torch
from lanistr.training.distributed import world
with world("cpu", 1) as here:
    mean = here.mean(torch.tensor([1.0 * here.rank])).item()
    print("rank", here.rank, "of", here.size, "mean", mean)
"""


def test_one_task_per_node_is_one_process_of_a_training(cluster):
    told = cluster.run(
        *("srun", "--nodes=2", "--ntasks=2", "--mem=2000", f"--chdir={REPOSITORY}"),
        *(sys.executable, "-c", BODY),
    )
    ranks = sorted(line for line in told.splitlines() if line.startswith("rank"))
    assert ranks == ["rank 0 of 2 mean 0.5", "rank 1 of 2 mean 0.5"], told
