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
from preprocessing.engine.intact import GET_ANEW
from preprocessing.engine.memory import StepMemory, demand
from preprocessing.errors import ConfigError, DataContractError

# What DuckDB takes by its own account below which a step fails, and at least for each thread.
LEAST_MB, THREAD_MB = 160, 100
# What it takes of the machine beyond its own account.
OVER = 1.25


def connect(
    *,
    memory_limit: str = "2GB",
    threads: int = 2,
    temp_dir: Path | None = None,
) -> duckdb.DuckDBPyConnection:
    """A connection whose tables and queries keep to a memory and spill to `temp_dir`.

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


def connect_within(beside_mb: int = 400) -> Made:
    """Options of a connection that leaves part of the step's memory to all that is not DuckDB's.

    Args:
        beside_mb: what the interpreter, its libraries and the step's own rows take.
    """

    def made(
        limit: StepMemory,
        threads: Annotated[int, Option(min=1, help="Number of threads, at most")] = 2,
        temp_dir: Annotated[
            Path | None, Option(help="Folder of files that need more than the memory")
        ] = None,
    ) -> duckdb.DuckDBPyConnection:
        demand(beside_mb + round(LEAST_MB * OVER), limit)
        own = int((limit - beside_mb) / OVER)
        fitting = min(threads, own // THREAD_MB)
        return connect(memory_limit=f"{own}MB", threads=fitting, temp_dir=temp_dir)

    return Made(made)


Connection = Annotated[duckdb.DuckDBPyConnection, connect_within()]
"""On the command line, the step's memory, threads and folder of temporary files."""


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
        # What its readers of formats raise has no class of its own and names no file.
        pages = [str(path) for path in files if path.suffix == ".parquet"]
        if raised is None and type(error) is duckdb.Error and pages:
            raised = DataContractError(f"{', '.join(pages)}: damaged as Parquet. {GET_ANEW}")
        if raised is None:
            raise
        raise raised from None
