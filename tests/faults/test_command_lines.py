"""Every command, given words, a folder or nothing for each of its files, says so in one message."""

import shutil
from collections.abc import Callable, Iterator
from enum import Enum
from pathlib import Path
from typing import Any, get_args, get_origin

import pytest
from typer.testing import CliRunner

from commandline import tell_known
from lanistr.errors import LanistrError
from preprocessing.errors import PipelineError
from tests.contracts.test_command_lines import COMMANDS, LINES, options
from tests.faults.judging import told
from tests.field.case import SECRET

WORDS = f"{SECRET},{SECRET}\n{SECRET}: [{SECRET}\n"
# What stands where a file is asked for.
PLACED: dict[str, Callable[[Path], object]] = {
    "words": lambda path: path.write_text(WORDS, encoding="utf-8"),
    "a folder": lambda path: path.mkdir(),
    "nothing": lambda path: None,
    "a link to itself": lambda path: path.symlink_to(path),
}
# They read no file, or hand all words to Snakemake.
WITHOUT_FILES = ("run", "generate-", "switches", "gates")


def words_of(found: dict[str, Any], path: Path) -> Iterator[str]:
    """Options that a command must have, or that name files, each with a value of its type."""
    for name, option in found.items():
        kind = option.type_descriptor.annotation
        kind = get_args(kind)[0] if get_origin(kind) is list else kind
        names_file = name in ("--model", "--description") or kind is Path
        if names_file and (option.required or name.startswith("-")):
            value = str(path)
        elif option.required:
            choices = get_args(kind) or (kind if issubclass(kind, Enum) else ())
            value = str(next(iter(choices), "8"))
        else:
            continue
        yield from (name, value) if name.startswith("-") else (value,)


@pytest.mark.parametrize("place", PLACED)
@pytest.mark.parametrize(
    ("package", "name"), [line for line in COMMANDS if not line[1].startswith(WITHOUT_FILES)]
)
def test_a_command_says_what_is_wrong(package, name, place, tmp_path, monkeypatch, record_property):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "given.csv"
    PLACED[place](path)
    words = [name, *words_of(options(package, name), path)]
    done = CliRunner().invoke(LINES[package].app, words)
    error = done.exception
    message = done.output
    if isinstance(error, PipelineError | LanistrError):
        message += str(error)
    elif error and not isinstance(error, SystemExit):
        message = tell_known(error, words) if isinstance(error, Exception) else None
    flaw = told(message) if message is not None else f"traceback: {error!r}"
    seen = "nothing is wrong" if error is None else "refused"
    record_property(
        "bad input",
        {
            "family": "files of command lines",
            "step": f"{package} {name}",
            "table": "each of its files",
            "input": place,
            "promised": ["refused"],
            "seen": flaw or [seen],
            "verdict": "ugly" if flaw else "right" if error else "wrong",
        },
    )
    shutil.rmtree(tmp_path / "results", ignore_errors=True)
    assert flaw is None and error is not None, (seen, flaw, message)
