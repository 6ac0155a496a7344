"""DuckDB's complaints about raw files, said again without the rows that it quotes."""

import re
from collections.abc import Sequence
from pathlib import Path

from commandline.retries import AGAIN
from preprocessing.engine.intact import GET_ANEW
from preprocessing.errors import ConfigError, DataContractError, PipelineError

# What it says, and what is said instead, with the groups filled in.
COMPLAINTS = {
    r"^Expected Number of Columns: (\d+) Found: (\d+)$": "a row of {1} fields; allowed: {0}",
    r"^Column (\w[\w ]*) is being converted as type (\w+)$": "{0} does not convert to {1}",
    r"^Invalid unicode": "bytes that are not UTF-8, perhaps CP1252; allowed: UTF-8",
    r"^Maximum line size": "a row longer than 2 MB",
    r"invalid state": "quotes or line ends that do not keep to RFC 4180",
    r"GZIP": "a gzip stream that is damaged, or bytes after its end",
}


def want_of_memory(message: str) -> ConfigError:
    """What to raise where DuckDB has too little memory, or too little disk in its stead."""
    if "max_temp_directory_size" in message:
        return ConfigError(
            "The disk of temporary files is full, to which DuckDB writes what its memory does not "
            "hold. Free space, or name another folder with --temp-dir, which is engine.temp_dir in "
            "the configuration; then repeat the command."
        )
    return ConfigError(
        "DuckDB needs more memory than the step leaves to it. Raise --memory-limit, which is "
        f"engine.memory_mb in the configuration. {AGAIN}"
    )


def without_values(message: str, paths: Sequence[Path]) -> PipelineError | None:
    r"""What to raise for an error of DuckDB, whose own message quotes rows.

    Args:
        message: DuckDB's; only counts, a line, a type and a column of it are passed on.
        paths: the files that may have been read.

    Returns:
        None if the error is not about data: a mistake in SQL, say.

    >>> str(without_values(
    ...     "Conversion Error: CSV Error on Line: 7\nOriginal Line: 1,Jane\n"
    ...     "Column dod is being converted as type DATE\n  file = patients.csv\n",
    ...     [Path("patients.csv")],
    ... ))[:53]
    'patients.csv, line 7: dod does not convert to DATE. G'
    """
    if message.startswith("Out of Memory Error"):
        return want_of_memory(message)
    named = [str(path) for path in paths if str(path) in message]
    if not (named or "CSV" in message or message.startswith("Conversion Error")):
        return None
    line = re.match(r"[\w ]+: CSV Error on Line: (\d+)\n", message)
    found = "a value that does not convert to the type it should have"
    for pattern, words in COMPLAINTS.items():
        if match := re.search(pattern, message, re.MULTILINE):
            found = words.format(*match.groups())
    where = " or ".join(named or map(str, paths)) + (f", line {line[1]}" if line else "")
    return DataContractError(f"{where}: {found}. {GET_ANEW}")
