"""What another attempt would not mend is tried once, however many `retries` there are."""

import pytest

from commandline.retries import AGAIN
from tests.small_disk import on_disk
from tests.workflow.devices import CONFIG, TARGETS, link_stub, stub_gpus
from tests.workflow.running import PYTHON, run_snakemake

FAILS = """
import sys
with open("attempts.txt", "a") as file:
    file.write("once more ")
sys.exit({end!r})
"""


FILLS = """
with open("attempts.txt", "a") as file:
    file.write("once more ")
with open("results/toy/logs/fills", "wb") as file:
    file.write(bytes(10_000_000))
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


def test_a_job_whose_message_a_full_disk_has_no_room_for_is_told_and_not_tried_again(
    repository, tmp_path
):
    """Its log is empty, so that the disk itself is looked at."""
    link_stub(repository, tmp_path)
    (tmp_path / "lanistr/__main__.py").write_text(FILLS)
    logs = tmp_path / "results/toy/logs"
    logs.mkdir()
    run = run_snakemake(
        *(tmp_path, TARGETS[0], "--cores", "1", "--retries", "2"),
        *(*CONFIG, "--config", 'engine={"gpus": 1}'),
        python=[*on_disk(65_536, logs), *PYTHON],
        environment={"PATH": stub_gpus(tmp_path / "gpus", 1)},
    )
    assert run.returncode != 0
    assert (tmp_path / "attempts.txt").read_text() == "once more ", run.stdout
    (why,) = [line for line in run.stdout.splitlines() if line.startswith("  why: ")]
    assert "its disk is full (0 MB are free). Free space, or name another folder" in why
