"""DuckDB as all steps use it: a connection that keeps to its memory, and errors without values."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile
from typing import Annotated

import duckdb
from typer import Option

from commandline import Made
from preprocessing.engine.complaints import without_values
from preprocessing.errors import ConfigError


def connect(
    *,
    memory_limit: Annotated[str, Option(help="Memory of DuckDB, such as 2GB")] = "2GB",
    threads: Annotated[int, Option(min=1, help="Number of threads of DuckDB")] = 2,
    temp_dir: Annotated[
        Path | None, Option(help="Folder of files that need more than the memory")
    ] = None,
) -> duckdb.DuckDBPyConnection:
    """A DuckDB connection that keeps to its memory and spills to `temp_dir`.

    Row order is not kept: sort wherever order matters.

    Raises:
        ConfigError: settings that DuckDB refuses, or a folder that cannot be written.
    """
    config: dict[str, str | bool | int | float | list[str]] = {
        "memory_limit": memory_limit,
        "threads": threads,
        "preserve_insertion_order": False,
    }
    if temp_dir is not None:
        make_writable(temp_dir)
        config["temp_directory"] = str(temp_dir)
    try:
        con = duckdb.connect(config=config)
    except duckdb.Error as error:
        raise ConfigError(f"DuckDB refuses {config}: {error}") from None
    con.execute("SET enable_progress_bar = false")
    return con


def make_writable(temp_dir: Path) -> None:
    """Make the folder of temporary files.

    Raises:
        ConfigError: it cannot be made, or nothing be written in it.
    """
    try:
        temp_dir.mkdir(parents=True, exist_ok=True)
        TemporaryFile(dir=temp_dir).close()
    except OSError as error:
        raise ConfigError(
            f"The folder of temporary files, {temp_dir}, cannot be written: {error.strerror}. "
            "Name one that can with --temp-dir, which is engine.temp_dir in the configuration."
        ) from None


Connection = Annotated[duckdb.DuckDBPyConnection, Made(connect)]
"""On the command line, the options of `connect`."""


def quoted(path: Path | str) -> str:
    """A path as a text of SQL."""
    return "'" + str(path).replace("'", "''") + "'"


def text_file(path: Path) -> str:
    """The first arguments of `read_csv` or `read_json`; unpacked if it ends in .gz.

    DuckDB itself takes what follows a question mark for no part of the name.

    >>> text_file(Path("why?/it's.csv.gz"))
    "'why?/it''s.csv.gz', compression = 'gzip'"
    """
    return f"{quoted(path)}, compression = '{'gzip' if path.suffix == '.gz' else 'none'}'"


@contextmanager
def guard(files: Collection[Path]) -> Iterator[None]:
    """Turn DuckDB's errors on reading `files` into messages that show no cell of the data.

    Raises:
        DataContractError: a row that cannot be read, by file, line and column.
        ConfigError: memory or disk given to DuckDB is too small.
    """
    try:
        yield
    # Results that are streamed as Arrow batches raise OSError.
    except (duckdb.Error, OSError) as error:
        raised = without_values(str(error), list(files))
        if raised is None:
            raise
        raise raised from None
