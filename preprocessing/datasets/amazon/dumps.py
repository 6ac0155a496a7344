"""The door for raw dumps: one JSON object per line, whole, and malformed only to a stated share."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import duckdb

from commandline.disks import tell_disk
from preprocessing.datasets.amazon.lines import count_flaws, marked_object, other_release
from preprocessing.engine.complaints import want_of_memory
from preprocessing.engine.duckdb import quoted, text_file
from preprocessing.engine.intact import BLOCK, check_start, opened
from preprocessing.errors import DataContractError, SourceMissingError
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

LONGEST_LINE = 1 << 24

RELEASE = (
    "the folder that holds <Category>.json.gz and meta_<Category>.json.gz of Amazon Review Data "
    "(2018)"
)
FETCH_ANEW = "Fetch it anew."
SAVE_AGAIN = "Fetch it anew, or save it again with one JSON object per line, in UTF-8."
TAKE_ORIGINAL = "Take the file as it was published, or write these keys as allowed."

UNREADABLE = "not a JSON object of the layout, or cut off"


@dataclass(frozen=True)
class Dump:
    """A dump that was found whole.

    Attributes:
        path: the file, `.json.gz` or `.json`.
        digest: BLAKE2b of the file as it is on disk.
        first: the first line, if a byte order mark stands before it, of which DuckDB makes a row
            of nulls.
    """

    path: Path
    digest: str
    first: str = ""

    def sql(self, keys: Sequence[str]) -> str:
        """The dump as a DuckDB query: one row per line, each key as JSON text or null.

        A line that is no JSON object gives a row of nulls, and so does NaN, which pandas writes
        for what is absent. Nothing is converted here, so that a value of the wrong type can be
        told from an absent one.
        """
        columns = ", ".join(f"{key}: 'JSON'" for key in keys)
        rows = (
            f"SELECT * FROM read_json({text_file(self.path)}, format = 'newline_delimited', "
            f"ignore_errors = true, columns = {{{columns}}})"
        )
        if self.first:
            types = quoted(json.dumps(dict.fromkeys(keys, "JSON")))
            rows += f" UNION ALL SELECT unnest(from_json({quoted(self.first)}, {types}))"
        return f"(SELECT nullif(COLUMNS(*)::VARCHAR, 'NaN') FROM ({rows}))"


def open_dump(path: Path, key: str) -> Dump:
    """Find a dump and see that it is whole; DuckDB would not compare gzip checksums.

    Args:
        path: the file.
        key: what the message calls it, such as "reviews".

    Raises:
        SourceMissingError: there is no such file.
        DataContractError: the gzip stream is damaged or cut off, the file is empty or no lines of
            UTF-8, a line is too long, or the first lines are of another release.
    """
    if not path.is_file():
        raise SourceMissingError(f"{path} is not there ({key}). Set amazon.root to {RELEASE}.")
    start = _check_bytes(path)
    if found := other_release(path, FETCH_ANEW):
        raise DataContractError(
            f"{path} looks like another release, {found}. Allowed: the JSON lines of 2018. Set "
            f"amazon.root to {RELEASE}."
        )
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16))
    return Dump(path, digest.hexdigest(), marked_object(start))


def _check_bytes(path: Path) -> bytes:
    """See that the file is whole and has lines that can be read; returns the first."""
    with opened(path, FETCH_ANEW) as file:
        start = file.readline(LONGEST_LINE + 1)
        if not start:
            raise DataContractError(f"{path} is empty. {FETCH_ANEW}")
        check_start(start, path, SAVE_AGAIN)
        block, length = start, 0
        while block:
            first, last = block.find(b"\n"), block.rfind(b"\n")
            length += first if first >= 0 else len(block)
            if length > LONGEST_LINE:
                raise DataContractError(
                    f"{path} has a line of more than 16 MB. Allowed: one JSON object per line, "
                    f"none longer. {FETCH_ANEW}"
                )
            length = len(block) - last - 1 if last >= 0 else length
            block = file.read(BLOCK)
    return start


def load(con: duckdb.DuckDBPyConnection, query: str, dump: Dump, keys: Sequence[str]) -> None:
    """Run `sql/<query>.sql` over a dump.

    Raises:
        DataContractError: DuckDB cannot read the file.
        ConfigError: memory or disk given to DuckDB is too small.
    """
    with engine_errors(dump.path):
        con.execute(statements("macros"))
        sql = statements(query).replace("$unreadable", f"'{UNREADABLE}'")
        con.execute(sql.replace("$dump", dump.sql(keys)))


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
    except duckdb.OutOfMemoryException as error:
        raise want_of_memory(str(error)) from None
    except (duckdb.DataError, duckdb.IOException) as error:
        if tell_disk(error):
            raise
        raise DataContractError(
            f"{path} cannot be read ({type(error).__name__}). {FETCH_ANEW} If it is the same, "
            "unpack it."
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
    if dump.first:
        found[UNREADABLE] -= 1
    lines = sum(found.values())
    if not lines:
        raise DataContractError(f"{dump.path} is empty: it has blank lines alone. {FETCH_ANEW}")
    reasons = {reason: count for reason, count in found.items() if reason and count}
    if unreadable := reasons.pop(UNREADABLE, 0):
        flaws = count_flaws(dump.path, FETCH_ANEW)
        rest = {UNREADABLE: unreadable - flaws.total()}
        reasons = {reason: count for reason, count in {**rest, **flaws}.items() if count} | reasons
    malformed = sum(reasons.values())
    if malformed == lines or malformed > max_malformed * lines:
        listed = [f"  {count} x {reason}" for reason, count in reasons.items()]
        raise DataContractError(
            "\n".join([f"{dump.path}: {malformed} of {lines} lines are malformed:", *listed])
            + f"\nAllowed is a share of {max_malformed} (--max-malformed), and at least one good "
            f"line. {SAVE_AGAIN if unreadable else TAKE_ORIGINAL} Or allow more if you know why."
        )
    rows = lines
    for reason, count in reasons.items():
        ledger.record(dump.path.name, reason, rows, rows - count)
        rows -= count
