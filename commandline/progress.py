"""What a terminal shows of a run: a line per finished job, how far all is, what failed and why.

The log file has everything. Snakemake's records are known by the names of their events, so that
nothing of Snakemake is imported.
"""

from __future__ import annotations

import logging
import shlex
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from commandline.disks import is_full, tell_full

SPARED = {"job_info", "job_finished", "progress", "shellcmd"}
"""Events that our line stands for."""
CHATTER = ("Select jobs to execute", "Execute ", "Exiting because a job execution failed")
ENDED = ("CalledProcessError in file ", "At least one job did not complete successfully")
"""Errors that say no more than that a command failed, or that one did."""
FAILURE = "error: "
SOON = 60.0  # seconds; what is shown at the end anyway is not shown within a minute of it


def event_of(record: logging.LogRecord) -> str:
    """The name of Snakemake's event, such as `job_finished`; empty for other records."""
    event = getattr(record, "event", "")
    return str(getattr(event, "value", event))


def is_wanted(record: logging.LogRecord) -> bool:
    """Whether a record says what our lines do not."""
    match event_of(record):
        case "job_error":  # a cluster says why it ended a job
            return bool(record.__dict__["rule_msg"]) or not record.__dict__["log"]
        case "error":
            return not any(told in str(record.msg) for told in ENDED)
    return event_of(record) not in SPARED and not str(record.msg).startswith(CHATTER)


class Progress(logging.Handler):
    """Prints a line for each job that ends, and keeps what failed.

    Args:
        planned: jobs of each rule that are to be done.
        early: called when a file is made, by file, unless the end is near.
    """

    def __init__(
        self, planned: Mapping[str, int], early: Mapping[str, Callable[[], None]] | None = None
    ) -> None:
        super().__init__()
        self.early = early or {}
        self.makes: dict[int, list[str]] = {}
        self.left = Counter(planned)
        self.total, self.started = sum(planned.values()), time.monotonic()
        self.running: dict[int, tuple[str, str, float]] = {}
        self.took: dict[str, list[float]] = defaultdict(list)
        self.failed: dict[int, dict[str, Any]] = {}

    def emit(self, record: logging.LogRecord) -> None:
        """Take note of a record."""
        told = record.__dict__
        match event_of(record):
            case "job_info":
                name = told["rule_msg"] or told["rule_name"]
                self.running[told["jobid"]] = (told["rule_name"], name, time.monotonic())
                self.makes[told["jobid"]] = files_of(told["output"])
            case "job_finished" if told["job_id"] in self.running:
                self.finish(told["job_id"])
            case "job_error":
                self.fail(told)

    def finish(self, job: int) -> None:
        """Print that a job is done."""
        rule, name, began = self.running.pop(job)
        self.failed.pop(job, None)  # tried again, with success
        self.took[rule].append(time.monotonic() - began)
        self.left[rule] -= 1
        done = self.total - sum(self.left.values())
        left = self.seconds_left()
        rest = f", {told_left(left)}" if done < self.total and left is not None else ""
        seconds = told_time(self.took[rule][-1])
        line = f"{now()}  {done} of {self.total}  {name} ({seconds}){rest}"
        print(line, flush=True)
        # The last job is the target itself.
        if self.left.total() > 1 and (left is None or left > SOON):
            for file in self.early.keys() & self.makes[job]:
                self.early[file]()

    def fail(self, told: dict[str, Any]) -> None:
        """Print that a job failed, and why."""
        # At once: then the outputs of the job are removed, and a disk is full no more.
        why = told_reason(told["log"])
        self.failed[told["jobid"]] = told | {"why": why}
        print(f"{now()}  failed: {self.name_of(told)}: {why}", flush=True)

    def name_of(self, told: Mapping[str, Any]) -> str:
        """What a job is called that failed."""
        return self.running.get(told["jobid"], ("", told["rule_name"], 0))[1]

    def seconds_left(self) -> float | None:
        """What the jobs that are left will take, if they are like those of their rules so far.

        Of a rule that none is finished of, a job counts as long as the mean of all, and where most
        jobs are of such rules nothing is known; jobs go on beside each other as they did.
        """
        seen = sum(self.left[rule] for rule in self.took)
        if 2 * seen < self.left.total():
            return None
        known = {rule: sum(took) / len(took) for rule, took in self.took.items()}
        spent = sum(map(sum, self.took.values()))
        mean = spent / sum(map(len, self.took.values()))
        beside = max(1.0, spent / (time.monotonic() - self.started))
        return sum(count * known.get(rule, mean) for rule, count in self.left.items()) / beside

    def told_failures(self, options: Sequence[str]) -> list[str]:
        """What failed, why, and the command that repeats it, as lines.

        Args:
            options: words of the command line that say which configuration it was.
        """
        lines = []
        for told in self.failed.values():
            lines += [f"failed: {self.name_of(told)}", f"  why: {told['why']}"]
            file = next(iter(files_of(told["output"])), "")
            again = shlex.join(["snakemake", file, "--cores", "1", *options])
            lines += [f"  again: {again}"] if file else []
        return lines


def files_of(told: Iterable[object]) -> list[str]:
    """The names of files; Snakemake says of some more than that, in brackets."""
    return [str(file).partition(" (")[0] for file in told]


def told_reason(logs: Sequence[str]) -> str:
    """The message that a job ended with, or where to look; on a full disk a log has none."""
    for log in files_of(logs):
        path = Path(log)
        text = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
        said = [line for line in text.splitlines() if line.startswith(FAILURE)]
        if said:
            return said[-1].removeprefix(FAILURE)
        if is_full(path):
            return tell_full(path)
        return f"it ended without a message, see {path}" if path.is_file() else "it left no log"
    return "it has no log"


def now() -> str:
    """The time of day, of this machine."""
    return time.strftime("%H:%M")


def told_time(seconds: float) -> str:
    """A time as one says it.

    >>> told_time(4.2), told_time(150), told_time(7260)
    ('4 s', '2 min 30 s', '2 h 01 min')
    """
    minutes, rest = divmod(round(seconds), 60)
    if not minutes:
        return f"{rest} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min {rest:02} s"


def told_left(seconds: float) -> str:
    """What is left of a run, no finer than it is known.

    >>> told_left(20), told_left(600), told_left(9000)
    ('less than a minute left', 'about 10 min left', 'about 2 h 30 min left')
    """
    if seconds < 60:
        return "less than a minute left"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"about {f'{hours} h {minutes:02} min' if hours else f'{minutes} min'} left"


def narrow(markdown: str, wanted: Sequence[str]) -> str:
    r"""Some columns of the table in a Markdown file, for a terminal; nothing of an empty one.

    >>> print(narrow("**T**\n\n| A | B | C |\n| :-- | --: | --: |\n| x | 1 | 2 |\n", ["A", "C"]))
    A  C
    x  2
    """
    lines = [line for line in markdown.splitlines() if line.startswith("| ")]
    del lines[1:2]  # the rule below the head
    cells = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]
    if not cells:
        return ""
    places = [place for place, name in enumerate(cells[0]) if name in wanted]
    widths = [max(len(line[place]) for line in cells) for place in places]
    return "\n".join(
        "  ".join(line[p].ljust(width) for p, width in zip(places, widths, strict=True)).rstrip()
        for line in cells
    )
