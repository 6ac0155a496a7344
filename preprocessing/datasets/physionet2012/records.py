"""The text files of a set, one per ICU stay, in a folder or an archive, read line by line."""

import io
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import polars as pl

from preprocessing.engine.intact import opened
from preprocessing.errors import DataContractError, SourceMissingError

HEADER = "Time,Parameter,Value"
LAST_HOUR = 48
LINE_ENDS = (b"\n", b"\r")

# Not \d, which stands for the digits of every script, and those are no numbers here.
_NUMBER = r"-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?"
_LINE = rf"^([0-9]{{2}}):([0-5][0-9]),([^,]*),({_NUMBER})$"

GET_ANEW = "Get it anew from https://physionet.org/content/challenge-2012/1.0.0/."


def locate(root: Path, name: str) -> Path:
    """The folder or archive of a set such as "set-a" below the root.

    Raises:
        SourceMissingError: there is neither.
    """
    forms = [name, f"{name}.tar.gz", f"{name}.zip"]
    for path in (root / form for form in forms):
        if path.exists():
            return path
    raise SourceMissingError(f"{root} has none of {', '.join(forms)}. {GET_ANEW}")


def read_records(source: Path) -> pl.DataFrame:
    """The lines of all records of a set, those of a record in their order.

    Args:
        source: a folder, .tar.gz or .zip that holds <RecordID>.txt files, at any depth.

    Returns:
        record_id (Int64), time (hours since admission to the ICU), parameter, value.

    Raises:
        DataContractError: the archive is damaged, holds no record or a record twice, or a line is
            not as it should be.
    """
    texts: dict[int, list[str]] = {}
    for name, content in _files(source):
        record = _record_id(source, name)
        header, *lines = content.decode("utf-8-sig", errors="replace").splitlines() or [""]
        flaws = {
            "a second file of one record": record in texts,
            "another first line": header != HEADER,
            "the last line has no end, as if it were cut off": not content.endswith(LINE_ENDS),
        }
        if found := next((flaw for flaw, is_so in flaws.items() if is_so), None):
            raise DataContractError(
                f"{source}: {record}.txt: {found}. Allowed: one file per record, which begins with "
                f"{HEADER} and ends in a line end. {GET_ANEW}"
            )
        texts[record] = lines
    if not texts:
        raise DataContractError(f"{source} holds no <RecordID>.txt{_packed(source)}. {GET_ANEW}")
    table = pl.DataFrame(
        {"record_id": list(texts), "line": list(texts.values())},
        schema={"record_id": pl.Int64, "line": pl.List(pl.String)},
    )
    numbered = table.with_columns(number=pl.int_ranges(2, pl.col("line").list.len() + 2))
    return _parsed(numbered.explode("line", "number", empty_as_null=False), source)


def _parsed(lines: pl.DataFrame, source: Path) -> pl.DataFrame:
    parts = pl.col("line").str.extract_groups(_LINE)
    hour, minute, parameter, value = (parts.struct.field(str(place)) for place in range(1, 5))
    parsed = lines.select(
        "record_id",
        "number",
        time=hour.cast(pl.Float64) + minute.cast(pl.Float64) / 60,
        parameter=parameter,
        value=value.cast(pl.Float64),
    )
    broken = parsed.filter(pl.col("value").is_null() | (pl.col("time") > LAST_HOUR))
    if broken.height:
        record, number = broken.select("record_id", "number").row(0)
        raise DataContractError(
            f"{source}: {broken.height} of {parsed.height} lines are not HH:MM,Parameter,number "
            f"with a time up to {LAST_HOUR}:00; the first is line {number} of {record}.txt. "
            f"{GET_ANEW}"
        )
    return parsed.drop("number")


def _record_id(source: Path, name: str) -> int:
    stem = PurePosixPath(name).stem
    if not stem.isascii() or not stem.isdigit():
        raise DataContractError(
            f"{source} has a .txt file whose name is no RecordID. Allowed: <RecordID>.txt. "
            f"{GET_ANEW}"
        )
    return int(stem)


def _packed(source: Path) -> str:
    """That a folder holds archives instead, if it does."""
    packed = sum(len(list(source.rglob(form))) for form in ("*.tar.gz", "*.zip"))
    return f", but {packed} archives in a folder: unpack them there" if packed else ""


def _files(source: Path) -> Iterator[tuple[str, bytes]]:
    """Names and contents of the .txt files of a set; whatever else lies beside is not read."""
    try:
        if source.is_dir():
            for path in sorted(source.rglob("*.txt")):
                yield str(path.relative_to(source)), path.read_bytes()
        elif source.suffix == ".zip":
            with zipfile.ZipFile(source) as archive:
                for name in archive.namelist():
                    if name.endswith(".txt"):
                        yield name, archive.read(name)
        else:
            yield from _files_of_tar(source)
    # Encrypted archives raise RuntimeError, of other compressions NotImplementedError.
    except (tarfile.TarError, zipfile.BadZipFile, zlib.error, OSError, RuntimeError) as error:
        raise DataContractError(
            f"{source} cannot be read to its end: {type(error).__name__}. {GET_ANEW}"
        ) from None


def _files_of_tar(source: Path) -> Iterator[tuple[str, bytes]]:
    # The whole is read before any of it, since tarfile does not compare it with its checksum.
    with opened(source, GET_ANEW) as packed:
        unpacked = io.BytesIO(packed.read())
    with tarfile.open(None, "r|", unpacked) as stream:
        for member in stream:
            file = stream.extractfile(member) if member.name.endswith(".txt") else None
            if file is not None:
                yield member.name, file.read()
