"""`lanistr run`: the workflow that comes with the code, in the folder where it is asked for."""

import os
import sys
from collections.abc import Iterator, Sequence
from typing import Annotated

from typer import Argument

from commandline import Handed
from commandline.shipped import HOME, point_to_packages, shipped
from commandline.workflow import FILES

PROFILE = ("--workflow-profile",)
# Whoever says one of these says how much runs at a time, or where.
LIMITS = (*PROFILE, "--profile", "--cores", "-c", "--jobs", "-j", "--executor", "-e")


def run_workflow(
    words: Annotated[
        list[str] | None,
        Argument(
            metavar="[TARGET | OPTION]",
            help="Targets, and any option of Snakemake, which `snakemake --help` lists; all cores "
            "are used if none says otherwise, and --configfile also finds config/*.yaml of this "
            "version",
        ),
        Handed(),
    ] = None,
) -> None:
    """Become Snakemake with the workflow of this version; results/ lies in the working folder."""
    point_to_packages(os.environ)
    os.environ["PYTHONSAFEPATH"] = "1"  # what lies in the working folder is data
    command = [sys.executable, "-m", "snakemake", *snakemake_words(words or [])]
    os.execv(sys.executable, command)


def snakemake_words(words: Sequence[str]) -> list[str]:
    """The words behind `snakemake` for those behind `lanistr run`.

    >>> snakemake_words(["audit", "-n"])[-4:]
    ['--cores', 'all', 'audit', '-n']
    >>> snakemake_words(["-c2", "--configfile=config/paper.yaml"])[-2:-1]
    ['-c2']
    """
    chosen = [f"--snakefile={HOME / 'workflow/Snakefile'}"]
    if not names_one_of(PROFILE, words):
        chosen.append(f"--workflow-profile={HOME / 'workflow/profiles/default'}")
    if not names_one_of(LIMITS, words):
        chosen += ["--cores", "all"]
    return [*chosen, *find_configurations(words)]


def names_one_of(options: Sequence[str], words: Sequence[str]) -> bool:
    """Whether one of some options is among words, as `--cores 2`, `--cores=2` or `-c2`."""
    short = tuple(option for option in options if not option.startswith("--"))
    return any(
        word.partition("=")[0] in options or (word[:2] in short and word[1] != "-")
        for word in words
    )


def find_configurations(words: Sequence[str]) -> Iterator[str]:
    """The words, in which a configuration that the working folder lacks is that of this version."""
    taking = False
    for word in words:
        option, is_joined, value = word.partition("=")
        if option in FILES and is_joined:
            yield f"{option}={shipped(value)}"
        elif word.startswith("-"):
            taking = word in FILES
            yield word
        else:
            yield str(shipped(word)) if taking else word
