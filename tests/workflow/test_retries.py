"""What another attempt would not mend is tried once, however many `retries` there are."""

import pytest

from commandline.retries import AGAIN
from tests.workflow.devices import CONFIG, TARGETS, link_stub, stub_gpus
from tests.workflow.running import run_snakemake

FAILS = """
import sys
with open("attempts.txt", "a") as file:
    file.write("once more ")
sys.exit({end!r})
"""


@pytest.mark.parametrize(
    ("end", "attempts"),
    [("error: a loss is not finite.", 1), (f"error: hosts did not answer. {AGAIN}", 3), (137, 3)],
)
def test_a_job_that_says_why_it_failed_is_not_tried_again(repository, tmp_path, end, attempts):
    link_stub(repository, tmp_path)
    (tmp_path / "lanistr/__main__.py").write_text(FAILS.format(end=end))
    run = run_snakemake(
        *(tmp_path, TARGETS[0], "--cores", "1", "--retries", "2"),
        *(*CONFIG, "--config", 'engine={"gpus": 1}'),
        environment={"PATH": stub_gpus(tmp_path / "gpus", 1)},
    )
    assert run.returncode != 0
    assert (tmp_path / "attempts.txt").read_text() == attempts * "once more ", run.stdout
    assert run.stdout.count("Trying to restart job") == attempts - 1
