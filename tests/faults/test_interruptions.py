"""Stopped at any moment, the same command ends with the bytes of a run that nobody stopped."""

import signal
import subprocess
import time

from tests.faults.runs import differing, left, run, stop

# Seconds after the start, or after the command was repeated: the plan, the raw files, the tables,
# the shards, the cache, the trainings. Each signal meets early and late moments.
MOMENTS = (2, 6, 9, 12, 5, 14, 8, 16, 11, 20)


def test_stopped_at_listed_moments_it_ends_with_the_same_bytes(undisturbed, clone):
    """By turns everything is killed, as in a power cut, and the workflow is asked to end."""
    for number, seconds in enumerate(MOMENTS):
        process = run(clone, start=subprocess.Popen, start_new_session=True)
        time.sleep(seconds)
        stop(process, (signal.SIGKILL, signal.SIGTERM)[number % 2])
    done = run(clone)
    assert done.returncode == 0, done.stdout
    assert differing(undisturbed, left(clone)) == []
