"""What another attempt would not mend is not tried again, however many `retries` there are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from commandline.disks import is_full

AGAIN = "Trying again may help."
"""Ends the messages of steps that another attempt, with more memory or later, may not need."""

TAIL_BYTES = 100_000
"""Length of a log's end in which a message is looked for."""


def is_final(log: Path) -> bool:
    """Whether a step itself said why it failed, and that not in a message that ends with `AGAIN`.

    What kills a step, such as the end of its time, says nothing in its log; nor does a full disk,
    on which the message has no room.
    """
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - TAIL_BYTES))
            lines = file.read().decode(errors="replace").splitlines()
    except FileNotFoundError:
        lines = []
    said = [line for line in lines if line.startswith("error: ")]
    return AGAIN not in "".join(lines) if said else is_full(log)


def end_retries(record: Any, workflow: Any) -> bool:
    """Make a job's attempt its last one where another would fail in the same way.

    A filter of Snakemake's log: that a job failed is told there before it is tried again, and
    nowhere else can a rule say which failures are worth that.

    Args:
        record: LogRecord; that of a failed job has an `event`, JOB_ERROR, and its `jobid`.
        workflow: of Snakemake.

    Returns:
        True: the record is logged as it is.
    """
    if getattr(record, "event", None) == "job_error":
        for job in workflow.dag.jobs:
            if workflow.dag.jobid(job) == record.jobid and any(is_final(Path(f)) for f in job.log):
                # Not by its setter, which forgets the resources that are still to be given back.
                job._attempt = job.restart_times + 1
    return True
