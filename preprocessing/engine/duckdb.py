"""DuckDB as all steps use it: a connection that keeps to its memory, and errors without values."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
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
    """
    config: dict[str, str | bool | int | float | list[str]] = {
        "memory_limit": memory_limit,
        "threads": threads,
        "preserve_insertion_order": False,
    }
    if temp_dir is not None:
        temp_dir.mkdir(parents=True, exist_ok=True)
        config["temp_directory"] = str(temp_dir)
    try:
        con = duckdb.connect(config=config)
    except duckdb.Error as error:
        raise ConfigError(f"DuckDB refuses {config}: {error}") from None
    con.execute("SET enable_progress_bar = false")
    return con


Connection = Annotated[duckdb.DuckDBPyConnection, Made(connect)]
"""On the command line, the options of `connect`."""


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
