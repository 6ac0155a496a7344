"""The door for raw dumps: one JSON object per line, whole, and malformed only to a stated share."""

import hashlib
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import duckdb
from isal import igzip

from preprocessing.engine.duckdb import text_file
from preprocessing.errors import ConfigError, DataContractError, SourceMissingError
from preprocessing.ledger import Ledger

REVIEW_KEYS = (
    "overall",
    "verified",
    "reviewTime",
    "reviewerID",
    "asin",
    "style",
    "reviewerName",
    "reviewText",
    "summary",
    "unixReviewTime",
    "vote",
    "image",
)
PRODUCT_KEYS = ("asin", "title", "brand", "category", "price", "imageURL", "imageURLHighRes")


@dataclass(frozen=True)
class Dump:
    """A dump that was found whole.

    Attributes:
        path: the file, `.json.gz` or `.json`.
        digest: BLAKE2b of the file as it is on disk.
    """

    path: Path
    digest: str

    def sql(self, keys: Sequence[str]) -> str:
        """The dump as a DuckDB table function: one row per line, each key as JSON or null.

        A line that is no JSON object gives a row of nulls. Nothing is converted here, so that
        a value of the wrong type can be told from an absent one.
        """
        columns = ", ".join(f"{key}: 'JSON'" for key in keys)
        return (
            f"read_json({text_file(self.path)}, format = 'newline_delimited', "
            f"ignore_errors = true, columns = {{{columns}}})"
        )


def open_dump(path: Path, key: str) -> Dump:
    """Find a dump and see that it is whole; DuckDB would not compare gzip checksums.

    Args:
        path: the file.
        key: what the message calls it, such as "reviews".

    Raises:
        SourceMissingError: there is no such file.
        DataContractError: the gzip stream is damaged or cut off.
    """
    if not path.is_file():
        raise SourceMissingError(
            f"{path} is not there ({key}). Set amazon.root to the folder that holds "
            "<Category>.json.gz and meta_<Category>.json.gz of Amazon Review Data (2018)."
        )
    if path.suffix == ".gz":
        try:
            with igzip.open(path, "rb") as file:
                while file.read(1 << 20):
                    pass
        except (EOFError, igzip.BadGzipFile, zlib.error) as error:
            raise DataContractError(
                f"{path} is not a whole gzip file ({error}). Fetch it anew."
            ) from None
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16))
    return Dump(path, digest.hexdigest())


def load(con: duckdb.DuckDBPyConnection, query: str, dump: Dump, keys: Sequence[str]) -> None:
    """Run `sql/<query>.sql` over a dump.

    Raises:
        DataContractError: DuckDB cannot read the file.
        ConfigError: memory or disk given to DuckDB is too small.
    """
    with engine_errors(dump.path):
        con.execute(statements("macros"))
        con.execute(statements(query).replace("$dump", dump.sql(keys)))


def statements(query: str) -> str:
    """The text of `sql/<query>.sql`."""
    return (resources.files("preprocessing.datasets.amazon") / "sql" / f"{query}.sql").read_text(
        encoding="utf-8"
    )


@contextmanager
def engine_errors(path: Path) -> Iterator[None]:
    """Turn DuckDB's errors into messages that show nothing of the data."""
    try:
        yield
    except duckdb.OutOfMemoryException:
        raise ConfigError(
            f"DuckDB needs more memory for {path.name} than it was given: raise --memory-limit, "
            "or give a --temp-dir with space left."
        ) from None
    except (duckdb.DataError, duckdb.IOException) as error:
        raise DataContractError(
            f"{path} cannot be read ({type(error).__name__}). Expected one JSON object per line, "
            "in UTF-8, none longer than 16 MB. Fetch the file anew."
        ) from None


def sift(
    con: duckdb.DuckDBPyConnection, table: str, dump: Dump, max_malformed: float, ledger: Ledger
) -> None:
    """Enter the malformed lines of a loaded dump, by reason, if they are few enough to be skipped.

    Args:
        con: holds `table`, whose column `malformed` is the reason or null.
        table: of `load`.
        dump: what it was loaded from.
        max_malformed: share of lines that may be skipped, 0 to 1.
        ledger: gets one entry per reason.

    Raises:
        DataContractError: more lines than that are malformed, or none is left.
    """
    counts = con.sql(f"SELECT malformed, count(*) FROM {table} GROUP BY ALL ORDER BY ALL")
    found: dict[str | None, int] = dict(counts.fetchall())
    lines = sum(found.values())
    reasons = {reason: count for reason, count in found.items() if reason is not None}
    malformed = sum(reasons.values())
    if malformed == lines or malformed > max_malformed * lines:
        listed = [f"  {count} x {reason}" for reason, count in reasons.items()]
        raise DataContractError(
            "\n".join([f"{dump.path}: {malformed} of {lines} lines are malformed:", *listed])
            + f"\nAllowed is a share of {max_malformed} (--max-malformed), and at least one good "
            "line. Fetch the file anew, or allow more if you know why."
        )
    rows = lines
    for reason, count in reasons.items():
        ledger.record(dump.path.name, reason, rows, rows - count)
        rows -= count
