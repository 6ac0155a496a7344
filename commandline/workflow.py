"""What happens before Snakemake reads its command line: the default profile calls this."""

import json
import os
import re
import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from shlex import quote
from typing import Any

import yaml

SETTINGS = ("--config", "-C")
FILES = ("--configfile", "--configfiles")
KEY = re.compile(r"[a-zA-Z_][\w-]*\w")  # of Snakemake


def use_utf8() -> None:
    """Start Snakemake anew where the locale is not UTF-8; its jobs inherit what it is told.

    Paths in a configuration would otherwise not be those on disk.
    """
    if sys.getfilesystemencoding() != "utf-8":
        os.environ["PYTHONUTF8"] = "1"
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])


def refuse_misread(arguments: Sequence[str]) -> None:
    """Stop at settings that Snakemake cannot read; the message says what to write.

    Snakemake's own parser ends with a traceback there.

    Args:
        arguments: the words behind `snakemake`.

    Raises:
        SystemExit: with the message.
    """
    if problem := next(problems(arguments), None):
        sys.exit(f"error: {problem}")


def problems(arguments: Sequence[str]) -> Iterator[str]:
    """What is wrong with the settings of a command line, one sentence or two each."""
    settings = list(words_after(SETTINGS, arguments))
    files = list(words_after(FILES, arguments))
    targets = [word for word in settings if "=" not in word]
    targets += [name for name in files if not Path(name).exists() and "." not in name]
    if targets:
        yield (
            f"{' '.join(targets)}: Snakemake takes every word behind --config and --configfile "
            f"for theirs. Name targets first: snakemake {' '.join(map(quote, targets))} ..."
        )
    for name in files:
        if not Path(name).exists():
            yield f"--configfile {name}: there is no such file. config/README.md names those here."
        elif line := broken_line(Path(name)):
            yield (
                f"--configfile {name}: is not YAML, as line {line} says. Indent with spaces, not "
                "tabs, and close what is opened; config/ has examples."
            )
    if any("." in word.partition("=")[0] for word in settings):
        yield (
            f"--config {' '.join(map(quote, settings))}: keys have no dots; write --config "
            f"{' '.join(quote(f'{key}={value}') for key, value in nested(settings).items())}"
        )
    for word in settings:
        if not KEY.fullmatch(key := word.partition("=")[0]):
            yield f"--config {word}: {key!r} is no key. config/README.md lists the keys."


def broken_line(path: Path) -> int | None:
    """The number of the line at which a file stops being YAML; None if it is YAML to its end."""
    try:
        yaml.load(path.read_bytes(), yaml.CSafeLoader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        return mark.line + 1 if mark else 1
    return None


def words_after(options: Collection[str], arguments: Sequence[str]) -> Iterator[str]:
    """The words that some options take: all up to the next option.

    >>> list(words_after(["--config"], ["all", "--config", "a=1", "b=2", "-n", "--config=c=3"]))
    ['a=1', 'b=2', 'c=3']
    """
    taking = False
    for word in arguments:
        if word.startswith("-"):
            option, has_value, value = word.partition("=")
            taking = option in options and not has_value
            if option in options and has_value:
                yield value
        elif taking:
            yield word


def nested(settings: Sequence[str]) -> Mapping[str, str]:
    """Settings by key, those of dotted keys as mappings.

    >>> dict(nested(["name=a", "mimic.root=/data", "mimic.parts=2"]))
    {'name': 'a', 'mimic': '{"root": "/data", "parts": 2}'}
    """
    tree: dict[str, Any] = {}
    for word in settings:
        dotted, _, value = word.partition("=")
        *above, key = dotted.split(".")
        place = tree
        for each in above:
            if not isinstance(place.get(each), dict):
                place[each] = {}
            place = place[each]
        place[key] = _typed(value)
    return {
        key: value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        for key, value in tree.items()
    }


def _typed(value: str) -> Any:
    try:
        return json.loads(value)
    except ValueError:
        return value
