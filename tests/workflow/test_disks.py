"""What commands say where a disk is full, read-only or missing."""

import errno
import os
import sys
from types import SimpleNamespace

import pytest

import commandline
from commandline import command_line, run_command
from commandline.disks import is_full, tell_full


def refuse(number: int) -> None:
    raise OSError(number, os.strerror(number), "results/a.parquet")


@pytest.mark.parametrize(
    ("number", "says"),
    [
        (errno.ENOSPC, "results/a.parquet: its disk is full ("),
        (errno.EDQUOT, "results/a.parquet: its disk is full ("),
        (errno.EROFS, "results/a.parquet: cannot be read or written, its disk is read-only. "),
        (errno.EACCES, "results/a.parquet: cannot be read or written, permission is denied. "),
        (errno.EISDIR, "results/a.parquet: cannot be read or written, it is a folder. "),
        (errno.ELOOP, "results/a.parquet: cannot be read or written, its links lead in a circle. "),
        (errno.ENOENT, "results/a.parquet: there is no such file. "),
    ],
)
def test_what_a_disk_refuses_is_one_message(number, says, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["step", "refuse", str(number)])
    app = command_line({"refuse": (f"{__name__}:refuse", "Refuse")}, "Steps")
    assert run_command(app, ZeroDivisionError) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"error: {says}")


def test_another_error_is_told_without_its_words(monkeypatch, capsys):
    """They may quote a cell; Python's development mode shows them."""
    monkeypatch.setattr(sys, "argv", ["step", "refuse", str(errno.EBADF)])
    app = command_line({"refuse": (f"{__name__}:refuse", "Refuse")}, "Steps")
    assert run_command(app, ZeroDivisionError) == 1
    told = capsys.readouterr().err
    assert told.startswith("Traceback ") and "in refuse\n" in told and "\nOSError\n" in told
    assert "Bad file descriptor" not in told
    monkeypatch.setattr(
        commandline, "sys", SimpleNamespace(flags=SimpleNamespace(dev_mode=True), argv=[])
    )
    with pytest.raises(OSError, match="Bad file descriptor"):
        run_command(app, ZeroDivisionError)


def test_a_disk_with_room_is_not_full(tmp_path):
    assert not is_full(tmp_path / "not" / "there")
    assert tell_full().startswith("The disk is full. ")
