"""What a terminal shows of a run, told from Snakemake's records."""

import logging

import pytest

from commandline.progress import Progress, is_wanted


def record(event, **told):
    made = logging.makeLogRecord({"msg": "", "event": event, **told})
    assert not is_wanted(made)
    return made


def begin(progress, job, rule="train", output=()):
    told = {"jobid": job, "rule_name": rule, "rule_msg": f"Training {job}", "output": output}
    progress.handle(record("job_info", **told))


def fail(progress, job, log):
    told = {"log": [str(log)], "output": ["runs/a.json"], "rule_name": "train"}
    progress.handle(record("job_error", rule_msg=None, jobid=job, **told))


def test_a_job_that_ends_has_a_line_and_what_is_left_an_estimate(capsys):
    progress = Progress({"train": 2, "all": 1})
    for job in (1, 2):
        begin(progress, job)
        progress.handle(record("job_finished", job_id=job))
    begin(progress, 3, "all")
    progress.handle(record("job_finished", job_id=3))
    first, second, last = capsys.readouterr().out.splitlines()
    assert first.endswith("1 of 3  Training 1 (0 s), less than a minute left")
    assert "2 of 3  Training 2" in second
    assert last.endswith("3 of 3  Training 3 (0 s)")


def test_jobs_that_are_left_take_as_long_as_those_of_their_rule():
    progress = Progress({"train": 4, "table": 1})
    progress.started -= 60  # two trainings beside each other
    progress.took["train"] = [50.0, 70.0]
    progress.left["train"] -= 2
    assert progress.seconds_left() == pytest.approx((2 * 60 + 60) / 2, rel=0.01)


def test_of_what_was_never_seen_nothing_is_foretold(capsys):
    progress = Progress({"generate": 1, "train": 9})
    begin(progress, 1, "generate")
    progress.handle(record("job_finished", job_id=1))
    assert progress.seconds_left() is None
    assert capsys.readouterr().out.endswith("1 of 10  Training 1 (0 s)\n")


@pytest.mark.parametrize(
    ("rest", "took", "shown"),
    [({"train": 4}, 50.0, ["table"]), ({"train": 4}, 5.0, []), ({"all": 1}, 50.0, [])],
)
def test_a_file_is_told_when_it_is_made_unless_the_end_is_near(rest, took, shown):
    told = []
    progress = Progress({**rest, "table": 1}, {"table.md": lambda: told.append("table")})
    progress.started -= took
    progress.took["train"] = [took]
    begin(progress, 1, "table", ["table.md (checksum)", "table.csv"])
    progress.handle(record("job_finished", job_id=1))
    assert told == shown


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("12:00:00 began\nerror: the loss is not finite.\n", "why: the loss is not finite."),
        ("12:00:00 began\n", "why: it ended without a message, see "),
        (None, "why: it left no log"),
    ],
)
def test_what_failed_says_why_and_how_to_repeat_it(tmp_path, capsys, said, told):
    log = tmp_path / "train.log"
    if said is not None:
        log.write_text(said)
    progress = Progress({"train": 1})
    begin(progress, 1)
    fail(progress, 1, f"{log} (check log file(s) for error details)")
    name, why, again = progress.told_failures(["--config", "name=a b"])
    assert name == "failed: Training 1"
    assert told in why
    assert why.removeprefix("  why: ") in capsys.readouterr().out
    assert again == "  again: snakemake runs/a.json --cores 1 --config 'name=a b'"


def test_a_job_that_succeeded_when_it_was_tried_again_has_not_failed(tmp_path):
    progress = Progress({"train": 1})
    begin(progress, 1)
    fail(progress, 1, tmp_path / "train.log")
    begin(progress, 1)
    progress.handle(record("job_finished", job_id=1))
    assert progress.told_failures([]) == []


@pytest.mark.parametrize(
    ("told", "wanted"),
    [
        ({"msg": "Select jobs to execute..."}, False),
        ({"msg": "Trying to restart"}, True),
        ({"event": "error", "msg": 'CalledProcessError in file "a.smk", line 1'}, False),
        ({"event": "error", "msg": "MissingOutputException in rule a"}, True),
        ({"event": "job_error", "log": ["a.log"], "rule_msg": None}, False),
        ({"event": "job_error", "log": ["a.log"], "rule_msg": "status is: TIMEOUT"}, True),
        ({"event": "job_error", "log": [], "rule_msg": None}, True),
    ],
)
def test_what_is_shown_is_what_our_lines_do_not_say(told, wanted):
    assert is_wanted(logging.makeLogRecord(told)) is wanted
